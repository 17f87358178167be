/* ops.c - operations that work row by row. */
#include "backends/cpu/ops.h"

#include "backends/cpu/batch.h"
#include "backends/cpu/over_rows.h"
#include "backends/cpu/weight.h"

/* Values are copied as stored; all types are exact in fp32. */
static void embedding_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const gd_view *table = &call->w[0]->view;
    const gd_tile *tile = call->tile;
    const size_t cols = call->out.cols, token = tile->batch->host.token[tile->first + r];
    const unsigned char *line = table->data;

    kernels->embedding(cols, line + token * cols * gd_dtype_size(table->dtype), table->dtype, call->params.scale,
                       gd_cpu_line(&call->out, r), call->out.dtype);
}

void gd_cpu_embedding(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols, embedding_row, call);
}

static void rms_norm_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const gd_op_params *params = &call->params;
    const size_t heads = params->heads ? params->heads : 1;
    const size_t cols = params->heads ? params->head_dim : call->out.cols;
    const float *x = gd_cpu_line(&call->in[0], r);
    unsigned char *out = gd_cpu_line(&call->out, r);

    for (size_t h = 0; h < heads; h++)
        kernels->rms_norm(cols, x + h * cols, call->w[0]->vector, params->eps, params->unit_offset,
                          out + h * cols * gd_dtype_size(call->out.dtype), call->out.dtype);
}

void gd_cpu_rms_norm(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols, rms_norm_row, call);
}

static void rope_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const gd_batch_rows *rows = &call->tile->batch->host;
    const size_t head_dim = call->params.head_dim;
    const size_t position = call->params.table * rows->positions + gd_cpu_tile_lines(call->tile).position[r];
    const size_t at = position * (head_dim / 2);

    kernels->rope(call->params.heads, head_dim, gd_op_rotary(&call->params), gd_cpu_line(&call->in[0], r),
                  rows->rope_cos + at, rows->rope_sin + at, gd_cpu_line(&call->out, r), call->out.dtype);
}

void gd_cpu_rope(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols, rope_row, call);
}

static void gated_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const bool keeps = call->kept[0].data;

    kernels->gated(&(gd_gated_job){
        .rows = 1,
        .cols = call->out.cols,
        .act = call->params.act,
        .gate = gd_cpu_line(&call->in[0], r),
        .up = gd_cpu_line(&call->in[1], r),
        .out = gd_cpu_line(&call->out, r),
        .type = call->out.dtype,
        .kept = { keeps ? gd_cpu_line(&call->kept[0], r) : NULL, keeps ? gd_cpu_line(&call->kept[1], r) : NULL },
    });
}

void gd_cpu_gated(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols * 4, gated_row,
                     call); /* an exp or a tanh is worth several plain operations */
}

static void add_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;

    kernels->add(call->out.cols, gd_cpu_line(&call->in[0], r), gd_cpu_line(&call->in[1], r), gd_cpu_line(&call->out, r),
                 call->out.dtype);
}

void gd_cpu_add(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols, add_row, call);
}

static void round_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;

    kernels->copy(call->out.cols, gd_cpu_line(&call->in[0], r), call->in[0].dtype, gd_cpu_line(&call->out, r),
                  call->out.dtype);
}

void gd_cpu_round(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols, round_row, call);
}

static void last_row_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const gd_tile *tile = call->tile;

    kernels->copy(call->out.cols, gd_cpu_line(&call->in[0], tile->batch->host.pooled[tile->first + r]),
                  call->in[0].dtype, gd_cpu_line(&call->out, r), call->out.dtype);
}

void gd_cpu_last_row(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols, last_row_row, call);
}

static void take_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const size_t from = r * call->params.every + call->params.from;

    kernels->copy(call->out.cols, gd_cpu_line(&call->in[0], from), call->in[0].dtype, gd_cpu_line(&call->out, r),
                  call->out.dtype);
}

void gd_cpu_take(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols, take_row, call);
}

static void head_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const size_t n = call->in[0].cols;
    float *out = gd_cpu_line(&call->out, r);

    for (size_t label = 0; label < call->out.cols; label++) {
        out[label] = kernels->dot(n, gd_cpu_line(&call->in[0], r), call->w[0]->vector + label * n);
        if (call->w[1])
            out[label] += call->w[1]->vector[label];
    }
}

void gd_cpu_head(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->in[0].cols * call->out.cols, head_row, call);
}
