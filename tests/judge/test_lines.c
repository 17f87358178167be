/* test_lines.c - valid and invalid lines of gd_eval()'s input, and their results. */
#include "tests/judge/judged.h"

static void texts_are_only_for_calibration(void **state)
{
    gd_eval_options how;
    char path[TEST_PATH];
    json_t *root;
    const json_t *calibration;

    (void)state;
    how = judged_options(judged_file(path, "{\"text\":\"one\"}\n{\"prompt\":\"two \",\"response\":\"three\"}\n"));
    root = judged_run(&how, GD_EITEM, NULL);
    assert_true(real(root, "pairs") == 0 && real(part(root, "details"), "failed") == 2);
    assert_true(json_is_null(field(root, "accuracy")) && json_is_null(field(root, "loss")));
    json_decref(root);
    how.calibrate = 1;
    root = judged_run(&how, GD_OK, NULL);
    calibration = part(part(root, "details"), "calibration");
    assert_true(real(root, "pairs") == 0 && real(calibration, "count") == 2 && real(calibration, "std") > 0);
    assert_string_equal(json_string_value(field(calibration, "format")), "guerdon-calibration/1");
    json_decref(root);
    remove(path);

    how = judged_options(judged_file(path, "one\ntwo\nthree\n"));
    how.format = GD_FORMAT_TEXT;
    how.calibrate = 1;
    how.by = "source";
    root = judged_run(&how, GD_OK, NULL);
    assert_true(real(part(part(root, "details"), "calibration"), "count") == 3);
    json_decref(root);
    remove(path);

    how = judged_options(judged_file(path, "{\"text\":\"one\"}\n"));
    how.calibrate = 1;
    root = judged_run(&how, GD_OK, NULL);
    assert_true(json_is_null(field(part(part(root, "details"), "calibration"), "std")));
    json_decref(root);
    remove(path);
    how = judged_options(judged_file(path, "\n"));
    root = judged_run(&how, GD_OK, NULL);
    assert_true(real(root, "pairs") == 0 && json_is_null(field(part(part(root, "details"), "calibration"), "mean")));
    json_decref(root);
    remove(path);
}

static void lines_that_can_not_be_judged_say_why(void **state)
{
    static const struct {
        const char *line, *why;
    } bad[] = {
        { "{\"text\":\"a\"}", "line 1: one text; expected a \"chosen\" and a \"rejected\" one" },
        { "{\"chosen\":\"a\"}", "line 1: the field \"rejected\" is missing" },
        { "{\"chosen\":[\"a\"],\"rejected\":\"b\"}", "the field \"rejected\" is a string; expected a list of answers" },
        { "{\"chosen\":[\"a\"],\"rejected\":[]}", "the field \"rejected\" is empty; expected answers" },
        { "{\"chosen\":[\"a\",3],\"rejected\":[\"b\"]}",
          "the field \"chosen[1]\" is a number; expected a string or a conversation" },
        { "{\"chosen\":[\"a\"],\"rejected\":[\"b\"],\"num_correct\":2}",
          "\"num_correct\" contradicts the lists, which have 1" },
        { "{\"chosen\":[\"a\"],\"rejected\":[\"b\"],\"num_correct\":\"1\"}", "\"num_correct\" contradicts the lists" },
        { "{\"chosen\":[\"a\"],\"rejected\":[\"b\"],\"total_completions\":3}",
          "\"total_completions\" contradicts the lists" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"]}", "\"responses\" without \"num_correct\"" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"],\"num_correct\":2}",
          "\"num_correct\" of 2 answers must be a whole number from 1 to 1" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"],\"num_correct\":0}", "must be a whole number from 1 to 1" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"],\"num_correct\":1.5}", "must be a whole number from 1 to 1" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"],\"num_correct\":1e300}",
          "must be a whole number from 1 to 1" },
        { "{\"subset\":\"TIES\",\"chosen\":[\"a\"],\"rejected\":[\"b\"]}", "\"id\" is not a string, but \"ref:N\"" },
        { "{\"id\":\"7\",\"subset\":\"Ties\",\"chosen\":[\"a\"],\"rejected\":[\"b\"]}", "\"id\" is 7, but \"ref:N\"" },
        { "{\"chosen\":\"\",\"rejected\":\"b\"}", "chosen: the text has no tokens" },
        { "[]", "a list; expected an object" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char path[TEST_PATH], text[512];
        gd_summary summary = { .struct_size = sizeof summary };
        gd_eval_options how;
        json_t *root;
        const json_t *failures;

        (void)snprintf(text, sizeof text, "%s\n{\"chosen\":\"yes\",\"rejected\":\"no\"}\n", bad[i].line);
        how = judged_options(judged_file(path, text));
        how.weights = "rewardbench";
        how.format = GD_FORMAT_JSONL;
        root = judged_run(&how, GD_EITEM, &summary);
        assert_true(real(root, "pairs") == 1);
        assert_int_equal(summary.texts, 2); /* what can't be judged is not scored */
        failures = part(part(root, "details"), "failures");
        assert_int_equal(json_array_size(failures), 1);
        assert_contains(json_string_value(field(json_array_get(failures, 0), "error")), bad[i].why);
        json_decref(root);
        remove(path);
    }
}

static void groups_are_named_by_values(void **state)
{
    static const char text[] =
        "{\"g\":\"b\",\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"g\":3,\"chosen\":\"a\",\"rejected\":\"b\"}\n"
        "{\"g\":\"3\",\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"g\":2.5,\"chosen\":\"a\",\"rejected\":\"b\"}\n"
        "{\"g\":true,\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"g\":null,\"chosen\":\"a\",\"rejected\":\"b\"}\n"
        "{\"g\":[1],\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"chosen\":\"a\",\"rejected\":\"b\"}\n"
        "{\"g\":\"n\\u0000l\",\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"g\":\"\",\"chosen\":\"a\",\"rejected\":\"b\"}\n";
    static const struct {
        const char *name;
        double pairs;
    } want[] = { { "b", 1 }, { "3", 2 }, { "2.5", 1 }, { "true", 1 }, { "(none)", 3 }, { "n\xef\xbf\xbdl", 1 },
                 { "", 1 } };
    char path[TEST_PATH];
    gd_eval_options how = judged_options(judged_file(path, text));
    json_t *root;
    const char *name;
    json_t *one;
    size_t i = 0;

    (void)state;
    how.by = "g";
    root = judged_run(&how, GD_OK, NULL);
    assert_int_equal(json_object_size(part(root, "by")), 7);
    json_object_foreach((json_t *)part(root, "by"), name, one) { /* in order of first appearance */
        assert_string_equal(name, want[i].name);
        assert_true(real(one, "pairs") == want[i].pairs);
        i++;
    }
    json_decref(root);
    remove(path);
}

/* A text is never cut inside a character. */
static void texts_are_cut_between_characters(void **state)
{
    (void)state;
    for (int shift = 0; shift < 3; shift++) {
        char path[TEST_PATH], *text = malloc(30000), *p = text;
        gd_eval_options how;
        const json_t *pair;
        json_t *root;

        assert_non_null(text);
        p += sprintf(p, "{\"prompt\":\"");
        for (int k = 0; k < 1500; k++)
            p += sprintf(p, "\xe2\x82\xac");
        p += sprintf(p, "%.*s\",\"chosen\":\"%.*s", shift, "ppp", shift, "ccc");
        for (int k = 0; k < 1500; k++)
            p += sprintf(p, "\xe2\x82\xac");
        p += sprintf(p, "\",\"rejected\":\"r\"}\n");
        how = judged_options(judged_file(path, text));
        root = judged_run(&how, GD_OK, NULL);
        pair = json_array_get(part(part(root, "details"), "worst"), 0);
        assert_true(json_is_string(field(pair, "beginning"))); /* it would be null if it were not UTF-8 */
        assert_true(json_string_length(field(pair, "beginning")) > 3990);
        assert_true(json_is_string(field(pair, "chosen")) && json_string_length(field(pair, "chosen")) > 3990);
        assert_true(json_string_length(field(pair, "chosen")) <= 4003);
        json_decref(root);
        remove(path);
        free(text);
    }
}

static void worst_pairs_have_their_texts(void **state)
{
    char path[TEST_PATH], *text = malloc(60000), *p = text;
    gd_eval_options how;
    json_t *root;
    const json_t *worst;
    const char *beginning;
    size_t i;
    const json_t *one;

    (void)state;
    assert_non_null(text);
    p += sprintf(p, "{\"prompt\":\"P\",\"chosen\":\"");
    for (int k = 0; k < 3000; k++)
        p += sprintf(p, "\xc3\xa9 ");
    p += sprintf(p, "left\\u0000\",\"rejected\":\"");
    for (int k = 0; k < 3000; k++)
        p += sprintf(p, "\xc3\xa9 ");
    p += sprintf(p, "lost ");
    for (int k = 0; k < 3000; k++)
        p += sprintf(p, "\xc3\xa9");
    p += sprintf(p, "\"}\n{\"chosen\":\"Yes.\",\"rejected\":\"Yes, no.\"}\n"
                    "{\"prompt\":\"Q\",\"chosen\":[\"x\"],\"rejected\":[\"y\"]}\n");
    how = judged_options(judged_file(path, text));
    root = judged_run(&how, GD_OK, NULL);
    worst = part(part(root, "details"), "worst");
    assert_int_equal(json_array_size(worst), 3);
    json_array_foreach(worst, i, one) {
        const char *chosen = json_string_value(field(one, "chosen"));
        const char *rejected = json_string_value(field(one, "rejected"));

        beginning = json_string_value(field(one, "beginning"));
        switch ((int)real(one, "index")) {
        case 0: /* the end of the common beginning, then the rest of each from the start of the word that differs */
            assert_true(strlen(beginning) < 4020 && !strncmp(beginning, "\xe2\x80\xa6", 3));
            assert_true(beginning[3] == ' ' || beginning[3] == '\xc3');
            assert_string_equal(chosen, "left\xef\xbf\xbd");
            assert_true(!strncmp(rejected, "lost \xc3\xa9", 7) && strlen(rejected) < 4020);
            assert_string_equal(rejected + strlen(rejected) - 5, "\xc3\xa9\xe2\x80\xa6");
            break;
        case 1: /* a short common beginning is not split off */
            assert_string_equal(beginning, "");
            assert_string_equal(chosen, "Yes.");
            assert_string_equal(rejected, "Yes, no.");
            break;
        default:
            assert_string_equal(beginning, "Q");
            assert_string_equal(chosen, "x");
            assert_string_equal(rejected, "y");
        }
    }
    json_decref(root);
    remove(path);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_only_for_calibration),   cmocka_unit_test(lines_that_can_not_be_judged_say_why),
        cmocka_unit_test(groups_are_named_by_values),       cmocka_unit_test(worst_pairs_have_their_texts),
        cmocka_unit_test(texts_are_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, judged_open, judged_close);
}
