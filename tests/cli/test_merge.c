/* test_merge.c - guerdon merge: a model that guerdon score accepts, and its errors. */
#include "tests/cli/program.h"

#include <sys/resource.h>
#include <unistd.h>

static const char *merged(void) { return program_path("merged"); }

static void remove_model(void)
{
    static const char *const names[] = { "config.json", "model.safetensors", "tokenizer.json",
                                         "tokenizer_config.json" };
    char path[512];

    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", merged(), names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(merged()), 0); /* and nothing else was in it */
}

static double score_of(const char *model, const char *adapter)
{
    program_run run = adapter ? program(NULL, "score", "--model", model, "--adapter", adapter, "Is tea hot?", NULL)
                              : program(NULL, "score", "--model", model, "Is tea hot?", NULL);
    json_t *line;
    double score;

    assert_int_equal(run.status, 0);
    line = program_line(run.out, 0);
    score = json_real_value(json_object_get(line, "score"));
    json_decref(line);
    program_forget(&run);
    return score;
}

/* From a causal-LM base, which has no scores without the adapter's head. */
static void it_makes_a_model(void **state)
{
    const char *base = program_golden("qwen2-causal"), *adapter = program_golden("qwen2-causal-lora");
    program_run run = program(NULL, "merge", "--model", base, "--adapter", adapter, "--output", merged(), NULL);
    double apart;

    (void)state;
    assert_quiet(&run);
    assert_string_equal(run.out, "");
    program_forget(&run);
    apart = score_of(merged(), NULL) - score_of(base, adapter);
    assert_true(apart > -0.08 && apart < 0.08); /* the scores' spread is 1.7 */

    run = program(NULL, "merge", "--model", base, "--adapter", adapter, "--output", merged(), NULL);
    assert_int_equal(run.status, 2);
    assert_non_null(strstr(run.errors, "but an empty or a new directory is expected"));
    program_forget(&run);
    remove_model();
}

/* A limit on the file size is reported; it doesn't kill the program. */
static void a_file_over_the_size_limit_is_reported(void **state)
{
    const char *base = program_golden("qwen2"), *adapter = program_golden("qwen2-lora");
    struct rlimit before, few;
    program_run run;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    few = (struct rlimit){ 500000, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    run = program(NULL, "merge", "--model", base, "--adapter", adapter, "--output", merged(), NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(run.status, 3);
    assert_int_equal(program_lines(run.errors), 1);
    assert_non_null(strstr(run.errors, "merged/model.safetensors: File too large"));
    assert_int_equal(access(merged(), F_OK), -1);
    program_forget(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_makes_a_model),
        cmocka_unit_test(a_file_over_the_size_limit_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, program_end);
}
