/* test_weights.c - the gradients of weights: against differences of the loss, alone and with others, after their values
 * have changed, and however the batch is cut and the memory is used. test_learn.c compares them with float64. */
#include "tests/engine/learning.h"

#include "base/mem.h"
#include "engine/inside.h"

#include <math.h>

enum { SHORT = 100 };

static void same_bits(const char *what, const float *got, const float *want, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s: gradient %zu is %a, not %a", what, i, (double)got[i], (double)want[i]);
}

static size_t elements(const gd_view *view) { return view->bytes / sizeof(float); }

/* ---- differences ---- */

/* Context of a run: the case, and its loss. */
struct measured {
    struct learning *c;
    double loss;
};

static gd_status measure(void *context, const float *scores, float *gradients, gd_error *err)
{
    struct measured *m = context;

    m->loss = 0;
    for (size_t p = 0; p < PAIRS; p++) {
        const double chosen = scores[2 * p], rejected = scores[2 * p + 1], sum = chosen + rejected;

        m->loss += (log1p(exp(rejected - chosen)) + m->c->center * sum * sum) / PAIRS;
    }
    return learning_loss(m->c, scores, gradients, err);
}

/* The loss where a weight is moved by `step` times its gradient. */
static double loss_at(struct learning *c, gd_learner *learner, size_t index, const float *gradient, double step)
{
    const size_t count = elements(&c->masters[index]);
    float *values = (float *)c->masters[index].data, *before = gd_alloc(count, sizeof *before);
    struct measured m = { c, 0 };

    assert_non_null(before);
    memcpy(before, values, count * sizeof *before);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(before[i] + step * (double)gradient[i]);
    gd_learner_renew(learner);
    assert_ok(gd_learner_run(learner, &c->trie, measure, &m, test_err));
    memcpy(values, before, count * sizeof *before);
    gd_free(before);
    return m.loss;
}

/* Along its gradient, the loss changes by the gradient's squared size. */
static void check_differences(const char *model)
{
    struct learning c;
    struct gradients g;
    gd_engine *engine;
    gd_learner *learner;
    size_t at = 0;

    learning_open_model(&c, model, GD_F32, SHORT);
    learning_all(&c);
    learning_gradients(&g, &c, 0);
    assert_ok(gd_engine_open(&engine, &c.parts, test_err));
    assert_ok(gd_learner_open(&learner, engine, test_err));
    for (size_t i = 0; i < c.learning.weight_count; i++) {
        const float *gradient = g.values + at;
        double size = 0, step, slope;

        for (size_t k = 0; k < elements(&c.masters[i]); k++)
            size += (double)gradient[k] * (double)gradient[k];
        assert_true(size > 0);
        step = 0.004 / size;
        slope = (loss_at(&c, learner, i, gradient, step) - loss_at(&c, learner, i, gradient, -step)) / (2 * step);
        if (!(fabs(slope / size - 1) < 0.02))
            fail_msg("%s, %s: the loss changes by %.4f of what the gradient says", model, c.masters[i].name,
                     slope / size);
        at += elements(&c.masters[i]);
    }
    gd_learner_close(learner);
    gd_engine_close(engine);
    gd_free(g.values);
    learning_close(&c);
}

static void gradients_are_slopes_of_the_loss(void **state)
{
    (void)state;
    check_differences("qwen2");
    check_differences("qwen3");
    check_differences("gemma2");
}

/* ---- some alone, all together ---- */

/* Takes the weights whose names contain a word, and their gradients from those of all. */
static size_t choose(struct learning *c, const char *word, const struct gradients *all, float *want)
{
    size_t from = 0, at = 0, chosen = 0;

    for (size_t i = 0; i < c->learning.weight_count; i++) {
        const gd_view view = c->masters[i];
        const size_t count = elements(&view);

        if (strstr(view.name, word)) {
            memcpy(want + at, all->values + from, count * sizeof *want);
            at += count;
            c->masters[i] = c->masters[chosen];
            c->masters[chosen++] = view;
        }
        from += count;
    }
    c->learning.weight_count = chosen;
    return at;
}

static void check_alone(const char *model, const char *word, gd_dtype operand)
{
    struct learning c;
    struct gradients all, got;
    float *want;
    size_t count, every;

    learning_open_model(&c, model, operand, SHORT);
    learning_all(&c);
    learning_gradients(&all, &c, 0);
    want = gd_alloc(all.count, sizeof *want);
    assert_non_null(want);
    every = c.learning.weight_count;
    count = choose(&c, word, &all, want);
    assert_true(count > 0 && c.learning.weight_count < every);
    for (size_t keep = 0; keep <= c.plan->layers; keep += c.plan->layers) {
        learning_gradients(&got, &c, keep);
        assert_int_equal(got.count, count);
        same_bits(word, got.values, want, count);
        gd_free(got.values);
    }
    c.learning.weight_count = every;
    gd_free(want);
    gd_free(all.values);
    learning_close(&c);
}

static void any_weights_learn_alone(void **state)
{
    static const char *const words[] = {
        "embed_tokens",  "norm.weight", "input_layernorm",          "bias",  "down_proj",
        "k_proj.weight", "layers.1.",   "layers.2.input_layernorm", "score", "model.norm.weight"
    };

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        check_alone("qwen2", words[i], GD_BF16);
        check_alone("qwen2", words[i], GD_F32);
    }
    check_alone("qwen3", "q_norm", GD_BF16);
    check_alone("qwen3", "k_norm", GD_F32);
    check_alone("gemma2", "post_feedforward", GD_BF16);
}

/* As with modules_to_save: an adapter's gradients don't depend on whether weights learn, too. */
static void an_adapter_learns_with_the_weights(void **state)
{
    struct learning c;
    struct gradients want, got;
    size_t lora, head;

    (void)state;
    learning_open_model(&c, "qwen2", GD_BF16, SHORT);
    learning_gradients(&want, &c, 0);
    learning_weights(&c);
    learning_gradients(&got, &c, 1);
    head = c.plan->labels * c.plan->hidden;
    lora = want.count - head;
    assert_true(got.count > want.count);
    same_bits("the adapter", got.values, want.values, lora);
    same_bits("the head", got.values + got.count - head, want.values + lora, head);
    gd_free(want.values);
    gd_free(got.values);
    learning_close(&c);
}

/* ---- values, tiles, memory ---- */

/* A step's new values go into everything that was made of the old ones. */
static void new_values_are_taken(void **state)
{
    struct learning c;
    struct gradients want, got;
    gd_engine *engine;
    gd_learner *learner;

    (void)state;
    learning_open_model(&c, "gemma2", GD_BF16, SHORT);
    learning_all(&c);
    assert_ok(gd_engine_open(&engine, &c.parts, test_err));
    assert_ok(gd_learner_open(&learner, engine, test_err));
    assert_ok(gd_learner_run(learner, &c.trie, learning_loss, &c, test_err));
    for (size_t i = 0; i < c.learning.weight_count; i++)
        for (size_t k = 0; k < elements(&c.masters[i]); k++)
            ((float *)c.masters[i].data)[k] *= 1.25f;
    gd_learner_renew(learner);
    assert_ok(gd_learner_run(learner, &c.trie, learning_loss, &c, test_err));
    learning_fetch(&got, &c, learner);
    gd_learner_close(learner);
    gd_engine_close(engine);
    learning_gradients(&want, &c, 0);
    same_bits("new values", got.values, want.values, want.count);
    gd_free(want.values);
    gd_free(got.values);
    learning_close(&c);
}

static void score(struct learning *c, float *scores)
{
    gd_engine *engine;

    assert_ok(gd_engine_open(&engine, &c->parts, test_err));
    assert_ok(gd_engine_run(engine, &c->trie, scores, test_err));
    gd_engine_close(engine);
}

/* What an evaluation computes is what the model computes whose weights these are: the checkpoint, at first. */
static void scores_are_those_of_the_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEARNING_MODELS * 2; i++) {
        float want[TEXTS], got[TEXTS];
        struct learning c;

        learning_open_model(&c, learning_models[i / 2], i % 2 ? GD_F32 : GD_BF16, SHORT);
        learning_all(&c);
        score(&c, got);
        c.parts.learning = NULL;
        score(&c, want);
        assert_memory_equal(got, want, sizeof want);
        learning_close(&c);
    }
}

static void check_tiles(struct learning *c, const struct gradients *want, size_t height)
{
    struct gradients got;
    gd_engine *engine;
    gd_learner *learner;

    assert_ok(gd_engine_open(&engine, &c->parts, test_err));
    assert_true(engine->heights.most > height && height % engine->heights.step == 0);
    engine->heights.most = height;
    assert_ok(gd_learner_open(&learner, engine, test_err));
    assert_ok(gd_learner_run(learner, &c->trie, learning_loss, c, test_err));
    learning_fetch(&got, c, learner);
    same_bits("tiles", got.values, want->values, want->count);
    gd_free(got.values);
    gd_learner_close(learner);
    gd_engine_close(engine);
}

static void tiles_change_no_bit(void **state)
{
    static const char *const models[] = { "qwen2", "qwen3" };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct learning c;
        struct gradients want;

        learning_open_model(&c, models[i / 2], i % 2 ? GD_F32 : GD_BF16, SHORT);
        learning_all(&c);
        learning_gradients(&want, &c, 0);
        check_tiles(&c, &want, 42);
        check_tiles(&c, &want, 126);
        gd_free(want.values);
        learning_close(&c);
    }
}

static void open_both(const struct learning *c, gd_engine **engine, gd_learner **learner)
{
    assert_ok(gd_engine_open(engine, &c->parts, test_err));
    assert_ok(gd_learner_open(learner, *engine, test_err));
}

static size_t least_of(const struct learning *c, gd_learner *learner)
{
    const gd_learner_need need = { .rows = c->trie.rows, .positions = LONGEST, .memory = (size_t)1 << 40 };
    gd_learner_budget budget;

    assert_ok(gd_learner_fit(learner, &need, &budget, test_err));
    return budget.least;
}

/* If the embedding learns, a step needs memory for the sums of its gradient, but for nothing else. */
static void sums_are_counted(void **state)
{
    struct learning c, less;
    gd_engine *engines[2];
    gd_learner *learners[2];
    size_t embedding, more;

    (void)state;
    if (SANITIZED)
        skip(); /* the process grows by itself */
    learning_open_model(&c, "qwen2", GD_BF16, SHORT);
    learning_open_model(&less, "qwen2", GD_BF16, SHORT);
    learning_all(&c);
    learning_all(&less);
    embedding = less.masters[0].bytes;
    assert_string_equal(less.masters[0].name, "model.embed_tokens.weight");
    gd_free((void *)less.masters[0].data);
    less.masters[0] = less.masters[--less.learning.weight_count];
    open_both(&c, &engines[0], &learners[0]);
    open_both(&less, &engines[1], &learners[1]);
    more = least_of(&c, learners[0]) - least_of(&less, learners[1]);
    assert_in_range(more, embedding * 7 / 8, embedding * 9 / 8);
    for (size_t i = 0; i < 2; i++) {
        gd_learner_close(learners[i]);
        gd_engine_close(engines[i]);
    }
    learning_close(&c);
    learning_close(&less);
}

/* Weights are made again from the values that learn whenever a stage is visited. */
static void streaming_changes_no_bit(void **state)
{
    struct learning c;
    struct gradients want, got;
    gd_learner_need need = { .positions = LONGEST };
    gd_learner_budget budget;
    gd_engine *engine;
    gd_learner *learner;

    (void)state;
    learning_open_model(&c, "qwen2", GD_BF16, SHORT);
    learning_all(&c);
    learning_gradients(&want, &c, 0);
    open_both(&c, &engine, &learner);
    need.rows = c.trie.rows;
    need.memory = least_of(&c, learner) + 65536;
    assert_ok(gd_learner_fit(learner, &need, &budget, test_err));
    assert_true(budget.resident < c.plan->stage_count);
    assert_ok(gd_learner_run(learner, &c.trie, learning_loss, &c, test_err));
    learning_fetch(&got, &c, learner);
    same_bits("the least memory", got.values, want.values, want.count);
    gd_learner_close(learner);
    gd_engine_close(engine);
    gd_free(want.values);
    gd_free(got.values);
    learning_close(&c);
}

static void a_weight_that_no_model_has_cannot_learn(void **state)
{
    struct learning c;
    gd_engine *engine;
    gd_error err = { 0 };

    (void)state;
    learning_open_model(&c, "qwen2", GD_F32, SHORT);
    learning_all(&c);
    c.masters[3].name = "model.layers.9.mlp.up_proj.weight";
    assert_int_equal(gd_engine_open(&engine, &c.parts, &err), GD_EFORMAT);
    assert_string_equal(err.text, "the graph qwen2 has no weight model.layers.9.mlp.up_proj.weight that could learn");
    learning_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_slopes_of_the_loss),
        cmocka_unit_test(any_weights_learn_alone),
        cmocka_unit_test(an_adapter_learns_with_the_weights),
        cmocka_unit_test(new_values_are_taken),
        cmocka_unit_test(scores_are_those_of_the_model),
        cmocka_unit_test(tiles_change_no_bit),
        cmocka_unit_test(sums_are_counted),
        cmocka_unit_test(streaming_changes_no_bit),
        cmocka_unit_test(a_weight_that_no_model_has_cannot_learn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
