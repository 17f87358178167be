/* test_program.c - the program on models: its output, its statuses, and its manners. */
#include "tests/cli/program.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GOLDEN_TEXTS = 40 };

static const char *const three = "{\"text\":\"one\"}\n{\"prompt\":\"tw\",\"response\":\"o\"}\n{\"text\":\"three\"}\n";

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_number(value))
        fail_msg("no number \"%s\"", key);
    return json_number_value(value);
}

/* The run went well, and nothing was said where nobody looks. */
static void assert_quiet(const program_run *run)
{
    assert_string_equal(run->errors, "");
    assert_int_equal(run->status, 0);
}

static void check_golden(const char *model, const char *adapter, const char *key)
{
    const char *const expected = program_golden(model);
    char input[600], *want;
    program_run run;

    (void)snprintf(input, sizeof input, "%s/expected.jsonl", expected);
    want = program_read(input);
    run = program(NULL, "score", "--model", expected, "--input", input, "--precision", "fp32",
                  adapter ? "--adapter" : NULL, adapter ? program_golden(adapter) : NULL, NULL);
    assert_quiet(&run);
    assert_int_equal(program_lines(run.out), GOLDEN_TEXTS);
    for (size_t i = 0; i < GOLDEN_TEXTS; i++) {
        json_t *const got = program_line(run.out, i), *const reference = program_line(want, i);
        const double score = number(got, "score"), exact = number(reference, key);

        assert_int_equal((int)number(got, "index"), i);
        assert_int_equal((size_t)number(got, "tokens"), json_array_size(json_object_get(reference, "ids")));
        if (!(fabs(score - exact) <= 3e-5 * fmax(1, fabs(exact))))
            fail_msg("%s text %zu: %.9g, %.9g expected", model, i, score, exact);
        json_decref(got);
        json_decref(reference);
    }
    program_forget(&run);
    free(want);
}

static void a_file_gets_the_reference_scores(void **state)
{
    (void)state;
    check_golden("qwen2", NULL, "score_f64");
    check_golden("llama", NULL, "score_f64");
}

static void an_adapter_is_applied(void **state)
{
    (void)state;
    check_golden("qwen2", "qwen2-lora", "score_lora_f64");
}

static void flags_that_only_change_the_speed_change_no_byte(void **state)
{
    static const char *const flags[] = { "--threads=1",      "--threads=3",        "--batch-tokens=64",
                                         "--batch-tokens=1", "--share-prefix=off", "--isa=generic" };
    const char *const model = program_golden("qwen2");
    char input[600];
    program_run first;

    (void)state;
    (void)snprintf(input, sizeof input, "%s/expected.jsonl", model);
    first = program(NULL, "score", "--model", model, "--input", input, NULL);
    assert_quiet(&first);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        program_run run = program(NULL, "score", "--model", model, "--input", input, flags[i], NULL);

        assert_quiet(&run);
        if (strcmp(run.out, first.out) != 0)
            fail_msg("%s changes the output", flags[i]);
        program_forget(&run);
    }
    program_forget(&first);
}

static void texts_are_scored_like_lines(void **state)
{
    const char *const model = program_golden("qwen2"), *const input = program_path("in");
    program_run file, texts, end;

    (void)state;
    program_write(input,
                  "{\"text\":\"a \\\"b\\\" \\\\n\\n\\t\\u0001\\u00e9\"}\n{\"text\":\"--quiet\"}\n{\"text\":\"x\"}\n");
    file = program(NULL, "score", "--model", model, "--input", input, NULL);
    texts = program(NULL, "score", "a \"b\" \\n\n\t\001\303\251", "--model", model, "--", "--quiet", "x", NULL);
    assert_quiet(&file);
    assert_quiet(&texts);
    assert_string_equal(texts.out, file.out);
    end = program(NULL, "score", "--model", model, "ok", "bad \377", "ok", NULL);
    assert_int_equal(end.status, 1);
    assert_int_equal(program_lines(end.out), 3);
    assert_non_null(strstr(end.out, "{\"index\":1,\"error\":\""));
    program_forget(&file);
    program_forget(&texts);
    program_forget(&end);
}

static void input_comes_from_where_it_is_said(void **state)
{
    const char *const model = program_golden("qwen2"), *const input = program_path("in");
    const char *const plain = program_path("plain"), *const output = program_path("out.jsonl");
    program_run run[5];
    char *written;

    (void)state;
    program_write(input, three);
    program_write(plain, "one\ntwo\n\nthree\n");
    run[0] = program(NULL, "score", "--model", model, "--input", input, NULL);
    run[1] = program(input, "score", "--model", model, NULL);
    run[2] = program(input, "score", "--model", model, "--input=-", NULL);
    run[3] = program(input, "score", "--model", model, "-", NULL);
    run[4] = program(NULL, "score", "--model", model, "--format", "text", "--input", plain, NULL);
    for (size_t i = 0; i < 5; i++) {
        assert_quiet(&run[i]);
        assert_int_equal(program_lines(run[i].out), 3);
        assert_string_equal(run[i].out, run[0].out);
    }
    program_forget(&run[1]);
    run[1] = program(NULL, "score", "--model", model, "--input", input, "--output", output, NULL);
    assert_quiet(&run[1]);
    assert_string_equal(run[1].out, "");
    written = program_read(output);
    assert_string_equal(written, run[0].out);
    free(written);
    for (size_t i = 0; i < 5; i++)
        program_forget(&run[i]);
}

static void a_pair_has_two_scores_and_their_margin(void **state)
{
    const char *const model = program_golden("qwen2"), *const input = program_path("in");
    program_run run;
    json_t *pair, *chosen, *rejected;

    (void)state;
    program_write(input, "{\"prompt\":\"Is \",\"chosen\":\"tea hot\",\"rejected\":\"it\"}\n{\"text\":\"Is tea hot\"}\n"
                         "{\"text\":\"Is it\"}\n");
    run = program(NULL, "score", "--model", model, "--input", input, NULL);
    assert_quiet(&run);
    pair = program_line(run.out, 0);
    chosen = program_line(run.out, 1);
    rejected = program_line(run.out, 2);
    assert_true(number(pair, "chosen") == number(chosen, "score"));
    assert_true(number(pair, "rejected") == number(rejected, "score"));
    assert_true((float)number(pair, "margin") == (float)number(pair, "chosen") - (float)number(pair, "rejected"));
    assert_true(json_number_value(json_array_get(json_object_get(pair, "tokens"), 0)) == number(chosen, "tokens"));
    assert_true(json_number_value(json_array_get(json_object_get(pair, "tokens"), 1)) == number(rejected, "tokens"));
    json_decref(pair);
    json_decref(chosen);
    json_decref(rejected);
    program_forget(&run);
}

static void a_bad_line_fails_alone(void **state)
{
    const char *const model = program_golden("qwen2"), *const input = program_path("in");
    program_run run, whole;

    (void)state;
    program_write(input, "{\"text\":\"one\"}\nnot JSON\n{\"text\":\"two\"}\n{\"txt\":\"x\"}\n{\"text\":\"three\"}\n");
    run = program(NULL, "score", "--model", model, "--input", input, NULL);
    assert_int_equal(run.status, 1);
    assert_string_equal(run.errors, "guerdon: 2 of 5 items failed\n");
    assert_int_equal(program_lines(run.out), 5);
    program_write(input, three);
    whole = program(NULL, "score", "--model", model, "--input", input, NULL);
    for (size_t i = 0; i < 5; i++) {
        json_t *const line = program_line(run.out, i);

        assert_int_equal((int)number(line, "index"), i);
        if (i % 2) {
            assert_true(json_is_string(json_object_get(line, "error")));
        } else {
            json_t *const same = program_line(whole.out, i / 2);

            assert_true(number(line, "score") == number(same, "score"));
            json_decref(same);
        }
        json_decref(line);
    }
    program_forget(&run);
    program_forget(&whole);
}

static void long_texts_are_treated_as_told(void **state)
{
    const char *const model = program_golden("qwen2");
    const char *const text = "one two three four five six seven eight nine ten";
    program_run run;

    (void)state;
    run = program(NULL, "score", "--model", model, "--max-length", "4", "a", text, NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.out, "{\"index\":0,\"score\":"));
    assert_non_null(strstr(run.out, "{\"index\":1,\"error\":"));
    program_forget(&run);

    run = program(NULL, "score", "--model", model, "--max-length=4", "--truncate=drop", text, "a", NULL);
    assert_quiet(&run);
    assert_int_equal(program_lines(run.out), 1);
    assert_non_null(strstr(run.out, "{\"index\":1,\"score\":"));
    program_forget(&run);

    for (size_t i = 0; i < 2; i++) {
        run = program(NULL, "score", "--model", model, "--max-length=4", "--truncate", i ? "left" : "right", text,
                      NULL);
        assert_quiet(&run);
        assert_non_null(strstr(run.out, "\"tokens\":4,\"truncated\":true}\n"));
        program_forget(&run);
    }
}

static void tokenize_needs_no_weights(void **state)
{
    static const char *const files[] = { "tokenizer.json", "tokenizer_config.json", "config.json" };
    const char *const model = program_golden("llama"), *const bare = program_path("bare");
    char source[600], link[600], *expected;
    program_run run;

    (void)state;
    assert_int_equal(mkdir(bare, 0700), 0);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(source, sizeof source, "%s/%s", model, files[i]);
        (void)snprintf(link, sizeof link, "%s/%s", bare, files[i]);
        expected = program_read(source);
        program_write(link, expected);
        free(expected);
    }
    (void)snprintf(source, sizeof source, "%s/expected.jsonl", model);
    run = program(NULL, "tokenize", "--model", bare, "--input", source, NULL);
    assert_quiet(&run);
    expected = program_read(source);
    for (size_t i = 0; i < GOLDEN_TEXTS; i++) {
        json_t *const got = program_line(run.out, i), *const want = program_line(expected, i);

        assert_true(json_equal(json_object_get(got, "ids"), json_object_get(want, "ids")));
        json_decref(got);
        json_decref(want);
    }
    free(expected);
    program_forget(&run);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(link, sizeof link, "%s/%s", bare, files[i]);
        (void)unlink(link);
    }
    (void)rmdir(bare);
}

/* ---- what can't be used ---- */

static void assert_refused(program_run run, int status, const char *word)
{
    assert_int_equal(run.status, status);
    assert_string_equal(run.out, "");
    assert_int_equal(program_lines(run.errors), 1);
    assert_int_equal(strncmp(run.errors, "guerdon: ", 9), 0);
    if (!strstr(run.errors, word))
        fail_msg("no %s in %s", word, run.errors);
    program_forget(&run);
}

static void what_is_unusable_is_named(void **state)
{
    const char *const model = program_golden("qwen2"), *const none = program_path("none");

    (void)state;
    assert_refused(program(NULL, "score", "--model", none, "x", NULL), 3, none);
    assert_refused(program(NULL, "inspect", "--model", none, NULL), 3, none);
    assert_refused(program(NULL, "tokenize", "--model", none, "x", NULL), 3, none);
    assert_refused(program(NULL, "score", "--model", model, "--adapter", none, "x", NULL), 3, none);
    assert_refused(program(NULL, "score", "--model", model, "--input", none, NULL), 3, none);
    assert_refused(program(NULL, "score", "--model", model, "--graph", none, "x", NULL), 3, none);
    assert_refused(program(NULL, "score", "--model", model, "--output", "/proc/none/x", "x", NULL), 3, "/proc/none/x");
    assert_refused(program(NULL, "score", "--model", program_golden("qwen2-causal"), "x", NULL), 3, "score.weight");
    assert_refused(program(NULL, "score", "--model", model, "--backend=openblas", "--numerics=exact", "x", NULL), 2,
                   "exact");
}

/* Runs score with this standard output; the errors come back. */
static int score_into(int out, char *errors, size_t room)
{
    const char *const model = program_golden("qwen2");
    const char *const arguments[] = { "score", "--model", model, "x", NULL };
    const char *const path = program_path("errors");
    const int error_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int status = program_wait(program_start(-1, out, error_fd, arguments));
    char *const text = program_read(path);

    (void)close(error_fd);
    (void)snprintf(errors, room, "%s", text);
    free(text);
    return status;
}

static void an_output_that_takes_nothing_is_an_error(void **state)
{
    char errors[600];
    int ends[2], full;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]); /* as in `| head -0` */
    assert_int_equal(score_into(ends[1], errors, sizeof errors), 3);
    assert_non_null(strstr(errors, "Broken pipe"));
    (void)close(ends[1]);

    full = open("/dev/full", O_WRONLY);
    if (full < 0)
        return;
    assert_int_equal(score_into(full, errors, sizeof errors), 3);
    assert_non_null(strstr(errors, "No space left on device"));
    (void)close(full);
}

/* ---- stopping, and what a terminal shows ---- */

/* Until the end of the line, or of the input; the length. */
static size_t receive_line(int fd, char *line, size_t room)
{
    size_t len = 0;

    while (len + 1 < room && read(fd, line + len, 1) == 1 && line[len++] != '\n')
        continue;
    line[len] = '\0';
    return len;
}

static void an_interrupt_ends_after_the_batch(void **state)
{
    const char *const arguments[] = { "score", "--model", program_golden("qwen2"), "--batch-tokens", "1", NULL };
    const char *const one = "{\"text\":\"one\"}\n";
    int in[2], out[2];
    char line[600];
    pid_t child;
    size_t more = 0;

    (void)state;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(fcntl(in[1], F_SETFD, FD_CLOEXEC) | fcntl(out[0], F_SETFD, FD_CLOEXEC), 0);
    child = program_start(in[0], out[1], -1, arguments);
    (void)close(in[0]);
    (void)close(out[1]);
    assert_int_equal(write(in[1], one, strlen(one)), strlen(one));
    assert_true(receive_line(out[0], line, sizeof line) > 0); /* it runs, and a batch is through */
    assert_int_equal(kill(child, SIGINT), 0);
    for (int i = 0; i < 50 && write(in[1], one, strlen(one)) > 0; i++) /* it may be gone by now */
        continue;
    (void)close(in[1]);
    while (receive_line(out[0], line, sizeof line) > 0) {
        json_decref(program_line(line, 0)); /* whole lines only */
        more++;
    }
    assert_int_equal(program_wait(child), 130);
    assert_in_range(more, 0, 1);
    (void)close(out[0]);
}

/* Standard error of a run is a terminal; what it shows. */
static int on_a_terminal(const char *flag, char *shown, size_t room)
{
    const char *const model = program_golden("qwen2"), *const output = program_path("lines");
    const char *const arguments[] = { "score", "--model", model, "--output", output, "a", "b\\n", flag, NULL };
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    size_t len = 0;
    ssize_t got;
    pid_t child;
    int slave;

    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    slave = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    child = program_start(-1, -1, slave, arguments);
    (void)close(slave);
    while (len + 1 < room && (got = read(terminal, shown + len, room - len - 1)) > 0)
        len += (size_t)got;
    shown[len] = '\0';
    (void)close(terminal);
    return program_wait(child);
}

static void a_terminal_sees_progress_and_a_summary(void **state)
{
    char shown[4000];

    (void)state;
    assert_int_equal(on_a_terminal(NULL, shown, sizeof shown), 0);
    assert_non_null(strstr(shown, "guerdon: note: text 1 holds \\n"));
    assert_non_null(strstr(shown, "] 100%  2 items"));
    assert_non_null(strstr(shown, "\r\x1b[Kscored 2 items: "));
    assert_int_equal(on_a_terminal("--quiet", shown, sizeof shown), 0);
    assert_string_equal(shown, "");
}

/* ---- inspect and backends ---- */

static void inspect_describes_a_model(void **state)
{
    const char *const model = program_golden("qwen2");
    program_run lines = program(NULL, "inspect", "--model", model, NULL);
    program_run json = program(NULL, "inspect", "--model", model, "--json", NULL);
    json_t *object;

    (void)state;
    assert_quiet(&lines);
    assert_quiet(&json);
    object = json_loads(json.out, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "architecture")), "Qwen2ForSequenceClassification");
    assert_true(number(object, "parameters") > 0);
    assert_non_null(strstr(lines.out, "\narchitecture    Qwen2ForSequenceClassification\n"));
    assert_non_null(strstr(lines.out, "\nhead            name score.weight, from "));
    assert_non_null(strstr(lines.out, "\nadapter         none\n"));
    assert_non_null(strstr(lines.out, " bytes)"));
    json_decref(object);
    program_forget(&lines);
    program_forget(&json);
}

static void backends_lists_what_there_is(void **state)
{
    program_run lines = program(NULL, "backends", NULL), json = program(NULL, "backends", "--json", NULL);
    json_t *object;

    (void)state;
    assert_quiet(&lines);
    assert_quiet(&json);
    object = json_loads(json.out, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "version")), GD_VERSION);
    assert_non_null(strstr(lines.out, "\nbackends\n  cpu\n"));
    assert_non_null(strstr(lines.out, "\nlibraries       jansson "));
    json_decref(object);
    program_forget(&lines);
    program_forget(&json);
}

static int end(void **state)
{
    (void)state;
    program_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gets_the_reference_scores),
        cmocka_unit_test(an_adapter_is_applied),
        cmocka_unit_test(flags_that_only_change_the_speed_change_no_byte),
        cmocka_unit_test(texts_are_scored_like_lines),
        cmocka_unit_test(input_comes_from_where_it_is_said),
        cmocka_unit_test(a_pair_has_two_scores_and_their_margin),
        cmocka_unit_test(a_bad_line_fails_alone),
        cmocka_unit_test(long_texts_are_treated_as_told),
        cmocka_unit_test(tokenize_needs_no_weights),
        cmocka_unit_test(what_is_unusable_is_named),
        cmocka_unit_test(an_output_that_takes_nothing_is_an_error),
        cmocka_unit_test(an_interrupt_ends_after_the_batch),
        cmocka_unit_test(a_terminal_sees_progress_and_a_summary),
        cmocka_unit_test(inspect_describes_a_model),
        cmocka_unit_test(backends_lists_what_there_is),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    (void)alarm(600); /* a program that hangs ends the test, not the tester's patience */
    return cmocka_run_group_tests(tests, NULL, end);
}
