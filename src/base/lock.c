/* lock.c - files that one run at a time may write. */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 100 }; /* in two seconds */

bool gd_lock(int fd)
{
    const struct timespec moment = { .tv_nsec = 20000000 };

    for (int i = 0; i < TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return true;
        (void)nanosleep(&moment, NULL);
    }
    return false;
}

/* Whoever had the lock may have removed the file, or put another one in its place. */
static bool still_named(int fd, const char *path)
{
    struct stat own, named;

    if (fstat(fd, &own) < 0)
        return true;
    if (stat(path, &named) < 0)
        return errno != ENOENT;
    return own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

/* Where a file has another number at each look, as on some network file systems, its name can't be checked. */
int gd_lock_open(const char *path, int flags)
{
    for (int round = 1;; round++) {
        const int fd = open(path, flags | O_CLOEXEC, 0666);
        bool locked;

        if (fd < 0 && errno == EINTR)
            continue;
        if (fd < 0)
            return -1;
        locked = gd_lock(fd);
        if (locked && (round == TRIES || still_named(fd, path)))
            return fd;
        (void)close(fd);
        errno = EWOULDBLOCK;
        if (!locked)
            return -1;
    }
}
