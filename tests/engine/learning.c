/* learning.c - a batch of a golden model and its gradients. */
#include "tests/engine/learning.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/realmath.h"
#include "quant-free/convert.h"

enum { PAD = 1500 };

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
    c->texts[text] = (gd_span){ .ids = ids, .len = count };
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

/* The adapter's matrices, by step of the plan. */
static void find_lora(struct learning *c)
{
    c->lora = gd_alloc_zero(c->plan->step_count, sizeof *c->lora);
    assert_non_null(c->lora);
    for (size_t s = 0; s < c->plan->step_count; s++)
        if (c->plan->steps[s].lora)
            (void)gd_adapter_find(c->adapter, c->plan->steps[s].lora, &c->lora[s]);
}

void learning_open_at(struct learning *c, const struct learning_paths *paths, gd_dtype operand, bool share,
                      size_t longest)
{
    size_t *order = NULL;

    memset(c, 0, sizeof *c);
    c->longest = longest;
    assert_ok(gd_config_open(&c->config, paths->model, test_err));
    assert_ok(gd_weights_open(&c->weights, paths->model, test_err));
    assert_ok(gd_plan_make(&c->plan, c->config, NULL, operand, test_err));
    assert_ok(gd_adapter_open(&c->adapter, paths->adapter, paths->head, test_err));
    find_lora(c);
    read_batch(c, paths->batch);
    if (share)
        assert_ok(gd_span_sort(&order, c->texts, TEXTS, test_err));
    assert_ok(gd_trie_build(&c->trie, c->texts, TEXTS, &(gd_pooled){ c->pooled_first, c->pooled }, order, test_err));
    gd_free(order);
    c->learning = (gd_learning){ .lora = c->lora, .head = true };
    c->parts = (gd_engine_parts){ .plan = c->plan,
                                  .weights = c->weights,
                                  .over.head = gd_adapter_head(c->adapter),
                                  .learning = &c->learning,
                                  .threads = 1 };
    assert_ok(gd_backend_find(&c->parts.backend, "cpu", operand, test_err));
}

void learning_open(struct learning *c, const char *model, const char *adapter, const char *batch, gd_dtype operand,
                   bool share, size_t longest)
{
    char path[3][TEST_PATH], name[128];
    const struct learning_paths paths = { path[0], path[1], path[2], "score.weight" };

    (void)snprintf(name, sizeof name, "golden/%s", model);
    test_data(path[0], TEST_PATH, name);
    (void)snprintf(name, sizeof name, "golden/%s", adapter);
    test_data(path[1], TEST_PATH, name);
    (void)snprintf(name, sizeof name, "golden/%s", batch);
    test_data(path[2], TEST_PATH, name);
    learning_open_at(c, &paths, operand, share, longest);
}

void learning_head(struct learning *c, const char *yaml)
{
    const gd_graph_builtin head = { .name = "the test's head", .text = yaml, .len = strlen(yaml) };
    const gd_dtype operand = c->plan->operand;

    gd_free(c->lora);
    gd_plan_free(c->plan);
    assert_ok(gd_plan_make_with_head(&c->plan, c->config, NULL, &head, operand, test_err));
    find_lora(c);
    c->learning.lora = c->lora;
    c->parts.plan = c->plan;
}

static void add_weight(struct learning *c, const char *name)
{
    const gd_view *from = gd_weights_find(c->weights, name);
    gd_view *view = &c->masters[c->learning.weight_count++];
    float *values;

    assert_non_null(from);
    *view = *from;
    view->name = name;
    view->dtype = GD_F32;
    view->mapped = false;
    view->bytes = from->bytes / gd_dtype_size(from->dtype) * sizeof *values;
    view->data = values = gd_alloc(view->bytes, 1);
    assert_non_null(values);
    gd_view_to_f32(from, values);
}

void learning_weights(struct learning *c)
{
    const size_t most = GD_OP_MAX_WEIGHTS * c->plan->step_count;
    const gd_plan_weight **all = gd_alloc(most, sizeof *all);
    size_t count;

    c->learning.weights = c->masters = gd_alloc(most, sizeof *c->masters);
    assert_true(all && c->masters);
    count = gd_plan_weights(c->plan, all);
    for (size_t i = 0; i < count; i++)
        if (!c->learning.head || strcmp(all[i]->name, c->plan->head) != 0)
            add_weight(c, all[i]->name);
    gd_free(all);
}

void learning_all(struct learning *c)
{
    memset(c->lora, 0, c->plan->step_count * sizeof *c->lora);
    c->parts.over.head = NULL;
    c->learning.head = false;
    learning_weights(c);
}

void learning_close(struct learning *c)
{
    for (size_t i = 0; i < c->learning.weight_count; i++)
        gd_free((void *)c->masters[i].data);
    gd_free(c->masters);
    for (size_t i = 0; i < TEXTS; i++)
        gd_free((void *)c->texts[i].ids);
    gd_trie_free(&c->trie);
    gd_free(c->lora);
    gd_adapter_close(c->adapter);
    gd_plan_free(c->plan);
    gd_weights_close(c->weights);
    gd_config_close(c->config);
}

gd_status learning_loss(void *context, const float *scores, float *gradients, gd_error *err)
{
    const struct learning *c = context;

    (void)err;
    for (size_t p = 0; p < PAIRS; p++) {
        const double chosen = scores[2 * p], rejected = scores[2 * p + 1];
        const double w = 1 / (1 + gd_real_exp(chosen - rejected)), both = 2 * c->center * (chosen + rejected);

        gradients[2 * p] = (float)((both - w) / PAIRS);
        gradients[2 * p + 1] = (float)((both + w) / PAIRS);
    }
    return GD_OK;
}

void learning_fetch(struct gradients *out, struct learning *c, gd_learner *learner)
{
    const gd_plan *plan = c->plan;
    size_t at = 0;

    out->count = c->learning.head ? plan->labels * plan->hidden : 0;
    for (size_t i = 0; i < c->learning.weight_count; i++)
        out->count += c->masters[i].bytes / sizeof(float);
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
    for (size_t i = 0; i < c->learning.weight_count; i++) {
        assert_ok(gd_learner_weight(learner, i, out->values + at, test_err));
        at += c->masters[i].bytes / sizeof(float);
    }
    if (c->learning.head)
        assert_ok(gd_learner_head(learner, out->values + at, test_err));
}

void learning_gradients(struct gradients *out, struct learning *c, size_t keep)
{
    gd_engine *engine;
    gd_learner *learner;

    assert_ok(gd_engine_open(&engine, &c->parts, test_err));
    assert_ok(gd_learner_open(&learner, engine, test_err));
    gd_learner_keep(learner, keep);
    assert_ok(gd_learner_run(learner, &c->trie, learning_loss, c, test_err));
    learning_fetch(out, c, learner);
    gd_learner_close(learner);
    gd_engine_close(engine);
}

const char *const learning_models[LEARNING_MODELS] = { "gemma",      "gemma2",  "gemma3", "llama",
                                                       "ministral3", "mistral", "qwen2",  "qwen2-tied",
                                                       "qwen3",      "smollm3", "olmo2",  "olmo3" };

void learning_open_model(struct learning *c, const char *model, gd_dtype operand, size_t longest)
{
    char adapter[64], batch[64];

    (void)snprintf(adapter, sizeof adapter, "%s-lora", model);
    (void)snprintf(batch, sizeof batch, "%s/expected.jsonl", model);
    learning_open(c, model, adapter, batch, operand, true, longest);
    c->center = 0.01;
}
