/* preload.c - a library for LD_PRELOAD that makes a chosen call fail: an allocation of any library in the process, or a
 * call of the system. It is for the GNU C library, whose own allocator it hands the other allocations to. */
#include "tests/faults/plan.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <glob.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static fault_plan *plan;

/* The descriptor is closed, so that the program has the same ones as without this library. */
__attribute__((constructor)) static void begin(void)
{
    const char *number = getenv(FAULT_DESCRIPTOR);
    const int fd = number ? atoi(number) : -1;
    const long shared = syscall(SYS_mmap, 0, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (shared == -1)
        return;
    (void)syscall(SYS_close, fd);
    plan = (fault_plan *)shared;
}

static _Thread_local bool tracing; /* a backtrace's own calls are neither counted nor failed */

static void show_trace(void)
{
    static atomic_flag shown = ATOMIC_FLAG_INIT;
    void *frames[32];

    if (atomic_flag_test_and_set(&shown))
        return; /* the first call that failed is the cause of the others */
    tracing = true;
    backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
    tracing = false;
}

/* Counts a call; true if it must fail. */
static bool fails(enum fault_kind kind)
{
    long number;

    if (!plan || tracing)
        return false;
    number = atomic_fetch_add(&plan->calls[kind], 1) + 1;
    if (kind != (enum fault_kind)plan->kind || !plan->at || number < plan->at || (number > plan->at && !plan->onward))
        return false;
    atomic_fetch_add(&plan->failed, 1);
    if (plan->trace)
        show_trace();
    if (plan->error != FAULT_SHORT)
        errno = plan->error;
    return true;
}

static bool is_short(void) { return plan->error == FAULT_SHORT; }

/* The C library's function of the same name. */
#define REAL(name)             \
    static typeof(name) *real; \
    if (!real)                 \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

/* A function that returns -1 when it fails. */
#define FAILING(kind, name, parameters, arguments) \
    int name parameters                            \
    {                                              \
        REAL(name);                                \
        return fails(kind) ? -1 : real arguments;  \
    }

/* ---- memory ---- */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t bytes) { return fails(FAULT_MEMORY) ? NULL : __libc_malloc(bytes); }
void *calloc(size_t count, size_t size) { return fails(FAULT_MEMORY) ? NULL : __libc_calloc(count, size); }
void *realloc(void *p, size_t bytes) { return fails(FAULT_MEMORY) ? NULL : __libc_realloc(p, bytes); }
void *memalign(size_t align, size_t bytes) { return fails(FAULT_MEMORY) ? NULL : __libc_memalign(align, bytes); }
void *aligned_alloc(size_t align, size_t bytes) { return memalign(align, bytes); }

int posix_memalign(void **p, size_t align, size_t bytes)
{
    void *block = memalign(align, bytes);

    if (block)
        *p = block;
    return block ? 0 : ENOMEM;
}

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return fails(FAULT_MAP) ? MAP_FAILED : (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    REAL(pthread_create);
    return fails(FAULT_THREAD) ? plan->error : real(thread, attributes, start, argument);
}

/* ---- files ---- */

int openat(int directory, const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list list;

    va_start(list, flags);
    if (flags & O_CREAT)
        mode = va_arg(list, mode_t);
    va_end(list);
    return fails(FAULT_OPEN) ? -1 : (int)syscall(SYS_openat, directory, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list list;

    va_start(list, flags);
    if (flags & O_CREAT)
        mode = va_arg(list, mode_t);
    va_end(list);
    return openat(AT_FDCWD, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    REAL(fopen);
    return fails(FAULT_OPEN) ? NULL : real(path, mode);
}

FILE *tmpfile(void)
{
    REAL(tmpfile);
    return fails(FAULT_OPEN) ? NULL : real();
}

DIR *fdopendir(int fd)
{
    REAL(fdopendir);
    return fails(FAULT_OPEN) ? NULL : real(fd);
}

int glob(const char *pattern, int flags, int (*on_error)(const char *, int), glob_t *found)
{
    REAL(glob);
    return fails(FAULT_OPEN) ? GLOB_ABORTED : real(pattern, flags, on_error, found);
}

ssize_t read(int fd, void *bytes, size_t len)
{
    if (fails(FAULT_READ)) {
        if (!is_short())
            return -1;
        len = len > 0;
    }
    return syscall(SYS_read, fd, bytes, len);
}

struct dirent *readdir(DIR *directory)
{
    REAL(readdir);
    return fails(FAULT_READ) && !is_short() ? NULL : real(directory);
}

/* A stream that ferror() says has failed. */
static bool spoil(FILE *file)
{
    file->_flags |= 0x20; /* _IO_ERR_SEEN of the GNU C library */
    return true;
}

/* An interrupt or a short count would not get through these. */
static bool stream_fails(FILE *file) { return fails(FAULT_READ) && !is_short() && errno != EINTR && spoil(file); }

size_t fread(void *bytes, size_t size, size_t count, FILE *file)
{
    REAL(fread);
    return stream_fails(file) ? 0 : real(bytes, size, count, file);
}

char *fgets(char *line, int room, FILE *file)
{
    REAL(fgets);
    return stream_fails(file) ? NULL : real(line, room, file);
}

/* Messages are not output: a run that could not say what is wrong could not be judged. */
ssize_t write(int fd, const void *bytes, size_t len)
{
    if (fd != STDERR_FILENO && fails(FAULT_WRITE)) {
        if (!is_short())
            return -1;
        len = len > 0;
    }
    return syscall(SYS_write, fd, bytes, len);
}

/* The call can't be repeated after an interrupt: nothing says what a stream has written by then. */
int fflush(FILE *file)
{
    REAL(fflush);
    return file != stderr && fails(FAULT_WRITE) && !is_short() && errno != EINTR ? EOF : real(file);
}

/* The descriptor is closed even so, as Linux does. */
int close(int fd)
{
    const bool failed = fails(FAULT_CLOSE);
    const int rc = (int)syscall(SYS_close, fd);

    if (!failed)
        return rc;
    errno = plan->error;
    return -1;
}

FAILING(FAULT_STAT, fstat, (int fd, struct stat *sb), (fd, sb))
FAILING(FAULT_STAT, stat, (const char *path, struct stat *sb), (path, sb))
FAILING(FAULT_STAT, lstat, (const char *path, struct stat *sb), (path, sb))
FAILING(FAULT_STAT, faccessat, (int directory, const char *path, int how, int flags), (directory, path, how, flags))
FAILING(FAULT_RENAME, rename, (const char *from, const char *to), (from, to))
FAILING(FAULT_RENAME, renameat, (int from_in, const char *from, int to_in, const char *to), (from_in, from, to_in, to))
FAILING(FAULT_UNLINK, unlink, (const char *path), (path))
FAILING(FAULT_UNLINK, unlinkat, (int directory, const char *path, int flags), (directory, path, flags))
FAILING(FAULT_UNLINK, rmdir, (const char *path), (path))
FAILING(FAULT_TRUNCATE, ftruncate, (int fd, off_t size), (fd, size))
FAILING(FAULT_TRUNCATE, fallocate, (int fd, int how, off_t at, off_t size), (fd, how, at, size))
FAILING(FAULT_SEEK, dup2, (int fd, int wanted), (fd, wanted))
FAILING(FAULT_DIRECTORY, mkdir, (const char *path, mode_t mode), (path, mode))

/* Nothing is really synchronised: the machine does not crash, and a test must not wait for its disk. */
int fsync(int fd)
{
    (void)fd;
    return fails(FAULT_SYNC) ? -1 : 0;
}

off_t lseek(int fd, off_t offset, int from)
{
    return fails(FAULT_SEEK) ? -1 : (off_t)syscall(SYS_lseek, fd, offset, from);
}
