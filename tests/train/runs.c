/* runs.c - whole runs of gd_train(). */
#include "tests/train/runs.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

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

void run_same(const test_run *run, const char *a, const char *b)
{
    static const char *const names[] = { "adapter_model.safetensors", "adapter_config.json", "guerdon-adapter.json",
                                         "log.jsonl" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len_a, len_b;
        char *file_a = run_file(run, a, names[i], &len_a), *file_b = run_file(run, b, names[i], &len_b);

        if (len_a != len_b || memcmp(file_a, file_b, len_a) != 0)
            fail_msg("%s of %s and of %s differ", names[i], a, b);
        gd_free(file_a);
        gd_free(file_b);
    }
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
