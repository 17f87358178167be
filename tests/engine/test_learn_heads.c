/* test_learn_heads.c - gradients through heads of other forms than one matrix: those of PyTorch in float64
 * (make_gradients.py), and what has none. */
#include "tests/engine/learning.h"

#include "base/mem.h"
#include "quant-free/safetensors.h"

#include <math.h>

enum { MOST = 8 };

/* A head, whose numbers and gradients the reference has under names that begin with `name`. */
struct head {
    const char *name, *yaml;
    const char *weights[4]; /* in the order of the head's weights */
    bool adapter;           /* the reference has its gradients, too */
};

static const struct head heads[] = {
    { "mlp",
      "format: guerdon-head/1\nname: mlp24\nnodes:\n"
      "  - {op: linear, in: [pooled], w: [score.0.weight, score.0.bias], out: x, size: 24}\n"
      "  - {op: act, in: [x], act: relu, out: y}\n"
      "  - {op: linear, in: [y], w: [score.2.weight, score.2.bias], out: score, size: 1}\n",
      { "0.weight", "0.bias", "2.weight", "2.bias" },
      true },
    { "summary",
      "format: guerdon-head/1\nname: biased\nnodes:\n"
      "  - {op: linear, in: [pooled], w: [v_head.weight, v_head.bias], out: score, size: 1}\n",
      { "weight", "bias" },
      false },
};

static gd_st *open_reference(void)
{
    char path[TEST_PATH];
    gd_st *st;

    assert_ok(gd_st_open(&st, test_data(path, sizeof path, "golden/gradients/heads.safetensors"), test_err));
    return st;
}

/* The golden model with another head in place of its own, whose weights are those of the views, and learn. */
static void open_head(struct learning *c, const struct head *head, const gd_st *st, gd_view *views, gd_dtype operand)
{
    learning_open_model(c, "qwen2", operand, LONGEST);
    learning_head(c, head->yaml);
    c->learning.head = false;
    c->parts.over.head = NULL;
    c->learning.weights = views;
    for (size_t s = 0; s < c->plan->step_count; s++)
        for (unsigned i = 0; c->plan->steps[s].op == GD_OP_head && i < GD_OP_MAX_WEIGHTS; i++) {
            const gd_plan_weight *w = &c->plan->steps[s].w[i];
            char name[64];
            const gd_view *view;

            if (!w->name)
                continue;
            (void)snprintf(name, sizeof name, "%s.%s", head->name, head->weights[c->learning.weight_count]);
            assert_ok(gd_st_need(&view, st, name, test_err));
            views[c->learning.weight_count] = *view;
            views[c->learning.weight_count++].name = w->name;
        }
}

static void check(const gd_st *st, const char *head, const char *tensor, const float *got, size_t count, double most)
{
    double error = 0, size = 0;
    char name[160];
    const gd_view *want;

    (void)snprintf(name, sizeof name, "%s.d.%s", head, tensor);
    assert_ok(gd_st_need(&want, st, name, test_err));
    assert_int_equal(want->bytes, count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        float w;

        memcpy(&w, (const char *)want->data + i * sizeof w, sizeof w);
        error += ((double)got[i] - (double)w) * ((double)got[i] - (double)w);
        size += (double)w * (double)w;
    }
    if (!(sqrt(error) <= most * sqrt(size)))
        fail_msg("%s: off by %.3g of its size, more than %.3g", name, sqrt(error / size), most);
}

static void check_adapter(const gd_st *st, struct learning *c, gd_learner *learner, const char *head, double most)
{
    static float a[8 * 512], b[8 * 512];

    for (size_t s = 0; s < c->plan->step_count; s++) {
        const gd_plan_step *step = &c->plan->steps[s];
        char name[128];

        if (!c->lora[s].rank)
            continue;
        assert_ok(gd_learner_lora(learner, s, a, b, test_err));
        (void)snprintf(name, sizeof name, "%s.lora_A.weight", step->lora);
        check(st, head, name, a, c->lora[s].rank * step->w[0].shape[1], most);
        (void)snprintf(name, sizeof name, "%s.lora_B.weight", step->lora);
        check(st, head, name, b, c->lora[s].rank * step->w[0].shape[0], most);
    }
}

static void check_head(const struct head *head, gd_dtype operand, double most)
{
    static float got[24 * 96];
    gd_st *st = open_reference();
    gd_view views[MOST];
    struct learning c;
    gd_engine *engine;
    gd_learner *learner;

    open_head(&c, head, st, views, operand);
    assert_ok(gd_engine_open(&engine, &c.parts, test_err));
    assert_ok(gd_learner_open(&learner, engine, test_err));
    assert_ok(gd_learner_run(learner, &c.trie, learning_loss, &c, test_err));
    for (size_t i = 0; i < c.learning.weight_count; i++) {
        assert_ok(gd_learner_weight(learner, i, got, test_err));
        check(st, head->name, head->weights[i], got, views[i].bytes / sizeof(float), most);
    }
    if (head->adapter)
        check_adapter(st, &c, learner, head->name, most);
    gd_learner_close(learner);
    gd_engine_close(engine);
    c.learning.weight_count = 0; /* the views are the reference's */
    learning_close(&c);
    gd_st_close(st);
}

static void gradients_are_those_of_float64(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        check_head(&heads[i], GD_F32, 1e-4);
        check_head(&heads[i], GD_BF16, 0.06);
    }
}

/* Where no weight of a head learns, its gradients go through it all the same. */
static void a_head_may_stay_as_it_is(void **state)
{
    gd_st *st = open_reference();
    gd_made_weight made[MOST];
    gd_view views[MOST];
    struct learning c;
    gd_engine *engine;
    gd_learner *learner;
    size_t count = 0;

    (void)state;
    open_head(&c, &heads[0], st, views, GD_F32);
    for (size_t s = 0; s < c.plan->step_count; s++)
        for (unsigned i = 0; c.plan->steps[s].op == GD_OP_head && i < GD_OP_MAX_WEIGHTS; i++)
            if (c.plan->steps[s].w[i].name) {
                made[count] = (gd_made_weight){ &c.plan->steps[s].w[i], &views[count] };
                count++;
            }
    c.learning.weight_count = 0;
    c.parts.over.made = made;
    c.parts.over.made_count = count;
    assert_ok(gd_engine_open(&engine, &c.parts, test_err));
    assert_ok(gd_learner_open(&learner, engine, test_err));
    assert_ok(gd_learner_run(learner, &c.trie, learning_loss, &c, test_err));
    check_adapter(st, &c, learner, "mlp", 1e-4);
    gd_learner_close(learner);
    gd_engine_close(engine);
    learning_close(&c);
    gd_st_close(st);
}

/* Two linears of one value, whose gradient has a part from each. */
static const char twice[] = "format: guerdon-head/1\nname: twice\nnodes:\n"
                            "  - {op: linear, in: [pooled], w: [a.weight], out: x, size: 1}\n"
                            "  - {op: linear, in: [pooled], w: [b.weight], out: y, size: 1}\n"
                            "  - {op: add, in: [x, y], out: z}\n"
                            "  - {op: linear, in: [z], w: [c.weight], out: score, size: 1}\n";

/* Gradients of the adapter with the head `yaml`, whose weights these are. */
static void gradients_with(struct gradients *out, const char *yaml, const gd_view *views, size_t count)
{
    gd_made_weight made[MOST];
    struct learning c;
    size_t at = 0;

    learning_open_model(&c, "qwen2", GD_F32, 100);
    learning_head(&c, yaml);
    c.learning.head = false;
    c.parts.over.head = NULL;
    for (size_t s = 0; s < c.plan->step_count; s++)
        if (c.plan->steps[s].op == GD_OP_head) {
            made[at] = (gd_made_weight){ &c.plan->steps[s].w[0], &views[at] };
            at++;
        }
    assert_int_equal(at, count);
    c.parts.over.made = made;
    c.parts.over.made_count = count;
    learning_gradients(out, &c, 0);
    learning_close(&c);
}

static gd_view view_of(const float *numbers, size_t cols)
{
    return (gd_view){ .name = "made",
                      .dtype = GD_F32,
                      .rank = 2,
                      .shape = { 1, cols },
                      .data = numbers,
                      .bytes = cols * sizeof *numbers };
}

/* All of them together, but for rounding. Frees both. */
static void expect_same(struct gradients *got, struct gradients *want)
{
    double error = 0, size = 0;

    assert_int_equal(got->count, want->count);
    for (size_t i = 0; i < got->count; i++) {
        const double off = (double)got->values[i] - (double)want->values[i];

        error += off * off;
        size += (double)want->values[i] * (double)want->values[i];
    }
    assert_true(size > 0 && error <= 1e-10 * size);
    gd_free(want->values);
    gd_free(got->values);
}

static void a_value_read_twice_has_both_gradients(void **state)
{
    static const char once[] = "format: guerdon-head/1\nname: once\nnodes:\n"
                               "  - {op: linear, in: [pooled], w: [a.weight], out: score, size: 1}\n";
    static const float two = 2.0f;
    float a[96], b[96], sum[96];
    struct gradients want, got;

    (void)state;
    for (int i = 0; i < 96; i++) {
        a[i] = (float)(i % 7 - 3) / 8.0f;
        b[i] = (float)(i % 5 - 2) / 4.0f;
        sum[i] = 2 * (a[i] + b[i]);
    }
    gradients_with(&want, once, (gd_view[]){ view_of(sum, 96) }, 1);
    gradients_with(&got, twice, (gd_view[]){ view_of(a, 96), view_of(b, 96), view_of(&two, 1) }, 3);
    expect_same(&got, &want);
}

/* Half of the sum of a matrix's first and third row, in a roundabout way: a softmax of single columns is 1, and has no
 * gradient; twice a mean of two is their sum. */
static const char around[] = "format: guerdon-head/1\nname: around\nnodes:\n"
                             "  - {op: linear, in: [pooled], w: [a.weight], out: x, size: 3}\n"
                             "  - {op: part, in: [x], size: 2, every: 2, out: p}\n"
                             "  - {op: softmax, in: [p], groups: 2, out: ones}\n"
                             "  - {op: affine, in: [ones], shift: 0, out: still}\n"
                             "  - {op: affine, in: [p], scale: 0.25, shift: 8, out: z}\n"
                             "  - {op: act, in: [z], act: leaky_relu, out: u}\n"
                             "  - {op: mul, in: [u, still], out: y}\n"
                             "  - {op: mean, in: [y], out: m}\n"
                             "  - {op: sum, in: [y], out: s}\n"
                             "  - {op: affine, in: [m], scale: 2, out: n}\n"
                             "  - {op: add, in: [n, s], out: t}\n"
                             "  - {op: affine, in: [t], shift: 0 - 32, out: score}\n";

static void other_operations_hand_gradients_on(void **state)
{
    static const char once[] = "format: guerdon-head/1\nname: once\nnodes:\n"
                               "  - {op: linear, in: [pooled], w: [a.weight], out: score, size: 1}\n";
    float a[3 * 96], sum[96];
    gd_view view = view_of(a, 3 * 96);
    struct gradients want, got;

    (void)state;
    for (int i = 0; i < 3 * 96; i++)
        a[i] = (float)(i % 7 - 3) / 64.0f; /* so that z stays above 0 */
    for (int i = 0; i < 96; i++)
        sum[i] = (a[i] + a[2 * 96 + i]) / 2;
    view.shape[0] = 3;
    view.shape[1] = 96;
    gradients_with(&want, once, (gd_view[]){ view_of(sum, 96) }, 1);
    gradients_with(&got, around, &view, 1);
    expect_same(&got, &want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_float64),
        cmocka_unit_test(a_head_may_stay_as_it_is),
        cmocka_unit_test(a_value_read_twice_has_both_gradients),
        cmocka_unit_test(other_operations_hand_gradients_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
