/* test_bench.c - guerdon bench: figures, files, showing an earlier result. */
#include "tests/cli/program.h"
#include "tests/fields.h"

static const char *const quick[] = { "--seconds=1", "--only=scoring,length", "--threads=1" };

static void it_writes_figures_a_result_and_a_page(void **state)
{
    const char *model = program_golden("qwen2"), *json = program_path("bench.json");
    const char *page = program_path("bench.html"), *second = program_path("again.html");
    program_run run;
    json_t *result;
    static char before[1 << 16];
    char *text, *html, *again;

    (void)state;
    memset(before, 'x', sizeof before - 1); /* longer than the result */
    program_write(json, before);
    run = program(NULL, "bench", "--model", model, quick[0], quick[1], quick[2], "--json", json, "--report", page,
                  NULL);
    assert_quiet(&run);
    assert_non_null(strstr(run.out, "memory          1 thread: reading "));
    assert_non_null(strstr(run.out, "scoring         shared prefixes: "));
    assert_non_null(strstr(run.out, "rows/s, length"));
    assert_non_null(strstr(run.out, "start           "));
    text = program_read(json);
    result = parsed(text);
    free(text);
    assert_string_equal(json_string_value(json_object_get(result, "format")), "guerdon-bench/1");
    html = program_read(page);
    assert_true(!strncmp(html, "<!DOCTYPE html>", 15) && strstr(html, "</html>\n"));
    json_decref(result);
    program_forget(&run);

    run = program(NULL, "bench", "--from", json, "--report", second, NULL);
    assert_int_equal(run.status, 0);
    assert_non_null(strstr(run.out, "rows/s, length"));
    assert_string_equal(again = program_read(second), html);
    free(again);
    free(html);
    program_forget(&run);
}

static void the_result_can_go_to_standard_output(void **state)
{
    const char *model = program_golden("llama");
    program_run run = program(NULL, "bench", "--model", model, quick[0], quick[1], quick[2], "--json=-", NULL);
    json_t *result;

    (void)state;
    assert_int_equal(run.status, 0);
    result = parsed(run.out); /* and nothing else is printed */
    json_decref(result);
    program_forget(&run);
}

static void a_file_that_is_not_a_result_is_refused(void **state)
{
    const char *path = program_path("no.json");
    program_run run;

    (void)state;
    program_write(path, "{\"format\":\"another\"}");
    run = program(NULL, "bench", "--from", path, "--report", program_path("no.html"), NULL);
    assert_int_equal(run.status, 3);
    assert_non_null(strstr(run.errors, "the result's \"format\" is another, but guerdon-bench/1 is expected"));
    program_forget(&run);
    program_write(path, "not JSON");
    run = program(NULL, "bench", "--from", path, NULL);
    assert_int_equal(run.status, 3);
    program_forget(&run);
    run = program(NULL, "bench", "--model", program_golden("qwen2"), "--only", "speed", NULL);
    assert_int_equal(run.status, 2);
    assert_non_null(strstr(run.errors, "the parts to measure are \"speed\""));
    program_forget(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_writes_figures_a_result_and_a_page),
        cmocka_unit_test(the_result_can_go_to_standard_output),
        cmocka_unit_test(a_file_that_is_not_a_result_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, program_end);
}
