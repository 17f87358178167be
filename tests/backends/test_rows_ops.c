/* test_rows_ops.c - the operations of the backend's table except linear and attention: which rows, heads and table
 * lines they combine, over tiles, strides and threads. test_rows.c tests the kernels' arithmetic. */
#include "tests/backends/rows_case.h"

#include "backends/cpu/device.h"
#include "backends/cpu/ops.h"
#include "backends/cpu/weight.h"

enum { ROWS = 37, FIRST = 3, PAD = 5, CANARY = 0x5A };

struct ops_case {
    gd_device device;
    uint64_t state;
    uint32_t token[ROWS + FIRST], position[ROWS + FIRST], pooled[ROWS + FIRST], pooled_position[ROWS + FIRST];
    gd_device_rows batch; /* the arrays above */
    gd_tile rows, texts;
};

static void ops_open(struct ops_case *c, unsigned threads)
{
    memset(c, 0, sizeof *c);
    c->state = 7;
    c->device.rows = gd_row_pick(gd_isa_detect());
    assert_ok(gd_pool_open(&c->device.pool, threads, test_err));
    for (size_t r = 0; r < ROWS + FIRST; r++) {
        c->token[r] = (uint32_t)test_below(&c->state, 11);
        c->position[r] = (uint32_t)test_below(&c->state, 9);
    }
    for (size_t t = 0; t < ROWS + FIRST; t++) {
        c->pooled[t] = (uint32_t)test_below(&c->state, ROWS + FIRST);
        c->pooled_position[t] = c->position[c->pooled[t]];
    }
    c->batch.pooled_position = c->pooled_position;
    c->batch.host = (gd_batch_rows){ .rows = ROWS + FIRST,
                                     .token = c->token,
                                     .position = c->position,
                                     .pooled = c->pooled,
                                     .pooled_count = ROWS + FIRST };
    c->rows = (gd_tile){ &c->batch, false, FIRST, ROWS };
    c->texts = (gd_tile){ &c->batch, true, FIRST, ROWS };
}

static gd_tensor tensor_open(struct ops_case *c, gd_dtype type, size_t rows, size_t cols)
{
    return (gd_tensor){ test_values(rows * (cols + PAD), type, &c->state), type, rows, cols, cols + PAD };
}

static gd_tensor output_open(gd_dtype type, size_t rows, size_t cols)
{
    gd_tensor t = { gd_alloc_aligned(rows * (cols + PAD) * gd_dtype_size(type)), type, rows, cols, cols + PAD };

    assert_non_null(t.data);
    memset(t.data, CANARY, rows * (cols + PAD) * gd_dtype_size(type));
    return t;
}

static void *line_of(const gd_tensor *t, size_t row)
{
    return (unsigned char *)t->data + row * t->stride * gd_dtype_size(t->dtype);
}

/* `want` is a row computed by the kernel; nothing may be written between the rows. */
static void check_row(const char *what, const gd_tensor *out, size_t row, const void *want)
{
    const size_t bytes = out->cols * gd_dtype_size(out->dtype);
    const unsigned char *got = line_of(out, row);

    if (memcmp(got, want, bytes) != 0)
        fail_msg("%s: row %zu differs from the kernel's result", what, row);
    for (size_t i = bytes; i < out->stride * gd_dtype_size(out->dtype); i++)
        if (got[i] != CANARY)
            fail_msg("%s: row %zu: a byte after its end was written", what, row);
}

static void check_embedding(struct ops_case *c, size_t cols, gd_dtype type)
{
    gd_bf16 *table = test_values(11 * cols + 1, GD_BF16, &c->state);
    gd_weight weight = { .role = GD_WEIGHT_TABLE, .out = 11, .in = cols, .view = { .dtype = GD_BF16, .rank = 2 } };
    gd_call call = { .out = output_open(type, ROWS, cols),
                     .w = { &weight },
                     .params = { .scale = 0.75f },
                     .tile = &c->rows };
    float want[512];

    weight.view.data = table + 1;
    gd_cpu_embedding(&c->device, &call);
    for (size_t r = 0; r < ROWS; r++) {
        c->device.rows->embedding(cols, table + 1 + c->token[FIRST + r] * cols, GD_BF16, 0.75f, want, type);
        check_row("embedding", &call.out, r, want);
    }
    gd_free(table);
    gd_free(call.out.data);
}

/* Over the whole row (heads = 0), or over each head; in place too. */
static void check_rms_norm(struct ops_case *c, uint32_t heads, size_t cols, gd_dtype type, bool in_place)
{
    const size_t row = heads ? heads * cols : cols;
    float *w = test_values(cols, GD_F32, &c->state);
    const gd_weight weight = { .role = GD_WEIGHT_VECTOR, .out = 1, .in = cols, .vector = w };
    gd_tensor x = tensor_open(c, GD_F32, ROWS, row), given = x;
    gd_call call = {
        .in = { x },
        .out = output_open(type, ROWS, row),
        .w = { &weight },
        .tile = &c->rows,
        .params = { .eps = 1e-6f, .unit_offset = true, .heads = heads, .head_dim = heads ? (uint32_t)cols : 0 }
    };
    unsigned char want[512 * 4];

    if (in_place) { /* the canaries are copied as well */
        given = call.out;
        for (size_t r = 0; r < ROWS; r++)
            memcpy(line_of(&given, r), line_of(&x, r), row * sizeof(float));
        call.in[0] = given;
    }
    gd_cpu_rms_norm(&c->device, &call);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t h = 0; h < (heads ? heads : 1); h++)
            c->device.rows->rms_norm(cols, (float *)line_of(&x, r) + h * cols, w, 1e-6f, true,
                                     want + h * cols * gd_dtype_size(type), type);
        check_row("rms_norm", &call.out, r, want);
    }
    gd_free(w);
    gd_free(x.data);
    gd_free(call.out.data);
}

static void check_rope(struct ops_case *c, const gd_tile *tile, uint32_t heads, uint32_t head_dim, uint32_t rotary)
{
    const size_t half = head_dim / 2;
    float *cosines = test_values(9 * half, GD_F32, &c->state);
    float *sines = test_values(9 * half, GD_F32, &c->state);
    gd_call call = { .in = { tensor_open(c, GD_F32, ROWS, heads * head_dim) },
                     .out = output_open(GD_BF16, ROWS, heads * head_dim),
                     .tile = tile,
                     .params = { .heads = heads, .head_dim = head_dim, .rotary = rotary } };
    unsigned char want[512 * 4];

    c->batch.host.rope_cos = cosines;
    c->batch.host.rope_sin = sines;
    c->batch.host.tables = 1;
    gd_cpu_rope(&c->device, &call);
    for (size_t r = 0; r < ROWS; r++) {
        const size_t at = c->position[tile->pooled ? c->pooled[FIRST + r] : FIRST + r] * half;

        c->device.rows->rope(heads, head_dim, rotary ? rotary : head_dim, line_of(&call.in[0], r), cosines + at,
                             sines + at, want, GD_BF16);
        check_row("rope", &call.out, r, want);
    }
    gd_free(cosines);
    gd_free(sines);
    gd_free(call.in[0].data);
    gd_free(call.out.data);
}

static void check_line_by_line(struct ops_case *c, size_t cols, gd_dtype type)
{
    gd_call call = { .in = { tensor_open(c, GD_F32, ROWS, cols), tensor_open(c, GD_F32, ROWS, cols) },
                     .out = output_open(type, ROWS, cols),
                     .tile = &c->rows,
                     .params = { .act = GD_ACT_GELU_TANH } };
    unsigned char want[512 * 4];

    gd_cpu_gated(&c->device, &call);
    for (size_t r = 0; r < ROWS; r++) {
        c->device.rows->gated(&(gd_gated_job){ .rows = 1,
                                               .cols = cols,
                                               .act = GD_ACT_GELU_TANH,
                                               .gate = line_of(&call.in[0], r),
                                               .up = line_of(&call.in[1], r),
                                               .out = want,
                                               .type = type });
        check_row("gated", &call.out, r, want);
    }
    gd_cpu_add(&c->device, &call);
    for (size_t r = 0; r < ROWS; r++) {
        c->device.rows->add(cols, line_of(&call.in[0], r), line_of(&call.in[1], r), want, type);
        check_row("add", &call.out, r, want);
    }
    gd_cpu_round(&c->device, &call);
    for (size_t r = 0; r < ROWS; r++) {
        c->device.rows->copy(cols, line_of(&call.in[0], r), GD_F32, want, type);
        check_row("round", &call.out, r, want);
    }
    gd_free(call.in[0].data);
    gd_free(call.in[1].data);
    gd_free(call.out.data);
}

static void check_pooled(struct ops_case *c, size_t cols, size_t labels)
{
    float *w = test_values(labels * cols, GD_F32, &c->state), *b = test_values(labels, GD_F32, &c->state);
    const gd_weight weight = { .role = GD_WEIGHT_VECTOR, .out = 1, .in = labels * cols, .vector = w };
    const gd_weight bias = { .role = GD_WEIGHT_VECTOR, .out = 1, .in = labels, .vector = b };
    const bool biased = labels > 1;
    gd_call last = { .in = { tensor_open(c, GD_F32, ROWS + FIRST, cols) },
                     .out = output_open(GD_F32, ROWS, cols),
                     .tile = &c->texts };
    gd_call head = { .in = { last.out },
                     .out = output_open(GD_F32, ROWS, labels),
                     .w = { &weight, biased ? &bias : NULL },
                     .tile = &c->texts };
    float want[8];

    gd_cpu_last_row(&c->device, &last);
    gd_cpu_head(&c->device, &head);
    for (size_t t = 0; t < ROWS; t++) {
        const float *x = line_of(&last.in[0], c->pooled[FIRST + t]);

        check_row("last_row", &last.out, t, x);
        for (size_t label = 0; label < labels; label++)
            want[label] = c->device.rows->dot(cols, x, w + label * cols) + (biased ? b[label] : 0);
        check_row("head", &head.out, t, want);
    }
    gd_free(w);
    gd_free(b);
    gd_free(last.in[0].data);
    gd_free(last.out.data);
    gd_free(head.out.data);
}

static void rows_meet_what_they_should(void **state)
{
    static const unsigned threads[] = { 1, 2, 3, 7 };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct ops_case c;

        ops_open(&c, threads[i]);
        for (size_t cols = 1; cols <= 500; cols = cols * 2 + 1) {
            check_embedding(&c, cols, GD_F32);
            check_embedding(&c, cols, GD_BF16);
            check_rms_norm(&c, 0, cols, GD_F32, false);
            check_rms_norm(&c, 0, cols, GD_F32, true);
            check_rms_norm(&c, 0, cols, GD_BF16, false);
            check_line_by_line(&c, cols, GD_F32);
            check_line_by_line(&c, cols, GD_BF16);
            check_pooled(&c, cols, 1);
            check_pooled(&c, cols, 3);
        }
        check_rms_norm(&c, 3, 24, GD_F32, true);
        check_rms_norm(&c, 2, 64, GD_BF16, false);
        check_rope(&c, &c.rows, 3, 24, 0);
        check_rope(&c, &c.rows, 1, 2, 0);
        check_rope(&c, &c.rows, 3, 24, 18);
        check_rope(&c, &c.texts, 4, 64, 0);
        check_rope(&c, &c.texts, 1, 2, 0);
        gd_pool_close(c.device.pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_meet_what_they_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
