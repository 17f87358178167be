/* test_full.c - runs of gd_train() in which every weight of the model learns: TRL's figures, the same bits however they
 * are computed and interrupted, a full disk, and the same scores in training and in serving. */
#include "tests/train/runs.h"

#include "backends/backend.h"
#include "base/json.h"
#include "base/mem.h"
#include "quant-free/convert.h"
#include "quant-free/safetensors.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

static float *values_of(const gd_st *st, const char *name, size_t *count)
{
    const gd_view *view = gd_st_find(st, name);
    float *values;

    assert_non_null(view);
    *count = gd_view_elements(view);
    values = gd_alloc(*count, sizeof *values);
    assert_non_null(values);
    gd_view_to_f32(view, values);
    return values;
}

static gd_st *open_file(const char *path)
{
    gd_st *st;

    assert_ok(gd_st_open(&st, path, test_err));
    return st;
}

static gd_st *open_model(const test_run *run, const char *output)
{
    char path[RUN_PATH + 32];

    (void)snprintf(path, sizeof path, "%s/model.safetensors", run_below(run, output));
    return open_file(path);
}

/* ---- against TRL ---- */

/* Of what training changed, at most 2e-3 is another change; TRL's matrices are rounded to F16. */
static void check_change(const gd_st *first, const gd_st *want, const gd_st *got, const char *name)
{
    const bool rounded = gd_st_find(want, name)->dtype == GD_F16;
    size_t count, same;
    float *f = values_of(first, name, &count), *w = values_of(want, name, &same), *g = values_of(got, name, &same);
    double error = 0, change = 0;

    assert_int_equal(gd_st_find(got, name)->dtype, GD_F32);
    assert_int_equal(count, same);
    for (size_t i = 0; i < count; i++) {
        const double half = rounded ? fabs((double)w[i]) * 0x1p-11 + 0x1p-25 : 0;
        const double off = fmax(fabs((double)g[i] - (double)w[i]) - half, 0);

        error += off * off;
        change += ((double)w[i] - (double)f[i]) * ((double)w[i] - (double)f[i]);
    }
    if (!(sqrt(error) <= 2e-3 * sqrt(change)))
        fail_msg("%s: its change is off by %.3g of TRL's", name, sqrt(error / change));
    gd_free(f);
    gd_free(w);
    gd_free(g);
}

static void a_run_is_that_of_trl(void **state)
{
    char path[TEST_PATH];
    test_run run;
    json_t *trl, *log;
    gd_st *first, *want, *got;

    (void)state;
    run_open_full(&run);
    run_into(&run, "out");
    assert_ok(gd_json_load(&trl, test_data(path, sizeof path, "golden/train-full/trl_log.json"), 1 << 20, test_err));
    assert_true(run_number(trl, "pad_tokens") > 0);
    log = run_log(&run);
    run_check_history(json_object_get(trl, "log_history"), log);
    first = open_file(test_data(path, sizeof path, "golden/qwen2/model.safetensors"));
    want = open_file(test_data(path, sizeof path, "golden/train-full/final.safetensors"));
    got = open_model(&run, "out");
    assert_int_equal(gd_st_count(got), gd_st_count(want));
    for (size_t i = 0; i < gd_st_count(want); i++)
        check_change(first, want, got, gd_st_at(want, i)->name);
    gd_st_close(first);
    gd_st_close(want);
    gd_st_close(got);
    json_decref(trl);
    json_decref(log);
    run_close(&run);
}

/* ---- the same bits ---- */

static void open_short(test_run *run)
{
    run_open_short(run);
    run->options.lora_r = 0;
    run->options.full = 1;
}

static void threads_memory_and_kernels_change_no_bit(void **state)
{
    const gd_backend *cpu;
    test_run run;
    json_t *plan;

    (void)state;
    open_short(&run);
    run.options.max_steps = 3;
    assert_ok(gd_backend_find(&cpu, "cpu", GD_BF16, test_err));
    run_into(&run, "out");
    run.model.threads = 3;
    run_into(&run, "threads");
    run_same(&run, "out", "threads");
    for (size_t i = SANITIZED; (run.model.isa = cpu->isa(i)) != NULL; i++) {
        run_into(&run, "isa");
        run_same(&run, "out", "isa");
        test_remove(run.output);
    }
    run.options.checkpoint_layers = "on";
    run_into(&run, "again");
    run_same(&run, "out", "again");
    run.options.checkpoint_layers = NULL;
    if (!SANITIZED) { /* there, the process grows by itself */
        plan = run_rehearse(&run);
        run.model.memory = (size_t)run_number(plan, "least_memory_bytes") - (8 << 20); /* more, as far as needed */
        json_decref(plan);
        plan = run_rehearse(&run);
        assert_true(json_is_true(json_object_get(plan, "streamed")));
        json_decref(plan);
        run_in_little(&run, "streamed");
        run_same(&run, "out", "streamed");
    }
    run_close(&run);
}

static void a_stopped_run_continues_with_the_same_bits(void **state)
{
    test_run run;

    (void)state;
    open_short(&run);
    run.options.best = "eval_loss";
    run_into(&run, "out");
    for (size_t step = 1; step < 6; step++)
        run_begin(&run, "stopped", step);
    run_into(&run, "stopped");
    assert_contains(run.all_notes, "continuing from");
    run_same(&run, "out", "stopped");
    run_same_file(&run, "out/best", "stopped/best", "model.safetensors");
    run_close(&run);
}

static void a_killed_run_continues_with_the_same_bits(void **state)
{
    const int count = SANITIZED ? 3 : 10;
    test_run run;
    unsigned seed = 1;

    (void)state;
    open_short(&run);
    run_into(&run, "out");
    run_output(&run, "killed");
    for (int done = 0; done < count; done++)
        run_killed(&run, &seed, 200000);
    run_into(&run, "killed");
    run_same(&run, "out", "killed");
    run_close(&run);
}

static int fill_disk(void *context, const gd_train_report *report)
{
    const struct rlimit little = { 2000000, RLIM_INFINITY }; /* the model fits, its moments don't */

    (void)context;
    if (!report->note && report->step == 3)
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    return 0;
}

static void a_disk_that_fills_loses_nothing(void **state)
{
    test_run run;
    gd_error err = { 0 };
    char *json;

    (void)state;
    open_short(&run);
    run_into(&run, "good");
    (void)signal(SIGXFSZ, SIG_IGN);
    run.options.report = fill_disk;
    run_output(&run, "out");
    assert_int_equal(run_train(&run, &json, &err), GD_EIO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY }), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    assert_contains(err.text, "/out/checkpoint-4.new/optimizer.safetensors");
    assert_contains(err.text, ": File too large");
    assert_true(test_has_dir(run_below(&run, "out/checkpoint-2")));
    run.options.report = NULL;
    run_into(&run, "out");
    run_same(&run, "good", "out");
    run_close(&run);
}

/* ---- the same reward in training and in serving ---- */

static void check_scores(const test_run *run, const char *result, const json_t *line)
{
    double margin, mean;

    run_score(run, result, &margin, &mean);
    assert_true(run_number(line, "eval_margin") == margin);
    assert_true(run_number(line, "eval_mean_reward") == mean);
}

/* The output is scored as it was trained, by itself: its checkpoints, too. */
static void what_is_trained_is_what_is_scored(void **state)
{
    static const char *const precisions[] = { "bf16", "fp32" };

    (void)state;
    for (size_t p = 0; p < 2; p++) {
        test_run run;
        json_t *log;

        open_short(&run);
        run.model.precision = precisions[p];
        run.model.add_eos = GD_ADD_EOS_AUTO;
        run.model.max_length = 400;
        run_into(&run, "out");
        run.model.add_eos = GD_ADD_EOS_NEVER;
        run.model.max_length = 0;
        log = run_log(&run);
        check_scores(&run, "out", json_array_get(log, 9));
        check_scores(&run, "out/checkpoint-4", json_array_get(log, 6));
        json_decref(log);
        run_close(&run);
    }
}

/* Every model that can be scored; one without a head gets one. */
static void every_model_learns(void **state)
{
    static const char *const models[] = { "qwen2-tied", "qwen2-causal", "llama", "mistral", "qwen3", "gemma2" };

    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        char name[64];
        test_run run;
        json_t *log;

        open_short(&run);
        (void)snprintf(name, sizeof name, "golden/%s", models[i]);
        run.model.model = test_data(run.base, sizeof run.base, name);
        run.options.max_steps = 2;
        run.options.eval_every = 0;
        run_into(&run, "out");
        log = run_log(&run);
        check_scores(&run, "out", json_array_get(log, 3));
        json_decref(log);
        run_close(&run);
    }
}

/* The result is a base like any other. */
static void an_adapter_can_be_trained_on_the_result(void **state)
{
    test_run run;
    json_t *log;

    (void)state;
    open_short(&run);
    run_into(&run, "full");
    run.options.full = 0;
    run.options.lora_r = 2;
    run.model.model = strcpy(run.base, run_below(&run, "full"));
    run_into(&run, "out");
    log = run_log(&run);
    check_scores(&run, "out", json_array_get(log, 9));
    json_decref(log);
    run_close(&run);
}

/* ---- the embedding of the pad token ---- */

enum { PAD = 1500, HIDDEN = 96 };

/* Whether the token's row is another one after a run of two steps, in which texts contain the token. */
static bool pad_learns(test_run *run, const char *output)
{
    static const char name[] = "model.embed_tokens.weight";
    gd_st *first, *last;
    float *before, *after;
    size_t count;
    bool learns;

    run_into(run, output);
    assert_ok(gd_st_open(&first, run_below(run, "model/model.safetensors"), test_err));
    last = open_model(run, output);
    before = values_of(first, name, &count);
    after = values_of(last, name, &count);
    learns = memcmp(before + PAD * HIDDEN, after + PAD * HIDDEN, HIDDEN * sizeof *after) != 0;
    gd_free(before);
    gd_free(after);
    gd_st_close(first);
    gd_st_close(last);
    return learns;
}

/* As PyTorch has it, and only then. */
static void the_pad_token_learns_unless_trl_says_so(void **state)
{
    test_run run;

    (void)state;
    open_short(&run);
    run_change_model(&run, "", "", "");
    run_write(&run, "pads.jsonl", "{\"chosen\": \"One<|endoftext|>two\", \"rejected\": \"One<|endoftext|>three\"}\n");
    (void)snprintf(run.train, sizeof run.train, "%s", run_below(&run, "pads.jsonl"));
    run.options.eval_count = run.options.eval_every = 0;
    run.options.max_steps = 2;
    assert_true(pad_learns(&run, "ours"));
    run.options.compat = "trl";
    assert_false(pad_learns(&run, "trl"));
    run_change(&run, run_below(&run, "model/config.json"), "model/config.json", "\"pad_token_id\"", "\"pad_token\"");
    assert_true(pad_learns(&run, "unnamed"));
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_that_of_trl),
        cmocka_unit_test(threads_memory_and_kernels_change_no_bit),
        cmocka_unit_test(a_stopped_run_continues_with_the_same_bits),
        cmocka_unit_test(a_killed_run_continues_with_the_same_bits),
        cmocka_unit_test(a_disk_that_fills_loses_nothing),
        cmocka_unit_test(what_is_trained_is_what_is_scored),
        cmocka_unit_test(every_model_learns),
        cmocka_unit_test(an_adapter_can_be_trained_on_the_result),
        cmocka_unit_test(the_pad_token_learns_unless_trl_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
