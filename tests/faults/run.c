/* run.c - runs the program with the library that makes calls fail. */
#include "tests/faults/run.h"

#include "tests/check.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { PATH = 4096, SECONDS = 20, ARGUMENTS = 32 };

fault_plan *fault_shared;

static struct {
    char top[TEST_PATH]; /* the directory of this test */
    char work[TEST_PATH + 16], in[TEST_PATH + 16];
    char program[PATH], preload[PATH], libraries[PATH];
    int plan, out, errors;
} place;

static const char *whole_path(char path[PATH], const char *build, const char *name)
{
    char joined[PATH];

    (void)snprintf(joined, sizeof joined, "%s/%s", build, name);
    return realpath(joined, path);
}

/* A program that needs the shared library is hidden below .libs, where libtool's script would look for it. */
static bool find_program(const char **why)
{
    const char *build = getenv("top_builddir");

    build = build ? build : ".";
    if (whole_path(place.program, build, ".libs/guerdon"))
        (void)whole_path(place.libraries, build, ".libs");
    else if (!whole_path(place.program, build, "guerdon"))
        *why = "there is no program";
    if (!whole_path(place.preload, build, "tests/faults/preload.so"))
        *why = "there is no tests/faults/preload.so: the C library is not GNU's";
    return !*why;
}

bool fault_begin(const char **why)
{
    *why = SANITIZED ? "a sanitizer has its own allocator" : NULL;
    if (*why || !find_program(why))
        return false;
    place.plan = memfd_create("plan", 0);
    place.out = memfd_create("out", MFD_CLOEXEC);
    place.errors = memfd_create("errors", MFD_CLOEXEC);
    assert_true(place.plan >= 0 && place.out >= 0 && place.errors >= 0);
    assert_int_equal(ftruncate(place.plan, sizeof *fault_shared), 0);
    fault_shared = mmap(NULL, sizeof *fault_shared, PROT_READ | PROT_WRITE, MAP_SHARED, place.plan, 0);
    assert_true(fault_shared != MAP_FAILED);
    (void)test_dir(place.top);
    (void)snprintf(place.work, sizeof place.work, "%s/work", place.top);
    (void)snprintf(place.in, sizeof place.in, "%s/in", place.top);
    assert_int_equal(mkdir(place.work, 0700) | mkdir(place.in, 0700), 0);
    return true;
}

int fault_end(void **state)
{
    (void)state;
    return place.top[0] ? test_remove(place.top) : 0;
}

/* ---- files ---- */

static void write_file(const char *path, const char *bytes, size_t len)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(close(fd), 0);
}

char *fault_input_path(const char *name)
{
    static char path[PATH];

    (void)snprintf(path, sizeof path, "%s/%s", place.in, name);
    return path;
}

void fault_input(const char *name, const char *text) { write_file(fault_input_path(name), text, strlen(text)); }

void fault_fill(const fault_result *files)
{
    char path[PATH];

    assert_int_equal(test_remove(place.work), 0);
    assert_int_equal(mkdir(place.work, 0700), 0);
    for (size_t i = 0; files && i < files->count; i++) {
        const fault_file *file = &files->files[i];

        if (file->name[0] == '(')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", place.work, file->name);
        if (path[strlen(path) - 1] == '/')
            assert_int_equal(mkdir(path, 0700), 0);
        else
            write_file(path, file->bytes, file->len);
    }
}

static void keep(fault_result *result, const char *name, int fd)
{
    fault_file *file = &result->files[result->count++];
    const off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

    assert_true(result->count < FAULT_FILES && size >= 0);
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    file->len = (size_t)size;
    file->bytes = malloc(file->len + 1);
    assert_non_null(file->bytes);
    assert_int_equal(fd < 0 ? 0 : pread(fd, file->bytes, file->len, 0), size);
    file->bytes[file->len] = '\0';
}

static fault_result *collected;

static int collect(const char *path, const struct stat *sb, int type)
{
    const char *name = path + strlen(place.work);
    char directory[PATH];
    int fd;

    (void)sb;
    name += *name == '/';
    if (type == FTW_D) {
        (void)snprintf(directory, sizeof directory, "%s/", name);
        if (*name)
            keep(collected, directory, -1);
        return 0;
    }
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    keep(collected, name, fd);
    return close(fd);
}

const fault_file *fault_find(const fault_result *result, const char *name)
{
    for (size_t i = 0; i < result->count; i++)
        if (!strcmp(result->files[i].name, name))
            return &result->files[i];
    return NULL;
}

bool fault_same(const fault_file *a, const fault_file *b)
{
    return a && b && a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

void fault_drop_digits(fault_result *result)
{
    fault_file *out = (fault_file *)fault_find(result, FAULT_OUT);
    size_t left = 0;

    for (size_t i = 0; i < out->len; i++)
        if (out->bytes[i] < '0' || out->bytes[i] > '9')
            out->bytes[left++] = out->bytes[i];
    out->bytes[left] = '\0';
    out->len = left;
}

void fault_forget(fault_result *result)
{
    for (size_t i = 0; i < result->count; i++)
        free(result->files[i].bytes);
    *result = (fault_result){ 0 };
}

/* ---- the run ---- */

/* Freed and new memory is filled with a pattern, so that a run does not get away with reading it. */
static void become_program(char *const *argv)
{
    char number[16];

    (void)snprintf(number, sizeof number, "%d", place.plan);
    if (setenv("LD_PRELOAD", place.preload, 1) || setenv(FAULT_DESCRIPTOR, number, 1) ||
        setenv("MALLOC_PERTURB_", "165", 1) || setenv("HF_HUB_CACHE", "../in/hub", 1) ||
        (place.libraries[0] && setenv("LD_LIBRARY_PATH", place.libraries, 1)) || chdir(place.work) ||
        dup2(open("/dev/null", O_RDONLY), STDIN_FILENO) || dup2(place.out, STDOUT_FILENO) < 0 ||
        dup2(place.errors, STDERR_FILENO) < 0)
        _exit(126);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)alarm(SECONDS); /* a run that hangs is ended by a signal like any other */
    (void)execv(place.program, argv);
    _exit(127);
}

void fault_run(fault_result *result, const char *const *arguments, const char *more)
{
    char *argv[ARGUMENTS + 2] = { place.program };
    size_t count = 1;
    int status;
    pid_t child;

    for (; arguments[count - 1] && count < ARGUMENTS; count++)
        argv[count] = (char *)arguments[count - 1];
    argv[count] = (char *)more;
    for (size_t i = 0; i < FAULT_KINDS; i++)
        atomic_store(&fault_shared->calls[i], 0);
    atomic_store(&fault_shared->failed, 0);
    assert_int_equal(ftruncate(place.out, 0) | ftruncate(place.errors, 0), 0);
    assert_true(!lseek(place.out, 0, SEEK_SET) && !lseek(place.errors, 0, SEEK_SET));
    child = fork();
    assert_true(child >= 0);
    if (!child)
        become_program(argv);
    assert_int_equal(waitpid(child, &status, 0), child);
    *result = (fault_result){ .status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status) };
    keep(result, FAULT_OUT, place.out);
    keep(result, FAULT_MESSAGES, place.errors);
    collected = result;
    assert_int_equal(ftw(place.work, collect, 8), 0);
}
