/* newdir.c - a directory that gets all of its files or none. */
#include "base/newdir.h"

#include "base/dir.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_AT_ONCE = 4 << 20 };

struct entry {
    char *part; /* "NAME.part" */
    char *name;
    bool complete; /* completely written */
    bool named;
};

struct gd_newdir {
    char *path;
    int dir;     /* the open directory, which stays valid even if it is moved */
    bool joined; /* other files are there: ours replace those of the same names */
    bool made, kept;
    struct entry *files;
    size_t count, room;
    int fd;        /* the last file while it is being written, else -1 */
    uint64_t left; /* bytes that are still to be written */
};

static gd_status failed(const gd_newdir *d, const char *name, gd_error *err)
{
    return gd_fail(err, errno == ENOMEM ? GD_ENOMEM : GD_EIO, "%s/%s: %s", d->path, name, strerror(errno));
}

/* ---- the directory ---- */

static gd_status check_empty(const gd_newdir *d, gd_error *err)
{
    DIR *list = gd_dir_list(openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const char *entry = list ? gd_dir_next(list) : NULL;
    gd_status rc = GD_OK;

    if (entry)
        rc = gd_fail(err, GD_EUSAGE, "%s: the directory contains \"%s\", but an empty or a new directory is expected",
                     d->path, entry);
    else if (!list || errno)
        rc = gd_fail(err, GD_EIO, "%s: %s", d->path, strerror(errno));
    if (list)
        (void)closedir(list);
    return rc;
}

static gd_status open_directory(gd_newdir *d, gd_error *err)
{
    d->made = !d->joined && mkdir(d->path, 0777) == 0;
    if (!d->joined && !d->made && errno != EEXIST)
        return gd_fail(err, GD_EIO, "%s: %s", d->path, strerror(errno));
    d->dir = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->dir < 0)
        return gd_fail(err, errno == ENOTDIR ? GD_EUSAGE : GD_EIO, "%s: %s", d->path, strerror(errno));
    return d->made || d->joined ? GD_OK : check_empty(d, err);
}

static gd_status open_path(gd_newdir **out, const char *path, bool joined, gd_error *err)
{
    gd_newdir *d = gd_alloc_zero(1, sizeof *d);
    gd_status rc;

    *out = NULL;
    if (!d)
        return gd_fail_memory(err, sizeof *d);
    d->joined = joined;
    d->dir = d->fd = -1;
    d->path = gd_strdup(path);
    rc = d->path ? open_directory(d, err) : gd_fail_memory(err, strlen(path) + 1);
    if (rc)
        gd_newdir_close(d);
    else
        *out = d;
    return rc;
}

gd_status gd_newdir_open(gd_newdir **out, const char *path, gd_error *err) { return open_path(out, path, false, err); }

gd_status gd_newdir_join(gd_newdir **out, const char *path, gd_error *err) { return open_path(out, path, true, err); }

/* ---- one file ---- */

static gd_status add_entry(gd_newdir *d, const char *name, gd_error *err)
{
    const size_t len = strlen(name);
    struct entry e = { .name = gd_strdup(name), .part = gd_alloc(len + 6, 1) };

    if (!e.name || !e.part || !gd_grow((void **)&d->files, &d->room, d->count + 1, sizeof e)) {
        gd_free(e.name);
        gd_free(e.part);
        return gd_fail_memory(err, 2 * len + 7);
    }
    memcpy(e.part, name, len);
    memcpy(e.part + len, ".part", 6);
    d->files[d->count++] = e;
    return GD_OK;
}

/* If the file system can't reserve room, a full disk is noticed by a write. */
static gd_status reserve(const gd_newdir *d, const char *name, uint64_t bytes, gd_error *err)
{
#ifdef __linux__
    if (bytes && bytes <= INT64_MAX && fallocate(d->fd, 0, 0, (off_t)bytes) < 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return gd_fail(err, GD_EIO, "%s/%s: %s: %llu bytes are needed", d->path, name, strerror(errno),
                       (unsigned long long)bytes);
#else
    (void)d, (void)name, (void)bytes, (void)err;
#endif
    return GD_OK;
}

gd_status gd_newdir_begin(gd_newdir *d, const char *name, uint64_t bytes, gd_error *err)
{
    gd_status rc = add_entry(d, name, err);

    if (rc)
        return rc;
    if (d->joined)
        (void)unlinkat(d->dir, d->files[d->count - 1].part, 0); /* openat() says why, if it can't be removed */
    d->fd = openat(d->dir, d->files[d->count - 1].part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (d->fd < 0) {
        const int why = errno; /* the file isn't ours and must not be removed */

        gd_free(d->files[--d->count].part);
        gd_free(d->files[d->count].name);
        errno = why;
        return failed(d, name, err);
    }
    d->left = bytes;
    return reserve(d, name, bytes, err);
}

gd_status gd_newdir_write(gd_newdir *d, const void *data, size_t len, gd_error *err)
{
    errno = gd_write_all(d->fd, data, len);
    if (errno)
        return failed(d, d->files[d->count - 1].name, err);
    d->left -= len; /* below zero: end() finds it */
    return GD_OK;
}

gd_status gd_newdir_end(gd_newdir *d, gd_error *err)
{
    struct entry *e = &d->files[d->count - 1];
    const int fd = d->fd;
    gd_status rc = GD_OK;

    d->fd = -1;
    if (d->left != 0)
        rc = gd_fail(err, GD_EIO, "%s/%s: %lld bytes are missing at the end", d->path, e->name, (long long)d->left);
    /* Some file systems report only now that they are full; others can't sync at all, which is not a failure. */
    if (!rc && fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP)
        rc = failed(d, e->name, err);
    if (close(fd) < 0 && !rc)
        rc = failed(d, e->name, err);
    e->complete = rc == GD_OK;
    return rc;
}

gd_status gd_newdir_put(gd_newdir *d, const char *name, const void *data, size_t len, gd_error *err)
{
    gd_status rc = gd_newdir_begin(d, name, len, err);

    if (!rc)
        rc = gd_newdir_write(d, data, len, err);
    return rc ? rc : gd_newdir_end(d, err);
}

gd_status gd_newdir_copy(gd_newdir *d, const char *name, const char *from, gd_error *err)
{
    gd_map map;
    gd_error why = { 0 }; /* "Bad address" if the file was cut short, which says less than gd_map_unchanged() */
    gd_status rc = gd_map_open(&map, from, err), changed;

    if (rc)
        return rc;
    rc = gd_newdir_begin(d, name, map.size, &why);
    for (size_t at = 0, some; !rc && at < map.size; at += some) {
        some = map.size - at < COPY_AT_ONCE ? map.size - at : COPY_AT_ONCE;
        rc = gd_newdir_write(d, map.data + at, some, &why);
        gd_pages_release(map.data + at, some);
    }
    changed = gd_map_unchanged(&map, from, err);
    gd_map_close(&map);
    if (changed || rc)
        return changed ? changed : gd_fail(err, rc, "%s", why.text);
    return gd_newdir_end(d, err);
}

/* ---- the end ---- */

const char *gd_newdir_name(const gd_newdir *d, size_t i) { return i < d->count ? d->files[i].name : NULL; }

gd_status gd_newdir_keep(gd_newdir *d, gd_error *err)
{
    for (size_t i = 0; i < d->count; i++) {
        struct entry *e = &d->files[i];

        if (!e->complete)
            return gd_fail(err, GD_EIO, "%s/%s: the file was not completely written", d->path, e->name);
        /* A file of this name that appeared in the meantime is not ours to replace. */
        if (!d->joined && faccessat(d->dir, e->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return gd_fail(err, GD_EIO, "%s/%s: another program has created this file", d->path, e->name);
        if (renameat(d->dir, e->part, d->dir, e->name) < 0)
            return failed(d, e->name, err);
        e->named = true;
    }
    (void)fsync(d->dir); /* the names; not every file system supports this */
    d->kept = true;
    return GD_OK;
}

void gd_newdir_close(gd_newdir *d)
{
    if (!d)
        return;
    if (d->fd >= 0)
        (void)close(d->fd);
    for (size_t i = d->count; i-- > 0;) { /* config.json first: the rest never looks like a model */
        struct entry *e = &d->files[i];

        if (!d->kept && !(d->joined && e->named)) /* what it has replaced is gone */
            (void)unlinkat(d->dir, e->named ? e->name : e->part, 0);
        gd_free(e->part);
        gd_free(e->name);
    }
    if (d->dir >= 0)
        (void)close(d->dir);
    if (d->made && !d->kept)
        (void)rmdir(d->path);
    gd_free(d->files);
    gd_free(d->path);
    gd_free(d);
}
