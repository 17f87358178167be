/* runs.c - whole runs of gd_train(). */
#include "tests/train/runs.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int report(void *context, const gd_train_report *report)
{
    test_run *run = context;

    if (report->note) {
        const size_t used = strlen(run->all_notes);

        run->notes++;
        (void)snprintf(run->all_notes + used, sizeof run->all_notes - used, "%s\n", report->note);
    }
    return !report->note && run->stop_after && report->step == run->stop_after;
}

static void data_path(char *out, const char *run, const char *file)
{
    char name[96];

    (void)snprintf(name, sizeof name, "golden/%s/%s", run, file);
    test_data(out, TEST_PATH, name);
}

void run_output(test_run *run, const char *name)
{
    const int len = snprintf(run->output, sizeof run->output, "%s/%s", run->root, name);

    assert_in_range(len, 1, sizeof run->output - 1);
    run->options.output = run->output;
}

static void open_any(test_run *run, const char *name)
{
    memset(run, 0, sizeof *run);
    test_data(run->base, sizeof run->base, "golden/qwen2");
    data_path(run->train, name, "train.jsonl");
    data_path(run->eval, name, "eval.jsonl");
    data_path(run->init, name, "step0");
    assert_non_null(mkdtemp(test_template(run->root)));
    gd_options_init(&run->model);
    gd_train_options_init(&run->options);
    run->model.model = run->base;
    run->model.threads = 1;
    run->evals[0] = run->eval;
    run->options.train = run->train;
    run->options.evals = run->evals;
    run->options.eval_count = 1;
    run->options.report = report;
    run->options.context = run;
    run_output(run, "out");
}

void run_open(test_run *run, const char *name)
{
    open_any(run, name);
    run->model.precision = "fp32";
    run->options.init_adapter = run->init;
    run->options.compat = "trl";
    run->options.learning_rate = (gd_number){ 1, 2e-3 };
    run->options.warmup_steps = (gd_number){ 1, 3 };
}

void run_open_full(test_run *run)
{
    open_any(run, "train-full");
    run->model.precision = "fp32";
    run->options.full = 1;
    run->options.compat = "trl";
    run->options.batch_size = 4;
    run->options.grad_accum = 2;
    run->options.epochs = (gd_number){ 1, 2 };
    run->options.learning_rate = (gd_number){ 1, 1e-3 };
    run->options.schedule = "linear";
    run->options.warmup_steps = (gd_number){ 1, 2 };
    run->options.center_rewards = (gd_number){ 1, 0.01 };
    run->options.weight_decay = (gd_number){ 1, 0.5 };
}

void run_open_short(test_run *run)
{
    open_any(run, "train-ga1");
    run->options.lora_r = 4;
    run->options.batch_size = 2;
    run->options.grad_accum = 2;
    run->options.max_steps = 6;
    run->options.eval_every = 2;
    run->options.save_every = 2;
    run->options.learning_rate = (gd_number){ 1, 1e-3 };
}

void run_close(test_run *run) { test_remove(run->root); }

gd_status run_train(test_run *run, char **json, gd_error *err)
{
    run->notes = 0;
    run->all_notes[0] = '\0';
    return gd_train(&run->model, &run->options, json, err);
}

void run_killed(test_run *run, unsigned *seed, unsigned most)
{
    const pid_t child = fork();
    char *json;
    int status;

    assert_true(child >= 0);
    if (child == 0)
        _exit(run_train(run, &json, NULL) ? 1 : 0);
    *seed = *seed * 1664525 + 1013904223;
    (void)usleep(1000 + *seed % most);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

void run_into(test_run *run, const char *output)
{
    char *json;

    run_output(run, output);
    assert_ok(run_train(run, &json, test_err));
    gd_string_free(json);
}

void run_begin(test_run *run, const char *output, size_t steps)
{
    gd_error err = { 0 };
    char *json;

    run_output(run, output);
    run->stop_after = steps;
    assert_int_equal(run_train(run, &json, &err), GD_EINTERRUPTED);
    assert_null(json);
    assert_contains(err.text, "same command continues");
    run->stop_after = 0;
}

const char *run_below(const test_run *run, const char *name)
{
    static char paths[4][RUN_PATH];
    static size_t turn;
    char *path = paths[turn++ % 4];

    (void)snprintf(path, RUN_PATH, "%s/%s", run->root, name);
    return path;
}

char *run_file(const test_run *run, const char *output, const char *name, size_t *len)
{
    char path[2 * TEST_PATH];
    char *data;

    (void)snprintf(path, sizeof path, "%s/%s/%s", run->root, output, name);
    assert_ok(gd_file_read(&data, len, path, 1 << 28, test_err));
    return data;
}

void run_write(const test_run *run, const char *name, const char *text)
{
    char path[2 * TEST_PATH];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", run->root, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fwrite(text, 1, strlen(text), file) == strlen(text) && !fclose(file));
}

static uint64_t all_files;

/* Names and bytes, in whatever order they are found. */
static int add_file(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
    uint64_t digest = gd_digest(0, path, strlen(path));
    size_t len = 0;
    char *data = NULL;

    (void)ftw;
    if (type == FTW_F && S_ISREG(sb->st_mode))
        assert_ok(gd_file_read(&data, &len, path, 1 << 28, test_err));
    if (len)
        digest = gd_digest(digest, data, len);
    gd_free(data);
    all_files += digest;
    return 0;
}

uint64_t run_digest(const test_run *run)
{
    all_files = 0;
    assert_int_equal(nftw(run->root, add_file, 16, FTW_PHYS), 0);
    return all_files;
}

json_t *run_log(const test_run *run)
{
    char path[TEST_PATH + 16];
    json_t *lines = json_array();
    size_t len;
    char *text, *line, *end;

    (void)snprintf(path, sizeof path, "%s/log.jsonl", run->output);
    assert_ok(gd_file_read(&text, &len, path, 1 << 28, test_err));
    for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *value;

        assert_ok(gd_json_parse(&value, line, (size_t)(end - line), path, test_err));
        assert_int_equal(json_array_append_new(lines, value), 0);
    }
    gd_free(text);
    return lines;
}

void run_same_file(const test_run *run, const char *a, const char *b, const char *name)
{
    size_t len_a, len_b;
    char *file_a = run_file(run, a, name, &len_a), *file_b = run_file(run, b, name, &len_b);

    if (len_a != len_b || memcmp(file_a, file_b, len_a) != 0)
        fail_msg("%s of %s and of %s differ", name, a, b);
    gd_free(file_a);
    gd_free(file_b);
}

void run_same(const test_run *run, const char *a, const char *b)
{
    static const char *const names[2][4] = {
        { "adapter_model.safetensors", "adapter_config.json", "guerdon-adapter.json", "log.jsonl" },
        { "model.safetensors", "config.json", "guerdon-adapter.json", "log.jsonl" },
    };

    for (size_t i = 0; i < 4; i++)
        run_same_file(run, a, b, names[run->options.full != 0][i]);
}

/* Trains in run->model.memory, or in a little more: what the process takes for itself grows from run to run. */
static gd_status train_in_little(test_run *run, char **json, gd_error *err)
{
    enum { MORE = 1 << 15 };
    gd_status rc;

    while ((rc = run_train(run, json, err)) == GD_ENOMEM && run->model.memory < 1 << 28)
        run->model.memory += MORE;
    return rc;
}

void run_in_little(test_run *run, const char *output)
{
    char *json;

    run_output(run, output);
    assert_ok(train_in_little(run, &json, test_err));
    gd_string_free(json);
}

json_t *run_rehearse(test_run *run)
{
    const uint64_t before = run_digest(run);
    gd_error err = { 0 };
    json_t *result;
    char *json;
    gd_status rc;

    run->model.dry_run = 1;
    rc = train_in_little(run, &json, &err);
    run->model.dry_run = 0;
    if (rc)
        fail_msg("%s", err.text);
    assert_true(run_digest(run) == before);
    assert_ok(gd_json_parse(&result, json, strlen(json), "result", test_err));
    gd_string_free(json);
    return result;
}

void run_refuse(test_run *run, const char *name, gd_status status, const char *sentence)
{
    const uint64_t before = run_digest(run);
    gd_error err = { 0 };
    char *json = (char *)name;
    const gd_status rc = run_train(run, &json, &err);

    if (rc != status || !strstr(err.text, sentence))
        fail_msg("%s: status %d, \"%s\"; expected: %d, \"%s\"", name, rc, err.text, status, sentence);
    assert_null(json);
    if (run_digest(run) != before)
        fail_msg("%s: something was written", name);
}

void run_change(const test_run *run, const char *from, const char *name, const char *old, const char *new)
{
    char path[2 * TEST_PATH], *data, *at;
    size_t len;
    FILE *file;

    assert_ok(gd_file_read(&data, &len, from, 1 << 28, test_err));
    at = memmem(data, len, old, strlen(old));
    assert_non_null(at);
    (void)snprintf(path, sizeof path, "%s/%s", run->root, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fwrite(data, 1, (size_t)(at - data), file) == (size_t)(at - data));
    assert_true(fputs(new, file) >= 0);
    at += strlen(old);
    assert_true(fwrite(at, 1, len - (size_t)(at - data), file) == len - (size_t)(at - data));
    assert_int_equal(fclose(file), 0);
    gd_free(data);
}

void run_change_model(test_run *run, const char *name, const char *old, const char *new)
{
    static const char *const names[] = { "config.json", "model.safetensors", "tokenizer.json",
                                         "tokenizer_config.json" };
    char from[2 * TEST_PATH], to[2 * TEST_PATH];
    static char model[2 * TEST_PATH];

    (void)snprintf(model, sizeof model, "%s/model", run->root);
    assert_int_equal(mkdir(model, 0700), 0);
    run->model.model = model;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(from, sizeof from, "%s/%s", run->base, names[i]);
        (void)snprintf(to, sizeof to, "model/%s", names[i]);
        run_change(run, from, to, strcmp(name, names[i]) ? "" : old, strcmp(name, names[i]) ? "" : new);
    }
}

static void check_figure(const json_t *want, const json_t *got, const char *key, double most)
{
    const double right = run_number(want, key), ours = run_number(got, key);

    if (!(fabs(ours - right) <= most * fabs(right)))
        fail_msg("step %.0f: %s is %.9g, but TRL had %.9g", run_number(got, "step"), key, ours, right);
}

static const struct figure {
    const char *name;
    double most; /* relative */
} figures[] = {
    { "loss", 1e-4 },       { "grad_norm", 1e-4 },  { "learning_rate", 1e-12 },
    { "num_tokens", 0 },    { "min_reward", 1e-3 }, { "mean_reward", 1e-3 },
    { "max_reward", 1e-3 }, { "accuracy", 0 },      { "margin", 1e-2 },
    { "epoch", 1e-12 },     { "step", 0 },
};

static const char *const eval_figures[] = { "eval_loss",       "eval_accuracy",    "eval_margin",
                                            "eval_min_reward", "eval_mean_reward", "eval_max_reward" };

void run_check_history(const json_t *want, const json_t *got)
{
    const size_t steps = json_array_size(want) - 2;

    assert_int_equal(json_array_size(got), steps + 2);
    for (size_t i = 0; i < steps; i++)
        for (size_t f = 0; f < sizeof figures / sizeof figures[0]; f++)
            check_figure(json_array_get(want, i), json_array_get(got, i + 1), figures[f].name, figures[f].most);
    for (size_t f = 0; f < sizeof eval_figures / sizeof eval_figures[0]; f++)
        check_figure(json_array_get(want, steps + 1), json_array_get(got, steps + 1), eval_figures[f], 1e-3);
}

double run_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_number(value))
        fail_msg("%s is missing", key);
    return json_number_value(value);
}

void run_score(const test_run *run, const char *result, double *margin, double *mean)
{
    char path[TEST_PATH + 32];
    gd_options options = run->model;
    gd_file_options files;
    gd_model *model;
    char *text, *line, *end;
    size_t len, count = 0;

    (void)snprintf(path, sizeof path, "%s/scores.jsonl", run->root);
    if (run->options.full)
        options.model = run_below(run, result);
    else
        options.adapter = run_below(run, result);
    options.truncate = GD_TRUNCATE_DROP;
    gd_file_options_init(&files);
    files.input = run->eval;
    files.output = path;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score_file(model, &files, NULL, NULL, test_err));
    gd_model_close(model);
    text = run_file(run, ".", "scores.jsonl", &len);
    *margin = *mean = 0;
    for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1, count++) {
        json_t *value;
        double chosen, rejected;

        assert_ok(gd_json_parse(&value, line, (size_t)(end - line), path, test_err));
        chosen = (float)run_number(value, "chosen");
        rejected = (float)run_number(value, "rejected");
        *margin += chosen - rejected;
        *mean += chosen;
        *mean += rejected;
        json_decref(value);
    }
    gd_free(text);
    *margin /= (double)count;
    *mean /= 2 * (double)count;
}
