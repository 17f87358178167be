/* test_eval.c - gd_eval() on generated preferences: its figures against numpy's for the same scores (make_eval.py), the
 * scores it keeps, and how it fails. */
#include "tests/judge/judged.h"

#include "base/mem.h"
#include "judge/groups.h"

#include <math.h>
#include <unistd.h>

static json_t *expected_of(const char *name)
{
    char path[512], file[64];
    json_t *root;

    (void)snprintf(file, sizeof file, "judge/%s.expected.json", name);
    root = json_load_file(test_data(path, sizeof path, file), 0, NULL);
    assert_non_null(root);
    return root;
}

static void close_to(double have, double want, const char *what)
{
    if (!(fabs(have - want) <= 1e-12 * fmax(1, fabs(want))))
        fail_msg("%s is %.17g, expected %.17g", what, have, want);
}

static void same_metrics(const json_t *have, const json_t *want)
{
    static const char *const keys[][2] = { { "pairs", "pairs" },        { "ties", "ties" },
                                           { "accuracy", "accuracy" },  { "accuracy_low", "low" },
                                           { "accuracy_high", "high" }, { "margin", "margin" },
                                           { "loss", "loss" },          { "ece", "ece" },
                                           { "brier", "brier" } };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        close_to(real(have, keys[i][0]), real(want, keys[i][1]), keys[i][0]);
}

static void same_groups(const json_t *have, const json_t *want)
{
    const char *name;
    json_t *one;

    assert_int_equal(json_object_size(have), json_object_size(want));
    json_object_foreach((json_t *)want, name, one)
        same_metrics(part(have, name), one);
}

static void same_details(const json_t *root, const json_t *want)
{
    const json_t *details = part(root, "details"), *length = part(details, "length");
    const json_t *margins = part(details, "margins"), *lengths = part(want, "length"), *one;
    const double pairs = real(lengths, "pairs");
    double sum = 0, low = -1e9;
    size_t i;

    close_to(real(part(details, "calibration"), "mean"), real(part(want, "calibration"), "mean"), "mean");
    close_to(real(part(details, "calibration"), "std"), real(part(want, "calibration"), "std"), "std");
    close_to(real(part(details, "calibration"), "count"), real(part(want, "calibration"), "count"), "count");
    close_to(real(length, "pairs"), pairs, "pairs");
    close_to(real(length, "longer_higher"), real(lengths, "longer_higher") / pairs, "longer_higher");
    close_to(real(length, "longer_chosen"), real(lengths, "longer_chosen") / pairs, "longer_chosen");
    close_to(real(length, "correlation"), real(lengths, "correlation"), "correlation");
    close_to(real(margins, "least"), real(want, "least"), "least");
    close_to(real(margins, "most"), real(want, "most"), "most");
    json_array_foreach(part(margins, "counts"), i, one)
        sum += json_number_value(one);
    assert_true(sum == real(root, "pairs"));
    json_array_foreach(part(details, "worst"), i, one) {
        assert_true(real(one, "margin") >= low);
        low = real(one, "margin");
        assert_true((float)real(one, "chosen_score") - (float)real(one, "rejected_score") == (float)low);
    }
    assert_int_equal(i, 20);
    close_to(real(json_array_get(part(details, "worst"), 0), "margin"), real(want, "least"), "the worst");
}

static void figures_are_numpys(void **state)
{
    static const char *const names[] = { "pairs", "rows" }, *const fields[] = { "source", "subset" };

    (void)state;
    for (size_t n = 0; n < 2; n++)
        for (size_t f = 0; f < 2; f++) {
            gd_eval_options how = judged_options(judged_input(names[n]));
            json_t *want = expected_of(names[n]), *root;
            gd_summary summary = { .struct_size = sizeof summary };

            how.by = fields[f];
            root = judged_run(&how, n ? GD_OK : GD_EITEM, &summary);
            same_metrics(root, part(want, "all"));
            same_groups(part(root, "by"), part(part(want, "by"), fields[f]));
            same_details(root, want);
            assert_int_equal(json_object_size(part(root, "sections")), 0);
            assert_true(json_is_null(field(root, "overall")));
            assert_int_equal(summary.items, real(part(root, "details"), "items"));
            assert_int_equal(summary.failed, json_array_size(part(part(root, "details"), "failures")));
            assert_int_equal(summary.items - summary.failed, real(root, "pairs"));
            json_decref(root);
            json_decref(want);
        }
}

/* Sections of version 1 use the accuracies of subsets, those of version 2 credits; the lines decide which it is. */
/* Ties count half in the reliability diagram and in its intervals. */
static void intervals_hold_their_points(void **state)
{
    char path[TEST_PATH];
    json_t *root;
    const json_t *one;
    size_t i;
    gd_eval_options how = judged_options(judged_file(path, "{\"chosen\":\"a\",\"rejected\":\"a\"}\n"
                                                           "{\"chosen\":\"b\",\"rejected\":\"b\"}\n"));

    (void)state;
    root = judged_run(&how, GD_OK, NULL);
    assert_true(real(root, "ties") == 2);
    json_array_foreach(part(part(root, "details"), "reliability"), i, one)
        if (real(one, "pairs") > 0) {
            assert_true(real(one, "right") == 0.5);
            assert_true(real(one, "right_low") <= 0.5 && real(one, "right_high") >= 0.5);
        }
    json_decref(root);
    assert_int_equal(remove(path), 0);
}

static void sections_use_the_right_version(void **state)
{
    gd_eval_options how = judged_options(judged_input("pairs"));
    json_t *want, *root;
    const json_t *by;
    const char *name;
    json_t *score;

    (void)state;
    how.weights = "rewardbench";
    root = judged_run(&how, GD_EITEM, NULL);
    by = part(root, "by");
    assert_int_equal(json_object_size(part(root, "sections")), 4);
    close_to(real(part(root, "sections"), "Reasoning"),
             (real(part(by, "math-prm"), "accuracy") * 984 +
              164 * (real(part(by, "hep-cpp"), "accuracy") + real(part(by, "hep-go"), "accuracy") +
                     real(part(by, "hep-java"), "accuracy") + real(part(by, "hep-js"), "accuracy") +
                     real(part(by, "hep-python"), "accuracy") + real(part(by, "hep-rust"), "accuracy"))) /
                 1968,
             "Reasoning");
    close_to(real(root, "overall"),
             (real(part(root, "sections"), "Chat") + real(part(root, "sections"), "Chat Hard") +
              real(part(root, "sections"), "Safety") + real(part(root, "sections"), "Reasoning")) /
                 4,
             "overall");
    json_decref(root);

    want = expected_of("rows");
    how.input = judged_input("rows");
    root = judged_run(&how, GD_OK, NULL);
    assert_int_equal(json_object_size(part(root, "sections")), 3);
    json_object_foreach((json_t *)part(want, "sections"), name, score)
        close_to(real(part(root, "sections"), name), json_number_value(score), name);
    close_to(real(root, "overall"),
             (real(part(root, "sections"), "Factuality") + real(part(root, "sections"), "Math") +
              real(part(root, "sections"), "Ties")) /
                 3,
             "overall");
    json_decref(root);
    json_decref(want);
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    (void)fclose(file);
    return text;
}

/* The scores are those of gd_score_file(), line by line, except for lines that can't be judged. */
static void scores_are_kept(void **state)
{
    gd_eval_options how = judged_options(judged_input("pairs"));
    gd_file_options files;
    char ours[TEST_PATH], plain[TEST_PATH], *a, *b, *save_a, *save_b;
    size_t lines = 0, refused = 0;

    (void)state;
    how.scores = judged_file(ours, "");
    json_decref(judged_run(&how, GD_EITEM, NULL));
    judged_file(plain, "");
    files = from_to(how.input, plain, GD_FORMAT_JSONL);
    assert_int_equal(gd_score_file(judged_model, &files, NULL, NULL, NULL), GD_EITEM);
    a = read_file(ours);
    b = read_file(plain);
    for (char *x = strtok_r(a, "\n", &save_a), *y = strtok_r(b, "\n", &save_b); x || y;
         x = strtok_r(NULL, "\n", &save_a), y = strtok_r(NULL, "\n", &save_b)) {
        assert_non_null(x);
        assert_non_null(y);
        if (strstr(x, "\"error\"") && !strstr(y, "\"error\""))
            refused++;
        else
            assert_string_equal(x, y);
        lines++;
    }
    assert_int_equal(lines, 51);
    assert_int_equal(refused, 3); /* one text, and two rows that are contradictory or incomplete */
    free(a);
    free(b);
    remove(ours);
    remove(plain);
}

static void refused(const gd_eval_options *how, gd_status status, const char *sentence)
{
    gd_error err = { 0 };
    char *text = (char *)"left";

    assert_int_equal(gd_eval(judged_model, how, NULL, NULL, &text, &err), status);
    assert_null(text);
    assert_contains(err.text, sentence);
}

static void bad_options_are_refused(void **state)
{
    gd_eval_options how = judged_options(NULL);
    char path[TEST_PATH];

    (void)state;
    refused(&how, GD_EUSAGE, "no input given");
    how.struct_size = 8;
    refused(&how, GD_EUSAGE, "gd_eval_options.struct_size is 8");
    how = judged_options("/nonexistent/pairs.jsonl");
    refused(&how, GD_EIO, "/nonexistent/pairs.jsonl");
    how = judged_options(judged_input("pairs"));
    how.scores = "/nonexistent/scores.jsonl";
    refused(&how, GD_EIO, "/nonexistent/scores.jsonl");
    how.scores = NULL;
    how.weights = "/nonexistent/weights.json";
    refused(&how, GD_EIO, "/nonexistent/weights.json");
    how = judged_options(judged_file(path, "{\"chosen\":\"a\",\"rejected\":\"b\"}\n"));
    how.scores = path;
    refused(&how, GD_EUSAGE, "the run reads this file; choose another output");
    remove(path);
    how.scores = "/dev/full";
    how.input = judged_input("pairs");
    refused(&how, GD_EIO, "No space left on device");
}

static int stop(void *context, uint64_t items, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    (void)items;
    (void)bytes;
    (void)total;
    (void)tokens;
    ++*(int *)context;
    return 1;
}

static void it_stops_when_asked(void **state)
{
    const gd_eval_options how = judged_options(judged_input("pairs"));
    gd_error err = { 0 };
    int calls = 0;
    const gd_progress progress = { sizeof progress, stop, &calls };
    char *text;

    (void)state;
    assert_int_equal(gd_eval(judged_model, &how, &progress, NULL, &text, &err), GD_EINTERRUPTED);
    assert_null(text);
    assert_int_equal(calls, 1);
}

static const char small[] =
    "{\"id\":\"ref:1\",\"subset\":\"Ties\",\"prompt\":\"a\",\"chosen\":[\"b\"],\"rejected\":[\"c\"]}\n"
    "{\"id\":\"tied:1\",\"subset\":\"Ties\",\"chosen\":[\"b\",\"d\"],\"rejected\":[\"c\"]}\n"
    "{\"subset\":\"Chat\"}\n";

/* After a run in which allocation n failed, or none: an error, or a result. */
static void check_outcome(uint64_t n, gd_status rc, const gd_error *err, char *text)
{
    if (rc != GD_ENOMEM && rc != GD_EITEM)
        fail_msg("allocation %llu: status %d: %s", (unsigned long long)n, (int)rc, err->text);
    assert_int_equal(rc, err->status);
    assert_true((rc == GD_EITEM) == (text != NULL));
    gd_string_free(text);
    assert_int_equal(judged_json_live(), 0);
}

static void any_allocation_may_fail(void **state)
{
    char path[TEST_PATH];
    gd_eval_options how = judged_options(judged_file(path, small));
    gd_status rc = GD_ENOMEM;
    uint64_t live = 0, n;

    (void)state;
    how.weights = "rewardbench";
    json_decref(judged_run(&how, GD_EITEM, NULL)); /* loads what the model loads only once */
    judged_json_begin();
    live = gd_mem_live();
    for (n = 1; rc == GD_ENOMEM && n < 100000; n++) {
        gd_error err = { 0 };
        char *text = NULL;

        gd_mem_fail_from(n);
        rc = gd_eval(judged_model, &how, NULL, NULL, &text, &err);
        gd_mem_fail_from(0);
        check_outcome(n, rc, &err, text);
        assert_true(gd_mem_live() <= live); /* a failed run keeps no weights */
    }
    judged_json_end();
    print_message("%llu allocations\n", (unsigned long long)n - 1);
    assert_int_equal(rc, GD_EITEM);
    remove(path);
}

/* After everything was read and scored, while the result is made. */
static int arm(void *context, uint64_t items, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    (void)items;
    (void)bytes;
    (void)total;
    (void)tokens;
    judged_json_fail_from(*(uint64_t *)context);
    return 0;
}

static void jansson_may_fail(void **state)
{
    char path[TEST_PATH];
    gd_eval_options how = judged_options(judged_file(path, small));
    gd_status rc = GD_ENOMEM;
    uint64_t n;
    const gd_progress progress = { sizeof progress, arm, &n };

    (void)state;
    how.weights = "rewardbench";
    judged_json_begin();
    for (n = 1; rc == GD_ENOMEM && n < 100000; n++) {
        gd_error err = { 0 };
        char *text = NULL;

        rc = gd_eval(judged_model, &how, &progress, NULL, &text, &err);
        judged_json_fail_from(0);
        check_outcome(n, rc, &err, text);
    }
    judged_json_end();
    print_message("%llu allocations\n", (unsigned long long)n - 1);
    assert_true(rc == GD_EITEM && n > 100);
    remove(path);
}

static void groups_may_run_out_of_memory(void **state)
{
    json_t *object = json_pack("{s:s}", "by", "name");

    (void)state;
    judged_json_begin();
    for (int ours = 0; ours < 2; ours++) {
        gd_status rc = GD_ENOMEM;
        const uint64_t live = gd_mem_live();

        for (uint64_t n = 1; rc && n < 100; n++) {
            gd_groups groups = { 0 };
            uint32_t number;

            if (ours)
                gd_mem_fail_from(n);
            else
                judged_json_fail_from(n);
            rc = gd_groups_find(&groups, object, "by", &number, NULL);
            if (!rc)
                rc = gd_groups_find(&groups, NULL, "by", &number, NULL);
            gd_mem_fail_from(0);
            judged_json_fail_from(0);
            assert_true(rc == GD_ENOMEM || (rc == GD_OK && number == 1));
            gd_groups_free(&groups);
            if (gd_mem_live() != live || judged_json_live() != 0)
                fail_msg("allocation %llu: %lld, %ld leaked", (unsigned long long)n, (long long)(gd_mem_live() - live),
                         judged_json_live());
        }
        assert_int_equal(rc, GD_OK);
    }
    judged_json_end();
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_numpys),
        cmocka_unit_test(intervals_hold_their_points),
        cmocka_unit_test(sections_use_the_right_version),
        cmocka_unit_test(scores_are_kept),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(it_stops_when_asked),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(jansson_may_fail),
        cmocka_unit_test(groups_may_run_out_of_memory),
    };

    return cmocka_run_group_tests(tests, judged_open, judged_close);
}
