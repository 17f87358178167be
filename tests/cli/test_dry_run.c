/* test_dry_run.c - --dry-run: says of a run what the run itself then does, and touches no file. */
#include "tests/cli/program.h"

#include <signal.h>
#include <unistd.h>

/* Four that can be scored and four that can't, for various reasons. */
static const char items[] = "{\"chosen\":\"one two three\",\"rejected\":\"one two four\"}\n"
                            "not JSON\n"
                            "{\"text\":\"a b c d e f g h i j k l m n o p q r s t u v w x y z\"}\n"
                            "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\",7]}\n"
                            "{\"prompt\":\"What is 2+2? \",\"responses\":[\"four\",\"five\"]}\n"
                            "{\"text\":\"\"}\n"
                            "{\"chosen\":\"one\",\"rejected\":2}\n"
                            "{\"chosen\":\"one \",\"rejected\":\"two\"}\n";

static const char *input, *output;

static int make_input(void **state)
{
    (void)state;
    input = strdup(program_path("items.jsonl"));
    output = strdup(program_path("out.jsonl"));
    program_write(input, items);
    return 0;
}

static int remove_input(void **state)
{
    free((char *)input);
    free((char *)output);
    return program_end(state);
}

/* Runs the command with its flags, ended by NULL; `dry` as a dry run. */
static program_run run(const char *command, const char *const *flags, int dry)
{
    const char *arguments[PROGRAM_ARGUMENTS + 1] = { command,    "--model", program_golden("qwen2"), "--input", input,
                                                     "--output", output,    dry ? "--dry-run" : NULL };
    size_t count = dry ? 8 : 7;

    if (!strcmp(command, "eval"))
        arguments[5] = "--scores"; /* it has no --output */
    while (*flags)
        arguments[count++] = *flags++;
    return program_run_with(NULL, arguments);
}

/* The lines of `text` with an error, one after the other; freed by the caller. */
static char *error_lines(const char *text)
{
    char *lines = calloc(1, strlen(text) + 1);

    assert_non_null(lines);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        const size_t len = strcspn(line, "\n") + 1;
        const char *error = strstr(line, "\"error\":");

        if (error && error < line + len)
            (void)strncat(lines, line, len);
    }
    return lines;
}

/* A dry run reports the errors of the real one, and ends as it does. */
static void check_errors(const char *command, const char *const *flags)
{
    program_run dry = run(command, flags, 1), real;
    char *lines, *foreseen = error_lines(dry.out), *found;

    assert_int_not_equal(access(output, F_OK), 0);
    real = run(command, flags, 0);
    assert_int_equal(real.status, 1);
    assert_int_equal(dry.status, 1);
    assert_string_equal(strrchr(dry.errors, ':'), strrchr(real.errors, ':'));
    if (strcmp(command, "filter") != 0) { /* which writes none */
        lines = program_read(output);
        found = error_lines(lines);
        assert_string_equal(foreseen, found);
        assert_string_not_equal(found, "");
        free(lines);
        free(found);
    }
    assert_int_equal(unlink(output), 0);
    free(foreseen);
    program_forget(&dry);
    program_forget(&real);
}

static void errors_are_those_of_the_run(void **state)
{
    const char *const plain[] = { NULL }, *const cut[] = { "--truncate=right", "--max-length=9", NULL };
    const char *const strict[] = { "--max-length=9", NULL };
    const char *const margin[] = { "--min-margin=0.1", NULL }, *const top[] = { "--top-fraction=0.5", NULL };
    const char *const pairs[] = { "--pairs=all", "--texts", NULL };

    (void)state;
    check_errors("score", plain);
    check_errors("score", cut);
    check_errors("score", strict);
    check_errors("rank", plain);
    check_errors("eval", plain);
    check_errors("eval", strict);
    check_errors("filter", margin);
    check_errors("filter", top);
    check_errors("rank", pairs);
    assert_int_equal(unlink(program_path("out.pairs.jsonl")), 0);
}

/* The text after `title` in the report. */
static const char *figure(const program_run *run, const char *title)
{
    const char *at = strstr(run->out, title);

    if (!at)
        fail_msg("no \"%s\" in: %s", title, run->out);
    return at + strlen(title);
}

static void assert_figure(const program_run *run, const char *title, const char *want)
{
    const char *have = figure(run, title);

    if (strncmp(have, want, strlen(want)) != 0 || have[strlen(want)] != '\n')
        fail_msg("%s%s is expected in: %s", title, want, run->out);
}

/* Lengths by hand: each letter with its blank is a token of this tokenizer. */
static void figures_are_those_of_the_run(void **state)
{
    const char *path = program_path("lengths.jsonl"), *model = program_golden("qwen2");
    program_run dry, real;

    (void)state;
    program_write(path, "{\"text\":\"a b c\"}\n{\"text\":\"a b\"}\n{\"text\":\"a b c d e f\"}\n{\"text\":\"x\"}\n{}\n");
    dry = program(NULL, "score", "--model", model, "--input", path, "--max-length=5", "--truncate=right", "--dry-run",
                  NULL);
    assert_figure(&dry, "items           ", "5, 1 would fail, 1 would be cut");
    assert_figure(&dry, "texts           ", "4 of 1 to 5 tokens, median 2");
    assert_figure(&dry, "tokens          ", "11, 5 saved by sharing (45.5%)");
    assert_figure(&dry, "batches         ", "1");
    assert_contains(dry.out, "\ntime            less than a second with ");
    program_forget(&dry);

    assert_int_equal(setenv("GUERDON_QUIET", "0", 1), 0);
    real = program(NULL, "score", "--model", model, "--input", path, "--max-length=5", "--truncate=right", NULL);
    assert_contains(real.errors, "scored 5 items, 1 failed, 1 cut: 11 tokens, 5 saved by sharing, ");
    assert_int_equal(unsetenv("GUERDON_QUIET"), 0);
    program_forget(&real);

    dry = program(NULL, "score", "--model", model, "--input", path, "--max-length=5", "--truncate=drop",
                  "--share-prefix=off", "--batch-tokens=3", "--dry-run", NULL);
    assert_figure(&dry, "items           ", "5, 1 would fail, 1 would be left out");
    assert_figure(&dry, "tokens          ", "6, 0 saved by sharing (0.0%)");
    assert_figure(&dry, "batches         ", "2");
    program_forget(&dry);
    dry = program(NULL, "score", "--model", model, "--dry-run", "", NULL);
    assert_figure(&dry, "texts           ", "0");
    program_forget(&dry);
}

static void memory_is_what_inspect_says(void **state)
{
    const char *model = program_golden("qwen2");
    program_run dry = program(NULL, "score", "--model", model, "--dry-run", "--memory=64M", "a b", NULL);
    program_run all = program(NULL, "inspect", "--model", model, "--memory=64M", "--json", NULL);
    json_t *object = program_line(all.out, 0);
    const json_t *bytes = json_object_get(json_object_get(object, "memory"), "total_bytes");
    char want[80];

    (void)state;
    (void)snprintf(want, sizeof want, "%.1f MiB for weights and batches (weights stay)",
                   json_number_value(bytes) / 0x1p20);
    assert_figure(&dry, "memory          ", want);
    json_decref(object);
    program_forget(&dry);
    program_forget(&all);
}

static void no_file_is_touched(void **state)
{
    const char *model = program_golden("qwen2"), *path = program_path("kept.jsonl"),
               *pairs = program_path("pairs.jsonl");
    const char *good = program_path("good.jsonl");
    char *text;
    program_run dry;

    (void)state;
    program_write(path, "an earlier result\n");
    program_write(good, "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"]}\n");
    dry = program(NULL, "rank", "--model", model, "--input", good, "--output", path, "--pairs=all", "--pairs-output",
                  pairs, "--resume", "--dry-run", NULL);
    assert_quiet(&dry);
    program_forget(&dry);
    dry = program(NULL, "filter", "--model", model, "--input", good, "--output", path, "--rejects", pairs,
                  "--min-margin=1", "--dry-run", NULL);
    assert_quiet(&dry);
    program_forget(&dry);
    program_write(good, "{\"chosen\":\"a\",\"rejected\":\"b\"}\n");
    dry = program(NULL, "eval", "--model", model, "--input", good, "--report", pairs, "--scores", pairs,
                  "--calibrate-output", pairs, "--dry-run", NULL);
    assert_quiet(&dry);
    assert_null(strstr(dry.out, "accuracy"));
    program_forget(&dry);
    text = program_read(path);
    assert_string_equal(text, "an earlier result\n");
    free(text);
    assert_int_not_equal(access(pairs, F_OK), 0);
    assert_int_not_equal(access(program_path("kept.jsonl.resume"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_those_of_the_run),
        cmocka_unit_test(figures_are_those_of_the_run),
        cmocka_unit_test(memory_is_what_inspect_says),
        cmocka_unit_test(no_file_is_touched),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    (void)alarm(600); /* a program that hangs fails the test */
    return cmocka_run_group_tests(tests, make_input, remove_input);
}
