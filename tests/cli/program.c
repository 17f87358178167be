/* program.c - runs the program and collects its output. */
#include "tests/cli/program.h"

#include <fcntl.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[TEST_PATH];

static const char *work_directory(void) { return directory[0] ? directory : test_dir(directory); }

const char *program_path(const char *name)
{
    static char paths[8][2 * TEST_PATH];
    static size_t turn;
    char *path = paths[turn++ % 8];

    (void)snprintf(path, sizeof paths[0], "%s/%s", work_directory(), name);
    return path;
}

int program_end(void **state)
{
    (void)state;
    return directory[0] ? test_remove(directory) : 0;
}

void program_link(const char *file, const char *path)
{
    char *whole = realpath(file, NULL);

    if (!whole || symlink(whole, path) < 0)
        fail_msg("no link to %s", file);
    free(whole);
}

void program_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

char *program_read(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text;
    long size;

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, file), size);
    text[size] = '\0';
    (void)fclose(file);
    return text;
}

static void become(int wanted, int descriptor)
{
    const int null = descriptor < 0 ? open("/dev/null", O_RDWR) : descriptor;

    if (dup2(null, wanted) < 0)
        _exit(126);
}

pid_t program_start(int in, int out, int errors, const char *const *arguments)
{
    const char *top = getenv("top_builddir");
    char name[512];
    char *argv[PROGRAM_ARGUMENTS + 2] = { name };
    pid_t child;

    (void)snprintf(name, sizeof name, "%s/guerdon", top ? top : ".");
    for (size_t i = 0; i < PROGRAM_ARGUMENTS && arguments[i]; i++)
        argv[i + 1] = (char *)arguments[i];
    child = fork();
    assert_true(child >= 0);
    if (child)
        return child;
    (void)signal(SIGPIPE, SIG_DFL);        /* as a shell starts it */
    (void)setenv("GUERDON_QUIET", "1", 0); /* messages alone are compared; a test of the summary sets it to 0 */
    become(STDIN_FILENO, in);
    become(STDOUT_FILENO, out);
    become(STDERR_FILENO, errors);
    (void)execv(name, argv);
    _exit(127);
}

int program_wait(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

program_run program_run_with(const char *input, const char *const *arguments)
{
    char out[2 * TEST_PATH], errors[2 * TEST_PATH]; /* not from program_path(): the caller may hold many of its paths */
    int in_fd = -1, out_fd, error_fd;
    program_run run;

    (void)snprintf(out, sizeof out, "%s/stdout", work_directory());
    (void)snprintf(errors, sizeof errors, "%s/stderr", work_directory());
    if (input)
        in_fd = open(input, O_RDONLY);
    out_fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    error_fd = open(errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(out_fd >= 0 && error_fd >= 0 && (!input || in_fd >= 0));
    run.status = program_wait(program_start(in_fd, out_fd, error_fd, arguments));
    if (in_fd >= 0)
        (void)close(in_fd);
    (void)close(out_fd);
    (void)close(error_fd);
    run.out = program_read(out);
    run.errors = program_read(errors);
    return run;
}

program_run program(const char *input, ...)
{
    const char *arguments[PROGRAM_ARGUMENTS + 1] = { NULL };
    va_list list;

    va_start(list, input);
    for (size_t i = 0; i < PROGRAM_ARGUMENTS; i++) {
        arguments[i] = va_arg(list, const char *);
        if (!arguments[i])
            break;
    }
    va_end(list);
    return program_run_with(input, arguments);
}

void program_forget(program_run *run)
{
    free(run->out);
    free(run->errors);
    *run = (program_run){ 0 };
}

void assert_quiet(const program_run *run)
{
    assert_string_equal(run->errors, "");
    assert_int_equal(run->status, 0);
}

size_t program_lines(const char *text)
{
    size_t lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

json_t *program_line(const char *text, size_t n)
{
    json_t *line;
    json_error_t at;
    size_t len;

    for (; n && *text; n--) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    len = strcspn(text, "\n");
    line = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
    if (!line)
        fail_msg("not a line of JSON: \"%.*s\": %s", (int)len, text, at.text);
    return line;
}

const char *program_golden(const char *name)
{
    static char paths[4][512];
    static size_t turn;
    char below[128];

    (void)snprintf(below, sizeof below, "golden/%s", name);
    return test_data(paths[turn++ % 4], sizeof paths[0], below);
}
