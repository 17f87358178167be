/* file.h - input files, mapped or read completely. Only regular files are opened: a FIFO or a device in a model
 * directory could block or report a false size. */
#ifndef GD_BASE_FILE_H
#define GD_BASE_FILE_H

#include "base/guard.h"
#include "guerdon.h"

#include <stdbool.h>
#include <sys/types.h>

/* What tells whether an open file was changed: its size, and when it was last written to. */
typedef struct gd_stamp {
    uint64_t bytes;
    int64_t seconds, nanoseconds; /* since 1970 */
} gd_stamp;

/* The stamp of an open file. Fails with GD_EIO. */
gd_status gd_stamp_take(gd_stamp *stamp, int fd, const char *path, gd_error *err);

/* Fails with GD_EIO if the file has another stamp by now. */
gd_status gd_stamp_unchanged(const gd_stamp *stamp, int fd, const char *path, gd_error *err);

/* A file mapped read-only; the struct must stay where it is.  The data may be read only between gd_guard_enter() and
 * gd_guard_leave(), and counts only if gd_map_unchanged() succeeds afterwards. */
typedef struct gd_map {
    const unsigned char *data; /* NULL when size is 0 */
    size_t size;
    bool open; /* with the rest */
    int fd;
    gd_stamp stamp;
    gd_guarded range;
} gd_map;

gd_status gd_map_open(gd_map *map, const char *path, gd_error *err);
void gd_map_close(gd_map *map);

/* Fails with GD_EIO if the file was changed since it was opened, or a page could not be read. */
gd_status gd_map_unchanged(const gd_map *map, const char *path, gd_error *err);

/* Hints about the pages of part of a mapped file: expect() has them read ahead from the disk, in the background;
 * release() takes them out of this process; they come back by themselves when touched again. */
void gd_pages_expect(const void *data, size_t bytes);
void gd_pages_release(const void *data, size_t bytes);

/* Touching one byte may bring this much into the process: Linux 6.18 maps a whole folio of its page cache. */
enum { GD_PAGES_AT_ONCE = 2 << 20 };

/* Reads a whole file of at most `limit` bytes; *data is NUL-terminated (not counted) and freed with gd_free. */
gd_status gd_file_read(char **data, size_t *len, const char *path, size_t limit, gd_error *err);

/* *there becomes true if `path` is a regular file or a link to one, and false only if nothing has that name.  Anything
 * else is GD_EIO: a link to nothing, a directory, a path that cannot be examined.  A file that is merely out of reach
 * must not count as absent, or a model would get other tokens, another template, another score. */
gd_status gd_file_there(bool *there, const char *path, gd_error *err);

/* The same for dir/name, which *path becomes; freed with gd_free(), also after a failure. */
gd_status gd_file_find(char **path, bool *there, const char *dir, const char *name, gd_error *err);

/* For a file that is only mentioned to the user: one that cannot be examined counts as absent.  Fails only with
 * GD_ENOMEM. */
gd_status gd_file_hint(bool *there, const char *dir, const char *name, gd_error *err);

/* Whether there is a directory of this name. Fails if that can't be found out. */
gd_status gd_dir_there(bool *there, const char *path, gd_error *err);

/* dir + "/" + name, freed with gd_free; NULL without memory. */
char *gd_path_join(const char *dir, const char *name);

/* The last part of a path, without slashes after it, of *len bytes. */
const char *gd_path_last(const char *path, size_t *len);

#endif
