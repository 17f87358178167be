/* write.c - writes all of it. */
#include "base/write.h"

#include <errno.h>
#include <unistd.h>

int gd_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len) {
        const ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENOSPC;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}
