/* test_names.c - golden models whose tensors have other names, and whose fields are in text_config, as where a language
 * model is a part of one that reads images as well: they have the same bits. */
#include "tests/reward/edits.h"

#include "base/file.h"
#include "quant-free/safetensors.h"

enum { TEXTS = 2 };
static const char *const texts[TEXTS] = { "Is tea hot?", "Tea is hot, and coffee is hotter than tea." };
#define PEFT "base_model.model."
#define VISION "vision_tower.encoder.layers.0.self_attn.q_proj"

/* Names that begin with `lead` and "model." have `form` in the place of the latter. */
static void rename_all(const char *dir, const char *file, const char *lead, const char *form)
{
    char from[64], old[128];
    variant_tensors t;

    (void)snprintf(from, sizeof from, "%smodel.", lead);
    variant_read(&t, dir, file);
    for (size_t i = 0; i < t.count; i++) {
        (void)snprintf(old, sizeof old, "%s", t.list[i].name);
        if (strncmp(old, from, strlen(from)) == 0)
            assert_true(snprintf(t.list[i].name, sizeof t.list[i].name, "%s%s%s", lead, form, old + strlen(from)) <
                        (int)sizeof t.list[i].name);
    }
    variant_write(&t, 0, t.count, dir, file);
    variant_free(&t);
}

static void add_matrix(const char *dir, const char *file, const char *name, size_t rows, size_t cols)
{
    variant_tensors t;

    variant_read(&t, dir, file);
    (void)variant_add(&t, name, "F32", rows, cols, 1);
    variant_write(&t, 0, t.count, dir, file);
    variant_free(&t);
}

/* The fields of config.json become those of the text model in a whole. */
static void nest(const char *dir, const char *class, const char *type)
{
    static const char *const outside[] = { "architectures", "id2label", "label2id", "transformers_version" };
    json_t *text = json_load_file(in_dir(dir, "config.json"), 0, NULL), *whole;
    char *written;

    assert_non_null(text);
    whole = json_pack("{s:[s], s:s, s:O, s:{s:i}}", "architectures", class, "model_type", type, "id2label",
                      json_object_get(text, "id2label"), "vision_config", "hidden_size", 16);
    assert_non_null(whole);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        (void)json_object_del(text, outside[i]);
    assert_int_equal(json_object_set_new(whole, "text_config", text), 0);
    written = json_dumps(whole, 0);
    remove_file(dir, "config.json");
    write_text(dir, "config.json", written);
    free(written);
    json_decref(whole);
}

static void make_pair(const char *dir, const char *model)
{
    char adapter[64];

    (void)snprintf(adapter, sizeof adapter, "%s-lora", model);
    (void)snprintf(m, sizeof m, "%s", make_dir(dir, "m"));
    (void)snprintf(a, sizeof a, "%s", make_dir(dir, "a"));
    variant_link(m, model);
    variant_link(a, adapter);
}

/* Of the golden model, with and without its adapter. */
static void score_golden(const char *dir, const char *model, float want[2][TEXTS])
{
    make_pair(dir, model);
    variant_score(m, NULL, "bf16", texts, TEXTS, want[0]);
    variant_score(m, a, "bf16", texts, TEXTS, want[1]);
    remove_both();
}

static void compare(float want[2][TEXTS])
{
    float have[TEXTS];

    variant_score(m, NULL, "bf16", texts, TEXTS, have);
    assert_memory_equal(have, want[0], sizeof have);
    variant_score(m, a, "bf16", texts, TEXTS, have);
    assert_memory_equal(have, want[1], sizeof have);
}

static void each_form_is_found(void **state)
{
    static const char *const forms[] = { "model.language_model.", "language_model.model.", "model.text_model.",
                                         "language_model.",       "text_model.",           "" };
    enum { FORMS = sizeof forms / sizeof forms[0] };
    float want[2][TEXTS];

    score_golden(*state, "llama", want);
    for (size_t i = 0; i < FORMS; i++) {
        make_pair(*state, "llama");
        rename_all(m, "model.safetensors", "", forms[i]);
        rename_all(a, "adapter_model.safetensors", PEFT, forms[(i + 1) % FORMS]);
        compare(want);
        remove_both();
    }
}

/* As Transformers 5 saves it, and PEFT its adapter, which has LoRA on modules that read images, too. */
static void make_nested(const char *dir, const char *model, const char *class, const char *type)
{
    make_pair(dir, model);
    nest(m, class, type);
    rename_all(m, "model.safetensors", "", "language_model.model.");
    add_matrix(m, "model.safetensors", VISION ".weight", 3, 5);
    rename_all(a, "adapter_model.safetensors", PEFT, "model.language_model.");
}

static void the_text_model_of_a_whole(void **state)
{
    static const struct {
        const char *model, *class, *type;
    } cases[] = {
        { "gemma3", "Gemma3ForSequenceClassification", "gemma3" },
        { "gemma3", "Gemma3ForConditionalGeneration", "gemma3" },
        { "mistral", "Mistral3ForConditionalGeneration", "mistral3" },
        { "ministral3", "Mistral3ForConditionalGeneration", "mistral3" },
    };
    float want[2][TEXTS];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        score_golden(*state, cases[i].model, want);
        make_nested(*state, cases[i].model, cases[i].class, cases[i].type);
        add_matrix(a, "adapter_model.safetensors", PEFT "model." VISION ".lora_A.weight", 8, 5);
        add_matrix(a, "adapter_model.safetensors", PEFT "model." VISION ".lora_B.weight", 3, 8);
        compare(want);
        remove_both();
    }
}

static void score_badly(const char *want)
{
    gd_error err = { GD_OK, "" };
    gd_options options;
    gd_model *model;

    gd_options_init(&options);
    options.model = m;
    options.adapter = a;
    assert_int_equal(gd_model_open(&model, &options, &err), GD_EFORMAT);
    assert_contains(err.text, want);
    remove_both();
}

static void drop_module(const char *dir, const char *module)
{
    static const char *const parts[] = { "lora_A", "lora_B" };
    char name[160];
    variant_tensors t;

    variant_read(&t, dir, "adapter_model.safetensors");
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof name, "%s.%s.weight", module, parts[i]);
        variant_drop(&t, name);
    }
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

/* A pattern that is meant for names as PEFT sees them. */
static void targets_by_the_adapters_names(void **state)
{
    float want[2][TEXTS];

    score_golden(*state, "gemma3", want);
    make_nested(*state, "gemma3", "Gemma3ForSequenceClassification", "gemma3");
    edit_adapter(a, "{\"target_modules\":\"model\\\\.language_model\\\\..*_proj\"}");
    compare(want);
    drop_module(a, PEFT "model.language_model.layers.2.mlp.up_proj");
    score_badly("module \"model.layers.2.mlp.up_proj\" has no LoRA, but");
}

static void a_graph_adds_names(void **state)
{
    char path[1024], *text, *made;
    size_t len;
    const char *rest;
    float want[2][TEXTS], have[TEXTS];
    gd_options options;
    gd_model *model;

    score_golden(*state, "llama", want);
    make_pair(*state, "llama");
    rename_all(m, "model.safetensors", "", "transformer.");
    (void)snprintf(path, sizeof path, "%s/src/graph/llama.yaml", getenv("srcdir"));
    assert_ok(gd_file_read(&text, &len, path, 1 << 20, test_err));
    rest = strstr(text, "sizes:");
    assert_non_null(rest);
    made = malloc(len + 128);
    assert_non_null(made);
    (void)sprintf(made, "%.*snames: {model.: [decoder., transformer.]}\n%s", (int)(rest - text), text, rest);
    write_text(*state, "graph.yaml", made);
    free(made);
    gd_string_free(text);
    gd_options_init(&options);
    (void)snprintf(path, sizeof path, "%s/graph.yaml", (const char *)*state);
    options.model = m;
    options.graph = path;
    assert_ok(gd_model_open(&model, &options, test_err));
    for (size_t i = 0; i < TEXTS; i++) {
        const gd_text one = { texts[i], strlen(texts[i]) };

        assert_ok(gd_score(model, 1, &one, &have[i], NULL, test_err));
    }
    gd_model_close(model);
    assert_memory_equal(have, want[0], sizeof have);
    remove_file(*state, "graph.yaml");
    remove_both();
}

/* ---- what is written ---- */

static void merge(const char *dir, const char *out)
{
    char path[1024];
    gd_options options;

    gd_options_init(&options);
    options.model = m;
    options.adapter = a;
    options.threads = 1;
    (void)snprintf(path, sizeof path, "%s/%s", dir, out);
    assert_ok(gd_merge(&options, path, NULL, test_err));
}

static void merging_keeps_names(void **state)
{
    variant_tensors plain, own;
    json_t *config;

    make_pair(*state, "gemma3");
    merge(*state, "plain");
    remove_both();
    make_nested(*state, "gemma3", "Gemma3ForConditionalGeneration", "gemma3");
    merge(*state, "own");
    remove_both();
    variant_read(&plain, in_dir(*state, "plain"), "model.safetensors");
    variant_read(&own, in_dir(*state, "own"), "model.safetensors");
    assert_int_equal(own.count, plain.count + 1);
    (void)variant_find(&own, VISION ".weight");
    for (size_t i = 0; i < plain.count; i++) {
        const char *name = plain.list[i].name;
        char other[160];
        size_t at;

        (void)snprintf(other, sizeof other, "%s%s", strncmp(name, "model.", 6) ? "" : "language_model.", name);
        at = variant_find(&own, other);
        assert_int_equal(own.list[at].bytes, plain.list[i].bytes);
        assert_memory_equal(own.list[at].data, plain.list[i].data, plain.list[i].bytes);
    }
    variant_free(&plain);
    variant_free(&own);
    config = json_load_file(in_dir(in_dir(*state, "own"), "config.json"), 0, NULL);
    assert_string_equal(json_string_value(json_array_get(json_object_get(config, "architectures"), 0)),
                        "Gemma3ForSequenceClassification");
    json_decref(config);
}

static gd_status train(const char *dir, size_t full, gd_error *err)
{
    char out[600], pairs[600];
    gd_train_options how;
    gd_options options;
    char *json = NULL;
    gd_status rc;

    (void)snprintf(out, sizeof out, "%s/out", dir);
    write_text(dir, "pairs.jsonl", "{\"chosen\":\"a b\",\"rejected\":\"c d\"}\n");
    (void)snprintf(pairs, sizeof pairs, "%s", in_dir(dir, "pairs.jsonl"));
    gd_options_init(&options);
    gd_train_options_init(&how);
    how.train = pairs;
    how.output = out;
    how.full = full;
    options.model = m;
    rc = gd_train(&options, &how, &json, err);
    gd_string_free(json);
    remove_file(dir, "pairs.jsonl");
    return rc;
}

/* PEFT takes an adapter's names from the class in memory, which has others than its file. */
static void training_names_modules_for_peft(void **state)
{
    gd_error err = { GD_OK, "" };
    json_t *config;
    gd_st *st;

    make_nested(*state, "gemma3", "Gemma3ForSequenceClassification", "gemma3");
    assert_int_equal(train(*state, 1, &err), GD_EUNSUPPORTED);
    assert_contains(err.text,
                    "full is given, but the model reads images as well, and what it does that with would be lost");
    assert_ok(train(*state, 0, test_err));
    assert_ok(gd_st_open(&st, in_dir(in_dir(*state, "out"), "adapter_model.safetensors"), test_err));
    for (size_t i = 0; i < gd_st_count(st); i++) {
        const char *name = gd_st_at(st, i)->name;

        if (strncmp(name, PEFT "model.language_model.layers.", 42) != 0)
            assert_string_equal(name, PEFT "score.weight");
    }
    gd_st_close(st);
    config = json_load_file(in_dir(in_dir(*state, "out"), "adapter_config.json"), 0, NULL);
    assert_memory_equal(json_string_value(json_object_get(config, "target_modules")),
                        "model\\.language_model\\..*\\.(?:", 30);
    json_decref(config);
    remove_both();
}

/* ---- what is refused ---- */

static void both_and_none_are_refused(void **state)
{
    gd_error err = { GD_OK, "" };
    gd_options options;
    char out[600];

    make_pair(*state, "llama");
    add_matrix(m, "model.safetensors", "language_model.model.norm.weight", 96, 1);
    score_badly(
        "model.safetensors: there are both \"model.embed_tokens.weight\" and \"language_model.model.norm.weight\"");
    make_pair(*state, "llama");
    add_matrix(a, "adapter_model.safetensors", PEFT "language_model.layers.1.mlp.up_proj.lora_A.weight", 8, 96);
    add_matrix(a, "adapter_model.safetensors", PEFT "language_model.layers.1.mlp.up_proj.lora_B.weight", 208, 8);
    score_badly("adapter_model.safetensors: there are both \"model.layers.0.self_attn.q_proj\" and "
                "\"language_model.layers.1.mlp.up_proj\"");
    make_pair(*state, "llama");
    rename_all(m, "model.safetensors", "", "backbone.");
    score_badly(
        "model.safetensors: no tensor of the model llama is there under a name that is known: neither "
        "model.embed_tokens.weight nor, for example, model.language_model.embed_tokens.weight; the first of the 30 "
        "that are there is backbone.embed_tokens.weight");
    make_nested(*state, "gemma3", "Gemma3ForSequenceClassification", "gemma3");
    add_matrix(a, "adapter_model.safetensors", PEFT "model." VISION ".lora_A.weight", 8, 5);
    gd_options_init(&options);
    options.model = m;
    options.adapter = a;
    (void)snprintf(out, sizeof out, "%s/refused", (const char *)*state);
    assert_int_equal(gd_merge(&options, out, NULL, &err), GD_EUNSUPPORTED);
    assert_contains(err.text, "adapter_model.safetensors: LoRA on 1 modules that read images would be lost in merging");
    remove_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_found),
        cmocka_unit_test(the_text_model_of_a_whole),
        cmocka_unit_test(targets_by_the_adapters_names),
        cmocka_unit_test(a_graph_adds_names),
        cmocka_unit_test(merging_keeps_names),
        cmocka_unit_test(training_names_modules_for_peft),
        cmocka_unit_test(both_and_none_are_refused),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
