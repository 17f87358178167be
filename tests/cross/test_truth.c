/* test_truth.c - the truth of each operation, against the same in long double; and its bounds: no backend's result is
 * ever beyond them, and a mistake is. */
#include "tests/cross/plain_case.h"

#include "backends/cpu/isa.h"

/* Linears of every kind of length: below and above the blocks of each arithmetic, odd, with and without a bias and an
 * adapter. */
static void each_linear(void (*visit)(step_case *c), const gd_truth_rule *rule, enum gemm_fill fill,
                        enum step_signs signs)
{
    static const size_t shapes[][3] = { { 1, 3, 0 },    { 7, 40, 2 },   { 64, 33, 0 },    { 129, 31, 9 },
                                        { 640, 20, 1 }, { 1031, 9, 0 }, { 1030, 17, 140 } };

    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (unsigned which = 0; which < 8; which++) {
            step_case c = { .name = "linear",
                            .op = GD_OP_linear,
                            .rule = *rule,
                            .rows = STEP_ROWS,
                            .in = shapes[s][0],
                            .out = shapes[s][1],
                            .rank = shapes[s][2],
                            .bias = which & 1,
                            .out_dtype = which & 2 && rule->operand == GD_BF16 ? GD_BF16 : GD_F32,
                            .stored = which & 4 ? GD_F32 : GD_BF16,
                            .fill = fill,
                            .signs = signs,
                            .scale = 0.37f,
                            .seed = s * 8 + which };

            visit(&c);
        }
}

static const struct {
    uint32_t heads, kv_heads, head_dim, window;
    float softcap;
    size_t rows;
} attentions[] = {
    { 1, 1, 8, 0, 0, 3 },      { 4, 2, 16, 0, 0, 70 },   { 6, 2, 20, 5, 0, 200 },
    { 3, 3, 64, 64, 0, 150 },  { 2, 1, 128, 0, 0, 130 }, { 4, 1, 32, 0, 5, 140 },
    { 2, 2, 32, 70, 50, 210 }, { 1, 1, 600, 0, 0, 20 },  { 2, 1, 5, 1, 2, 66 },
};

static void each_attention(void (*visit)(step_case *c), const gd_truth_rule *rule, float scale)
{
    for (size_t i = 0; i < sizeof attentions / sizeof attentions[0]; i++)
        for (int wide = 0; wide < 2; wide++) {
            const size_t cols = attentions[i].heads * attentions[i].head_dim;
            step_case c = { .name = "attention",
                            .op = GD_OP_attention,
                            .rule = *rule,
                            .params = { .scale = scale / sqrtf((float)attentions[i].head_dim),
                                        .softcap = attentions[i].softcap,
                                        .window = attentions[i].window,
                                        .heads = attentions[i].heads,
                                        .kv_heads = attentions[i].kv_heads,
                                        .head_dim = attentions[i].head_dim },
                            .rows = attentions[i].rows,
                            .in = cols,
                            .out = cols,
                            .out_dtype = wide ? GD_F32 : rule->operand,
                            .seed = i };

            visit(&c);
        }
}

static const step_case row_operations[] = {
    { .op = GD_OP_embedding, .out = 40, .params = { .scale = 1 } },
    { .op = GD_OP_embedding, .out = 33, .params = { .scale = 59.75f }, .stored = GD_F32 },
    { .op = GD_OP_embedding, .out = 33, .params = { .scale = 0.3f }, .stored = GD_F16 },
    { .op = GD_OP_rms_norm, .in = 100, .out = 100, .params = { .eps = 1e-6f } },
    { .op = GD_OP_rms_norm, .in = 3584, .out = 3584, .params = { .eps = 1e-5f }, .stored = GD_F32 },
    { .op = GD_OP_rms_norm, .in = 101, .out = 101, .params = { .eps = 0.25f, .unit_offset = true } },
    { .op = GD_OP_rms_norm, .in = 96, .out = 96, .params = { .eps = 1e-6f, .heads = 3, .head_dim = 32 } },
    { .op = GD_OP_rope, .in = 72, .out = 72, .params = { .heads = 3, .head_dim = 24 } },
    { .op = GD_OP_rope, .in = 256, .out = 256, .params = { .heads = 2, .head_dim = 128 } },
    { .op = GD_OP_rope, .in = 72, .out = 72, .params = { .heads = 3, .head_dim = 24, .rotary = 18 } },
    { .op = GD_OP_gated, .in = 300, .out = 300, .params = { .act = GD_ACT_SILU } },
    { .op = GD_OP_gated, .in = 300, .out = 300, .params = { .act = GD_ACT_GELU_TANH } },
    { .op = GD_OP_act, .in = 300, .out = 300, .params = { .act = GD_ACT_RELU } },
    { .op = GD_OP_act, .in = 300, .out = 300, .params = { .act = GD_ACT_LEAKY_RELU, .slope = 0.01f } },
    { .op = GD_OP_act, .in = 300, .out = 300, .params = { .act = GD_ACT_SILU } },
    { .op = GD_OP_act, .in = 300, .out = 300, .params = { .act = GD_ACT_GELU } },
    { .op = GD_OP_act, .in = 300, .out = 300, .params = { .act = GD_ACT_GELU_TANH } },
    { .op = GD_OP_act, .in = 300, .out = 300, .params = { .act = GD_ACT_SELU } },
    { .op = GD_OP_act, .in = 300, .out = 300, .params = { .act = GD_ACT_TANH } },
    { .op = GD_OP_act, .in = 300, .out = 300, .params = { .act = GD_ACT_SIGMOID } },
    { .op = GD_OP_softmax, .in = 40, .out = 40, .params = { .groups = 1, .temperature = 1 } },
    { .op = GD_OP_softmax, .in = 76, .out = 76, .params = { .groups = 4, .temperature = 0.3f } },
    { .op = GD_OP_mul, .in = 65, .out = 65 },
    { .op = GD_OP_mul, .in = 65, .out = 65, .second = 1 },
    { .op = GD_OP_sum, .in = 65, .out = 1 },
    { .op = GD_OP_sum, .in = 66, .out = 11 },
    { .op = GD_OP_mean, .in = 95, .out = 19 },
    { .op = GD_OP_part, .in = 65, .out = 20, .params = { .from = 4, .every = 3 } },
    { .op = GD_OP_affine, .in = 65, .out = 65, .params = { .scale = 0.7f, .shift = -3 } },
    { .op = GD_OP_affine, .in = 65, .out = 65, .bias = true, .stored = GD_F32 },
    { .op = GD_OP_add, .in = 65, .out = 65 },
    { .op = GD_OP_round, .in = 65, .out = 65 },
    { .op = GD_OP_last_row, .in = 65, .out = 65 },
    { .op = GD_OP_head, .in = 100, .out = 3 },
    { .op = GD_OP_head, .in = 3585, .out = 1, .stored = GD_F32 },
};

enum { ROW_OPERATIONS = sizeof row_operations / sizeof row_operations[0] };

/* All of a head is fp32. */
static bool is_wide(gd_op op) { return gd_op_table[op].parts == 1u << GD_PART_AFTER && op != GD_OP_last_row; }

/* The operations that know no products. */
static void each_row_operation(void (*visit)(step_case *c), enum gemm_fill fill)
{
    for (size_t i = 0; i < ROW_OPERATIONS; i++)
        for (int narrow = 0; narrow < (is_wide(row_operations[i].op) ? 1 : 2); narrow++) {
            step_case c = row_operations[i];

            c.name = gd_op_table[c.op].name;
            c.rows = 40;
            c.out_dtype = narrow ? GD_BF16 : GD_F32;
            c.fill = fill;
            c.seed = i;
            visit(&c);
        }
}

/* ---- values ---- */

static void check_values(step_case *c)
{
    static double value[STEP_MAX_COLS], bound[STEP_MAX_COLS];

    step_open(c);
    for (size_t r = 0; r < c->rows; r += 1 + c->rows / 8) {
        step_truth(c, r, (gd_truth){ value, bound });
        for (size_t i = 0; i < c->out; i++) {
            const double want = (double)plain_value(c, r, i);

            if (!(fabs(value[i] - want) <= 1e-12 * fabs(want) + 0x1p-18 * bound[i]))
                fail_msg("%s seed=%llu row %zu column %zu: %.17g, not %.17g", c->name, (unsigned long long)c->seed, r,
                         i, value[i], want);
        }
    }
    step_close(c);
}

static void values_are_those_of_the_formula(void **state)
{
    (void)state;
    for (size_t i = 0; i < STEP_RULES; i++) {
        each_linear(check_values, step_rules[i], FILL_NORMAL, SIGNS_ANY);
        each_attention(check_values, step_rules[i], 1);
    }
    each_attention(check_values, &step_fp32, 30);
    each_row_operation(check_values, FILL_NORMAL);
    each_row_operation(check_values, FILL_RANGE);
}

/* ---- bounds ---- */

static const char *isa; /* the one being checked; NULL: the best */
static const gd_backend *backend;

static void check_bounds(step_case *c)
{
    double worst;
    void *got;

    step_open(c);
    got = step_on(c, backend, isa);
    worst = step_worst(c, got);
    if (!(worst <= 1))
        fail_msg("%s by %s %s: seed=%llu fill=%d signs=%d arithmetic=%d operand=%d to %s, in=%zu out=%zu rank=%zu "
                 "bias=%d: an error is %g of its bound",
                 c->name, backend->name, isa, (unsigned long long)c->seed, (int)c->fill, (int)c->signs,
                 (int)c->rule.arithmetic, (int)c->rule.operand, gd_dtype_name(c->out_dtype), c->in, c->out, c->rank,
                 (int)c->bias, worst);
    gd_free(got);
    step_close(c);
}

static void check_products(const gd_truth_rule *rule)
{
    each_linear(check_bounds, rule, FILL_NORMAL, SIGNS_ANY);
    each_linear(check_bounds, rule, FILL_NORMAL, SIGNS_CANCEL);
    each_linear(check_bounds, rule, FILL_RANGE, SIGNS_ANY);
    each_linear(check_bounds, rule, FILL_TINY, SIGNS_ANY);
    each_linear(check_bounds, rule, FILL_TINY, SIGNS_CANCEL);
    each_linear(check_bounds, rule, FILL_NORMAL, SIGNS_PLUS);
    each_linear(check_bounds, rule, FILL_RANGE, SIGNS_PLUS);
    each_attention(check_bounds, rule, 1);
    each_attention(check_bounds, rule, 40);
}

static void no_result_is_beyond_its_bound(void **state)
{
    (void)state;
    backend = &gd_backend_cpu;
    for (size_t i = 0; (isa = backend->isa(i)); i++) {
        for (size_t r = 0; r < STEP_RULES; r++)
            check_products(step_rules[r]);
        each_row_operation(check_bounds, FILL_NORMAL);
        each_row_operation(check_bounds, FILL_RANGE);
        each_row_operation(check_bounds, FILL_TINY);
    }
}

/* Libraries that add in their own order. */
static void no_library_is_beyond_its_bound(void **state)
{
    (void)state;
    isa = NULL;
    for (size_t i = 0; (backend = gd_backends_all()[i]); i++)
        for (int operand = GD_BF16; operand <= GD_F32; operand++) {
            const gd_truth_rule rule = { (gd_dtype)operand, GD_EXACT, true };
            gd_error err;

            if (backend == &gd_backend_cpu || backend->available((gd_dtype)operand, &err) != GD_OK)
                continue;
            each_linear(check_bounds, &rule, FILL_NORMAL, SIGNS_ANY);
            each_linear(check_bounds, &rule, FILL_NORMAL, SIGNS_CANCEL);
            each_linear(check_bounds, &rule, FILL_RANGE, SIGNS_ANY);
            each_linear(check_bounds, &rule, FILL_TINY, SIGNS_ANY);
        }
}

/* Gate, up and their product in one call: gate and up are known within the bounds of their sums. */
static void gate_and_up_that_never_reach_memory(void **state)
{
    enum { COLS = 96 };
    step_case gate = { .op = GD_OP_linear,
                       .rule = step_exact,
                       .rows = 1,
                       .in = 700,
                       .out = COLS,
                       .out_dtype = GD_F32,
                       .bias = true,
                       .seed = 3 };
    step_case up = gate;
    double gates[2][COLS], ups[2][COLS], want[2][COLS];
    float *g, *u;

    (void)state;
    backend = &gd_backend_cpu;
    isa = NULL;
    up.seed = 4;
    step_open(&gate);
    step_open(&up);
    step_truth(&gate, 0, (gd_truth){ gates[0], gates[1] });
    step_truth(&up, 0, (gd_truth){ ups[0], ups[1] });
    g = step_on(&gate, backend, isa);
    u = step_on(&up, backend, isa);
    for (int act = GD_ACT_SILU; act <= GD_ACT_GELU_TANH; act++) {
        const gd_op_params params = { .act = (gd_activation)act };
        step_case both = { .op = GD_OP_gated, .rows = 1, .in = COLS, .out = COLS, .out_dtype = GD_F32 };
        float *got;

        both.params = params;
        step_open(&both);
        memcpy(both.input[0], g, COLS * sizeof *g);
        memcpy(both.input[1], u, COLS * sizeof *u);
        got = step_on(&both, backend, isa);
        gd_truth_gated(&params, COLS, (gd_truth){ gates[0], gates[1] }, (gd_truth){ ups[0], ups[1] }, GD_F32,
                       (gd_truth){ want[0], want[1] });
        for (size_t i = 0; i < COLS; i++)
            assert_true(fabs((double)got[i] - want[0][i]) <= want[1][i]);
        gd_free(got);
        step_close(&both);
    }
    gd_free(g);
    gd_free(u);
    step_close(&gate);
    step_close(&up);
}

/* Where exp and tanh begin to overflow, to underflow, to be 1. */
static void activations_of_any_argument(void **state)
{
    (void)state;
    backend = &gd_backend_cpu;
    isa = NULL;
    for (int act = GD_ACT_SILU; act <= GD_ACT_GELU_TANH; act++) {
        step_case c = { .op = GD_OP_gated,
                        .rows = 50,
                        .in = STEP_MAX_COLS,
                        .out = STEP_MAX_COLS,
                        .out_dtype = GD_F32,
                        .params = { .act = (gd_activation)act } };
        const size_t count = c.rows * c.out;
        void *got;

        step_open(&c);
        for (size_t i = 0; i < count; i++)
            ((float *)c.input[0])[i] = (float)(-100 + 120 * (double)i / (double)count);
        got = step_on(&c, backend, isa);
        assert_true(step_worst(&c, got) <= 1);
        gd_free(got);
        step_close(&c);
    }
}

/* An activation's bound, at each end of what its arguments may be. */
static void activations_at_the_ends_of_their_bounds(void **state)
{
    (void)state;
    for (int act = GD_ACT_SILU; act <= GD_ACT_GELU_TANH; act++)
        for (double x = -20; x < 20; x += 0x1p-6)
            for (double way = 0x1p-20; way < 2; way *= 8) {
                const gd_op_params params = { .act = (gd_activation)act };
                double g[3] = { x, x - way, x + way }, u[3] = { 3, 2.75, 3.25 };
                double bounds[2][3] = { { way }, { 0.25 } }, value[3], bound[3];

                gd_truth_gated(&params, 3, (gd_truth){ g, bounds[0] }, (gd_truth){ u, bounds[1] }, GD_F32,
                               (gd_truth){ value, bound });
                for (int end = 1; end < 3; end++)
                    assert_true(fabs(value[end] - value[0]) + bound[end] <= bound[0]);
            }
}

/* ---- the rest ---- */

static void no_memory_is_told(void **state)
{
    step_case cases[] = {
        { .op = GD_OP_linear, .rule = step_exact, .in = 40, .out = 5, .rank = 3, .fill = FILL_TINY },
        { .op = GD_OP_attention, .in = 16, .out = 16, .params = { .heads = 2, .kv_heads = 1, .head_dim = 8 } },
        { .op = GD_OP_gated, .in = 16, .out = 16 },
    };
    double value[16], bound[16];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        step_case *c = &cases[i];
        const gd_truth_weights weights = { .w = { &c->w[0] }, .lora = { &c->a, &c->b, c->scale, c->rank } };
        const void *keys[1], *values[1];
        gd_truth_line line;
        uint64_t live, n = 0;
        bool ok = false;

        c->rows = 1;
        step_open(c);
        line = step_truth_line(c, 0, keys, values);
        live = gd_mem_live();
        while (!ok) {
            gd_mem_fail_from(++n);
            ok = gd_truth_step(&c->rule, c->op, &c->params, &weights, &line, (gd_truth){ value, bound });
            gd_mem_fail_from(0);
            assert_int_equal(gd_mem_live(), live);
        }
        assert_true(n > 1);
        step_close(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_formula),
        cmocka_unit_test(no_result_is_beyond_its_bound),
        cmocka_unit_test(no_library_is_beyond_its_bound),
        cmocka_unit_test(gate_and_up_that_never_reach_memory),
        cmocka_unit_test(activations_of_any_argument),
        cmocka_unit_test(activations_at_the_ends_of_their_bounds),

        cmocka_unit_test(no_memory_is_told),
    };

    return cmocka_run_group_tests_name("truth", tests, NULL, NULL);
}
