/* test_resumed.c - an unfinished output is resumed only with the model and the input that it was begun with; where they
 * are, and how their paths are written, doesn't matter. */
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { LINES = 1000 };

static const char *dir;
static char start[1024]; /* the directory in which the test runs */

static void copy_files(const char *to, const char *from, const char *const *names)
{
    (void)make_dir(dir, to);
    for (; *names; names++) {
        char ours[100], theirs[100];

        (void)snprintf(ours, sizeof ours, "%s/%s", to, *names);
        (void)snprintf(theirs, sizeof theirs, "golden/%s/%s", from, *names);
        copy_data(dir, ours, theirs);
    }
}

static void write_rows(const char *name, size_t first, size_t count, const char *before)
{
    FILE *f = fopen(in_dir(dir, name), "w");

    assert_non_null(f);
    assert_true(fputs(before, f) >= 0);
    for (size_t i = first; i < first + count; i++)
        assert_true(fprintf(f, "%zu,Is tea number %zu hot?\n", i, i) > 0);
    assert_int_equal(fclose(f), 0);
}

static int begin(void **state)
{
    static const char *const model[] = { "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors",
                                         NULL };
    static const char *const adapter[] = { "adapter_config.json", "adapter_model.safetensors", NULL };

    assert_int_equal(dir_setup(state), 0);
    assert_non_null(getcwd(start, sizeof start));
    dir = *state;
    copy_files("m", "qwen2", model);
    copy_files("a", "qwen2-lora", adapter);
    write_text(dir, "norm.json", "{\"format\":\"guerdon-calibration/1\",\"mean\":0,\"std\":2,\"count\":2}");
    write_rows("in.csv", 0, LINES, "id,text\n");
    return 0;
}

static int end(void **state)
{
    assert_int_equal(chdir(start), 0);
    return dir_teardown(state);
}

static int stop(void *context, uint64_t items, uint64_t bytes, uint64_t bytes_total, uint64_t tokens)
{
    (void)bytes;
    (void)bytes_total;
    (void)tokens;
    *(uint64_t *)context = items;
    return 1;
}

static uint64_t stopped_at;

/* Paths as they are seen from the current directory, with `to` in front. */
static gd_status run(const char *to, const char *output, bool resume, bool stopping, gd_error *err)
{
    const gd_progress progress = { .struct_size = sizeof progress, .report = stop, .context = &stopped_at };
    char model[600], adapter[600], norm[600], input[600], out[600];
    gd_options options = golden_options("qwen2", 1);
    gd_file_options how = from_to(input, out, GD_FORMAT_AUTO);
    gd_model *opened;
    gd_status rc;

    (void)snprintf(model, sizeof model, "%s/m", to);
    (void)snprintf(adapter, sizeof adapter, "%s/a", to);
    (void)snprintf(norm, sizeof norm, "%s/norm.json", to);
    (void)snprintf(input, sizeof input, "%s/in.csv", to);
    (void)snprintf(out, sizeof out, "%s/%s", to, output);
    options.model = model;
    options.adapter = adapter;
    options.normalize = norm;
    options.batch_tokens = 64;
    how.resume = resume;
    rc = gd_model_open(&opened, &options, err);
    if (!rc)
        rc = gd_score_file(opened, &how, stopping ? &progress : NULL, NULL, err);
    gd_model_close(opened);
    return rc;
}

static void expect_same(const char *a, const char *b)
{
    char command[1200];

    (void)snprintf(command, sizeof command, "cmp '%s' '%s'", in_dir(dir, a), in_dir(dir, b));
    assert_int_equal(system(command), 0); /* NOLINT: a test's own files */
    assert_int_equal(access(in_dir(dir, "out.resume"), F_OK), -1);
}

static void expect_refusal(const char *wanted)
{
    gd_error err = { 0 };

    assert_int_equal(run(dir, "out", true, false, &err), GD_EUSAGE);
    assert_contains(err.text, "/out.resume: the run was started with another ");
    assert_contains(err.text, wanted);
}

static void begin_run(void)
{
    assert_ok(run(dir, "whole", false, false, test_err));
    assert_int_equal(run(dir, "out", false, true, NULL), GD_EINTERRUPTED);
    assert_in_range(stopped_at, 10, LINES - 10);
}

static void finish_run(void)
{
    assert_ok(run(dir, "out", true, false, test_err));
    expect_same("out", "whole");
}

/* Keeps the file while another takes its name, for a file that comes back must have its time, too. */
static void keep(const char *name) { assert_int_equal(rename(in_dir(dir, name), in_dir(dir, "kept")), 0); }

static void give_back(const char *name) { assert_int_equal(rename(in_dir(dir, "kept"), in_dir(dir, name)), 0); }

static void each_file_counts(void **state)
{
    static const char *const files[][2] = {
        { "m/config.json", "golden/qwen2/config.json" },
        { "m/tokenizer.json", "golden/qwen2/tokenizer.json" },
        { "m/tokenizer_config.json", "golden/qwen2/tokenizer_config.json" },
        { "m/model.safetensors", "golden/qwen2/model.safetensors" },
        { "a/adapter_config.json", "golden/qwen2-lora/adapter_config.json" },
        { "a/adapter_model.safetensors", "golden/qwen2-lora/adapter_model.safetensors" },
    };

    (void)state;
    begin_run();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const bool weights = strstr(files[i][0], ".safetensors") != NULL;
        FILE *f;

        keep(files[i][0]);
        copy_data(dir, files[i][0], files[i][1]);
        f = fopen(in_dir(dir, files[i][0]), "r+");
        assert_non_null(f);
        if (weights) /* a byte of a tensor */
            assert_int_equal(fseek(f, -9, SEEK_END) | !fwrite("\1", 1, 1, f), 0);
        else
            assert_int_equal(fseek(f, 0, SEEK_END) | !fwrite("\n", 1, 1, f), 0);
        assert_int_equal(fclose(f), 0);
        expect_refusal(files[i][0]);
        give_back(files[i][0]);
    }
    keep("norm.json");
    write_text(dir, "norm.json", "{\"format\":\"guerdon-calibration/1\",\"mean\":0,\"std\":3,\"count\":2}");
    expect_refusal("norm.json");
    give_back("norm.json");
    finish_run();
}

/* Files that come, and files that go. */
static void the_same_files_must_be_there(void **state)
{
    static const char *const names[] = { "m/added_tokens.json", "m/chat_template.jinja", "a/tokenizer_config.json" };

    (void)state;
    begin_run();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        write_text(dir, names[i], strstr(names[i], ".jinja") ? "x" : "{}");
        expect_refusal(names[i]);
        remove_file(dir, names[i]);
    }
    keep("m/tokenizer_config.json");
    expect_refusal("m/tokenizer_config.json");
    give_back("m/tokenizer_config.json");
    finish_run();
}

/* Weights are too large to be read for this: their size, their header and their time must be the same. */
static void the_time_of_weights_counts(void **state)
{
    const struct timespec later[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1900000000 } };
    struct stat sb;
    struct timespec times[2];

    (void)state;
    begin_run();
    assert_int_equal(stat(in_dir(dir, "m/model.safetensors"), &sb), 0);
    times[0] = sb.st_atim;
    times[1] = sb.st_mtim;
    assert_int_equal(utimensat(AT_FDCWD, in_dir(dir, "m/model.safetensors"), later, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, in_dir(dir, "m/config.json"), later, 0), 0); /* its content counts */
    expect_refusal("m/model.safetensors");
    assert_int_equal(utimensat(AT_FDCWD, in_dir(dir, "m/model.safetensors"), times, 0), 0);
    finish_run();
}

/* The items that are done must be the same, where they are too: an error line names its line. */
static void the_input_counts_as_far_as_it_is_done(void **state)
{
    const char *what = "another input: its first ";

    (void)state;
    begin_run();
    keep("in.csv");
    write_rows("in.csv", 1, LINES, "id,text\n");
    expect_refusal(what);
    write_rows("in.csv", 0, LINES, "id,text\n\n");
    expect_refusal(what);
    write_rows("in.csv", 0, LINES, "ID,text\n");
    expect_refusal(what);
    write_rows("in.csv", 0, (size_t)stopped_at - 1, "id,text\n");
    expect_refusal(what);
    write_rows("in.csv", 0, 0, "id,text\n");
    expect_refusal(what);
    give_back("in.csv");
    finish_run();
}

/* What isn't done yet may change, or be appended. */
static void the_rest_of_the_input_may_change(void **state)
{
    (void)state;
    begin_run();
    write_rows("in.csv", 0, LINES + 10, "id,text\n");
    assert_ok(run(dir, "out", true, false, test_err));
    assert_ok(run(dir, "longer", false, false, test_err));
    expect_same("out", "longer");
}

/* Begun with absolute paths, resumed with relative ones from two directories and through a link, item by item. */
static void paths_may_be_written_in_another_way(void **state)
{
    gd_error err = { 0 };

    (void)state;
    begin_run();
    (void)make_dir(dir, "d");
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(run(".", "out", true, true, &err), GD_EINTERRUPTED);
    assert_int_equal(symlink(dir, "link"), 0);
    assert_int_equal(run("./d/../link", "out", true, true, NULL), GD_EINTERRUPTED);
    assert_int_equal(chdir("d"), 0);
    assert_ok(run("..", "out", true, false, test_err));
    expect_same("out", "whole");
}

/* The same files elsewhere are another model: nobody can say that their weights are equal. */
static void a_model_that_was_moved(void **state)
{
    (void)state;
    begin_run();
    assert_int_equal(rename(in_dir(dir, "m"), in_dir(dir, "n")), 0);
    assert_int_equal(symlink("n", in_dir(dir, "m")), 0);
    expect_refusal("another model, ");
    assert_int_equal(unlink(in_dir(dir, "m")) | rename(in_dir(dir, "n"), in_dir(dir, "m")), 0);
    finish_run();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_file_counts, begin, end),
        cmocka_unit_test_setup_teardown(the_same_files_must_be_there, begin, end),
        cmocka_unit_test_setup_teardown(the_time_of_weights_counts, begin, end),
        cmocka_unit_test_setup_teardown(the_input_counts_as_far_as_it_is_done, begin, end),
        cmocka_unit_test_setup_teardown(the_rest_of_the_input_may_change, begin, end),
        cmocka_unit_test_setup_teardown(paths_may_be_written_in_another_way, begin, end),
        cmocka_unit_test_setup_teardown(a_model_that_was_moved, begin, end),
    };

    return cmocka_run_group_tests_name("reward: resumed", tests, NULL, NULL);
}
