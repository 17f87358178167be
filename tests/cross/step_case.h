/* step_case.h - one step to test: random inputs and weights, the backend's results, and the truth of each row. */
#ifndef GD_TESTS_STEP_CASE_H
#define GD_TESTS_STEP_CASE_H

#include "tests/backends/linear_case.h"

#include "cross/truth.h"

enum { STEP_ROWS = 5, STEP_VOCAB = 11, STEP_MAX_COLS = 4096, STEP_RULES = 4 };

static const gd_truth_rule step_exact = { GD_BF16, GD_EXACT, false }, step_tensor = { GD_BF16, GD_TENSOR, false },
                           step_tensor8 = { GD_BF16, GD_TENSOR8, false }, step_fp32 = { GD_F32, GD_EXACT, false };

/* Those of the cpu backend. */
static const gd_truth_rule *const step_rules[STEP_RULES] = { &step_exact, &step_tensor, &step_tensor8, &step_fp32 };

/* How the products of a step lie to each other. */
enum step_signs {
    SIGNS_ANY,
    SIGNS_CANCEL, /* in pairs that are nearly opposite (a linear's only) */
    SIGNS_PLUS    /* no number is negative, so that cutting adds up */
};

/* What a case is made from; the rest is made by step_open(). */
typedef struct step_case {
    const char *name;
    gd_op op;
    gd_truth_rule rule;
    gd_op_params params;
    size_t rows, in, out, rank; /* columns of an input (of attention's query) and of the output */
    size_t second;              /* of the second input, if it has others: mul's only */
    gd_dtype out_dtype, stored; /* stored: the type of the weights in the checkpoint */
    enum gemm_fill fill;
    enum step_signs signs;
    bool bias;
    float scale; /* of the adapter */
    uint64_t seed;
    /* made */
    uint64_t state;
    void *input[GD_OP_MAX_IN];
    size_t cols[GD_OP_MAX_IN];
    gd_dtype type[GD_OP_MAX_IN];
    gd_view w[GD_OP_MAX_WEIGHTS], a, b; /* data NULL: none */
    float *cosines, *sines;             /* [rows, head_dim / 2] */
    uint32_t *token, *position, *segment, *pooled;
} step_case;

static inline void *step_values(step_case *c, size_t count, gd_dtype type)
{
    char *p = test_values(count, type, c->fill, &c->state);

    for (size_t i = 1; c->signs == SIGNS_PLUS && i <= count; i++)
        p[i * gd_dtype_size(type) - 1] &= 0x7F;
    return p;
}

static inline gd_view step_weight(step_case *c, size_t out, size_t in)
{
    return view_of(step_values(c, out * in, c->stored), c->stored, out, in);
}

/* Every second product is the one before it, negative but for its last bits. */
static inline void step_cancel(step_case *c)
{
    const size_t size = gd_dtype_size(c->type[0]), stored = gd_dtype_size(c->stored);
    char *x = c->input[0], *w = (char *)(uintptr_t)c->w[0].data;

    for (size_t i = 0; i + 1 < c->rows * c->in; i += 2)
        if (i % c->in + 1 < c->in)
            memcpy(x + (i + 1) * size, x + i * size, size);
    for (size_t i = 0; i < c->out * c->in; i++)
        if (i % c->in % 2) {
            memcpy(w + i * stored, w + (i - 1) * stored, stored);
            w[(i + 1) * stored - 1] ^= (char)0x80;
            w[i * stored] ^= (char)(test_random(&c->state) % 2);
        }
}

static inline void step_weights(step_case *c)
{
    const size_t norm = c->params.heads ? c->params.head_dim : c->in;

    if (c->op == GD_OP_linear)
        c->w[0] = step_weight(c, c->out, c->in);
    if (c->op == GD_OP_linear && c->bias)
        c->w[1] = step_weight(c, 1, c->out);
    if (c->op == GD_OP_linear && c->rank) {
        c->a = step_weight(c, c->rank, c->in);
        c->b = step_weight(c, c->out, c->rank);
    }
    if (c->op == GD_OP_embedding)
        c->w[0] = step_weight(c, STEP_VOCAB, c->out);
    if (c->op == GD_OP_rms_norm)
        c->w[0] = step_weight(c, 1, norm);
    if (c->op == GD_OP_head)
        c->w[0] = step_weight(c, c->out, c->in);
    for (size_t i = 0; c->op == GD_OP_affine && c->bias && i < 2; i++)
        c->w[i] = step_weight(c, 1, c->out);
    for (size_t i = 0; i < 2; i++)
        if (c->w[i].data && c->w[i].shape[0] == 1 && (c->op != GD_OP_linear || i == 1)) {
            c->w[i].rank = 1;
            c->w[i].shape[0] = c->w[i].shape[1];
        }
}

static inline void step_rows(step_case *c)
{
    const size_t half = c->params.head_dim / 2;

    c->token = gd_alloc(c->rows, sizeof *c->token);
    c->position = gd_alloc(c->rows, sizeof *c->position);
    c->segment = gd_alloc_zero(c->rows, sizeof *c->segment);
    c->pooled = gd_alloc(c->rows, sizeof *c->pooled);
    c->cosines = gd_alloc(c->rows * half, sizeof *c->cosines);
    c->sines = gd_alloc(c->rows * half, sizeof *c->sines);
    assert_true(c->token && c->position && c->segment && c->pooled && c->cosines && c->sines);
    for (size_t r = 0; r < c->rows; r++) {
        c->token[r] = (uint32_t)(test_random(&c->state) % STEP_VOCAB);
        c->position[r] = (uint32_t)r;
        c->pooled[r] = (uint32_t)(c->rows - 1 - r);
    }
    for (size_t i = 0; i < c->rows * half; i++) {
        const double angle = test_uniform(&c->state) * 7;

        c->cosines[i] = (float)cos(angle);
        c->sines[i] = (float)sin(angle);
    }
}

static inline void step_open(step_case *c)
{
    const gd_op_traits *traits = &gd_op_table[c->op];

    c->state = c->seed;
    for (size_t i = 0; i < traits->inputs; i++) {
        c->type[i] = traits->operands & GD_IN(i) ? c->rule.operand : GD_F32;
        c->cols[i] = c->op == GD_OP_attention && i > 0 ? (size_t)c->params.kv_heads * c->params.head_dim : c->in;
        if (i == 1 && c->second)
            c->cols[i] = c->second;
        c->input[i] = step_values(c, c->rows * c->cols[i], c->type[i]);
    }
    step_weights(c);
    step_rows(c);
    if (c->signs == SIGNS_CANCEL)
        step_cancel(c);
}

static inline void step_close(step_case *c)
{
    for (size_t i = 0; i < GD_OP_MAX_IN; i++)
        gd_free(c->input[i]);
    for (size_t i = 0; i < GD_OP_MAX_WEIGHTS; i++)
        gd_free((void *)(uintptr_t)c->w[i].data);
    gd_free((void *)(uintptr_t)c->a.data);
    gd_free((void *)(uintptr_t)c->b.data);
    gd_free(c->token);
    gd_free(c->position);
    gd_free(c->segment);
    gd_free(c->pooled);
    gd_free(c->cosines);
    gd_free(c->sines);
}

/* ---- the backend's results ---- */

static inline gd_weight *step_load(const gd_backend *backend, gd_device *device, gd_weight_role role,
                                   const gd_view *view)
{
    gd_weight *w = NULL;

    if (view->data)
        assert_ok(gd_backend_load(backend, device, &w, role, view, test_err));
    return w;
}

static inline void step_call(const step_case *c, const gd_backend *backend, gd_device *device, const gd_tile *tile,
                             void *out)
{
    gd_call call = { .out = { out, c->out_dtype, c->rows, c->out, c->out }, .params = c->params, .tile = tile };
    gd_weight *w[4] = { NULL };

    for (size_t i = 0; i < gd_op_table[c->op].inputs; i++)
        call.in[i] = (gd_tensor){ c->input[i], c->type[i], c->rows, c->cols[i], c->cols[i] };
    for (size_t i = 0; i < GD_OP_MAX_WEIGHTS; i++)
        call.w[i] = w[i] = step_load(backend, device, gd_op_table[c->op].roles[i], &c->w[i]);
    w[2] = step_load(backend, device, GD_WEIGHT_MATRIX, &c->a);
    w[3] = step_load(backend, device, GD_WEIGHT_MATRIX, &c->b);
    call.lora = (gd_lora_weights){ w[2], w[3], c->scale };
    backend->run[c->op](device, &call);
    for (size_t i = 0; i < 4; i++)
        backend->weight_free(device, w[i]);
}

/* [rows][out] of out_dtype, from an opened device. */
static inline void *step_run(const step_case *c, const gd_backend *backend, gd_device *device)
{
    const gd_segment segment = { 0, (uint32_t)c->rows, 0, -1 };
    const gd_limits limits = { .tile_rows = c->rows,
                               .max_in = c->in,
                               .max_out = c->out,
                               .max_rank = c->rank,
                               .max_position = c->rows,
                               .labels = c->out,
                               .head_dim = c->params.head_dim,
                               .heads = c->params.heads,
                               .kv_heads = c->params.kv_heads };
    const gd_batch_rows host = { .rows = c->rows,
                                 .token = c->token,
                                 .position = c->position,
                                 .segment = c->segment,
                                 .segments = &segment,
                                 .segment_count = 1,
                                 .pooled = c->pooled,
                                 .pooled_count = c->rows,
                                 .rope_cos = c->cosines,
                                 .rope_sin = c->sines,
                                 .tables = 1,
                                 .positions = c->rows };
    void *out = gd_alloc_aligned(c->rows * c->out * sizeof(float));
    gd_device_rows *batch;

    assert_non_null(out);
    assert_ok(backend->prepare(device, &limits, test_err));
    assert_ok(backend->rows_make(device, &batch, &host, test_err));
    step_call(c, backend, device, &(gd_tile){ batch, c->op == GD_OP_last_row || c->op == GD_OP_head, 0, c->rows }, out);
    backend->rows_free(device, batch);
    return out;
}

/* The same from a device of its own. isa: NULL: the best. */
static inline void *step_on(const step_case *c, const gd_backend *backend, const char *isa)
{
    const gd_device_options options = { .threads = 1,
                                        .isa = isa,
                                        .operand = c->rule.operand,
                                        .arithmetic = c->rule.arithmetic };
    gd_device *device;
    void *got;

    assert_ok(backend->open(&device, &options, test_err));
    got = step_run(c, backend, device);
    backend->close(device);
    return got;
}

/* ---- the truth ---- */

static inline const void *step_line(const step_case *c, size_t which, size_t row)
{
    return (const char *)c->input[which] + row * c->cols[which] * gd_dtype_size(c->type[which]);
}

/* The line of row `row` of the output; keys and values have room for all rows. */
static inline gd_truth_line step_truth_line(const step_case *c, size_t row, const void **keys, const void **values)
{
    const size_t half = c->params.head_dim / 2;
    gd_truth_line line = { .token = c->token[row],
                           .position = c->position[row],
                           .keys = keys,
                           .values = values,
                           .rope_cos = c->cosines + row * half,
                           .rope_sin = c->sines + row * half,
                           .out_dtype = c->out_dtype,
                           .out_cols = c->out };

    for (size_t i = 0; i < gd_op_table[c->op].inputs; i++) {
        line.in[i] = step_line(c, i, c->op == GD_OP_last_row ? c->pooled[row] : row);
        line.in_dtype[i] = c->type[i];
        line.in_cols[i] = c->cols[i];
    }
    for (size_t p = 0; c->op == GD_OP_attention && p <= row; p++) {
        keys[p] = step_line(c, 1, p);
        values[p] = step_line(c, 2, p);
    }
    return line;
}

/* What gd_truth_step() says of a row. */
static inline void step_truth(const step_case *c, size_t row, gd_truth out)
{
    const void *keys[512], *values[512];
    const gd_truth_line line = step_truth_line(c, row, keys, values);
    const gd_truth_weights weights = { .w = { c->w[0].data ? &c->w[0] : NULL, c->w[1].data ? &c->w[1] : NULL },
                                       .lora = { &c->a, &c->b, c->scale, c->a.data ? c->rank : 0 } };

    assert_true(c->rows <= 512);
    assert_true(gd_truth_step(&c->rule, c->op, &c->params, &weights, &line, out));
}

/* The largest error of the backend's results as a fraction of its bound. */
static inline double step_worst(const step_case *c, const void *got)
{
    static double value[STEP_MAX_COLS], bound[STEP_MAX_COLS];
    double worst = 0;

    assert_true(c->out <= STEP_MAX_COLS);
    for (size_t r = 0; r < c->rows; r++) {
        step_truth(c, r, (gd_truth){ value, bound });
        for (size_t i = 0; i < c->out; i++) {
            const double error = fabs((double)test_element(got, c->out_dtype, r * c->out + i) - value[i]);
            const double part = error == 0 ? 0 : error / bound[i];

            assert_true(bound[i] < INFINITY);
            if (!(part <= worst))
                worst = isnan(part) ? INFINITY : part;
        }
    }
    return worst;
}

#endif
