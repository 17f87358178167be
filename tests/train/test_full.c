/* test_full.c - runs of gd_train() in which every weight of the model learns: TRL's figures, the same bits however they
 * are computed and interrupted, a full disk, the same scores in training and in serving, and what is refused. */
#include "tests/train/runs.h"

#include "backends/backend.h"
#include "base/json.h"
#include "base/mem.h"
#include "quant-free/convert.h"
#include "quant-free/safetensors.h"
#include "quant-free/st_write.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

static void same_model(const test_run *run, const char *a, const char *b)
{
    size_t len_a, len_b;
    char *file_a = run_file(run, a, "model.safetensors", &len_a),
         *file_b = run_file(run, b, "model.safetensors", &len_b);

    assert_int_equal(len_a, len_b);
    assert_memory_equal(file_a, file_b, len_a);
    gd_free(file_a);
    gd_free(file_b);
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
    same_model(&run, "out/best", "stopped/best");
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

/* ---- memory ---- */

enum { TOKENS = 50000 };

/* root/model gets an embedding with so many rows; a dry run doesn't read its values. */
static void widen_model(const test_run *run)
{
    gd_st *st = open_file(run_below(run, "model/model.safetensors"));
    const size_t count = gd_st_count(st);
    gd_view *views = gd_alloc(count, sizeof *views);
    const gd_view **order = gd_alloc(count, sizeof *order);
    gd_newdir *dir;

    assert_true(views && order);
    for (size_t i = 0; i < count; i++) {
        views[i] = *gd_st_at(st, i);
        if (views[i].rank == 2 && views[i].shape[0] == 1536) {
            views[i].bytes = views[i].bytes / 1536 * TOKENS;
            views[i].shape[0] = TOKENS;
        }
        order[i] = &views[i];
    }
    gd_st_sort(order, count);
    assert_ok(gd_newdir_join(&dir, run_below(run, "model"), test_err));
    assert_ok(gd_st_write_begin(dir, "model.safetensors", order, count, test_err));
    for (size_t i = 0; i < count; i++) {
        void *zeros = gd_alloc_zero(order[i]->bytes, 1);

        assert_non_null(zeros);
        assert_ok(gd_newdir_write(dir, zeros, order[i]->bytes, test_err));
        gd_free(zeros);
    }
    assert_ok(gd_newdir_end(dir, test_err));
    assert_ok(gd_newdir_keep(dir, test_err));
    gd_newdir_close(dir);
    gd_free(order);
    gd_free(views);
    gd_st_close(st);
}

static double least_memory(test_run *run)
{
    json_t *plan = run_rehearse(run);
    const double least = run_number(plan, "least_memory_bytes");

    json_decref(plan);
    return least;
}

/* Value, gradient, two moments and the running sum of the gradient: 20 bytes for each weight. */
static void every_array_is_in_the_plan(void **state)
{
    test_run run;
    double few, more;

    (void)state;
    open_short(&run);
    few = least_memory(&run);
    run_change_model(&run, "config.json", "\"vocab_size\": 1536", "\"vocab_size\": 50000");
    widen_model(&run);
    more = least_memory(&run);
    assert_true(more - few >= 20.0 * 96 * (TOKENS - 1536));
    assert_true(more - few <= 28.0 * 96 * (TOKENS - 1536));
    run_close(&run);
}

/* ---- what is refused ---- */

static void what_an_adapter_needs_is_refused(void **state)
{
    test_run run;

    (void)state;
    open_short(&run);
    run.options.lora_r = 8;
    run_refuse(&run, "a rank", GD_EUSAGE, "lora_r is given with full, by which every weight learns");
    run.options.lora_r = 0;
    run.options.lora_alpha = (gd_number){ 1, 8 };
    run_refuse(&run, "alpha", GD_EUSAGE, "lora_alpha is given with full");
    run.options.lora_alpha.given = 0;
    run.options.lora_targets = "q_proj";
    run_refuse(&run, "targets", GD_EUSAGE, "lora_targets is given with full");
    run.options.lora_targets = NULL;
    run.options.init_adapter = run.init;
    run_refuse(&run, "an adapter", GD_EUSAGE, "init_adapter is given with full");
    run.options.init_adapter = NULL;
    run.model.memory = 30 << 20;
    run_refuse(&run, "memory", GD_ENOMEM, "memory is 30 MiB, but ");
    run_close(&run);
}

static void a_model_that_lacks_a_weight_is_refused(void **state)
{
    test_run run;

    (void)state;
    open_short(&run);
    run_change_model(&run, "model.safetensors", "model.layers.1.mlp.up_proj.weight",
                     "model.layers.1.mlp.up_porj.weight");
    run_refuse(&run, "a weight", GD_EFORMAT, "model.layers.1.mlp.up_proj.weight");
    run_close(&run);
}

/* Once the run has opened the model and begins to read the data, the weights change. */
static void change_and_feed(const test_run *run, const char *pipe_path, const char *text)
{
    const int data = open(pipe_path, O_WRONLY), weights = open(run_below(run, "model/model.safetensors"), O_WRONLY);
    const size_t len = strlen(text);

    if (data < 0 || weights < 0 || pwrite(weights, "\x3f", 1, 200001) != 1 || write(data, text, len) != (ssize_t)len)
        _exit(1);
    _exit(0);
}

static void weights_that_change_while_they_are_read_are_refused(void **state)
{
    const char *pipe_path;
    gd_error err = { 0 };
    test_run run;
    char *text, *json;
    size_t len;
    int status;
    pid_t child;

    (void)state;
    open_short(&run);
    run_change_model(&run, "", "", "");
    run_change(&run, run.train, "copy", "", "");
    text = run_file(&run, ".", "copy", &len);
    pipe_path = run_below(&run, "pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    (void)snprintf(run.train, sizeof run.train, "%s", pipe_path);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(60); /* should nobody ever read the data */
        change_and_feed(&run, run.train, text);
    }
    run_output(&run, "out");
    assert_int_equal(run_train(&run, &json, &err), GD_EIO);
    assert_contains(err.text, "/model/model.safetensors: ");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    gd_free(text);
    run_close(&run);
}

static void another_run_is_not_continued(void **state)
{
    test_run run;

    (void)state;
    open_short(&run);
    run_begin(&run, "out", 3);
    run.options.full = 0;
    run_refuse(&run, "an adapter", GD_EUSAGE, "settings.lora_r is not given there");
    run.options.full = 1;
    run_into(&run, "out");
    run_close(&run);
}

static void a_damaged_checkpoint_is_passed_over(void **state)
{
    test_run run;
    size_t len;
    char path[RUN_PATH + 32];
    FILE *file;

    (void)state;
    open_short(&run);
    run_into(&run, "good");
    run_begin(&run, "out", 3);
    gd_free(run_file(&run, "out/checkpoint-3", "model.safetensors", &len));
    (void)snprintf(path, sizeof path, "%s/model.safetensors", run_below(&run, "out/checkpoint-3"));
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)len - 100, SEEK_SET), 0);
    assert_true(fputc(0x55, file) == 0x55 && !fclose(file));
    run_into(&run, "out");
    assert_contains(run.all_notes, "out/checkpoint-3 is passed over: model.safetensors");
    run_same(&run, "good", "out");
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
        cmocka_unit_test(every_array_is_in_the_plan),
        cmocka_unit_test(what_an_adapter_needs_is_refused),
        cmocka_unit_test(a_model_that_lacks_a_weight_is_refused),
        cmocka_unit_test(weights_that_change_while_they_are_read_are_refused),
        cmocka_unit_test(another_run_is_not_continued),
        cmocka_unit_test(a_damaged_checkpoint_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
