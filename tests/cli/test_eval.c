/* test_eval.c - guerdon eval and guerdon compare: figures, files and exit statuses. */
#include "tests/cli/program.h"
#include "tests/fields.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static const char pairs[] =
    "{\"source\":\"web\",\"prompt\":\"Is tea hot? \",\"chosen\":\"Yes, mostly.\",\"rejected\":\"No.\"}\n"
    "{\"source\":\"web\",\"prompt\":\"Is ice hot? \",\"chosen\":\"No.\",\"rejected\":\"Yes.\"}\n"
    "{\"source\":\"b\xc3\xb6\x6f\x6b\\u001b[31m\",\"prompt\":\"P\",\"chosen\":\"a\",\"rejected\":\"a\"}\n";

static void it_prints_figures(void **state)
{
    const char *model = program_golden("qwen2"), *input = program_path("pairs.jsonl");
    program_run run;

    (void)state;
    program_write(input, pairs);
    run = program(NULL, "eval", "--model", model, "--input", input, "--by", "source", NULL);
    assert_quiet(&run);
    assert_non_null(strstr(run.out, "pairs           3\n"));
    assert_non_null(strstr(run.out, "ties            1, counted as wrong\n"));
    assert_non_null(strstr(run.out, "accuracy "));
    assert_non_null(strstr(run.out, "no interval: all pairs are judged alike"));
    assert_non_null(strstr(run.out, "\nweb                   2 "));
    /* no control character is printed */
    assert_non_null(strstr(run.out, "\nb\xc3\xb6ok?[31m             1 "));
    assert_null(strstr(run.out, "overall"));
    program_forget(&run);

    run = program(input, "eval", "--model", model, NULL); /* from standard input, without groups */
    assert_int_equal(run.status, 0);
    assert_non_null(strstr(run.out, "pairs           3\n"));
    assert_null(strstr(run.out, "web"));
    program_forget(&run);
}

static void it_writes_json_scores_and_a_page(void **state)
{
    const char *model = program_golden("qwen2"), *input = program_path("pairs.jsonl");
    const char *scores = program_path("a.jsonl"), *page = program_path("eval.html");
    static const char *const keys[] = { "pairs",  "accuracy", "accuracy_low", "accuracy_high", "ties",
                                        "margin", "loss",     "ece",          "brier" };
    program_run run, plain;
    json_t *root;
    char *text;

    (void)state;
    program_write(input, pairs);
    run = program(NULL, "eval", "--model", model, "--input", input, "--weights", "rewardbench", "--json", "--scores",
                  scores, "--report", page, NULL);
    assert_int_equal(run.status, 0);
    assert_int_equal(program_lines(run.out), 1);
    root = parsed(run.out);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_true(json_is_number(json_object_get(root, keys[i])));
    assert_true(real(root, "pairs") == 3 && real(root, "ties") == 1);
    assert_int_equal(json_object_size(json_object_get(root, "by")), 1); /* "(none)": the lines have no subset */
    assert_int_equal(json_object_size(json_object_get(root, "sections")), 0);
    json_decref(root);
    program_forget(&run);

    plain = program(NULL, "score", "--model", model, "--input", input, NULL);
    text = program_read(scores);
    assert_string_equal(text, plain.out);
    free(text);
    program_forget(&plain);
    text = program_read(page);
    assert_true(!strncmp(text, "<!DOCTYPE html>", 15) && strstr(text, "</html>\n"));
    free(text);
}

static void lines_that_can_not_be_judged_are_reported(void **state)
{
    const char *model = program_golden("qwen2"), *input = program_path("bad.jsonl");
    program_run run;

    (void)state;
    program_write(input, "{\"text\":\"a\"}\n{\"chosen\":\"a\",\"rejected\":\"b\"}\nx\n");
    run = program(NULL, "eval", "--model", model, "--input", input, NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.out, "pairs           1\n"));
    assert_non_null(strstr(run.errors, "guerdon: line 1: one text; expected a \"chosen\" and a \"rejected\" one"));
    assert_non_null(strstr(run.errors, "guerdon: line 3: not valid JSON"));
    assert_non_null(strstr(run.errors, "guerdon: 2 of 3 items failed\n"));
    program_forget(&run);
    run = program(NULL, "eval", "--model", model, "--input", input, "--weights", "/nonexistent/w.json", NULL);
    assert_int_equal(run.status, 3);
    assert_string_equal(run.out, "");
    program_forget(&run);
    run = program(NULL, "eval", "--model", model, "--input", input, "--scores", input, NULL);
    assert_int_equal(run.status, 2);
    assert_non_null(strstr(run.errors, "the run reads this file; choose another output"));
    program_forget(&run);
}

/* ---- calibration ---- */

/* A directory with links to a golden model's files. */
static void link_model(const char *to, const char *from)
{
    DIR *dir = opendir(from);
    char old[1024], new[1024];

    assert_non_null(dir);
    assert_int_equal(mkdir(to, 0777), 0);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(old, sizeof old, "%s/%s", from, entry->d_name);
        (void)snprintf(new, sizeof new, "%s/%s", to, entry->d_name);
        program_link(old, new);
    }
    (void)closedir(dir);
}

static void check_calibration(const char *path, double count)
{
    char *text = program_read(path);
    json_t *root = parsed(text);

    assert_int_equal(json_object_size(root), 4);
    assert_string_equal(json_string_value(json_object_get(root, "format")), "guerdon-calibration/1");
    assert_true(real(root, "count") == count && real(root, "std") > 0 && json_is_real(field(root, "mean")));
    json_decref(root);
    free(text);
}

static void calibration_goes_beside_the_adapter(void **state)
{
    const char *input = program_path("pairs.jsonl"), *model = program_path("model");
    const char *adapter = program_path("adapter"), *other = program_path("calibration.json");
    char beside[512];
    program_run run;

    (void)state;
    program_write(input, pairs);
    link_model(model, program_golden("qwen2"));
    link_model(adapter, program_golden("qwen2-lora"));
    run = program(NULL, "eval", "--model", model, "--input", input, "--calibrate", NULL);
    assert_quiet(&run);
    (void)snprintf(beside, sizeof beside, "%s/guerdon-calibration.json", model);
    check_calibration(beside, 6);
    assert_int_equal(unlink(beside), 0);
    program_forget(&run);
    run = program(NULL, "eval", "--model", model, "--adapter", adapter, "--input", input, "--calibrate", NULL);
    assert_int_equal(run.status, 0);
    assert_int_equal(access(beside, F_OK), -1);
    (void)snprintf(beside, sizeof beside, "%s/guerdon-calibration.json", adapter);
    check_calibration(beside, 6);
    program_forget(&run);
    program_write(input, "{\"text\":\"one\"}\n{\"text\":\"two\"}\n");
    run = program(NULL, "eval", "--model", model, "--input", input, "--calibrate-output", other, NULL);
    assert_int_equal(run.status, 0);
    check_calibration(other, 2);
    program_forget(&run);
    program_write(input, "{\"text\":\"one\"}\n");
    run = program(NULL, "eval", "--model", model, "--input", input, "--calibrate-output", other, NULL);
    assert_int_equal(run.status, 3);
    assert_non_null(strstr(run.errors, "a standard deviation needs two scores that differ"));
    check_calibration(other, 2); /* the old content stays */
    program_forget(&run);
}

/* ---- compare ---- */

static void scores_are_compared(void **state)
{
    const char *a = program_path("a.jsonl"), *b = program_path("b.jsonl");
    const char *page = program_path("compare.html");
    program_run run;
    json_t *root;
    char *text;

    (void)state;
    program_write(a, "{\"index\":0,\"chosen\":1.5,\"rejected\":1}\n{\"index\":1,\"chosen\":2,\"rejected\":3}\n"
                     "{\"index\":2,\"scores\":[1,2]}\n{\"index\":3,\"error\":\"x\"}\n");
    program_write(b, "{\"index\":0,\"chosen\":1.5,\"rejected\":2}\n{\"index\":1,\"chosen\":1,\"rejected\":3}\n"
                     "{\"index\":2,\"scores\":[2,1]}\n{\"index\":3,\"score\":1}\n");
    run = program(NULL, "compare", a, b, "--report", page, NULL);
    assert_quiet(&run);
    assert_non_null(strstr(run.out, "items                 4\n"));
    assert_non_null(strstr(run.out, "left out              1\n"));
    assert_non_null(strstr(run.out, "with the same bits    2\n"));
    assert_non_null(strstr(run.out, "flips                 1\n"));
    assert_non_null(strstr(run.out, "accuracy of A, of B   0.5000, 0.0000\n"));
    assert_non_null(strstr(run.out, "best answer differs   1\n"));
    program_forget(&run);
    text = program_read(page);
    assert_true(!strncmp(text, "<!DOCTYPE html>", 15) && strstr(text, "</html>\n"));
    free(text);

    run = program(a, "compare", "-", b, "--json", NULL);
    assert_int_equal(run.status, 0);
    root = parsed(run.out);
    assert_true(real(root, "scores") == 6 && real(part(root, "margins"), "flips") == 1);
    json_decref(root);
    program_forget(&run);
    program_write(b, "{\"index\":0,\"chosen\":1.5,\"rejected\":2}\n");
    run = program(NULL, "compare", a, b, NULL);
    assert_int_equal(run.status, 3);
    assert_string_equal(run.out, "");
    assert_non_null(strstr(run.errors, "ends before item 1 of"));
    program_forget(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_prints_figures),
        cmocka_unit_test(it_writes_json_scores_and_a_page),
        cmocka_unit_test(lines_that_can_not_be_judged_are_reported),
        cmocka_unit_test(calibration_goes_beside_the_adapter),
        cmocka_unit_test(scores_are_compared),
    };

    return cmocka_run_group_tests(tests, NULL, program_end);
}
