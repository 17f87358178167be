/* test_run_start.c - a run of gd_train() that begins with an adapter, on a model that was merged from one, or with a
 * checkpoint that is named: what it says of these. */
#include "tests/train/runs.h"

#include "base/json.h"

/* ---- with an adapter ---- */

#define OURS " is this run's; ask for the same, unless the change is meant"

/* The first run ends its texts with the eos token; the second begins with its values. */
static void open_second(test_run *run)
{
    run_open_short(run);
    run->options.eval_count = run->options.eval_every = 0;
    run->options.max_steps = 1;
    run->model.add_eos = GD_ADD_EOS_AUTO;
    run_into(run, "first");
    run->options.lora_r = 0;
    run->options.init_adapter = run_below(run, "first");
    run_output(run, "second");
}

/* The notes of the second run when a file of the first one's is changed. */
static void check_note(test_run *run, const char *file, const char *old, const char *new, const char *note)
{
    char name[64], path[RUN_PATH];
    json_t *result;
    char *json;

    (void)snprintf(name, sizeof name, "first/%s", file);
    (void)snprintf(path, sizeof path, "%s", run_below(run, name));
    run->options.init_adapter = run_below(run, "first");
    run_change(run, path, name, old, new);
    run->model.dry_run = 1;
    assert_ok(run_train(run, &json, test_err));
    run->model.dry_run = 0;
    if (note)
        assert_contains(json, note);
    else if (strstr(json, "to begin with") || strstr(json, "was trained on"))
        fail_msg("%s: a note: %s", new, json);
    assert_ok(gd_json_parse(&result, json, strlen(json), "result", test_err));
    json_decref(result);
    gd_string_free(json);
    run_change(run, path, name, new, old);
}

static void other_settings_than_the_adapters_are_noted(void **state)
{
    static const char settings[] = "guerdon-adapter.json", config[] = "adapter_config.json";
    char base[TEST_PATH + 2];
    test_run run;

    (void)state;
    open_second(&run);
    check_note(&run, settings, "", "", NULL);
    check_note(&run, settings, "\"max_length\": 512", "\"max_length\": 99", "trained with max_length 99, but 512" OURS);
    check_note(&run, settings, "\"turns\": \"auto\"", "\"turns\": \"on\"", "trained with turns on, but off" OURS);
    check_note(&run, settings, "\"turns\": \"auto\"", "\"turns\": \"off\"", NULL);
    check_note(&run, settings, "\"chat_format\": null", "\"chat_format\": \"hh\"",
               "trained with chat_format hh, but auto" OURS);
    check_note(&run, settings, "\"normalize\": null", "\"normalize\": \"1,2\"", NULL); /* of other scores */
    (void)snprintf(base, sizeof base, "\"%s\"", run.base);
    check_note(&run, config, base, "\"google/gemma-3-4b\"", "was trained on \\\"google/gemma-3-4b\\\"");
    run.model.add_eos = GD_ADD_EOS_NEVER;
    check_note(&run, settings, "", "",
               "/first/guerdon-adapter.json: the adapter to begin with was trained with add_eos auto, but never" OURS);
    check_note(&run, settings, "\"add_eos\": \"auto\"", "\"add_eos\": \"never\"", NULL);
    run_into(&run, "second");
    assert_contains(run.all_notes, "trained with add_eos auto, but never" OURS);
    run_close(&run);
}

static void settings_that_cannot_be_read_are_refused(void **state)
{
    test_run run;

    (void)state;
    open_second(&run);
    run_write(&run, "first/guerdon-adapter.json", "{\"format\":\"guerdon-adapter/2\"}");
    run_refuse(&run, "format", GD_EFORMAT, "/first/guerdon-adapter.json: its format is \"guerdon-adapter/2\"");
    assert_int_equal(unlink(run_below(&run, "first/guerdon-adapter.json")), 0);
    run.model.add_eos = GD_ADD_EOS_NEVER;
    run_into(&run, "second"); /* nothing is known */
    assert_null(strstr(run.all_notes, "to begin with"));
    run_close(&run);
}

/* ---- on a merged model ---- */

/* Fails unless a run has that limit on the length of texts, and says so. */
static void check_length(test_run *run, size_t given, size_t wanted, const char *note)
{
    json_t *log;

    run->model.max_length = given;
    run_into(run, "out");
    log = run_log(run);
    assert_true(run_number(json_object_get(json_object_get(json_array_get(log, 0), "run"), "settings"), "max_length") ==
                (double)wanted);
    json_decref(log);
    if (note)
        assert_contains(run->all_notes, note);
    else
        assert_null(strstr(run->all_notes, "max_length "));
    assert_int_equal(test_remove(run->output), 0);
}

/* 512 is only what happens where nobody says anything. */
static void the_length_of_texts_is_that_of_the_models_training(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_change_model(&run, "config.json", "\"max_position_embeddings\": 1024", "\"max_position_embeddings\": 700");
    run_write(&run, "pairs.jsonl", "{\"chosen\":\"Yes.\",\"rejected\":\"No.\"}\n");
    run.options.train = run_below(&run, "pairs.jsonl");
    run.options.eval_count = run.options.eval_every = 0;
    run.options.max_steps = 1;
    check_length(&run, 0, 512, NULL);
    check_length(&run, 700, 700, NULL);
    run_write(&run, "model/guerdon-adapter.json",
              "{\"format\":\"guerdon-adapter/1\",\"scoring\":{\"max_length\":600}}");
    check_length(&run, 0, 600, "the model was trained with max_length 600 (guerdon-adapter.json), used here too");
    check_length(&run, 512, 512, "the model was trained with max_length 600, but 512 was asked for");
    run_write(&run, "model/guerdon-adapter.json", "{\"format\":\"guerdon-adapter/1\",\"scoring\":{}}");
    check_length(&run, 0, 512, NULL);
    run_change(&run, run_below(&run, "model/config.json"), "model/config.json", "embeddings\": 700",
               "embeddings\": 90");
    check_length(&run, 0, 90, NULL);
    run_close(&run);
}

/* ---- with a checkpoint ---- */

/* By its name in the output, or by its step alone. */
static void a_checkpoint_of_the_output_has_short_names(void **state)
{
    static const char *const names[] = { "checkpoint-2", "2" };
    test_run run;

    (void)state;
    run_open_short(&run);
    run_into(&run, "good");
    run_begin(&run, "out", 4);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        run.options.resume = names[i];
        run_into(&run, "out");
        assert_contains(run.all_notes, "/out/checkpoint-2: 2 of 6 steps are done");
        run_same(&run, "good", "out");
    }
    run.options.resume = "true";
    run_refuse(&run, "true", GD_EUSAGE, "resume is \"true\", but auto, never or a checkpoint is expected, such as ");
    run_close(&run);
}

/* Its folder is no adapter yet, nor is the folder of a model one. */
static void an_unfinished_run_is_no_adapter(void **state)
{
    gd_error err = { 0 };
    gd_model *model;
    test_run run;

    (void)state;
    run_open_short(&run);
    run_begin(&run, "out", 3);
    run.model.adapter = run.output;
    assert_int_equal(gd_model_open(&model, &run.model, &err), GD_EFORMAT);
    assert_contains(err.text,
                    "/out: there is no adapter_config.json: the run that writes it isn't finished; its newest ");
    assert_contains(err.text, "/out/checkpoint-3");
    run.model.adapter = NULL;
    run.options.lora_r = 0;
    run.options.init_adapter = run_below(&run, "out");
    run_output(&run, "next");
    run_refuse(&run, "unfinished", GD_EFORMAT, "its newest checkpoint is ");
    run.options.init_adapter = run.base;
    run_refuse(&run, "a model", GD_EFORMAT, ": this is a model, not an adapter: give it with --model");
    run_close(&run);
}

/* ---- dry runs ---- */

static void check_notes(test_run *run, const char *wanted)
{
    json_t *result = run_rehearse(run);
    char *notes = json_dumps(json_object_get(result, "notes"), 0);

    assert_contains(notes, wanted);
    free(notes);
    json_decref(result);
}

static void a_rehearsal_refuses_what_the_run_would(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_begin(&run, "out", 3);
    check_notes(&run, "the run would continue from ");
    check_notes(&run, "/out/checkpoint-3: 3 of 6 steps are done");
    run.options.resume = "2";
    check_notes(&run, "/out/checkpoint-2: 2 of 6 steps are done");
    run.options.resume = NULL;
    run_write(&run, "out/checkpoint-3/manifest.json", "{}");
    check_notes(&run, "/out/checkpoint-3 would be passed over: ");
    check_notes(&run, "/out/checkpoint-2: 2 of 6 steps are done");
    assert_int_equal(unlink(run_below(&run, "out/times.jsonl")), 0);
    check_notes(&run, "/out/checkpoint-2 would be passed over: ");
    check_notes(&run, "/times.jsonl: it has 0 bytes, but at least ");
    check_notes(&run, "/out: the run has no checkpoint from which it could be continued; it begins anew");
    run.model.dry_run = 1;
    run.options.seed = (gd_number){ 1, 7 };
    run_refuse(&run, "another", GD_EUSAGE, ": settings.seed is 42 there, but 7 here");
    assert_int_equal(test_remove(run_below(&run, "out/checkpoint-2")), 0);
    assert_int_equal(test_remove(run_below(&run, "out/checkpoint-3")), 0);
    run_refuse(&run, "its log", GD_EUSAGE, ": settings.seed is 42 there, but 7 here");
    run.options.resume = "never";
    run_refuse(&run, "never", GD_EUSAGE, ", but an empty or a new directory is expected");
    run.options.resume = NULL;
    run_write(&run, "file", "text");
    run_output(&run, "file");
    run_refuse(&run, "a file", GD_EIO, "/file: Not a directory");
    run_output(&run, "missing/out");
    run_refuse(&run, "no parent", GD_EIO, "/missing in which it would be does not exist: make it first");
    assert_int_equal(mkdir(run_below(&run, "foreign"), 0700), 0);
    run_write(&run, "foreign/notes.txt", "mine");
    run_output(&run, "foreign");
    run_refuse(&run, "foreign", GD_EUSAGE, "/foreign: the directory contains \"notes.txt\"");
    run_output(&run, "new");
    run.options.best = "accuracy";
    run_refuse(&run, "best", GD_EUSAGE, "best is \"accuracy\", but the name of a metric is expected");
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_settings_than_the_adapters_are_noted),
        cmocka_unit_test(settings_that_cannot_be_read_are_refused),
        cmocka_unit_test(the_length_of_texts_is_that_of_the_models_training),
        cmocka_unit_test(a_checkpoint_of_the_output_has_short_names),
        cmocka_unit_test(an_unfinished_run_is_no_adapter),
        cmocka_unit_test(a_rehearsal_refuses_what_the_run_would),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
