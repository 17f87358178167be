/* output.c - the directory of a run. */
#include "train/output.h"

#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* What a run makes first, so that whoever has it is a run's. */
#define MARK "log.jsonl"

/* *marked: the directory has a log; `found` becomes the name of an entry, or "". */
static gd_status look(const char *path, bool *marked, char found[NAME_MAX + 1], gd_error *err)
{
    DIR *list = opendir(path);
    const char *entry;
    int why;

    *marked = false;
    found[0] = '\0';
    if (!list)
        return gd_fail(err, errno == ENOMEM ? GD_ENOMEM : GD_EIO, "%s: %s", path, strerror(errno));
    while ((entry = gd_dir_next(list)) != NULL) {
        *marked |= !strcmp(entry, MARK);
        memcpy(found, entry, strlen(entry) + 1);
    }
    why = errno;
    (void)closedir(list);
    return why ? gd_fail(err, GD_EIO, "%s: %s", path, strerror(why)) : GD_OK;
}

/* A directory that exists must be empty or a run's. */
static gd_status check_entries(const char *path, int anew, bool *there, gd_error *err)
{
    char found[NAME_MAX + 1];
    bool marked;
    const gd_status rc = look(path, &marked, found, err);

    *there = !rc && found[0];
    if (rc || !found[0] || (marked && !anew))
        return rc;
    return gd_fail(err, GD_EUSAGE, "%s: the directory contains \"%s\", but an empty or a new directory%s is expected",
                   path, found, anew ? "" : ", or that of a run,");
}

/* The parent of what doesn't exist yet, which must. */
static gd_status check_parent(const char *path, gd_error *err)
{
    char *copy = gd_strdup(path);
    const char *parent = copy ? dirname(copy) : NULL;
    struct stat sb;
    gd_status rc = copy ? GD_OK : gd_fail_memory(err, strlen(path));

    if (!rc && stat(parent, &sb) < 0 && errno == ENOENT)
        rc = gd_fail(err, GD_EIO, "%.200s: the directory %.200s in which it would be does not exist: make it first",
                     path, parent);
    else if (!rc && stat(parent, &sb) < 0)
        rc = gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
    gd_free(copy);
    return rc;
}

gd_status gd_output_take(const char *path, int anew, gd_error *err)
{
    bool there;
    int why;

    if (mkdir(path, 0777) == 0)
        return GD_OK;
    why = errno;
    if (why == EEXIST)
        return check_entries(path, anew, &there, err);
    if (why == ENOENT && check_parent(path, err))
        return GD_EIO;
    return gd_fail(err, GD_EIO, "%s: %s", path, strerror(why));
}

gd_status gd_output_check(const char *path, int anew, bool *there, gd_error *err)
{
    struct stat sb;

    *there = false;
    return lstat(path, &sb) == 0 || errno != ENOENT ? check_entries(path, anew, there, err) : check_parent(path, err);
}

gd_status gd_output_room(const char *path, uint64_t bytes, gd_error *err)
{
    struct statvfs vfs;

    if (statvfs(path, &vfs) < 0)
        return gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
    if (vfs.f_frsize == 0 || vfs.f_bavail >= bytes / vfs.f_frsize + 1)
        return GD_OK;
    return gd_fail(
        err, GD_EIO,
        "%s: %.0f MB are left on the disk, but the run's checkpoints and its result need %.0f MB; make room, "
        "or keep fewer checkpoints (keep)",
        path, (double)vfs.f_bavail * (double)vfs.f_frsize / 1e6, (double)bytes / 1e6);
}
