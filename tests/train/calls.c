/* calls.c - the calls that change files, of the test's own. */
#include "tests/train/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct calls calls;

void calls_arm(size_t at, int error)
{
    calls.armed = true;
    calls.at = at;
    calls.count = 0;
    calls.error = error;
}

static bool hit(char letter)
{
    if (!calls.armed)
        return false;
    calls.log[calls.count % CALLS_LOG] = letter;
    calls.count++;
    return calls.at && (calls.count == calls.at || (calls.onward && calls.count > calls.at));
}

/* A call of the system, with up to five arguments. */
static long perform(char letter, long number, const long a[5])
{
    const bool chosen = hit(letter);
    long result;

    if (chosen && calls.error != CALLS_KILL) {
        errno = calls.error;
        return -1;
    }
    if (chosen && !calls.after)
        (void)raise(SIGKILL);
    result = syscall(number, a[0], a[1], a[2], a[3], a[4]);
    if (chosen)
        (void)raise(SIGKILL);
    return result;
}

ssize_t write(int fd, const void *data, size_t len)
{
    return (ssize_t)perform('w', SYS_write, (const long[5]){ fd, (long)data, (long)len });
}

/* Not made: what a killed process has written stays without it, and it would take most of the time. */
int fsync(int fd) { return perform('s', SYS_fcntl, (const long[5]){ fd, F_GETFD }) < 0 ? -1 : 0; }

int mkdir(const char *path, mode_t mode)
{
    return (int)perform('m', SYS_mkdirat, (const long[5]){ AT_FDCWD, (long)path, mode });
}

int unlinkat(int dir, const char *path, int flags)
{
    return (int)perform('u', SYS_unlinkat, (const long[5]){ dir, (long)path, flags });
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return (int)perform('r', SYS_renameat2, (const long[5]){ from_dir, (long)from, to_dir, (long)to, 0 });
}

#ifdef RENAME_EXCHANGE
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (calls.no_exchange) {
        errno = EINVAL;
        return -1;
    }
    return (int)perform('x', SYS_renameat2, (const long[5]){ from_dir, (long)from, to_dir, (long)to, flags });
}
#endif
