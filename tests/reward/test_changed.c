/* test_changed.c - the files of a model or an input that are cut short, rewritten or replaced while they are used: a
 * sentence, and only lines of the files as they were. */
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char *dir; /* the test's own */

static const char *const model_files[] = { "config.json", "tokenizer.json", "tokenizer_config.json",
                                           "model.safetensors" };
static const char *const adapter_files[] = { "adapter_config.json", "adapter_model.safetensors" };

static void copy_files(const char *to, const char *from, const char *const *names, size_t count)
{
    (void)make_dir(dir, to);
    for (size_t i = 0; i < count; i++) {
        char ours[100], theirs[100];

        (void)snprintf(ours, sizeof ours, "%s/%s", to, names[i]);
        (void)snprintf(theirs, sizeof theirs, "golden/%s/%s", from, names[i]);
        copy_data(dir, ours, theirs);
    }
}

static gd_options copy_model(void **state)
{
    static char model[512], adapter[512], other[512]; /* in_dir()'s own would be used again */
    static const char *const further[] = { other };
    gd_options options = golden_options("qwen2", 1);

    dir = *state;
    copy_files("m", "qwen2", model_files, 4);
    copy_files("a", "qwen2-lora", adapter_files, 2);
    copy_files("b", "train-ga1/final", adapter_files, 2);
    (void)snprintf(model, sizeof model, "%s/m", dir);
    (void)snprintf(adapter, sizeof adapter, "%s/a", dir);
    (void)snprintf(other, sizeof other, "%s/b", dir);
    options.model = model;
    options.adapter = adapter;
    options.more_adapters = further;
    options.more_adapter_count = 1;
    options.batch_tokens = 64;
    return options;
}

/* ---- what may happen to a file ---- */

static size_t size_of(const char *path)
{
    struct stat sb;

    assert_int_equal(stat(path, &sb), 0);
    return (size_t)sb.st_size;
}

static void empty(const char *path) { assert_int_equal(truncate(path, 0), 0); }
static void cut_to_a_page(const char *path) { assert_int_equal(truncate(path, 4096), 0); }
static void cut_a_byte(const char *path) { assert_int_equal(truncate(path, (off_t)size_of(path) - 1), 0); }
static void append(const char *path) { assert_int_equal(truncate(path, (off_t)size_of(path) + 1), 0); }

static void rewrite_in_place(const char *path)
{
    FILE *f = fopen(path, "r+b");
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1000000000 } };

    assert_non_null(f);
    assert_int_equal(fseek(f, -10, SEEK_END), 0);
    assert_int_equal(fwrite("\1\2\3", 1, 3, f), 3);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0); /* a clock may be too coarse to see it */
}

typedef void change(const char *path);
static change *const changes[] = { empty, cut_to_a_page, cut_a_byte, append, rewrite_in_place };
enum { CHANGES = sizeof changes / sizeof changes[0] };

/* ---- a model ---- */

static void expect_a_sentence(gd_model *model, const char *path)
{
    const gd_text text = { "Is tea hot?", 11 };
    gd_error err = { 0 };
    float score;

    assert_int_equal(gd_score(model, 1, &text, &score, NULL, &err), GD_EIO);
    assert_contains(err.text, path);
    assert_contains(err.text, "the file was changed while it was being read: ");
}

/* Before anything was read of its weights, and after. */
static void a_model_that_changes(void **state)
{
    static const char *const names[] = { "m/model.safetensors", "a/adapter_model.safetensors",
                                         "b/adapter_model.safetensors" };
    const gd_text text = { "Is tea hot?", 11 };

    for (size_t i = 0; i < 3 * 2 * CHANGES; i++) {
        const gd_options options = copy_model(state);
        const char *path = in_dir(dir, names[i % 3]);
        gd_model *model;
        float score;

        assert_ok(gd_model_open(&model, &options, test_err));
        if (i / 3 % 2)
            assert_ok(gd_score(model, 1, &text, &score, NULL, test_err));
        changes[i / 6](path);
        expect_a_sentence(model, path);
        expect_a_sentence(model, path); /* and again */
        gd_model_close(model);
        assert_int_equal(test_remove(in_dir(dir, "m")), 0);
        assert_int_equal(test_remove(in_dir(dir, "a")), 0);
        assert_int_equal(test_remove(in_dir(dir, "b")), 0);
    }
}

/* Another file of the same name is not the one that is open, and doesn't matter. */
static void a_model_that_is_replaced(void **state)
{
    const gd_options options = copy_model(state);
    const gd_text text = { "Is tea hot?", 11 };
    float scores[2];
    gd_model *model;

    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score(model, 1, &text, &scores[0], NULL, test_err));
    copy_data(dir, "other", "golden/qwen3/model.safetensors");
    assert_int_equal(rename(in_dir(dir, "other"), in_dir(dir, "m/model.safetensors")), 0);
    assert_int_equal(unlink(in_dir(dir, "a/adapter_model.safetensors")), 0);
    assert_ok(gd_score(model, 1, &text, &scores[1], NULL, test_err));
    assert_memory_equal(&scores[0], &scores[1], sizeof scores[0]);
    gd_model_close(model);
}

/* ---- a run over a file ---- */

static struct {
    change *what;
    const char *path;
    uint64_t done; /* items, when it was changed */
} plan;

/* Changes the file after the first batch. */
static int change_once(void *context, uint64_t items, uint64_t bytes, uint64_t bytes_total, uint64_t tokens)
{
    (void)context;
    (void)bytes;
    (void)bytes_total;
    (void)tokens;
    if (plan.what) {
        plan.done = items;
        plan.what(plan.path);
    }
    plan.what = NULL;
    return 0;
}

static void write_lines(const char *name, size_t count)
{
    FILE *f = fopen(in_dir(dir, name), "w");

    assert_non_null(f);
    for (size_t i = 0; i < count; i++)
        fprintf(f, "{\"text\":\"Is tea number %zu hot?\"}\n", i);
    assert_int_equal(fclose(f), 0);
}

static char *read_text(const char *name, size_t *len)
{
    char *text = calloc(1, 1 << 22);
    FILE *f = fopen(in_dir(dir, name), "r");

    assert_non_null(text);
    assert_non_null(f);
    *len = fread(text, 1, (1 << 22) - 1, f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static gd_status score(const gd_options *options, change *what, const char *path, gd_error *err)
{
    const gd_progress progress = { .struct_size = sizeof progress, .report = change_once };
    gd_file_options files = from_to(in_dir(dir, "in.jsonl"), in_dir(dir, what ? "out" : "whole"), GD_FORMAT_AUTO);
    gd_model *model;
    gd_status rc;

    plan.what = what;
    plan.path = path;
    assert_ok(gd_model_open(&model, options, test_err));
    rc = gd_score_file(model, &files, &progress, NULL, err);
    gd_model_close(model);
    return rc;
}

/* The lines there are must be those of a run that nothing disturbs. */
static void expect_a_beginning(const char *whole, size_t least)
{
    size_t len, lines = 0;
    char *got = read_text("out", &len);

    assert_true(len < strlen(whole));
    assert_memory_equal(got, whole, len);
    assert_true(len > 0 && got[len - 1] == '\n');
    for (size_t i = 0; i < len; i++)
        lines += got[i] == '\n';
    assert_true(lines >= least);
    free(got);
}

static void a_run_keeps_its_lines(void **state)
{
    static const char *const names[] = { "m/model.safetensors", "a/adapter_model.safetensors", "in.jsonl" };
    enum { LINES = 30000 };
    gd_options options;
    char *whole;
    size_t len;

    options = copy_model(state);
    options.batch_tokens = 2048;
    write_lines("in.jsonl", LINES); /* more than is read ahead */
    assert_ok(score(&options, NULL, NULL, test_err));
    whole = read_text("whole", &len);
    for (size_t i = 0; i < 3 * CHANGES; i++) {
        gd_error err = { 0 };

        assert_int_equal(score(&options, changes[i / 3], in_dir(dir, names[i % 3]), &err), GD_EIO);
        assert_contains(err.text, names[i % 3]);
        assert_contains(err.text, "the file was changed while it was being read: ");
        expect_a_beginning(whole, (size_t)plan.done);
        assert_int_equal(test_remove(in_dir(dir, "m")), 0);
        assert_int_equal(test_remove(in_dir(dir, "a")), 0);
        assert_int_equal(test_remove(in_dir(dir, "b")), 0);
        assert_int_equal(unlink(in_dir(dir, "out.resume")), 0);
        (void)copy_model(state);
        write_lines("in.jsonl", LINES);
    }
    free(whole);
}

static void a_merge_writes_nothing(void **state)
{
    static const char *const names[] = { "m/model.safetensors", "a/adapter_model.safetensors" };

    for (size_t i = 0; i < 2 * CHANGES; i++) {
        const gd_options options = copy_model(state);
        const gd_progress progress = { .struct_size = sizeof progress, .report = change_once };
        gd_error err = { 0 };

        plan.what = changes[i / 2];
        plan.path = in_dir(dir, names[i % 2]);
        assert_int_equal(gd_merge(&options, in_dir(dir, "merged"), &progress, &err), GD_EIO);
        assert_contains(err.text, names[i % 2]);
        assert_contains(err.text, "the file was changed while it was being read: ");
        assert_int_equal(access(in_dir(dir, "merged"), F_OK), -1);
        assert_int_equal(test_remove(in_dir(dir, "m")), 0);
        assert_int_equal(test_remove(in_dir(dir, "a")), 0);
        assert_int_equal(test_remove(in_dir(dir, "b")), 0);
    }
}

static void remove_it(const char *path) { assert_int_equal(unlink(path), 0); }

static void write_it(const char *path)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

/* Files that are read one after another: all of them are those of one moment. */
static void a_merge_misses_no_file(void **state)
{
    static const struct {
        const char *name;
        change *what;
    } cases[] = {
        { "m/tokenizer.json", append },        { "m/tokenizer_config.json", remove_it },
        { "m/chat_template.jinja", write_it }, { "m/vocab.json", write_it },
        { "m/merges.txt", write_it },          { "m/tokenizer.model", write_it },
        { "a/vocab.txt", write_it },           { "a/adapter_config.json", append },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const gd_options options = copy_model(state);
        const gd_progress progress = { .struct_size = sizeof progress, .report = change_once };
        gd_error err = { 0 };

        plan.what = cases[i].what;
        plan.path = in_dir(dir, cases[i].name);
        assert_int_equal(gd_merge(&options, in_dir(dir, "merged"), &progress, &err), GD_EIO);
        assert_contains(err.text, "a file was changed, added or removed");
        assert_int_equal(access(in_dir(dir, "merged"), F_OK), -1);
        assert_int_equal(test_remove(in_dir(dir, "m")), 0);
        assert_int_equal(test_remove(in_dir(dir, "a")), 0);
        assert_int_equal(test_remove(in_dir(dir, "b")), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_model_that_changes, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_model_that_is_replaced, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_run_keeps_its_lines, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_merge_writes_nothing, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_merge_misses_no_file, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("reward: changed files", tests, NULL, NULL);
}
