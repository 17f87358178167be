/* test_filter_resume.c - a stopped and resumed filter run gives the files of an uninterrupted one, or says why not. */
#include "tests/judge/filtering.h"

#include <unistd.h>

static int stop_after(void *context, uint64_t items, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    (void)items, (void)bytes, (void)total, (void)tokens;
    return --*(int *)context == 0;
}

static gd_status filter_to(gd_model *with, const char *dir, const char *name, gd_filter_by by,
                           const gd_progress *progress, char **json)
{
    gd_filter_options how = filter_options(dir, by, by == GD_FILTER_TOP_FRACTION ? 0.4 : 0);
    char rejects[64];
    gd_error err = { 0 };

    (void)snprintf(rejects, sizeof rejects, "%s.rejects", name);
    how.output = in_dir(dir, name);
    how.rejects = in_dir(dir, rejects);
    how.annotate = 1;
    how.resume = 1;
    return gd_filter_file(with, &how, progress, NULL, json, &err);
}

static void check_same_file(const char *dir, const char *a, const char *b)
{
    char *text[2] = { read_text(in_dir(dir, a)), read_text(in_dir(dir, b)) };

    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
}

/* Stopped after every batch: the files and the report are those of an uninterrupted run. */
static void a_resumed_run_reports_the_whole(void **state)
{
    static const gd_filter_by by[] = { GD_FILTER_MIN_SCORE, GD_FILTER_TOP_FRACTION };
    gd_options options = golden_options("qwen2", 0);
    float scores[ITEMS];
    gd_model *small;

    options.batch_tokens = 8;
    assert_ok(gd_model_open(&small, &options, test_err));
    write_texts(*state, scores);
    for (size_t i = 0; i < 2; i++) {
        char *json, *parts = NULL;
        int stops = 0, left = 1;
        const gd_progress stopping = { sizeof stopping, stop_after, &left };

        assert_int_equal(filter_to(small, *state, "whole", by[i], NULL, &json), GD_EITEM);
        while (filter_to(small, *state, "parts", by[i], &stopping, &parts) == GD_EINTERRUPTED) {
            assert_int_equal(access(in_dir(*state, "parts.resume.found"), F_OK), 0);
            gd_string_free(parts);
            left = 1;
            stops++;
        }
        assert_true(stops > 2);
        assert_string_equal(json, parts);
        check_same_file(*state, "whole", "parts");
        check_same_file(*state, "whole.rejects", "parts.rejects");
        assert_int_equal(access(in_dir(*state, "parts.resume"), F_OK), -1);
        assert_int_equal(access(in_dir(*state, "parts.resume.found"), F_OK), -1);
        gd_string_free(json);
        gd_string_free(parts);
        assert_int_equal(unlink(in_dir(*state, "whole")) | unlink(in_dir(*state, "parts")), 0);
    }
    gd_model_close(small);
}

/* A changed file of findings is not used. */
static void a_broken_file_of_findings_is_refused(void **state)
{
    char alien[1 << 16] = { 0 };
    gd_options options = golden_options("qwen2", 0);
    float scores[ITEMS];
    gd_model *small;
    char *json;
    int left = 2;
    const gd_progress stopping = { sizeof stopping, stop_after, &left };

    options.batch_tokens = 8;
    assert_ok(gd_model_open(&small, &options, test_err));
    write_texts(*state, scores);
    assert_int_equal(filter_to(small, *state, "broken", GD_FILTER_MIN_SCORE, &stopping, &json), GD_EINTERRUPTED);
    gd_string_free(json);
    write_text(*state, "broken.resume.found", "too short");
    assert_int_equal(filter_to(small, *state, "broken", GD_FILTER_MIN_SCORE, NULL, &json), GD_EIO);
    assert_null(json);
    memset(alien, 'x', sizeof alien - 1);
    write_text(*state, "broken.resume.found", alien);
    assert_int_equal(filter_to(small, *state, "broken", GD_FILTER_MIN_SCORE, NULL, &json), GD_EFORMAT);
    assert_null(json);
    assert_int_equal(unlink(in_dir(*state, "broken.resume.found")), 0);
    assert_int_equal(filter_to(small, *state, "broken", GD_FILTER_MIN_SCORE, NULL, &json), GD_EIO);
    assert_null(json);
    gd_model_close(small);
}

/* Stops a top-fraction run after its first batch, changes its input by `mend`, and resumes it. */
static gd_status go_on_after(const char *dir, void (*mend)(const char *dir, gd_filter_options *how), gd_error *err)
{
    gd_options options = golden_options("qwen2", 0);
    gd_filter_options how;
    float scores[ITEMS];
    gd_model *small;
    char *json;
    int left = 1;
    const gd_progress stopping = { sizeof stopping, stop_after, &left };
    gd_status rc;

    options.batch_tokens = 8;
    assert_ok(gd_model_open(&small, &options, test_err));
    write_texts(dir, scores);
    how = filter_options(dir, GD_FILTER_TOP_FRACTION, 1e-10);
    how.resume = 1;
    assert_int_equal(gd_filter_file(small, &how, &stopping, NULL, &json, err), GD_EINTERRUPTED);
    gd_string_free(json);
    *err = (gd_error){ 0 };
    how = filter_options(dir, GD_FILTER_TOP_FRACTION, 1e-10);
    how.resume = 1;
    mend(dir, &how);
    rc = gd_filter_file(small, &how, NULL, NULL, &json, err);
    gd_string_free(json);
    gd_model_close(small);
    return rc;
}

static void write_pairs(const char *dir, gd_filter_options *how)
{
    char all[ITEMS * 40] = "";

    (void)how;
    for (int i = 0; i < ITEMS + 1; i++)
        strcat(all, "{\"chosen\":\"a\",\"rejected\":\"b\"}\n");
    write_text(dir, "in.jsonl", all);
}

static void halve(const char *dir, gd_filter_options *how)
{
    (void)dir;
    how->limit /= 2;
}

static void changes_before_a_resume_are_reported(void **state)
{
    gd_error err = { 0 };

    assert_int_equal(go_on_after(*state, write_pairs, &err), GD_EUSAGE);
    assert_contains(err.text, "kept.resume: the run was started with another input");
    remove_file(*state, "kept.resume");
    assert_int_equal(go_on_after(*state, halve, &err), GD_EUSAGE);
    assert_non_null(strstr(err.text, "another limit, 1"));
}

/* Outputs that are the same file under different names. */
static void outputs_must_be_different_files(void **state)
{
    static const char *const names[] = {
        "./kept", "link", "kept.resume", "./kept.resume", "kept.resume.part", "kept.resume.found", "./kept.resume.found"
    };
    float scores[ITEMS];

    write_texts(*state, scores);
    write_text(*state, "kept", "old");
    assert_int_equal(symlink("kept", in_dir(*state, "link")), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        gd_filter_options how = filter_options(*state, GD_FILTER_TOP_FRACTION, 0.5);
        gd_error err = { 0 };
        char *json;

        how.rejects = in_dir(*state, names[i]);
        assert_int_equal(gd_filter_file(model, &how, NULL, NULL, &json, &err), GD_EUSAGE);
        assert_non_null(strstr(err.text, "another one is expected"));
        assert_int_equal(access(in_dir(*state, "kept.resume"), F_OK), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_resumed_run_reports_the_whole, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_broken_file_of_findings_is_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(changes_before_a_resume_are_reported, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(outputs_must_be_different_files, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("judge: a resumed filter", tests, filtering_open, filtering_close);
}
