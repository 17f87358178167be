/* test_learn.c - the gradients of a batch: TRL's of the first batch of two runs (tests/data/golden/train-ga1 and
 * train-ga4), those of Transformers in float64 of every golden model (make_gradients.py), and the same bits whatever
 * the instruction set, the number of threads, and the layers that are kept. */
#include "tests/check.h"

#include "backends/backend.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/trie.h"
#include "engine/learn.h"
#include "quant-free/adapter.h"
#include "quant-free/safetensors.h"

#include <math.h>

enum { PAIRS = 4, TEXTS = 2 * PAIRS, PAD = 1500, LONGEST = 512 };

/* The model, an adapter, and a batch: chosen 0, rejected 0, chosen 1 ... */
struct learning {
    gd_config *config;
    gd_plan *plan;
    gd_weights *weights;
    gd_adapter *adapter;
    gd_lora *lora;
    gd_learning learning;
    gd_engine_parts parts;
    gd_span texts[TEXTS];
    size_t pooled_first[TEXTS + 1];
    uint32_t pooled[TEXTS];
    gd_trie trie;
    double center;
    size_t longest; /* tokens of a text: the rest is cut off */
};

static void read_ids(struct learning *c, json_t *list, size_t text)
{
    const size_t all = json_array_size(list), count = all < c->longest ? all : c->longest;
    uint32_t *ids = gd_alloc(count, sizeof *ids);

    assert_non_null(ids);
    for (size_t i = 0; i < count; i++) {
        ids[i] = (uint32_t)json_integer_value(json_array_get(list, i));
        if (ids[i] != PAD)
            c->pooled[text] = (uint32_t)i;
    }
    c->texts[text] = (gd_span){ ids, count };
    c->pooled_first[text] = text;
    c->pooled_first[text + 1] = text + 1;
}

/* A line has the ids of a pair or of one text. */
static size_t read_line(struct learning *c, json_t *row, size_t text)
{
    json_t *ids = json_object_get(row, "ids");

    if (ids) {
        read_ids(c, ids, text);
        return 1;
    }
    read_ids(c, json_object_get(row, "chosen_ids"), text);
    read_ids(c, json_object_get(row, "rejected_ids"), text + 1);
    return 2;
}

static void read_batch(struct learning *c, const char *path)
{
    static char line[65536];
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    for (size_t text = 0; text < TEXTS;) {
        json_t *row;

        assert_non_null(fgets(line, sizeof line, f));
        assert_ok(gd_json_parse(&row, line, strlen(line), path, test_err));
        text += read_line(c, row, text);
        json_decref(row);
    }
    (void)fclose(f);
}

/* The texts are in `batch`; all paths are below tests/data/golden. */
static void case_open(struct learning *c, const char *model, const char *adapter, const char *batch, gd_dtype operand,
                      bool share, size_t longest)
{
    char path[TEST_PATH], name[128];
    size_t *order = NULL;

    memset(c, 0, sizeof *c);
    c->longest = longest;
    (void)snprintf(name, sizeof name, "golden/%s", model);
    assert_ok(gd_config_open(&c->config, test_data(path, sizeof path, name), test_err));
    assert_ok(gd_weights_open(&c->weights, path, test_err));
    assert_ok(gd_plan_make(&c->plan, c->config, NULL, operand, test_err));
    (void)snprintf(name, sizeof name, "golden/%s", adapter);
    assert_ok(gd_adapter_open(&c->adapter, test_data(path, sizeof path, name), "score.weight", test_err));
    c->lora = gd_alloc_zero(c->plan->step_count, sizeof *c->lora);
    assert_non_null(c->lora);
    for (size_t s = 0; s < c->plan->step_count; s++)
        if (c->plan->steps[s].lora)
            (void)gd_adapter_find(c->adapter, c->plan->steps[s].lora, &c->lora[s]);
    (void)snprintf(name, sizeof name, "golden/%s", batch);
    read_batch(c, test_data(path, sizeof path, name));
    if (share)
        assert_ok(gd_span_sort(&order, c->texts, TEXTS, test_err));
    assert_ok(gd_trie_build(&c->trie, c->texts, TEXTS, &(gd_pooled){ c->pooled_first, c->pooled }, order, test_err));
    gd_free(order);
    c->learning = (gd_learning){ c->lora, true };
    c->parts = (gd_engine_parts){ .plan = c->plan,
                                  .weights = c->weights,
                                  .head = gd_adapter_head(c->adapter),
                                  .learning = &c->learning,
                                  .threads = 1 };
    assert_ok(gd_backend_find(&c->parts.backend, "cpu", operand, test_err));
}

static void case_close(struct learning *c)
{
    for (size_t i = 0; i < TEXTS; i++)
        gd_free((void *)c->texts[i].ids);
    gd_trie_free(&c->trie);
    gd_free(c->lora);
    gd_adapter_close(c->adapter);
    gd_plan_free(c->plan);
    gd_weights_close(c->weights);
    gd_config_close(c->config);
}

/* The mean over pairs of -log sigmoid(chosen - rejected) + center * (chosen + rejected)^2. */
static gd_status pair_loss(void *context, const float *scores, float *gradients, gd_error *err)
{
    const struct learning *c = context;

    (void)err;
    for (size_t p = 0; p < PAIRS; p++) {
        const double chosen = scores[2 * p], rejected = scores[2 * p + 1];
        const double w = 1 / (1 + exp(chosen - rejected)), both = 2 * c->center * (chosen + rejected);

        gradients[2 * p] = (float)((both - w) / PAIRS);
        gradients[2 * p + 1] = (float)((both + w) / PAIRS);
    }
    return GD_OK;
}

/* All gradients one after the other: by step A', then B'; then the head's. */
struct gradients {
    size_t count;
    float *values;
};

static void gradients_of(struct gradients *out, struct learning *c, size_t keep)
{
    const gd_plan *plan = c->plan;
    gd_engine *engine;
    gd_learner *learner;
    size_t at = 0;

    assert_ok(gd_engine_open(&engine, &c->parts, test_err));
    assert_ok(gd_learner_open(&learner, engine, keep, test_err));
    assert_ok(gd_learner_run(learner, &c->trie, pair_loss, c, test_err));
    out->count = plan->labels * plan->hidden;
    for (size_t s = 0; s < plan->step_count; s++)
        out->count += c->lora[s].rank * (plan->steps[s].w[0].shape[0] + plan->steps[s].w[0].shape[1]);
    out->values = gd_alloc(out->count, sizeof *out->values);
    assert_non_null(out->values);
    for (size_t s = 0; s < plan->step_count; s++) {
        const size_t rank = c->lora[s].rank, a = rank * plan->steps[s].w[0].shape[1];

        if (!rank)
            continue;
        assert_ok(gd_learner_lora(learner, s, out->values + at, out->values + at + a, test_err));
        at += a + rank * plan->steps[s].w[0].shape[0];
    }
    assert_ok(gd_learner_head(learner, out->values + at, test_err));
    gd_learner_close(learner);
    gd_engine_close(engine);
}

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

static void check_run(const char *run, double center)
{
    char step0[64], batch[64], want[64];
    struct learning c;
    struct gradients g;

    (void)snprintf(step0, sizeof step0, "%s/step0", run);
    (void)snprintf(batch, sizeof batch, "%s/first_batch.jsonl", run);
    (void)snprintf(want, sizeof want, "%s/grad_first_batch.safetensors", run);
    for (int share = 0; share < 2; share++) {
        case_open(&c, "qwen2", step0, batch, GD_F32, share, LONGEST);
        c.center = center;
        gradients_of(&g, &c, 0);
        (void)check_reference(&c, &g, want, 1e-4);
        gd_free(g.values);
        case_close(&c);
    }
}

static void gradients_are_those_of_trl(void **state)
{
    (void)state;
    check_run("train-ga1", 0);
    check_run("train-ga4", 0.01);
}

/* ---- every architecture ---- */

static const char *const models[] = { "gemma2", "llama", "mistral", "qwen2", "qwen2-tied", "qwen3" };
enum { MODELS = sizeof models / sizeof models[0] };

static void open_model(struct learning *c, const char *model, gd_dtype operand, size_t longest)
{
    char adapter[64], batch[64];

    (void)snprintf(adapter, sizeof adapter, "%s-lora", model);
    (void)snprintf(batch, sizeof batch, "%s/expected.jsonl", model);
    case_open(c, model, adapter, batch, operand, true, longest);
    c->center = 0.01;
}

static void gradients_are_those_of_float64(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        char want[64];
        struct learning c;
        struct gradients g;

        (void)snprintf(want, sizeof want, "gradients/%s.safetensors", models[i]);
        print_message("%s\n", models[i]);
        open_model(&c, models[i], GD_F32, LONGEST);
        gradients_of(&g, &c, 0);
        (void)check_reference(&c, &g, want, 1e-4);
        gd_free(g.values);
        case_close(&c);
    }
}

/* A bf16 model under PyTorch's autocast, as TRL trains it, rounds the gradients of all values, and sums in bf16. */
static void bf16_is_closer_to_float64_than_autocast(void **state)
{
    char path[TEST_PATH];
    json_t *errors;

    (void)state;
    assert_ok(gd_json_load(&errors, test_data(path, sizeof path, "golden/gradients/bf16.json"), 4096, test_err));
    for (size_t i = 0; i < MODELS; i++) {
        const double theirs = json_number_value(json_object_get(errors, models[i]));
        char want[64];
        struct learning c;
        struct gradients g;
        double ours;

        (void)snprintf(want, sizeof want, "gradients/%s.safetensors", models[i]);
        open_model(&c, models[i], GD_BF16, LONGEST);
        gradients_of(&g, &c, 0);
        ours = check_reference(&c, &g, want, 0.05);
        print_message("%s: mean error %.4f, autocast's %.4f\n", models[i], ours, theirs);
        assert_true(ours < 0.6 * theirs);
        gd_free(g.values);
        case_close(&c);
    }
    json_decref(errors);
}

/* ---- the same bits ---- */

static void check_same(const struct gradients *want, struct learning *c, size_t keep, const char *what)
{
    struct gradients got;

    gradients_of(&got, c, keep);
    for (size_t i = 0; i < want->count; i++)
        if (memcmp(&want->values[i], &got.values[i], sizeof(float)) != 0)
            fail_msg("%s, %u threads, %zu layers kept: gradient %zu is %a, not %a", what, c->parts.threads, keep, i,
                     (double)got.values[i], (double)want->values[i]);
    gd_free(got.values);
}

/* Short texts, since the generic kernels are slow; but longer than a window, and of more than one tile. */
static void check_bits(const char *model, gd_dtype operand)
{
    struct learning c;
    struct gradients want;

    open_model(&c, model, operand, 80);
    c.parts.isa = "generic";
    gradients_of(&want, &c, 0);
    for (size_t i = 0; c.parts.backend->isa(i); i++)
        for (c.parts.threads = 1; c.parts.threads <= 3; c.parts.threads++) {
            c.parts.isa = c.parts.backend->isa(i);
            if (strcmp(c.parts.isa, "generic") != 0 || c.parts.threads == 3)
                check_same(&want, &c, c.parts.threads - 1, c.parts.isa);
        }
    gd_free(want.values);
    case_close(&c);
}

static void the_same_bits_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        check_bits(models[i], GD_BF16);
        check_bits(models[i], GD_F32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_trl),
        cmocka_unit_test(gradients_are_those_of_float64),
        cmocka_unit_test(bf16_is_closer_to_float64_than_autocast),
        cmocka_unit_test(the_same_bits_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
