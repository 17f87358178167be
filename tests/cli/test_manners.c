/* test_manners.c - how the program ends: on errors, when it is stopped, and what it shows on a terminal. */
#include "tests/cli/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static void assert_refused(program_run run, int status, const char *word)
{
    assert_int_equal(run.status, status);
    assert_string_equal(run.out, "");
    assert_int_equal(program_lines(run.errors), 1);
    assert_int_equal(strncmp(run.errors, "guerdon: ", 9), 0);
    assert_contains(run.errors, word);
    program_forget(&run);
}

static void an_unusable_file_is_named(void **state)
{
    const char *model = program_golden("qwen2"), *none = program_path("none");

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

/* Runs score with this standard output; `errors` gets what it reports. */
static int score_into(int out, char *errors, size_t room)
{
    const char *model = program_golden("qwen2");
    const char *const arguments[] = { "score", "--model", model, "x", NULL };
    const char *path = program_path("errors");
    const int error_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int status = program_wait(program_start(-1, out, error_fd, arguments));
    char *text = program_read(path);

    (void)close(error_fd);
    (void)snprintf(errors, room, "%s", text);
    free(text);
    return status;
}

static void an_unwritable_output_is_an_error(void **state)
{
    char errors[600];
    int full;

    (void)state;
    full = open("/dev/full", O_WRONLY);
    if (full < 0)
        return;
    assert_int_equal(score_into(full, errors, sizeof errors), 3);
    assert_non_null(strstr(errors, "No space left on device"));
    (void)close(full);
}

/* As in `| head -1`: a status of its own, by which a script can tell it from a failure, and no message. */
static void a_reader_that_has_enough_ends_the_run_quietly(void **state)
{
    const char *const others[][4] = { { "backends", NULL }, { "score", "--help", NULL }, { "--version", NULL } };
    char errors[600];
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    assert_int_equal(score_into(ends[1], errors, sizeof errors), 141);
    assert_string_equal(errors, "");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(program_wait(program_start(-1, ends[1], -1, others[i])), 141);
    (void)close(ends[1]);
}

/* Turning 16 million letters into tokens needs far more than half a gigabyte. */
static void a_lack_of_memory_has_a_status_of_its_own(void **state)
{
#if SANITIZED /* the sanitizer reserves terabytes of address space */
    (void)state;
    skip();
#else
    const char *input = program_path("long");
    FILE *file = fopen(input, "w");
    struct rlimit usual, little;
    char letters[1000];
    program_run run;

    (void)state;
    memset(letters, 'a', sizeof letters); /* one word, which is merged as a whole */
    assert_non_null(file);
    for (int i = 0; i < 16000; i++)
        assert_int_equal(fwrite(letters, 1, sizeof letters, file), sizeof letters);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(setenv("OPENBLAS_NUM_THREADS", "1", 1), 0); /* it allocates memory per thread when it starts */
    assert_int_equal(getrlimit(RLIMIT_AS, &usual), 0);
    little = usual;
    little.rlim_cur = (rlim_t)500 << 20;
    assert_int_equal(setrlimit(RLIMIT_AS, &little), 0);
    run = program(NULL, "tokenize", "--model", program_golden("qwen2"), "--format=text", "--input", input, NULL);
    assert_int_equal(setrlimit(RLIMIT_AS, &usual), 0);
    assert_refused(run, 4, "out of memory");
#endif
}

/* ---- stopping, and what a terminal shows ---- */

/* Reads to the end of the line or of the input; returns the length. */
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
    const char *one = "{\"text\":\"one\"}\n";
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
    assert_true(receive_line(out[0], line, sizeof line) > 0); /* it runs, and a batch is done */
    assert_int_equal(kill(child, SIGINT), 0);
    for (int i = 0; i < 50 && write(in[1], one, strlen(one)) > 0; i++) /* it may have ended by now */
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

/* Runs score with a terminal as standard error; `shown` gets what it shows. */
static int on_a_terminal(const char *flag, char *shown, size_t room)
{
    const char *model = program_golden("qwen2"), *output = program_path("lines");
    const char *const arguments[] = { "score", "--model", model, "--output", output, "a b", "a b\\n", flag, NULL };
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
    assert_int_equal(setenv("GUERDON_QUIET", "0", 1), 0);
    assert_int_equal(on_a_terminal(NULL, shown, sizeof shown), 0);
    assert_non_null(strstr(shown, "guerdon: note: text 1 holds \\n"));
    assert_non_null(strstr(shown, "] 100%  2 items"));
    assert_non_null(strstr(shown, "\r\x1b[Kscored 2 items: "));
    assert_null(strstr(shown, ", 0 saved by sharing, "));
    assert_int_equal(on_a_terminal("--share-prefix=off", shown, sizeof shown), 0);
    assert_non_null(strstr(shown, ", 0 saved by sharing, "));
    assert_int_equal(on_a_terminal("--quiet", shown, sizeof shown), 0);
    assert_string_equal(shown, "");
    assert_int_equal(unsetenv("GUERDON_QUIET"), 0);
}

/* The figures of the one line that a script's log gets. */
#define FIRST_BAD "the first is item 1: line 2: the field \"text\" is a number; expected a string or a conversation\n"

/* Where the lines go to a file, nobody has seen why an item failed; eval and filter list the first few. */
static void a_failed_item_is_told_of(void **state)
{
    static const char *const commands[] = { "score", "tokenize", "rank", "filter", "eval" };
    static const char *const outputs[] = { "--output", "--output", "--output", "--output", "--scores" };
    const char *model = program_golden("qwen2"), *input = program_path("in.jsonl"), *output = program_path("lines");

    (void)state;
    program_write(input, "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"]}\n{\"text\":1}\n{\"text\":2}\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const int lists = i >= 3;
        program_run run = program(NULL, commands[i], "--model", model, "--input", input, outputs[i], output,
                                  i == 3 ? "--min-margin=0" : NULL, NULL);

        assert_int_equal(run.status, 1);
        assert_contains(run.errors, lists ? "guerdon: line 2: the field \"text\" is a number" : FIRST_BAD);
        assert_contains(run.errors, lists ? " of 3 items failed\n" : "2 of 3 items failed; " FIRST_BAD);
        program_forget(&run);
    }
}

static void a_log_gets_the_summary_alone(void **state)
{
    const char *model = program_golden("qwen2"), *input = program_path("in.jsonl");
    program_run run;

    (void)state;
    program_write(input, "{\"chosen\":\"a b c\",\"rejected\":\"a b\"}\n{\"text\":1}\n{\"text\":\"a b c d e\"}\n");
    assert_int_equal(setenv("GUERDON_QUIET", "0", 1), 0);
    run = program(NULL, "score", "--model", model, "--input", input, "--max-length=4", "--truncate=left", NULL);
    assert_int_equal(run.status, 1);
    assert_int_equal(program_lines(run.errors), 2);
    assert_int_equal(strncmp(run.errors, "scored 3 items, 1 failed, 1 cut: 9 tokens, 2 saved by sharing, ", 62), 0);
    assert_contains(run.errors, " tokens/s\nguerdon: 1 of 3 items failed; " FIRST_BAD);
    program_forget(&run);
    run = program(NULL, "score", "--model", model, "--input", input, "--quiet", "--quiet", NULL);
    assert_string_equal(run.errors, "guerdon: 1 of 3 items failed; " FIRST_BAD);
    program_forget(&run);
    run = program(NULL, "score", "--model", model, "--input", input, "--output", program_path("new"), "--resume", NULL);
    assert_null(strstr(run.errors, "tokens/s")); /* some of them may be an earlier run's */
    program_forget(&run);
    assert_int_equal(unsetenv("GUERDON_QUIET"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unusable_file_is_named),
        cmocka_unit_test(an_unwritable_output_is_an_error),
        cmocka_unit_test(a_reader_that_has_enough_ends_the_run_quietly),
        cmocka_unit_test(a_lack_of_memory_has_a_status_of_its_own),
        cmocka_unit_test(an_interrupt_ends_after_the_batch),
        cmocka_unit_test(a_terminal_sees_progress_and_a_summary),
        cmocka_unit_test(a_log_gets_the_summary_alone),
        cmocka_unit_test(a_failed_item_is_told_of),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    (void)alarm(600); /* a program that hangs fails the test */
    return cmocka_run_group_tests(tests, NULL, program_end);
}
