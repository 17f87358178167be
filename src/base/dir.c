/* dir.c - the names in a directory. */
#include "base/dir.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

DIR *gd_dir_list(int fd)
{
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

    if (!list && fd >= 0) {
        const int why = errno;

        (void)close(fd);
        errno = why;
    }
    return list;
}

const char *gd_dir_next(DIR *list)
{
    const struct dirent *entry;

    do {
        errno = 0;
        entry = readdir(list); /* NOLINT: a list of our own */
    } while ((!entry && errno == EINTR) || (entry && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))));
    return entry ? entry->d_name : NULL;
}
