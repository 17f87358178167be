/* file.h - input files, mapped or read whole. Only regular files are opened: a FIFO or a device in a model
 * directory would hang or lie about its size. */
#ifndef GD_BASE_FILE_H
#define GD_BASE_FILE_H

#include "guerdon.h"

#include <stdbool.h>

/* A file mapped read-only. */
typedef struct gd_map {
    const unsigned char *data; /* NULL when size is 0 */
    size_t size;
} gd_map;

gd_status gd_map_open(gd_map *map, const char *path, gd_error *err);
void gd_map_close(gd_map *map);

/* What happens to the pages under part of a mapped file: expect() has them read from the disk ahead of time, in the
 * background; release() takes them out of this process, to come back by themselves when they are touched again.
 * Both are hints, and change no byte. */
void gd_pages_expect(const void *data, size_t bytes);
void gd_pages_release(const void *data, size_t bytes);

/* One byte that is touched may bring as much into the process: Linux 6.18 maps a whole folio of its page cache. */
enum { GD_PAGES_AT_ONCE = 2 << 20 };

/* Reads a whole file of at most `limit` bytes; *data gets a NUL behind (not counted) and is freed with gd_free. */
gd_status gd_file_read(char **data, size_t *len, const char *path, size_t limit, gd_error *err);

/* True when a regular file (after links) is there. */
bool gd_file_exists(const char *path);
bool gd_dir_exists(const char *path);

/* dir + "/" + name, freed with gd_free; NULL without memory. */
char *gd_path_join(const char *dir, const char *name);

#endif
