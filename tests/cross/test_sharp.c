/* test_sharp.c - the bounds of truth.h mean something: ordinary errors are not tiny fractions of them, some inputs
 * nearly reach them, and mistakes are beyond. */
#include "tests/cross/step_case.h"

/* An ordinary error is not a tiny fraction of its bound. */
static void bounds_of_linears_are_not_absurd(void **state)
{
    static const size_t lengths[] = { 64, 700, 3584 };

    (void)state;
    for (size_t r = 0; r < STEP_RULES; r++)
        for (size_t i = 0; i < 3; i++) {
            step_case c = { .op = GD_OP_linear,
                            .rule = *step_rules[r],
                            .rows = STEP_ROWS,
                            .in = lengths[i],
                            .out = 300,
                            .out_dtype = GD_F32,
                            .seed = i };
            double worst;
            void *got;

            step_open(&c);
            got = step_on(&c, &gd_backend_cpu, NULL);
            worst = step_worst(&c, got);
            if (worst < 1.0 / 2000)
                fail_msg("arithmetic %d, %zu products: the largest error is only %g of its bound",
                         (int)c.rule.arithmetic, c.in, worst);
            gd_free(got);
            step_close(&c);
        }
}

/* Nor is a bound larger than it has to be. A product of 1 is followed by products that are just too small to change the
 * sum, and all of them are lost. `small` squared is such a product. */
static void check_lost(const gd_truth_rule *rule, size_t count, float small)
{
    step_case c = { .op = GD_OP_linear, .rule = *rule, .rows = 1, .in = count, .out = 1, .out_dtype = GD_F32 };
    const float other = rule->arithmetic == GD_TENSOR ? small / 2 : small; /* its steps keep a bit more */
    double worst;
    void *got;

    step_open(&c);
    for (size_t i = 0; i < count; i++) {
        ((gd_bf16 *)c.input[0])[i] = gd_bf16_from_f32(i ? small : 1);
        ((gd_bf16 *)(uintptr_t)c.w[0].data)[i] = gd_bf16_from_f32(i ? other : 1);
    }
    got = step_on(&c, &gd_backend_cpu, NULL);
    worst = step_worst(&c, got);
    if (!(worst > 0.75 && worst <= 1))
        fail_msg("arithmetic %d: %zu lost products are %g of the bound", (int)rule->arithmetic, count, worst);
    gd_free(got);
    step_close(&c);
}

static void bounds_of_linears_are_reached(void **state)
{
    (void)state;
    check_lost(&step_exact, 512, 0x1.fep-13f);
    check_lost(&step_tensor, 128, 0x1.fep-13f);
    check_lost(&step_tensor8, 128, 0x1.fep-13f);
}

/* Runs a case; then the truth of another one, in which `change` has made a mistake, must be beyond its bound. */
static void must_notice(step_case c, const char *mistake, void (*change)(step_case *c))
{
    step_case wrong;
    void *got;

    step_open(&c);
    got = step_on(&c, &gd_backend_cpu, NULL);
    assert_true(step_worst(&c, got) <= 1);
    wrong = c;
    change(&wrong);
    if (step_worst(&wrong, got) <= 1)
        fail_msg("%s is within the bound", mistake);
    gd_free(got);
    step_close(&c);
}

static void change_element(step_case *c)
{
    gd_bf16 *x = (gd_bf16 *)c->input[0] + 5;

    *x = gd_bf16_from_f32(gd_bf16_to_f32(*x) + 0.5f);
}

static void drop_bias(step_case *c) { c->w[1].data = NULL; }
static void scale_adapter(step_case *c) { c->scale *= 1.01f; }
static void drop_adapter(step_case *c) { c->a.data = NULL; }
static void widen_window(step_case *c) { c->params.window++; }
static void narrow_window(step_case *c) { c->params.window--; }
static void drop_softcap(step_case *c) { c->params.softcap = 0; }
static void share_keys(step_case *c) { c->params.heads = c->params.kv_heads; }
static void scale_logits(step_case *c) { c->params.scale *= 1.01f; }
static void other_eps(step_case *c) { c->params.eps *= 1.01f; }
static void other_offset(step_case *c) { c->params.unit_offset = !c->params.unit_offset; }
static void other_activation(step_case *c) { c->params.act = GD_ACT_SILU; }
static void other_position(step_case *c) { c->cosines[0] = nextafterf(c->cosines[0], 2) + 0x1p-20f; }
static void other_token(step_case *c) { c->token[0] = (c->token[0] + 1) % STEP_VOCAB; }
static void other_row(step_case *c) { c->pooled[0]--; }

static void mistakes_are_beyond_the_bounds(void **state)
{
    step_case linear = { .op = GD_OP_linear, .rows = 2, .in = 768, .out = 64, .rank = 8, .bias = true, .scale = 0.5f };
    step_case attention = { .op = GD_OP_attention, .rows = 150, .in = 256, .out = 256 };
    step_case norm = { .op = GD_OP_rms_norm, .rows = 2, .in = 64, .out = 64, .params = { .eps = 0.25f } };
    step_case rope = { .op = GD_OP_rope, .rows = 2, .in = 32, .out = 32, .params = { .heads = 1, .head_dim = 32 } };
    step_case gated = { .op = GD_OP_gated, .rows = 2, .in = 64, .out = 64, .params = { .act = GD_ACT_GELU_TANH } };
    step_case embedding = { .op = GD_OP_embedding, .rows = 2, .out = 64, .params = { .scale = 1.5f } };
    step_case last = { .op = GD_OP_last_row, .rows = 2, .in = 64, .out = 64 };

    (void)state;
    linear.out_dtype = norm.out_dtype = rope.out_dtype = GD_F32;
    attention.params = (gd_op_params){ .scale = 0.125f,
                                       .softcap = 2,
                                       .window = 16,
                                       .heads = 4,
                                       .kv_heads = 2,
                                       .head_dim = 64 };
    for (size_t r = 0; r < STEP_RULES; r++) {
        linear.rule = attention.rule = *step_rules[r];
        attention.out_dtype = step_rules[r]->operand;
        if (step_rules[r]->operand == GD_BF16)
            must_notice(linear, "one element of an input", change_element);
        must_notice(linear, "a bias that is left out", drop_bias);
        must_notice(linear, "an adapter's scale that is off by 1 %", scale_adapter);
        must_notice(linear, "an adapter that is left out", drop_adapter);
        must_notice(attention, "a window that shows a key too many", widen_window);
        must_notice(attention, "a window that shows a key too few", narrow_window);
        must_notice(attention, "a soft-cap that is left out", drop_softcap);
    }
    must_notice(attention, "another key head", share_keys);
    attention.rule = step_fp32;
    must_notice(attention, "a logit that is off by 1 %", scale_logits);
    must_notice(norm, "an epsilon that is off by 1 %", other_eps);
    must_notice(norm, "a weight without the offset", other_offset);
    must_notice(rope, "another angle", other_position);
    must_notice(gated, "another activation", other_activation);
    must_notice(embedding, "another token", other_token);
    must_notice(last, "another row", other_row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_of_linears_are_not_absurd),
        cmocka_unit_test(bounds_of_linears_are_reached),
        cmocka_unit_test(mistakes_are_beyond_the_bounds),
    };

    return cmocka_run_group_tests_name("sharp", tests, NULL, NULL);
}
