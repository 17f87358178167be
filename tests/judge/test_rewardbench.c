/* test_rewardbench.c - section scores against published ones, RewardBench 2's measures against numpy's, and files of
 * weights, valid and invalid. */
#include "tests/check.h"

#include "base/mem.h"
#include "judge/rewardbench.h"

#include <jansson.h>
#include <math.h>
#include <unistd.h>

enum { MOST = 40 };

static json_t *load_json(const char *name)
{
    char path[512];
    json_t *root = json_load_file(test_data(path, sizeof path, name), 0, NULL);

    assert_non_null(root);
    return root;
}

/* Reads an object of accuracies into two arrays; returns their length. */
static size_t table_of(const json_t *object, const char *names[MOST], double accuracy[MOST])
{
    size_t count = 0;
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value) {
        assert_true(count < MOST);
        names[count] = name;
        accuracy[count++] = json_number_value(value);
    }
    return count;
}

static const gd_section *section(const gd_sections *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->list[i].name, name))
            return &s->list[i];
    fail_msg("there is no section %s", name);
    return NULL;
}

static void sections_are_the_published_ones(void **state)
{
    json_t *root = load_json("judge/rewardbench.json"), *model;
    gd_sections s;
    size_t i;

    (void)state;
    assert_ok(gd_sections_load(&s, "rewardbench", test_err));
    assert_int_equal(s.count, 5);
    json_array_foreach(json_object_get(root, "models"), i, model) {
        const double digits = json_number_value(json_object_get(model, "digits"));
        const char *names[MOST], *name;
        double accuracy[MOST], total = 0;
        const size_t count = table_of(json_object_get(model, "accuracy"), names, accuracy);
        json_t *want;

        assert_int_equal(count, 23);
        gd_sections_score(&s, names, accuracy, count);
        json_object_foreach(json_object_get(model, "sections"), name, want) {
            const double have = section(&s, name)->score;

            if (!(fabs(have - json_number_value(want)) <= 0.51 * pow(10, -digits)))
                fail_msg("%s: %.17g, expected %.17g", name, have, json_number_value(want));
            total += have;
        }
        assert_true(isnan(section(&s, "Prior Sets")->score));
        assert_true(fabs(s.overall - total / 4) < 1e-15);
    }
    assert_int_equal(i, 5);
    gd_sections_free(&s);
    json_decref(root);
}

/* Prior sets weigh half of a section, which is the mean of those present; without a section there is no overall. */
static void parts_may_be_missing(void **state)
{
    const char *names[] = { "mt-bench-med", "mt-bench-hard", "donotanswer", "hep-go", "shp", "summarize", "other" };
    const double accuracy[] = { 0.9, 0.5, 0.7, 0.1, 0.4, 0.8, 0.0 };
    gd_sections s;

    (void)state;
    assert_ok(gd_sections_load(&s, "rewardbench", test_err));
    gd_sections_score(&s, names, accuracy, 7);
    assert_true(section(&s, "Chat")->score == 0.9);
    assert_true(fabs(section(&s, "Prior Sets")->score - 0.6) < 1e-15);
    assert_true(fabs(s.overall - (2 * (0.9 + 0.5 + 0.7 + 0.1) + 0.6) / 9) < 1e-15);
    gd_sections_score(&s, names, accuracy, 4);
    assert_true(fabs(s.overall - (0.9 + 0.5 + 0.7 + 0.1) / 4) < 1e-15);
    gd_sections_score(&s, names, accuracy, 3);
    assert_true(isnan(s.overall) && isnan(section(&s, "Reasoning")->score) && section(&s, "Safety")->score == 0.7);
    gd_sections_score(&s, names, accuracy, 0);
    assert_true(isnan(s.overall) && isnan(section(&s, "Chat")->score));
    gd_sections_free(&s);
}

/* Loads weights from a file with this text. */
static gd_status load_text(gd_sections *s, const char *text, gd_error *err)
{
    char path[TEST_PATH];
    FILE *file = fopen(test_file(path), "w");
    gd_status rc;

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    rc = gd_sections_load(s, path, err);
    (void)remove(path);
    return rc;
}

static void files_have_weights(void **state)
{
    const char *names[] = { "a", "b", "c" };
    const double accuracy[] = { 1, 0.5, 0.25 };
    gd_sections s;

    (void)state;
    assert_ok(load_text(&s,
                        "{\"sections\":{\"X\":{\"subsets\":{\"a\":1,\"b\":3}},"
                        "\"Y\":{\"weight\":0.5,\"optional\":true,\"subsets\":{\"c\":7}}}}",
                        test_err));
    gd_sections_score(&s, names, accuracy, 3);
    assert_true(section(&s, "X")->score == 0.625 && section(&s, "Y")->score == 0.25);
    assert_true(fabs(s.overall - (0.625 + 0.5 * 0.25) / 1.5) < 1e-15);
    gd_sections_score(&s, names, accuracy, 2);
    assert_true(s.overall == 0.625);
    gd_sections_free(&s);
}

static void bad_files_are_refused(void **state)
{
    static const struct {
        const char *text, *sentence;
    } bad[] = {
        { "", "not valid JSON" },
        { "[]", "a list; expected an object" },
        { "{}", "the field \"sections\" is missing" },
        { "{\"sections\":[]}", "the field \"sections\" is a list, but an object is expected" },
        { "{\"sections\":{}}", "0 sections" },
        { "{\"sections\":{\"X\":{\"subsets\":{\"a\":1}}},\"more\":1}", "the file has an unknown field \"more\"" },
        { "{\"sections\":{\"X\":3}}", "the section \"X\" is an integer" },
        { "{\"sections\":{\"X\":{}}}", "the field \"subsets\" is missing" },
        { "{\"sections\":{\"X\":{\"subsets\":{}}}}", "the section \"X\" has no subsets" },
        { "{\"sections\":{\"X\":{\"subsets\":{\"a\":\"1\"}}}}", "\"a\" is a string, but a number is expected" },
        { "{\"sections\":{\"X\":{\"subsets\":{\"a\":0}}}}", "the weight of \"a\" is 0" },
        { "{\"sections\":{\"X\":{\"subsets\":{\"a\":-2}}}}", "the weight of \"a\" is -2" },
        { "{\"sections\":{\"X\":{\"subsets\":{\"a\":1,\"a\":2}}}}", "\"a\" appears twice" },
        { "{\"sections\":{\"X\":{\"weight\":0,\"subsets\":{\"a\":1}}}}", "the weight of \"weight\" is 0" },
        { "{\"sections\":{\"X\":{\"wieght\":1,\"subsets\":{\"a\":1}}}}", "a section has an unknown field \"wieght\"" },
        { "{\"sections\":{\"X\":{\"optional\":1,\"subsets\":{\"a\":1}}}}", "\"optional\" is an integer" },
    };
    gd_sections s;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_error err = { 0 };

        assert_int_equal(load_text(&s, bad[i].text, &err), GD_EFORMAT);
        assert_contains(err.text, bad[i].sentence);
        assert_int_equal(s.count, 0);
    }
    assert_int_equal(gd_sections_load(&s, "/nonexistent/weights.json", NULL), GD_EIO);
}

/* ---- version 2 ---- */

static size_t floats(const json_t *list, float values[MOST])
{
    json_t *one;
    size_t i;

    assert_true(json_array_size(list) <= MOST);
    json_array_foreach(list, i, one)
        values[i] = (float)json_number_value(one);
    return json_array_size(list);
}

static void the_best_answer_has_credit(void **state)
{
    json_t *root = load_json("judge/expected.json"), *one;
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(root, "best"), i, one) {
        float scores[MOST];
        const size_t count = floats(json_object_get(one, "scores"), scores);
        const uint32_t shares = gd_best_shares(scores, count);

        assert_true((shares ? 1.0 / shares : 0) == json_number_value(json_object_get(one, "credit")));
    }
    assert_true(i > 20);
    json_decref(root);
}

static void ties_have_their_own_measure(void **state)
{
    json_t *root = load_json("judge/expected.json"), *one, *row;
    size_t i, r;

    (void)state;
    json_array_foreach(json_object_get(root, "ties"), i, one) {
        const json_t *want = json_object_get(one, "score");
        gd_ties ties = { 0 };
        double have;

        json_array_foreach(json_object_get(one, "rows"), r, row) {
            float scores[MOST];
            const size_t count = floats(json_object_get(row, "scores"), scores);

            assert_ok(gd_ties_add(&ties, json_string_value(json_object_get(row, "id")), scores,
                                  (size_t)json_integer_value(json_object_get(row, "correct")), count, test_err));
        }
        have = gd_ties_score(&ties);
        if (json_is_null(want) ? !isnan(have) : !(fabs(have - json_number_value(want)) <= 1e-12))
            fail_msg("case %zu: %.17g, expected %.17g", i, have, json_number_value(want));
        gd_ties_free(&ties);
    }
    assert_int_equal(i, 6);
    json_decref(root);
}

static void ids_of_ties_are_read(void **state)
{
    static const char *const bad[] = { "",
                                       "ref",
                                       "ref:",
                                       "tied:",
                                       "tied:1x",
                                       "Ref:1",
                                       "ref:-1",
                                       "ref: 1",
                                       "tie:1",
                                       ":1",
                                       "ref:99999999999999999999",
                                       "other:3",
                                       "ref:1:2" };
    gd_tie tie;
    gd_ties ties = { 0 };
    float scores[] = { 1, 0 };

    (void)state;
    assert_true(gd_tie_id(&tie, "ref:0") && !tie.tied && tie.number == 0);
    assert_true(gd_tie_id(&tie, "tied:922337203685477580") && tie.tied && tie.number == 922337203685477580);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (gd_tie_id(&tie, bad[i]))
            fail_msg("\"%s\" is accepted as an id", bad[i]);
    assert_int_equal(gd_ties_add(&ties, "x", scores, 1, 2, NULL), GD_EFORMAT);
    assert_true(isnan(gd_ties_score(&ties)));
    gd_mem_fail_from(1);
    assert_int_equal(gd_ties_add(&ties, "ref:1", scores, 1, 2, NULL), GD_ENOMEM);
    gd_mem_fail_from(0);
    gd_ties_free(&ties);
}

static void loading_survives_any_failed_allocation(void **state)
{
    const uint64_t live = gd_mem_live();
    gd_status rc = GD_ENOMEM;
    uint64_t n;

    (void)state;
    for (n = 1; rc == GD_ENOMEM && n < 10000; n++) {
        gd_sections s;

        gd_mem_fail_from(n);
        rc = gd_sections_load(&s, "rewardbench", NULL);
        gd_mem_fail_from(0);
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
        gd_sections_free(&s);
        assert_int_equal(gd_mem_live(), live);
    }
    assert_true(rc == GD_OK && n > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_are_the_published_ones),
        cmocka_unit_test(parts_may_be_missing),
        cmocka_unit_test(files_have_weights),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(the_best_answer_has_credit),
        cmocka_unit_test(ties_have_their_own_measure),
        cmocka_unit_test(ids_of_ties_are_read),
        cmocka_unit_test(loading_survives_any_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
