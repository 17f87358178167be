/* newdir.h - a directory that gets all of its files or none.
 *
 * Files are written one after the other, each as "NAME.part". When all of them are complete and on the disk, they are
 * renamed to their final names, in the order in which they were begun: the file that makes the directory look like a
 * model (config.json) is begun last. If anything fails, everything that was made is removed; a killed process leaves
 * *.part files. */
#ifndef GD_BASE_NEWDIR_H
#define GD_BASE_NEWDIR_H

#include "guerdon.h"

typedef struct gd_newdir gd_newdir;

/* Makes the directory, whose parent must exist, or uses an empty one. *out is NULL on failure. */
gd_status gd_newdir_open(gd_newdir **out, const char *path, gd_error *err);

/* The same in a directory that has other files already.  A file that has the name of one of ours is replaced, but only
 * by gd_newdir_keep(): the parts of a killed run go, and a file that has got its name stays, whatever fails later. */
gd_status gd_newdir_join(gd_newdir **out, const char *path, gd_error *err);

/* Begins a file that will have exactly `bytes` bytes; they are reserved now if the file system can do that, so that a
 * full disk is noticed before hours of work. `name` must not contain a slash. */
gd_status gd_newdir_begin(gd_newdir *dir, const char *name, uint64_t bytes, gd_error *err);
gd_status gd_newdir_write(gd_newdir *dir, const void *data, size_t len, gd_error *err);

/* Ends a complete file: syncs it to the disk and closes it. */
gd_status gd_newdir_end(gd_newdir *dir, gd_error *err);

/* Writes a whole file: from memory, or a copy of a regular file. */
gd_status gd_newdir_put(gd_newdir *dir, const char *name, const void *data, size_t len, gd_error *err);
gd_status gd_newdir_copy(gd_newdir *dir, const char *name, const char *from, gd_error *err);

/* The names of the files so far, in order; NULL after the last. A complete one can be read as "NAME.part". */
const char *gd_newdir_name(const gd_newdir *dir, size_t i);

/* Gives all files their final names. */
gd_status gd_newdir_keep(gd_newdir *dir, gd_error *err);

/* Frees; without a successful gd_newdir_keep() it also removes every file, and the directory if gd_newdir_open() made
 * it. NULL is fine. */
void gd_newdir_close(gd_newdir *dir);

#endif
