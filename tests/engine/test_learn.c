/* test_learn.c - the gradients of a batch: TRL's of the first batch of two runs (tests/data/golden/train-ga1 and
 * train-ga4), and those of Transformers in float64 of every golden model (make_gradients.py). */
#include "tests/engine/learning.h"

#include "base/json.h"
#include "base/mem.h"
#include "quant-free/safetensors.h"

#include <math.h>

enum { FOLDED = 8, MOST_ROWS = 1536 };

/* The error of a tensor, relative to the reference's Frobenius norm. */
static double tensor_error(const gd_st *st, const char *name, const float *got, size_t count)
{
    const gd_view *want = gd_st_find(st, name);
    double error = 0, size = 0;

    if (!want)
        fail_msg("%s is missing", name);
    assert_int_equal(want->bytes, count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        float w;

        memcpy(&w, (const char *)want->data + i * sizeof w, sizeof w);
        error += ((double)got[i] - (double)w) * ((double)got[i] - (double)w);
        size += (double)w * (double)w;
    }
    return size > 0 ? sqrt(error / size) : sqrt(error); /* A has no gradient while B is zero */
}

/* Each tensor is within `most` of the reference's. Returns the mean error. */
static double check_reference(const struct learning *c, const struct gradients *g, const char *file, double most)
{
    char path[TEST_PATH], name[192];
    double sum = 0;
    size_t at = 0, tensors = 0;
    gd_st *st;

    (void)snprintf(name, sizeof name, "golden/%s", file);
    assert_ok(gd_st_open(&st, test_data(path, sizeof path, name), test_err));
    for (size_t s = 0; s <= c->plan->step_count; s++) {
        const bool head = s == c->plan->step_count;
        const gd_plan_step *step = &c->plan->steps[head ? s - 1 : s];

        for (unsigned i = 0; i < (head ? 1 : c->lora[s].rank ? 2 : 0); i++) {
            const size_t count = head ? c->plan->hidden : c->lora[s].rank * step->w[0].shape[!i];
            double error;

            if (head)
                (void)snprintf(name, sizeof name, "base_model.model.score.weight");
            else
                (void)snprintf(name, sizeof name, "base_model.model.%s.lora_%c.weight", step->lora, "AB"[i]);
            error = tensor_error(st, name, g->values + at, count);
            if (!(error <= most))
                fail_msg("%s: off by %.3g of its size, more than %.3g", name, error, most);
            sum += error;
            at += count;
            tensors++;
        }
    }
    gd_st_close(st);
    return sum / (double)tensors;
}

/* A gradient folded to 8 columns: make_gradients.py. */
static void fold(float *to, const float *g, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++) {
        double sum[FOLDED] = { 0 };

        for (size_t c = 0; c < cols; c++) {
            uint32_t x = (uint32_t)(c + 1) * 0x9E3779B1u;

            x = (x ^ x >> 15) * 0x85EBCA6Bu;
            x ^= x >> 13;
            for (unsigned k = 0; k < FOLDED; k++)
                sum[k] += (x >> k & 1 ? -1.0 : 1.0) * (double)g[r * cols + c];
        }
        for (unsigned k = 0; k < FOLDED; k++)
            to[r * FOLDED + k] = (float)sum[k];
    }
}

/* The same for all weights. */
static double check_weights(const struct learning *c, const struct gradients *g, const char *file, double most)
{
    char path[TEST_PATH], name[192];
    double sum = 0;
    size_t at = 0;
    float *folded = gd_alloc(FOLDED * MOST_ROWS, sizeof *folded);
    gd_st *st;

    assert_non_null(folded);
    (void)snprintf(name, sizeof name, "golden/%s", file);
    assert_ok(gd_st_open(&st, test_data(path, sizeof path, name), test_err));
    for (size_t i = 0; i < c->learning.weight_count; i++) {
        const gd_view *w = &c->masters[i];
        const bool matrix = w->rank == 2 && w->shape[0] > 1;
        double error;

        assert_true(w->shape[0] <= MOST_ROWS);
        if (matrix)
            fold(folded, g->values + at, w->shape[0], w->shape[1]);
        error = tensor_error(st, w->name, matrix ? folded : g->values + at,
                             matrix ? FOLDED * w->shape[0] : w->bytes / sizeof(float));
        if (!(error <= most))
            fail_msg("%s: off by %.3g of its size, more than %.3g", w->name, error, most);
        sum += error;
        at += w->bytes / sizeof(float);
    }
    assert_int_equal(at, g->count);
    gd_st_close(st);
    gd_free(folded);
    return sum / (double)c->learning.weight_count;
}

static void check_run(const char *run, double center)
{
    char step0[64], batch[64], want[64];
    struct learning c;
    struct gradients g;

    (void)snprintf(step0, sizeof step0, "%s/step0", run);
    (void)snprintf(batch, sizeof batch, "%s/first_batch.jsonl", run);
    (void)snprintf(want, sizeof want, "%s/grad_first_batch.safetensors", run);
    for (int share = 0; share < 2; share++) {
        learning_open(&c, "qwen2", step0, batch, GD_F32, share, LONGEST);
        c.center = center;
        learning_gradients(&g, &c, 0);
        (void)check_reference(&c, &g, want, 1e-4);
        gd_free(g.values);
        learning_close(&c);
    }
}

static void gradients_are_those_of_trl(void **state)
{
    (void)state;
    check_run("train-ga1", 0);
    check_run("train-ga4", 0.01);
}

/* The mean error of a model's gradients: of the adapter and its head, or of all weights. */
static double error_of(const char *model, gd_dtype operand, bool all, double most)
{
    char want[64];
    struct learning c;
    struct gradients g;
    double error;

    (void)snprintf(want, sizeof want, "gradients/%s%s.safetensors", model, all ? "-all" : "");
    learning_open_model(&c, model, operand, LONGEST);
    if (all)
        learning_all(&c);
    learning_gradients(&g, &c, 0);
    error = (all ? check_weights : check_reference)(&c, &g, want, most);
    gd_free(g.values);
    learning_close(&c);
    return error;
}

static void gradients_are_those_of_float64(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEARNING_MODELS; i++)
        for (int all = 0; all < 2; all++) {
            const double error = error_of(learning_models[i], GD_F32, all, 1e-4);

            print_message("%s, %s: mean error %.2g\n", learning_models[i], all ? "all weights" : "adapter", error);
        }
}

/* A bf16 model under PyTorch's autocast, as TRL trains it, rounds the gradients of all values, and sums in bf16. */
static void check_bf16(bool all)
{
    char path[TEST_PATH];
    json_t *errors;

    test_data(path, sizeof path, all ? "golden/gradients/bf16-all.json" : "golden/gradients/bf16.json");
    assert_ok(gd_json_load(&errors, path, 4096, test_err));
    for (size_t i = 0; i < LEARNING_MODELS; i++) {
        const double theirs = json_number_value(json_object_get(errors, learning_models[i]));
        const double ours = error_of(learning_models[i], GD_BF16, all, 0.05);
        /* OLMo 2 rounds its residual stream for products, and has no norm before them. */
        const double share = all || !strcmp(learning_models[i], "olmo2") ? 0.65 : 0.6;

        print_message("%s: mean error %.4f, autocast's %.4f\n", learning_models[i], ours, theirs);
        assert_true(ours < share * theirs);
    }
    json_decref(errors);
}

static void bf16_is_closer_to_float64_than_autocast(void **state)
{
    (void)state;
    check_bf16(false);
    check_bf16(true);
}

/* ---- some modules alone ---- */

/* Whether a module learns in one of the choices. */
static bool is_chosen(const char *module, const char *const *choice)
{
    bool chosen = false;

    for (size_t i = 0; module && choice[i]; i++)
        chosen |= strstr(module, choice[i]) != NULL;
    return chosen;
}

/* Gradients of the chosen modules, and the head's, one after the other. */
static size_t take_chosen(float *to, const struct gradients *g, const struct learning *c, const gd_lora *all,
                          const char *const *choice)
{
    size_t from = 0, at = 0;

    for (size_t s = 0; s <= c->plan->step_count; s++) {
        const bool head = s == c->plan->step_count;
        const gd_plan_step *step = &c->plan->steps[head ? s - 1 : s];
        const size_t count = head ? c->plan->hidden : all[s].rank * (step->w[0].shape[0] + step->w[0].shape[1]);

        if (head || is_chosen(step->lora, choice)) {
            memcpy(to + at, g->values + from, count * sizeof *to);
            at += count;
        }
        from += count;
    }
    return at;
}

/* The other modules have no adapter, or one of zeros, which learns, too: the chosen ones' gradients are the same. */
static void check_choice(const char *const *choice, gd_dtype operand)
{
    static const float zeros[8 * 512];
    struct learning c;
    struct gradients g;
    gd_view a[64], b[64];
    float *want, *got;
    size_t count;

    learning_open_model(&c, "qwen2", operand, 100);
    assert_true(c.plan->step_count <= 64);
    want = gd_alloc(1 << 18, sizeof *want);
    got = gd_alloc(1 << 18, sizeof *got);
    assert_true(want && got);
    for (size_t s = 0; s < c.plan->step_count; s++)
        if (c.lora[s].rank && !is_chosen(c.plan->steps[s].lora, choice)) {
            a[s] = *c.lora[s].a;
            b[s] = *c.lora[s].b;
            a[s].data = b[s].data = zeros;
            assert_true(a[s].bytes <= sizeof zeros && b[s].bytes <= sizeof zeros);
            c.lora[s].a = &a[s];
            c.lora[s].b = &b[s];
        }
    learning_gradients(&g, &c, 1);
    count = take_chosen(want, &g, &c, c.lora, choice);
    gd_free(g.values);
    for (size_t s = 0; s < c.plan->step_count; s++)
        if (!is_chosen(c.plan->steps[s].lora, choice))
            c.lora[s] = (gd_lora){ 0 };
    for (size_t keep = 0; keep <= c.plan->layers; keep += c.plan->layers) {
        learning_gradients(&g, &c, keep);
        assert_int_equal(g.count, count);
        assert_int_equal(take_chosen(got, &g, &c, c.lora, choice), count);
        assert_memory_equal(got, want, count * sizeof *want);
        gd_free(g.values);
    }
    gd_free(want);
    gd_free(got);
    learning_close(&c);
}

static void any_modules_learn_alone(void **state)
{
    static const char *const choices[][3] = {
        { "q_proj", "v_proj" }, { "k_proj" },    { "up_proj" },
        { "down_proj" },        { "layers.0." }, { "layers.1." },
        { "layers.2." },        { "none" },      { "layers.1.mlp", "layers.2.self_attn.k_proj" }
    };

    (void)state;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        check_choice(choices[i], GD_BF16);
        check_choice(choices[i], GD_F32);
    }
}

/* ---- memory ---- */

static gd_status fit(const struct learning *c, gd_learner *learner, size_t memory, gd_learner_budget *budget,
                     gd_error *err)
{
    const gd_learner_need need = { .rows = c->trie.rows,
                                   .positions = LONGEST,
                                   .memory = memory,
                                   .keep_most = c->plan->layers };

    return gd_learner_fit(learner, &need, budget, err);
}

/* As a user wants it: no layer is kept, or every one, which must fit. */
static void check_wishes(const struct learning *c, gd_learner *learner, size_t least)
{
    gd_learner_need need = { .rows = c->trie.rows, .positions = LONGEST, .memory = (size_t)1 << 40 };
    gd_learner_budget budget;
    gd_error err = { 0 };

    assert_ok(gd_learner_fit(learner, &need, &budget, test_err));
    assert_int_equal(budget.keep, 0);
    need.keep_least = need.keep_most = c->plan->layers;
    need.memory = least + 4096;
    assert_int_equal(gd_learner_fit(learner, &need, &budget, &err), GD_ENOMEM);
    assert_non_null(strstr(err.text, "checkpoint_layers"));
    need.memory = (size_t)1 << 40;
    assert_ok(gd_learner_fit(learner, &need, &budget, test_err));
    assert_int_equal(budget.keep, c->plan->layers);
    assert_true(budget.least > least);
}

/* Runs in the least memory and so many more bytes. Returns the number of layers that were kept. */
static size_t run_in(struct learning *c, size_t more, struct gradients *got)
{
    const size_t plenty = (size_t)1 << 40;
    gd_learner_budget all, budget;
    gd_engine *engine;
    gd_learner *learner;
    gd_error err = { 0 };

    assert_ok(gd_engine_open(&engine, &c->parts, test_err));
    assert_ok(gd_learner_open(&learner, engine, test_err));
    assert_ok(fit(c, learner, plenty, &all, test_err));
    assert_int_equal(all.keep, c->plan->layers);
    assert_int_equal(all.resident, c->plan->stage_count);
    assert_int_equal(fit(c, learner, all.least / 2, &budget, &err), GD_ENOMEM);
    assert_non_null(strstr(err.text, "needs at least"));
    check_wishes(c, learner, all.least);
    assert_ok(fit(c, learner, all.least + more, &budget, test_err));
    assert_true(budget.bytes <= all.least + more);
    assert_ok(gd_learner_run(learner, &c->trie, learning_loss, c, test_err));
    learning_fetch(got, c, learner);
    gd_learner_close(learner);
    gd_engine_close(engine);
    return budget.keep;
}

/* From the least memory to all that it can use: first it keeps layers, then weights. */
static void memory_changes_no_bit(void **state)
{
    struct learning c;
    struct gradients want, got;
    size_t kept = 0;

    (void)state;
    learning_open_model(&c, "qwen2", GD_BF16, LONGEST);
    learning_gradients(&want, &c, 0);
    for (size_t mib = 1; mib <= 21; mib += 4) {
        const size_t now = run_in(&c, mib << 20, &got);

        assert_true(now >= kept);
        assert_memory_equal(got.values, want.values, want.count * sizeof(float));
        gd_free(got.values);
        kept = now;
    }
    assert_int_equal(kept, c.plan->layers);
    gd_free(want.values);
    learning_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_trl),
        cmocka_unit_test(gradients_are_those_of_float64),
        cmocka_unit_test(bf16_is_closer_to_float64_than_autocast),
        cmocka_unit_test(any_modules_learn_alone),
        cmocka_unit_test(memory_changes_no_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
