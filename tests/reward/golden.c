/* golden.c - the tiny models of tests/data/golden, with reference scores of their texts. */
#include "tests/reward/golden.h"

#include <jansson.h>
#include <math.h>

const char *const golden_models[GOLDEN_MODELS] = { "qwen2",  "qwen2-tied", "llama",   "mistral", "qwen3",
                                                   "gemma2", "gemma3",     "smollm3", "gemma",   "ministral3",
                                                   "olmo2",  "olmo3",      "phi3" };
const char *const golden_edges[GOLDEN_EDGES] = { "blocks", "denormals" };

static double number(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);

    assert_true(json_is_number(value));
    return json_number_value(value);
}

void golden_load(golden *g, const char *model)
{
    char path[512], name[64];
    char *line = NULL;
    size_t room = 0;
    json_t *all = json_array();
    FILE *f;

    (void)snprintf(name, sizeof name, "golden/%s/expected.jsonl", model);
    f = fopen(test_data(path, sizeof path, name), "r");
    assert_non_null(f);
    while (getline(&line, &room, f) > 0)
        assert_int_equal(json_array_append_new(all, json_loads(line, 0, NULL)), 0);
    free(line);
    fclose(f);
    *g = (golden){ .count = json_array_size(all), .json = all };
    assert_true(g->count > 30);
    g->texts = calloc(g->count, sizeof *g->texts);
    g->f64 = calloc(g->count, sizeof *g->f64);
    g->lora_f64 = calloc(g->count, sizeof *g->lora_f64);
    g->bf16 = calloc(g->count, sizeof *g->bf16);
    g->tokens = calloc(g->count, sizeof *g->tokens);
    for (size_t i = 0; i < g->count; i++) {
        const json_t *one = json_array_get(all, i);
        const json_t *text = json_object_get(one, "text");

        g->texts[i] = (gd_text){ json_string_value(text), json_string_length(text) };
        g->f64[i] = number(one, "score_f64");
        g->lora_f64[i] = number(one, "score_lora_f64");
        g->bf16[i] = json_object_get(one, "score_bf16") ? number(one, "score_bf16") : NAN;
        g->tokens[i] = json_array_size(json_object_get(one, "ids"));
    }
}

void golden_free(golden *g)
{
    json_decref(g->json);
    free(g->texts);
    free(g->f64);
    free(g->lora_f64);
    free(g->bf16);
    free(g->tokens);
}

gd_options golden_options(const char *model, int lora)
{
    static char model_path[512], adapter_path[512];
    char name[64];
    gd_options options;

    gd_options_init(&options);
    (void)snprintf(name, sizeof name, "golden/%s", model);
    options.model = test_data(model_path, sizeof model_path, name);
    (void)snprintf(name, sizeof name, "golden/%s-lora", model);
    options.adapter = lora ? test_data(adapter_path, sizeof adapter_path, name) : NULL;
    options.max_length = 512;
    options.truncate = GD_TRUNCATE_RIGHT;
    options.threads = 2;
    return options;
}

gd_items golden_items(const gd_item *list, size_t count, gd_item_result *results)
{
    gd_items all;

    gd_items_init(&all);
    all.count = count;
    all.items = list;
    all.results = results;
    return all;
}

float *golden_scores(const gd_options *options, const golden *g)
{
    gd_model *model;
    size_t *tokens = calloc(g->count, sizeof *tokens);
    float *scores = calloc(g->count, sizeof *scores);

    assert_ok(gd_model_open(&model, options, test_err));
    assert_ok(gd_score(model, g->count, g->texts, scores, tokens, test_err));
    for (size_t i = 0; i < g->count; i++)
        assert_int_equal(tokens[i], g->tokens[i]);
    gd_model_close(model);
    free(tokens);
    return scores;
}
