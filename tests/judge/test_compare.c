/* test_compare.c - gd_compare() against numpy and scipy (make_compare.py), files that can't be compared, the page. */
#include "tests/judge/judged.h"
#include "tests/markup.h"

#include "base/mem.h"
#include "judge/compare.h"

#include <math.h>
#include <unistd.h>

static void write_lines(char path[TEST_PATH], const json_t *lines)
{
    FILE *file = fopen(judged_file(path, ""), "w");
    json_t *line;
    size_t i;

    assert_non_null(file);
    json_array_foreach(lines, i, line) {
        char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));

        fprintf(file, "%s\n", text);
        free(text);
    }
    assert_int_equal(fclose(file), 0);
}

/* Compares every number of `want` and of the objects in it. */
static void same_numbers(const json_t *have, const json_t *want)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)want, key, value) {
        if (json_is_object(value)) {
            same_numbers(part(have, key), value);
            continue;
        }
        if (!(fabs(real(have, key) - json_number_value(value)) <= 1e-12 * fmax(1, json_number_value(value))))
            fail_msg("\"%s\" is %.17g, expected %.17g", key, real(have, key), json_number_value(value));
    }
}

static void check_lists(const json_t *root, int pairs)
{
    const json_t *details = part(root, "details"), *one;
    const json_t *of = pairs ? part(root, "margins") : root;
    double last = 1e300, total = 0;
    size_t i;

    json_array_foreach(part(details, "largest"), i, one) {
        const double d = fabs(real(one, "a") - real(one, "b"));

        assert_true(d <= last && d > 0);
        last = d;
    }
    assert_int_equal(i, 20);
    one = json_array_get(part(details, "largest"), 0);
    assert_true(real(one, "index") == real(of, "largest_index"));
    assert_true(fabs(real(one, "a") - real(one, "b")) == real(of, "largest_difference"));
    json_array_foreach(part(details, "flips"), i, one)
        assert_true(real(one, "a") * real(one, "b") <= 0 && real(one, "a") != real(one, "b"));
    json_array_foreach(part(part(details, "differences"), "counts"), i, one)
        total += json_number_value(one);
    assert_true(total == real(of, pairs ? "pairs" : "scores"));
}

static void figures_are_numpys(void **state)
{
    char file[512], a[TEST_PATH], b[TEST_PATH], *text, *page;
    json_t *cases = json_load_file(test_data(file, sizeof file, "judge/compare.expected.json"), 0, NULL), *one;
    size_t i;

    (void)state;
    json_array_foreach(cases, i, one) {
        json_t *root;

        write_lines(a, part(one, "a"));
        write_lines(b, part(one, "b"));
        assert_ok(gd_compare(a, b, &text, test_err));
        root = parsed(text);
        assert_string_equal(json_string_value(field(root, "format")), "guerdon-compare/1");
        same_numbers(root, part(one, "expected"));
        check_lists(root, 1);
        assert_ok(gd_compare_page(text, &page, test_err));
        assert_markup(page);
        assert_int_equal(markup_count(page, "<svg"), 2);
        assert_int_equal(markup_count(page, "<circle"), real(part(root, "margins"), "pairs"));
        assert_int_equal(markup_count(page, "http"), 0);
        gd_string_free(page);
        gd_string_free(text);
        json_decref(root);
        remove(a);
        remove(b);
    }
    assert_int_equal(i, 2);
    json_decref(cases);
}

static json_t *compare(const char *a, const char *b)
{
    char path_a[TEST_PATH], path_b[TEST_PATH], *text, *page;
    json_t *root;

    assert_ok(gd_compare(judged_file(path_a, a), judged_file(path_b, b), &text, test_err));
    remove(path_a);
    remove(path_b);
    root = parsed(text);
    assert_ok(gd_compare_page(text, &page, test_err));
    assert_markup(page);
    assert_null(strstr(page, "nan"));
    gd_string_free(page);
    gd_string_free(text);
    return root;
}

static void a_file_agrees_with_itself(void **state)
{
    static const char lines[] = "{\"index\":0,\"chosen\":1.5,\"rejected\":0.25,\"margin\":1.25,\"tokens\":[1,2]}\n"
                                "{\"index\":1,\"score\":-0.1,\"tokens\":3}\n"
                                "{\"index\":2,\"chosen\":0.5,\"rejected\":0.75,\"margin\":7,\"tokens\":[1,2]}\n";
    json_t *root = compare(lines, lines);
    const json_t *margins = part(root, "margins");

    (void)state;
    assert_true(real(root, "identical") == 5 && real(root, "scores") == 5 && real(root, "skipped") == 0);
    assert_true(real(root, "largest_difference") == 0 && fabs(real(root, "pearson") - 1) < 1e-15);
    assert_true(real(margins, "flips") == 0 && real(margins, "spearman") == 1);
    assert_true(real(margins, "accuracy_a") == 0.5); /* the file's own margins are ignored */
    assert_int_equal(json_array_size(part(part(root, "details"), "largest")), 0);
    json_decref(root);
}

static void undefined_figures_are_null(void **state)
{
    json_t *root = compare("", "");

    (void)state;
    assert_true(real(root, "items") == 0 && json_is_null(field(root, "pearson")));
    assert_true(json_is_null(field(root, "largest_index")));
    json_decref(root);
    root = compare("{\"index\":0,\"score\":3e38}\n", "{\"index\":0,\"score\":-3e38}\n");
    assert_true(real(root, "largest_difference") > 5e38 && json_is_null(field(root, "spearman")));
    json_decref(root);
    root = compare("{\"index\":4,\"error\":\"x\"}\n{\"index\":9,\"score\":0}\n",
                   "{\"index\":4,\"score\":1}\n{\"index\":9,\"score\":-0.0}\n");
    assert_true(real(root, "skipped") == 1 &&
                real(root, "identical") == 0); /* 0 and -0 are equal but have different bits */
    json_decref(root);
}

static void refused(const char *a, const char *b, const char *sentence)
{
    char path_a[TEST_PATH], path_b[TEST_PATH], *text = (char *)"left";
    gd_error err = { 0 };

    assert_int_equal(gd_compare(judged_file(path_a, a), judged_file(path_b, b), &text, &err), GD_EFORMAT);
    assert_null(text);
    assert_contains(err.text, sentence);
    remove(path_a);
    remove(path_b);
}

static void other_files_are_refused(void **state)
{
#define ONE "{\"index\":0,\"score\":1}\n"
    static const struct {
        const char *a, *b, *sentence;
    } bad[] = {
        { ONE, "", "ends before item 0 of" },
        { ONE, ONE "{\"index\":1,\"score\":1}\n", "ends before item 1 of" },
        { ONE, "{\"index\":1,\"score\":1}\n", "line 1 is of item 0, but line 1 of" },
        { ONE, "{\"index\":0,\"scores\":[1,2]}\n", "item 0 has 1 scores in" },
        { "{\"index\":0,\"scores\":[1,2]}\n", "{\"index\":0,\"chosen\":1,\"rejected\":2}\n", "of different kinds" },
        { "\n\nx\n", ONE, "line 3: not valid JSON" },
        { "[]\n", ONE, "line 1: a list; expected a line of guerdon score" },
        { "{}\n", ONE, "line 1: \"index\" is not a whole number" },
        { "{\"index\":-1,\"score\":1}\n", ONE, "\"index\" is not a whole number" },
        { "{\"index\":0}\n", ONE, "the field \"score\" is missing" },
        { "{\"index\":0,\"chosen\":1}\n", ONE, "the field \"rejected\" is missing" },
        { "{\"index\":0,\"score\":\"1\"}\n", ONE, "\"score\" is not a finite float32" },
        { "{\"index\":0,\"score\":1e39}\n", ONE, "\"score\" is not a finite float32" },
        { "{\"index\":0,\"scores\":[]}\n", ONE, "\"scores\" is not a list of numbers" },
        { "{\"index\":0,\"scores\":[1,null]}\n", ONE, "\"scores\" is not a finite float32" },
        { "{\"index\":0,\"score\":1,\"score\":1}\n", ONE, "\"score\" appears twice" },
    };
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(bad[i].a, bad[i].b, bad[i].sentence);
    assert_int_equal(gd_compare("/nonexistent/a", "/nonexistent/b", &text, NULL), GD_EIO);
    assert_int_equal(gd_compare("-", "-", &text, NULL), GD_EUSAGE);
}

static void any_allocation_may_fail(void **state)
{
    char a[TEST_PATH], b[TEST_PATH];
    gd_status rc = GD_ENOMEM;
    const uint64_t live = gd_mem_live();
    uint64_t n;

    (void)state;
    judged_file(a, "{\"index\":0,\"chosen\":1,\"rejected\":2}\n{\"index\":1,\"scores\":[1,2,3]}\n");
    judged_file(b, "{\"index\":0,\"chosen\":3,\"rejected\":2}\n{\"index\":1,\"scores\":[4,2,3]}\n");
    judged_json_begin();
    for (n = 1; rc == GD_ENOMEM && n < 100000; n++) {
        gd_error err = { 0 };
        char *text = NULL, *page = NULL;

        gd_mem_fail_from(n);
        rc = gd_compare(a, b, &text, &err);
        gd_mem_fail_from(0);
        assert_true((rc == GD_OK || rc == GD_ENOMEM) && err.status == rc && (text != NULL) == (rc == GD_OK));
        for (uint64_t k = 1; text && !page; k++) {
            gd_mem_fail_from(k);
            (void)gd_compare_page(text, &page, NULL);
            gd_mem_fail_from(0);
        }
        gd_string_free(text);
        gd_string_free(page);
        assert_true(gd_mem_live() == live && judged_json_live() == 0);
    }
    judged_json_end();
    assert_true(rc == GD_OK && n > 20);
    remove(a);
    remove(b);
}

static void jansson_may_fail(void **state)
{
    double x[] = { 1, 2, 3 }, y[] = { 1, -2, 4 };
    uint64_t index[] = { 0, 1, 2 }, n;
    const gd_both both = { .a = x, .b = y, .index = index, .count = 3 };
    const gd_comparison found = { .name_a = "a", .name_b = "b", .scores = both, .margins = both };
    gd_status rc = GD_ENOMEM;

    (void)state;
    judged_json_begin();
    for (n = 1; rc == GD_ENOMEM && n < 100000; n++) {
        char *text = NULL;

        judged_json_fail_from(n);
        rc = gd_compare_result(&found, &text, NULL);
        judged_json_fail_from(0);
        assert_true((rc == GD_OK || rc == GD_ENOMEM) && (text != NULL) == (rc == GD_OK));
        gd_string_free(text);
        assert_int_equal(judged_json_live(), 0);
    }
    judged_json_end();
    assert_true(rc == GD_OK && n > 50);
}

static void the_page_survives_other_json(void **state)
{
    static const char *const odd[] = {
        "{\"format\":\"guerdon-compare/1\"}",
        "{\"format\":\"guerdon-compare/1\",\"margins\":[],\"details\":{\"of\":\"margins\",\"a\":\"<script>\","
        "\"points\":3,\"largest\":[1,{},{\"index\":1e300,\"a\":-1e308,\"b\":1e308}],\"flips\":[{}],"
        "\"differences\":{\"counts\":[]}}}",
        "{\"format\":\"guerdon-compare/1\",\"lists\":1,\"margins\":{\"pairs\":2},\"details\":{\"points\":"
        "{\"every\":9,\"a\":[1,\"x\",1e308,-1e308],\"b\":[1,2,1e308]},"
        "\"differences\":{\"from\":1e308,\"step\":1e308,\"counts\":[1,1]}}}",
        NULL,
    };
    static const char *const bad[] = { "", "[]", "{}", "{\"format\":\"guerdon-eval/1\"}", NULL };

    (void)state;
    assert_pages(gd_compare_page, odd, bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_numpys),           cmocka_unit_test(a_file_agrees_with_itself),
        cmocka_unit_test(undefined_figures_are_null),   cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(any_allocation_may_fail),      cmocka_unit_test(jansson_may_fail),
        cmocka_unit_test(the_page_survives_other_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
