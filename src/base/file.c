/* file.c - input files, mapped or read completely. */
#include "base/file.h"

#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK so that a FIFO without a writer is refused below instead of blocking. */
static gd_status open_regular(int *out, const char *path, gd_error *err)
{
    struct stat sb;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *out = -1;
    if (fd < 0)
        return gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
    if (fstat(fd, &sb) < 0) {
        gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
        (void)close(fd);
        return GD_EIO;
    }
    if (!S_ISREG(sb.st_mode)) {
        (void)close(fd);
        return gd_fail(err, GD_EIO, "%s: not a regular file", path);
    }
    *out = fd;
    return GD_OK;
}

gd_status gd_stamp_take(gd_stamp *stamp, int fd, const char *path, gd_error *err)
{
    struct stat sb;

    if (fstat(fd, &sb) < 0)
        return gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
    *stamp = (gd_stamp){ (uint64_t)sb.st_size, sb.st_mtim.tv_sec, sb.st_mtim.tv_nsec };
    return GD_OK;
}

gd_status gd_stamp_unchanged(const gd_stamp *stamp, int fd, const char *path, gd_error *err)
{
    gd_stamp now;
    const gd_status rc = gd_stamp_take(&now, fd, path, err);

    if (rc)
        return rc;
    if (now.bytes != stamp->bytes)
        return gd_fail(err, GD_EIO,
                       "%s: the file was changed while it was being read: it had %" PRIu64
                       " bytes, and now has %" PRIu64,
                       path, stamp->bytes, now.bytes);
    if (now.seconds != stamp->seconds || now.nanoseconds != stamp->nanoseconds)
        return gd_fail(err, GD_EIO, "%s: the file was changed while it was being read: something wrote to it", path);
    return GD_OK;
}

/* Maps the file that map->fd is open on. */
static gd_status map_file(gd_map *map, const char *path, gd_error *err)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (size_t)map->stamp.bytes;
    void *data;

    if (size == 0)
        return GD_OK;
    data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, map->fd, 0);
    if (data == MAP_FAILED)
        return gd_fail(err, errno == ENOMEM ? GD_ENOMEM : GD_EIO, "%s: cannot map %zu bytes: %s", path, size,
                       strerror(errno));
    map->data = data;
    map->size = size;
    map->range.data = data;
    map->range.size = (size + page - 1) / page * page;
    gd_guard_add(&map->range);
    return GD_OK;
}

gd_status gd_map_open(gd_map *map, const char *path, gd_error *err)
{
    gd_status rc;

    *map = (gd_map){ 0 };
    rc = open_regular(&map->fd, path, err);
    if (rc)
        return rc;
    map->open = true;
    rc = gd_stamp_take(&map->stamp, map->fd, path, err);
    if (!rc)
        rc = map_file(map, path, err);
    if (rc)
        gd_map_close(map);
    return rc;
}

gd_status gd_map_unchanged(const gd_map *map, const char *path, gd_error *err)
{
    const gd_status rc = gd_stamp_unchanged(&map->stamp, map->fd, path, err);

    if (!rc && atomic_load(&map->range.lost))
        return gd_fail(err, GD_EIO, "%s: part of the file cannot be read: its disk or network fails", path);
    return rc;
}

void gd_map_close(gd_map *map)
{
    if (map->data) {
        gd_guard_remove(&map->range);
        (void)munmap((void *)map->data, map->size);
    }
    if (map->open)
        (void)close(map->fd);
    *map = (gd_map){ 0 };
}

static void advise(const void *data, size_t bytes, int advice)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = (uintptr_t)data / page * page, end = (uintptr_t)data + bytes;

    if (data && bytes)
        (void)madvise((void *)first, end - first, advice); /* NOLINT: a mapped address */
}

void gd_pages_expect(const void *data, size_t bytes) { advise(data, bytes, MADV_WILLNEED); }

/* The last page may hold the beginning of what follows: it is left for the next release. */
void gd_pages_release(const void *data, size_t bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), end = ((uintptr_t)data + bytes) / page * page;

    if (end > (uintptr_t)data)
        advise(data, end - (uintptr_t)data, MADV_DONTNEED);
}

static gd_status read_all(int fd, char *data, size_t size, const char *path, gd_error *err)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, data + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
        if (n == 0)
            return gd_fail(err, GD_EIO, "%s: ended after %zu of %zu bytes while being read", path, done, size);
        done += (size_t)n;
    }
    return GD_OK;
}

gd_status gd_file_read(char **out, size_t *len, const char *path, size_t limit, gd_error *err)
{
    gd_status rc;
    char *data = NULL;
    size_t size;
    gd_stamp stamp;
    int fd;

    *out = NULL;
    *len = 0;
    rc = open_regular(&fd, path, err);
    if (rc)
        return rc;
    rc = gd_stamp_take(&stamp, fd, path, err);
    if (rc)
        goto out;
    size = (size_t)stamp.bytes;
    if (size > limit) {
        rc = gd_fail(err, GD_EFORMAT, "%s: %zu bytes, but at most %zu are accepted", path, size, limit);
        goto out;
    }
    data = gd_alloc(size + 1, 1);
    if (!data) {
        rc = gd_fail_memory(err, size + 1);
        goto out;
    }
    rc = read_all(fd, data, size, path, err);
    if (!rc)
        rc = gd_stamp_unchanged(&stamp, fd, path, err);
    if (rc)
        goto out;
    data[size] = '\0';
    *out = data;
    *len = size;
    data = NULL;
out:
    gd_free(data);
    (void)close(fd);
    return rc;
}

gd_status gd_file_there(bool *there, const char *path, gd_error *err)
{
    struct stat sb;

    *there = false;
    if (lstat(path, &sb) < 0)
        return errno == ENOENT ? GD_OK : gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
    if (S_ISLNK(sb.st_mode) && stat(path, &sb) < 0)
        return gd_fail(err, GD_EIO, "%s: a symbolic link, but the file that it leads to cannot be examined: %s", path,
                       strerror(errno));
    if (!S_ISREG(sb.st_mode))
        return gd_fail(err, GD_EIO, "%s: not a regular file", path);
    *there = true;
    return GD_OK;
}

gd_status gd_file_find(char **path, bool *there, const char *dir, const char *name, gd_error *err)
{
    *there = false;
    *path = gd_path_join(dir, name);
    return *path ? gd_file_there(there, *path, err) : gd_fail_memory(err, strlen(dir) + strlen(name) + 2);
}

gd_status gd_file_hint(bool *there, const char *dir, const char *name, gd_error *err)
{
    char *path;
    const gd_status rc = gd_file_find(&path, there, dir, name, NULL);

    gd_free(path);
    return rc == GD_ENOMEM ? gd_fail_memory(err, strlen(dir) + strlen(name) + 2) : GD_OK;
}

gd_status gd_dir_there(bool *there, const char *path, gd_error *err)
{
    struct stat sb;
    const bool found = stat(path, &sb) == 0;

    *there = found && S_ISDIR(sb.st_mode);
    return found || errno == ENOENT || errno == ENOTDIR ? GD_OK : gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
}

char *gd_path_join(const char *dir, const char *name)
{
    const size_t d = strlen(dir), n = strlen(name);
    char *path = gd_alloc(d + n + 2, 1);

    if (!path)
        return NULL;
    memcpy(path, dir, d);
    path[d] = '/';
    memcpy(path + d + 1, name, n + 1);
    return path;
}

const char *gd_path_last(const char *path, size_t *len)
{
    const char *end = path + strlen(path), *start;

    while (end > path + 1 && end[-1] == '/')
        end--;
    for (start = end; start > path && start[-1] != '/';)
        start--;
    *len = (size_t)(end - start);
    return start;
}
