/* test_head_back.c - the gradients of what only heads compute: those of the forward formula in long double, by
 * differences, and the same bits on every instruction set. */
#include "tests/cross/plain_case.h"

enum { COLS = 12, STEPS = 20 };

static const step_case cases[] = {
    { .op = GD_OP_act, .in = COLS, .out = COLS, .params = { .act = GD_ACT_RELU } },
    { .op = GD_OP_act, .in = COLS, .out = COLS, .params = { .act = GD_ACT_LEAKY_RELU, .slope = 0.2f } },
    { .op = GD_OP_act, .in = COLS, .out = COLS, .params = { .act = GD_ACT_SILU } },
    { .op = GD_OP_act, .in = COLS, .out = COLS, .params = { .act = GD_ACT_GELU } },
    { .op = GD_OP_act, .in = COLS, .out = COLS, .params = { .act = GD_ACT_GELU_TANH } },
    { .op = GD_OP_act, .in = COLS, .out = COLS, .params = { .act = GD_ACT_SELU } },
    { .op = GD_OP_act, .in = COLS, .out = COLS, .params = { .act = GD_ACT_TANH } },
    { .op = GD_OP_act, .in = COLS, .out = COLS, .params = { .act = GD_ACT_SIGMOID } },
    { .op = GD_OP_softmax, .in = COLS, .out = COLS, .params = { .groups = 1, .temperature = 1 } },
    { .op = GD_OP_softmax, .in = COLS, .out = COLS, .params = { .groups = 3, .temperature = 0.7f } },
    { .op = GD_OP_mul, .in = COLS, .out = COLS },
    { .op = GD_OP_mul, .in = COLS, .out = COLS, .second = 1 },
    { .op = GD_OP_sum, .in = COLS, .out = 1 },
    { .op = GD_OP_sum, .in = COLS, .out = 4 },
    { .op = GD_OP_mean, .in = COLS, .out = 3 },
    { .op = GD_OP_part, .in = COLS, .out = 4, .params = { .from = 2, .every = 3 } },
    { .op = GD_OP_affine, .in = COLS, .out = COLS, .params = { .scale = -0.7f, .shift = 2 } },
    { .op = GD_OP_affine, .in = COLS, .out = COLS, .bias = true, .stored = GD_F32 },
};

/* What the twin computes: the gradients of both inputs, `before` being what they add to. */
struct gradients {
    float d[2][COLS];
};

static gd_tensor tensor(void *data, size_t cols) { return (gd_tensor){ data, GD_F32, 1, cols, cols }; }

static struct gradients back(step_case *c, const char *isa, const float *dy, float before)
{
    const gd_device_options options = { .threads = 1, .isa = isa, .operand = GD_F32 };
    struct gradients g;
    float *out = step_on(c, &gd_backend_cpu, isa), *d_out = gd_alloc_aligned(COLS * sizeof *d_out);
    gd_back_call call = { .params = c->params, .out = tensor(out, c->out), .d_out = tensor(d_out, c->out) };
    gd_weight *scale = NULL;
    gd_device *device;

    assert_non_null(d_out);
    assert_ok(gd_backend_cpu.open(&device, &options, test_err));
    memcpy(d_out, dy, c->out * sizeof *dy);
    for (size_t i = 0; i < COLS; i++)
        g.d[0][i] = g.d[1][i] = before;
    for (size_t i = 0; i < gd_op_table[c->op].inputs; i++) {
        call.in[i] = tensor(c->input[i], c->cols[i]);
        call.d_in[i] = tensor(g.d[i], c->cols[i]);
        call.adds[i] = before != 0;
    }
    if (c->w[0].data)
        assert_ok(gd_backend_load(&gd_backend_cpu, device, &scale, GD_WEIGHT_VECTOR, &c->w[0], test_err));
    call.w = scale;
    gd_backend_cpu.back[c->op](device, &call);
    gd_backend_cpu.weight_free(device, scale);
    gd_backend_cpu.close(device);
    gd_free(out);
    gd_free(d_out);
    return g;
}

/* The loss: the outputs' sum with the weights dy. */
static long double loss(const step_case *c, const float *dy)
{
    long double sum = 0;

    for (size_t i = 0; i < c->out; i++)
        sum += (long double)dy[i] * plain_value(c, 0, i);
    return sum;
}

static long double slope(step_case *c, const float *dy, size_t which, size_t i)
{
    const float h = 0x1p-8f;
    float *x = (float *)c->input[which] + i, at = *x;
    long double more, less;

    *x = at + h;
    more = loss(c, dy);
    *x = at - h;
    less = loss(c, dy);
    *x = at;
    return (more - less) / (2 * (long double)h);
}

static void check(const step_case *one, uint64_t seed)
{
    step_case c = *one;
    struct gradients got, added;
    float dy[COLS];
    const char *isa;

    c.name = gd_op_table[c.op].name;
    c.rule = step_fp32;
    c.rows = 1;
    c.out_dtype = GD_F32;
    c.seed = seed;
    step_open(&c);
    for (size_t i = 0; i < COLS; i++) {
        float *x = (float *)c.input[0] + i;

        dy[i] = (float)(2 * test_uniform(&c.state) - 1);
        *x = fabsf(*x) < 0.01f ? 0.5f : *x; /* away from corners */
    }
    got = back(&c, "generic", dy, 0);
    added = back(&c, "generic", dy, 0.25f);
    for (size_t w = 0; w < gd_op_table[c.op].inputs; w++)
        for (size_t i = 0; i < c.cols[w]; i++) {
            const double want = (double)slope(&c, dy, w, i);

            if (!(fabs((double)got.d[w][i] - want) <= 1e-4 * (1 + fabs(want))))
                fail_msg("%s act=%d seed=%llu: d_in[%zu][%zu] is %.9g, not %.9g", c.name, (int)c.params.act,
                         (unsigned long long)seed, w, i, (double)got.d[w][i], want);
            if (!(fabsf(added.d[w][i] - 0.25f - got.d[w][i]) <= 1e-6f * (1 + fabsf(got.d[w][i]))))
                fail_msg("%s: d_in[%zu][%zu] is not added to what is there", c.name, w, i);
        }
    for (size_t k = 0; (isa = gd_backend_cpu.isa(k)); k++) {
        const struct gradients other = back(&c, isa, dy, 0);

        assert_memory_equal(other.d[0], got.d[0], c.cols[0] * sizeof(float));
    }
    step_close(&c);
}

static void gradients_are_the_slopes_of_the_formulas(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (uint64_t seed = 0; seed < STEPS; seed++)
            check(&cases[i], seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_the_slopes_of_the_formulas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
