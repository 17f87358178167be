/* test_run_bad.c - options, data and models with which gd_train() can't run: each is refused with a status and a
 * sentence, and nothing is written. tests/train/test_run_output has the outputs. */
#include "tests/train/runs.h"

#include <math.h>

/* ---- options ---- */

enum kind { NONE, TEXT, COUNT, NUMBER };

/* A member of the options, by its place in test_run. */
struct value {
    enum kind kind;
    size_t offset;
    const char *text;
    double number;
};

#define OPTION(member) offsetof(test_run, options.member)
#define MODEL(member) offsetof(test_run, model.member)
#define T(place, value)       \
    {                         \
        TEXT, place, value, 0 \
    }
#define C(place, value)           \
    {                             \
        COUNT, place, NULL, value \
    }
#define N(place, value)            \
    {                              \
        NUMBER, place, NULL, value \
    }

static const struct option_case {
    struct value set[3];
    const char *sentence;
} wrong_options[] = {
    { { N(OPTION(learning_rate), 0) }, "learning_rate is 0, but a number above 0 is expected" },
    { { N(OPTION(learning_rate), -1e-5) }, "learning_rate is -1e-05, but a number from 0 to 1e+09 is expected" },
    { { N(OPTION(learning_rate), NAN) }, "learning_rate is nan, but" },
    { { N(OPTION(learning_rate), INFINITY) }, "learning_rate is inf, but" },
    { { N(OPTION(weight_decay), -1) }, "weight_decay is -1, but" },
    { { N(OPTION(weight_decay), NAN) }, "weight_decay is nan, but" },
    { { N(OPTION(clip), -1) }, "clip is -1, but" },
    { { N(OPTION(clip), 1e10) }, "clip is 1e+10, but" },
    { { N(OPTION(center_rewards), -0.01) }, "center_rewards is -0.01, but" },
    { { N(OPTION(lora_alpha), 0) }, "lora_alpha is 0, but" },
    { { N(OPTION(lora_alpha), NAN) }, "lora_alpha is nan, but" },
    { { N(OPTION(epochs), 0), C(OPTION(max_steps), 0) }, "epochs is 0, but a number above 0 is expected" },
    { { N(OPTION(epochs), 1e9), C(OPTION(max_steps), 0) }, "the run would have 1.1e+10 steps, but at most 1e+09" },
    { { N(OPTION(epochs), NAN), C(OPTION(max_steps), 0) }, "epochs is nan, but" },
    { { N(OPTION(epochs), 2) }, "both max_steps and epochs are given, but only one of them is expected" },
    { { C(OPTION(max_steps), 2e9) }, "the run would have 2e+09 steps, but at most 1e+09" },
    { { N(OPTION(seed), -1) }, "seed is -1, but a whole number from 0 to 4294967295 is expected" },
    { { N(OPTION(seed), 4294967296) }, "seed is 4.29497e+09, but" },
    { { N(OPTION(seed), 1.5) }, "seed is 1.5, but" },
    { { N(OPTION(seed), NAN) }, "seed is nan, but" },
    { { N(OPTION(warmup_steps), -1) }, "warmup_steps is -1, but" },
    { { N(OPTION(warmup_steps), 2.5) }, "warmup_steps is 2.5, but" },
    { { C(OPTION(lora_r), 2e9) }, "lora_r is 2000000000, but at most 1e+09 is expected" },
    { { C(OPTION(batch_size), 2e9) }, "batch_size is 2000000000, but" },
    { { C(OPTION(grad_accum), 2e9) }, "grad_accum is 2000000000, but" },
    { { C(OPTION(save_every), 2e9) }, "save_every is 2000000000, but" },
    { { C(OPTION(keep), 2e9) }, "keep is 2000000000, but" },
    { { T(OPTION(schedule), "cosinus") }, "schedule is \"cosinus\", but cosine, linear or constant is expected" },
    { { T(OPTION(checkpoint_layers), "yes") }, "checkpoint_layers is \"yes\", but auto, on or off is expected" },
    { { T(OPTION(compat), "openrlhf") }, "compat is \"openrlhf\", but trl is expected" },
    { { T(OPTION(best), "accuracy") },
      "best is \"accuracy\", but the name of a metric is expected, such as eval_accuracy" },
    { { C(OPTION(patience), 3) }, "patience is 3, but no metric to watch is given (best)" },
    { { T(OPTION(best), "eval_loss"), C(OPTION(eval_count), 0) },
      "eval_every is given, but there are no data to evaluate on (eval)" },
    { { C(OPTION(eval_every), 0), C(OPTION(patience), 3), T(OPTION(best), "eval_loss") },
      "patience is 3, but the only evaluation is the last one (eval_every)" },
    { { T(OPTION(lora_targets), "q_proj,qproj") },
      "lora_targets: no linear module matches \"qproj\"; the model has q_proj, k_proj" },
    { { T(OPTION(lora_targets), "q_proj,,v_proj") }, "lora_targets: a name is empty; names separated by commas" },
    { { T(OPTION(lora_targets), "") }, "lora_targets: a name is empty" },
    { { T(OPTION(lora_targets), ".*(q_proj") },
      "the pattern \".*(q_proj\" in \"lora_targets\" is not a regular expression" },
    { { T(OPTION(lora_targets), "q_proj|v_proj") }, "lora_targets: no linear module matches \"q_proj|v_proj\"" },
    { { T(OPTION(init_adapter), "x") }, "lora_r is given with init_adapter, whose ranks, scales and modules are kept" },
    { { T(OPTION(train), NULL) }, "no training data were given" },
    { { T(OPTION(output), NULL) }, "no output was given" },
    { { T(MODEL(model), NULL) }, "no model was given" },
    { { T(MODEL(adapter), "x") },
      "an adapter is given, but training does not apply one; to begin with its values, use init_adapter" },
    { { C(MODEL(more_adapter_count), 1) }, "an adapter is given, but training does not apply one" },
    { { T(MODEL(normalize), "0,1") }, "normalize is given, but training has no use for it" },
    { { T(MODEL(activation), "sigmoid") }, "activation is given, but training has no use for it" },
    { { T(MODEL(precision), "fp16") }, "precision \"fp16\": bf16 or fp32 is expected" },
    { { T(MODEL(turns), "some") }, "turns is \"some\", but" },
};

static void set_value(test_run *run, const struct value *value)
{
    void *at = (char *)run + value->offset;

    if (value->kind == TEXT)
        *(const char **)at = value->text;
    else if (value->kind == COUNT)
        *(size_t *)at = (size_t)value->number;
    else if (value->kind == NUMBER)
        *(gd_number *)at = (gd_number){ 1, value->number };
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_options / sizeof wrong_options[0]; i++) {
        test_run run;

        run_open_short(&run);
        for (size_t j = 0; j < 3; j++)
            set_value(&run, &wrong_options[i].set[j]);
        run_refuse(&run, wrong_options[i].sentence, GD_EUSAGE, wrong_options[i].sentence);
        run_close(&run);
    }
}

static void texts_are_never_cut(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run.model.truncate = GD_TRUNCATE_LEFT;
    run_refuse(&run, "truncate", GD_EUSAGE, "truncate is given, but training cuts no text");
    run.model.truncate = (gd_truncate)77;
    run_refuse(&run, "truncate", GD_EUSAGE, "truncate is 77, but");
    run_close(&run);
}

static void evaluations_have_names_and_paths(void **state)
{
    test_run run;
    char named[2][2 * TEST_PATH];

    (void)state;
    run_open_short(&run);
    (void)snprintf(named[0], sizeof named[0], "hard=%s", run.eval);
    (void)snprintf(named[1], sizeof named[1], "train=%s", run.eval);
    run.options.eval_count = 2;
    run.evals[0] = run.evals[1] = run.eval;
    run_refuse(&run, "no names", GD_EUSAGE, "are both evaluated on; NAME=FILE gives each a name");
    run.evals[0] = run.evals[1] = named[0];
    run_refuse(&run, "one name", GD_EUSAGE, "are both called hard; NAME=FILE gives each its own name");
    run.evals[1] = "easy=";
    run_refuse(&run, "no path", GD_EUSAGE, "eval \"easy=\" has no path after the name");
    run.evals[1] = named[1];
    run_refuse(&run, "train", GD_EUSAGE, "\"train\" is the name of the training data");
    run.evals[1] = "easy=missing.jsonl";
    run_refuse(&run, "missing", GD_EIO, "missing.jsonl: No such file");
    run_close(&run);
}

/* ---- data ---- */

#define PAIR "{\"chosen\":\"Yes it is.\",\"rejected\":\"No.\"}\n"
#define RANKS(ranks) "{\"prompt\":\"Tea? \",\"responses\":[\"Yes\",\"No\"],\"ranks\":" ranks "}\n"
#define MARGIN(margin) "{\"chosen\":\"Yes it is.\",\"rejected\":\"No.\",\"margin\":" margin "}\n"

static const struct data_case {
    const char *text, *sentence;
} wrong_data[] = {
    { "", "has no records, but preferences are expected" },
    { "\n\n", "has no records, but preferences are expected" },
    { "{\"chosen\":\"a\"\n", "none of 1 records can be used: 1 are malformed: line 1: " },
    { "{\"chosen\":\"a\"}\n", "1 are malformed: line 1: " },
    { "{\"text\":\"a\"}\n", "line 1: one text; expected a \"chosen\" and a \"rejected\" one, or \"responses\" with" },
    { "{\"chosen\":\"a\",\"rejected\":7}\n", "1 are malformed: line 1: " },
    { "{\"chosen\":\"a\",\"rejected\":\"a\"}\n{\"chosen\":\"\",\"rejected\":\"b\"}\n",
      "none of 2 records can be used: 1 have only equal texts or ranks, 1 are malformed: line 2: a text has no "
      "tokens" },
    { RANKS("[1,1]"), "none of 1 records can be used: 1 have only equal texts or ranks" },
    { RANKS("[1]"), "line 1: \"ranks\" has 1 entries for 2 answers" },
    { RANKS("[1,2,3]"), "line 1: \"ranks\" has 3 entries for 2 answers" },
    { RANKS("[0,1]"), "line 1: ranks[0] is below 1; a whole number is expected, 1 for the best" },
    { RANKS("[1,\"2\"]"), "line 1: ranks[1] is a string; a whole number is expected" },
    { RANKS("[1,2.5]"), "line 1: ranks[1] is a real number; a whole number is expected" },
    { RANKS("\"1,2\""), "line 1: the field \"ranks\" is a string, but a list with a rank for each answer is expected" },
    { "{\"prompt\":\"Tea? \",\"responses\":[\"Yes\",\"No\"]}\n",
      "line 1: \"responses\" without \"ranks\", which say which answers are better" },
    { MARGIN("\"0.5\""), "line 1: the field \"margin\" is a string, but a number is expected" },
    { MARGIN("[0.5]"), "line 1: the field \"margin\" is a list, but a number is expected" },
    { MARGIN("NaN"), "line 1: the field \"margin\" is " },
    { "{\"prompt\":\"Tea? \",\"responses\":[\"Yes\",\"No\"],\"ranks\":[1,2],\"margin\":true}\n",
      "line 1: the field \"margin\" is true or false, but a number is expected" },
    { MARGIN("1e300"), "line 1: the field \"margin\" is too large, but a number is expected" },
};

static void data_without_preferences_are_refused(void **state)
{
    char path[2 * TEST_PATH];
    test_run run;

    (void)state;
    run_open_short(&run);
    (void)snprintf(path, sizeof path, "%s/data.jsonl", run.root);
    run.options.train = path;
    run.options.margin_field = "margin";
    for (size_t i = 0; i < sizeof wrong_data / sizeof wrong_data[0]; i++) {
        run_write(&run, "data.jsonl", wrong_data[i].text);
        run_refuse(&run, wrong_data[i].text, GD_EFORMAT, wrong_data[i].sentence);
    }
    run_close(&run);
}

/* The same in data to evaluate on. */
static void evaluations_without_preferences_are_refused(void **state)
{
    char path[2 * TEST_PATH];
    test_run run;

    (void)state;
    run_open_short(&run);
    (void)snprintf(path, sizeof path, "hard=%s/data.jsonl", run.root);
    run.evals[0] = path;
    run_write(&run, "data.jsonl", "");
    run_refuse(&run, "eval", GD_EFORMAT, "data.jsonl has no records, but preferences are expected");
    run_close(&run);
}

static void files_that_are_no_data_are_refused(void **state)
{
    char missing[2 * TEST_PATH];
    test_run run;

    (void)state;
    run_open_short(&run);
    (void)snprintf(missing, sizeof missing, "%s/none.jsonl", run.root);
    run.options.train = missing;
    run_refuse(&run, "missing", GD_EIO, "none.jsonl: No such file or directory");
    run.options.train = run.root;
    run_refuse(&run, "directory", GD_EIO, "this is a directory; expected a file");
    run.options.train = run.train;
    run.model.max_length = 3;
    run_refuse(&run, "too long", GD_EFORMAT, "none of 48 records can be used: 48 have a text of more than 3 tokens");
    run_close(&run);
}

/* Records that can't be used are left out, counted, and the first one is named. */
static void bad_records_are_counted_and_named(void **state)
{
    static const char mixed[] = PAIR "{\"chosen\":\"same\",\"rejected\":\"same\"}\n"
                                     "{\"broken\n" PAIR "[1]\n" RANKS("[2,2]") PAIR;
    char path[2 * TEST_PATH], *json;
    test_run run;
    json_t *log;
    const json_t *counts;

    (void)state;
    run_open_short(&run);
    run_write(&run, "data.jsonl", mixed);
    (void)snprintf(path, sizeof path, "%s/data.jsonl", run.root);
    run.options.train = path;
    assert_ok(run_train(&run, &json, test_err));
    gd_string_free(json);
    assert_contains(run.all_notes, "1 of 7 records left out: the texts are equal");
    assert_contains(run.all_notes, "1 of 7 records left out: the ranks are equal");
    assert_contains(run.all_notes, "2 of 7 records can't be used; the first: line 3: ");
    log = run_log(&run);
    counts = json_object_get(json_object_get(json_array_get(log, 0), "run"), "data");
    assert_int_equal(json_integer_value(json_object_get(counts, "kept")), 3);
    assert_int_equal(json_integer_value(json_object_get(counts, "failed")), 2);
    assert_int_equal(json_integer_value(json_object_get(counts, "equal")), 1);
    assert_int_equal(json_integer_value(json_object_get(counts, "indifferent")), 1);
    json_decref(log);
    run_close(&run);
}

/* ---- models ---- */

static const struct model_case {
    const char *file, *old, *new;
    const char *sentence;
} models[] = {
    { "config.json", "\"0\": \"LABEL_0\"", "\"0\": \"LABEL_0\", \"1\": \"LABEL_1\"",
      "model/config.json: the model has 2 labels, but a reward model with one score is expected" },
    { "model.safetensors", "\"shape\":[1,96]", "\"shape\":[2,48]", "score.weight" },
};

/* TRL reads this column without being told to. */
static void margins_that_are_not_read_are_noted(void **state)
{
    test_run run;
    char *json;

    (void)state;
    run_open_short(&run);
    run_write(
        &run, "margins.jsonl",
        "{\"chosen\":\"Yes.\",\"rejected\":\"No.\",\"margin\":1}\n{\"chosen\":\"Yes.\",\"rejected\":\"No.\",\"margin\":"
        "null}\n{\"chosen\":\"Sure.\",\"rejected\":\"No.\",\"margin\":0.5}\n{\"chosen\":\"Yes.\",\"rejected\":\"\"}\n"
        "{\"chosen\":\"Sure.\",\"rejected\":\"No.\",\"margin\":\"0.5\"}\n");
    run.options.train = run_below(&run, "margins.jsonl");
    run.options.eval_count = run.options.eval_every = 0;
    run.model.dry_run = 1;
    assert_ok(run_train(&run, &json, test_err));
    assert_contains(json,
                    "/margins.jsonl: 2 of the records have a number \\\"margin\\\", which only margin_field=margin ");
    gd_string_free(json);
    run.options.margin_field = "margin";
    assert_ok(run_train(&run, &json, test_err));
    assert_null(strstr(json, "have a number"));
    gd_string_free(json);
    run_close(&run);
}

static void models_that_cannot_learn_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        test_run run;

        run_open_short(&run);
        run_change_model(&run, models[i].file, models[i].old, models[i].new);
        run_refuse(&run, models[i].sentence, GD_EUNSUPPORTED, models[i].sentence);
        run_close(&run);
    }
}

/* A graph with an operation twice in a row. */
static void graphs_without_gradients_are_refused(void **state)
{
    static const char norm[] = "w: [input_layernorm.weight], out: a, eps: eps}\n";
    static const char twice[] = "w: [input_layernorm.weight], out: a0, eps: eps}\n"
                                "      - {op: rms_norm, in: [a0], w: [input_layernorm.weight], out: a, eps: eps}\n";
    const char *srcdir = getenv("srcdir");
    char from[TEST_PATH], graph[2 * TEST_PATH];
    test_run run;

    (void)state;
    run_open_short(&run);
    (void)snprintf(from, sizeof from, "%s/src/graph/qwen2.yaml", srcdir ? srcdir : ".");
    run_change(&run, from, "graph.yaml", norm, twice);
    (void)snprintf(graph, sizeof graph, "%s/graph.yaml", run.root);
    run.model.graph = graph;
    run_refuse(&run, "graph", GD_EUNSUPPORTED, "the graph qwen2 has a norm of a norm, which cannot be trained");
    run_close(&run);
}

static void vendors_backends_are_refused(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run.model.backend = "onednn";
    run_refuse(&run, "onednn", GD_EUNSUPPORTED, "backend onednn");
    run.model.backend = "openblas";
    run.model.precision = "fp32";
    run_refuse(&run, "openblas", GD_EUNSUPPORTED, "backend openblas");
    run.model.backend = "tpu";
    run_refuse(&run, "tpu", GD_EUSAGE, "tpu");
    run_close(&run);
}

static void too_little_memory_is_refused(void **state)
{
    static const char needs[] = "memory is 1 MiB, but training needs at least ";
    test_run run;
    gd_error err = { 0 };
    size_t enough;
    char *json;

    (void)state;
    run_open_short(&run);
    run.model.memory = 1 << 20;
    run_refuse(&run, "memory", GD_ENOMEM, needs);
    assert_int_equal(run_train(&run, &json, &err), GD_ENOMEM);
    assert_contains(err.text, "; fewer pairs in a step (batch_size, grad_accum), shorter texts (max_length) and a ");
    assert_null(strstr(err.text, "checkpoint_layers"));
    enough = strtoul(err.text + strlen(needs), NULL, 10);
    run.options.checkpoint_layers = "off";
    run_refuse(&run, "all layers", GD_ENOMEM, "; so do layers that are computed again (checkpoint_layers)");
    run.options.checkpoint_layers = NULL;
    if (!SANITIZED) { /* else the process grows by itself */
        run.model.memory = (enough - 4) << 20;
        run_refuse(&run, "a little more", GD_ENOMEM, ", but training needs at least ");
        run.model.memory = (enough + 2) << 20; /* the process isn't always as large */
        run_into(&run, "out");
    }
    run_close(&run);
}

static void adapters_to_begin_with_must_fit(void **state)
{
    char path[TEST_PATH];
    test_run run;

    (void)state;
    run_open_short(&run);
    run.options.lora_r = 0;
    run.options.init_adapter = "/nowhere";
    run_refuse(&run, "missing", GD_EIO, "/nowhere");
    run.options.init_adapter = test_data(path, sizeof path, "golden/gemma2-lora");
    run_refuse(&run, "another model's", GD_EFORMAT, "gemma2-lora");
    run.options.init_adapter = run.base;
    run_refuse(&run, "a model", GD_EFORMAT, "qwen2: this is a model, not an adapter: give it with --model");
    run_close(&run);
}

/* A model without a head gets one. */
static void a_model_without_a_head_is_fine(void **state)
{
    char path[TEST_PATH], *json;
    test_run run;
    gd_options options;
    gd_model *model;

    (void)state;
    run_open_short(&run);
    run.model.model = test_data(path, sizeof path, "golden/qwen2-causal");
    assert_ok(run_train(&run, &json, test_err));
    gd_string_free(json);
    options = run.model;
    options.adapter = run.output;
    assert_ok(gd_model_open(&model, &options, test_err));
    gd_model_close(model);
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(texts_are_never_cut),
        cmocka_unit_test(evaluations_have_names_and_paths),
        cmocka_unit_test(data_without_preferences_are_refused),
        cmocka_unit_test(evaluations_without_preferences_are_refused),
        cmocka_unit_test(files_that_are_no_data_are_refused),
        cmocka_unit_test(bad_records_are_counted_and_named),
        cmocka_unit_test(margins_that_are_not_read_are_noted),
        cmocka_unit_test(models_that_cannot_learn_are_refused),
        cmocka_unit_test(graphs_without_gradients_are_refused),
        cmocka_unit_test(vendors_backends_are_refused),
        cmocka_unit_test(too_little_memory_is_refused),
        cmocka_unit_test(adapters_to_begin_with_must_fit),
        cmocka_unit_test(a_model_without_a_head_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
