/* fake_ops.c - the operations of the fake backend. */
#include "tests/engine/fake_inside.h"

#include "tests/check.h"

/* Element i; in the file it may be misaligned. */
static float value_of(const gd_weight *weight, size_t i)
{
    float value;

    assert_int_equal(weight->view->dtype, GD_F32);
    if (weight->values)
        return weight->values[i];
    memcpy(&value, (const char *)weight->view->data + i * sizeof value, sizeof value);
    return value;
}

/* Logs operations that were requested in one call, with their weights and lines. */
static void note(const char *op, const gd_call *calls, size_t count)
{
    const gd_tile *tile = calls->tile;

    assert_true(tile->count <= fake.limits.tile_rows);
    gd_buf_str(&fake.log, op);
    for (size_t c = 0; c < count; c++) {
        assert_int_equal(calls[c].out.rows, tile->count);
        for (int i = 0; i < GD_OP_MAX_WEIGHTS; i++)
            if (calls[c].w[i]) {
                assert_true(calls[c].w[i]->ready);
                gd_buf_printf(&fake.log, " %s", calls[c].w[i]->view->name);
            }
    }
    gd_buf_printf(&fake.log, ", %s %zu-%zu\n", tile->pooled ? "pooled" : "rows", tile->first,
                  tile->first + tile->count - 1);
    fake.pending += fake.begins;
    fake.broken |= fake_fails(op);
}

static float *line(const gd_tensor *t, size_t r)
{
    assert_int_equal(t->dtype, GD_F32);
    assert_true(r < t->rows);
    return (float *)t->data + r * t->stride;
}

/* The row of the batch that line r of the tile is. */
static size_t row_of(const gd_call *call, size_t r)
{
    const gd_tile *tile = call->tile;

    return tile->pooled ? tile->batch->host.pooled[tile->first + r] : tile->first + r;
}

void fake_embedding(gd_device *device, const gd_call *call)
{
    (void)device;
    note("embedding", call, 1);
    for (size_t r = 0; r < call->out.rows; r++)
        for (size_t i = 0; i < call->out.cols; i++)
            line(&call->out, r)[i] = call->params.scale *
                                     value_of(call->w[0],
                                              call->tile->batch->host.token[row_of(call, r)] * call->out.cols + i);
}

void fake_rms_norm(gd_device *device, const gd_call *call)
{
    (void)device;
    note("rms_norm", call, 1);
    for (size_t r = 0; r < call->out.rows; r++)
        for (size_t i = 0; i < call->out.cols; i++)
            line(&call->out, r)[i] = line(&call->in[0], r)[i] * value_of(call->w[0], i);
}

/* x W^T, for linear and head. */
static void product(const gd_call *call)
{
    for (size_t r = 0; r < call->out.rows; r++)
        for (size_t i = 0; i < call->out.cols; i++) {
            double sum = 0;

            for (size_t k = 0; k < call->in[0].cols; k++)
                sum += (double)line(&call->in[0], r)[k] * (double)value_of(call->w[0], i * call->in[0].cols + k);
            line(&call->out, r)[i] = (float)sum;
        }
}

void fake_linear(gd_device *device, const gd_call *call)
{
    (void)device;
    note("linear", call, 1);
    product(call);
}

void fake_linears(gd_device *device, const gd_call *calls, size_t count)
{
    (void)device;
    note("linears", calls, count);
    for (size_t i = 0; i < count; i++)
        product(&calls[i]);
}

void fake_head(gd_device *device, const gd_call *call)
{
    (void)device;
    note("head", call, 1);
    product(call);
}

void fake_attention(gd_device *device, const gd_call *call)
{
    const gd_batch_rows *batch = &call->tile->batch->host;

    (void)device;
    note("attention", call, 1);
    for (size_t r = 0; r < call->out.rows; r++) {
        size_t row = row_of(call, r), segment = batch->segment[row];

        memcpy(line(&call->out, r), line(&call->in[0], r), call->out.cols * sizeof(float));
        for (size_t left = batch->position[row] + 1; left > 0; left--) {
            const gd_segment *at = &batch->segments[segment];

            for (size_t i = 0; i < call->out.cols; i++)
                line(&call->out, r)[i] += line(&call->in[1], row)[i] + line(&call->in[2], row)[i];
            if (left > 1 && row == at->first_row) {
                segment = (size_t)at->parent;
                row = batch->segments[segment].first_row + batch->segments[segment].length;
            }
            row--;
        }
    }
}

void fake_add(gd_device *device, const gd_call *call)
{
    (void)device;
    note("add", call, 1);
    for (size_t r = 0; r < call->out.rows; r++)
        for (size_t i = 0; i < call->out.cols; i++)
            line(&call->out, r)[i] = line(&call->in[0], r)[i] + line(&call->in[1], r)[i];
}

static void gate(const gd_call *call)
{
    for (size_t r = 0; r < call->out.rows; r++)
        for (size_t i = 0; i < call->out.cols; i++)
            line(&call->out, r)[i] = line(&call->in[0], r)[i] + 2 * line(&call->in[1], r)[i];
}

void fake_gated(gd_device *device, const gd_call *call)
{
    (void)device;
    note("gated", call, 1);
    gate(call);
}

void fake_gated_linears(gd_device *device, const gd_call *linears, const gd_call *gated)
{
    (void)device;
    note("gated_linears", linears, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_ptr_equal(gated->in[i].data, linears[i].out.data);
        product(&linears[i]);
    }
    gate(gated);
}

void fake_last_row(gd_device *device, const gd_call *call)
{
    (void)device;
    note("last_row", call, 1);
    for (size_t r = 0; r < call->out.rows; r++)
        memcpy(line(&call->out, r), line(&call->in[0], row_of(call, r)), call->out.cols * sizeof(float));
}
