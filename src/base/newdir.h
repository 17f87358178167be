/* newdir.h - a directory that is filled whole or not at all.
 *
 * Files are written one after the other, each as "NAME.part". When all of them are complete and on the disk they get
 * their names, in the order in which they were begun: what makes others believe in the directory (config.json) is
 * begun last. If anything fails, everything that was made is removed; a process that is killed leaves parts. */
#ifndef GD_BASE_NEWDIR_H
#define GD_BASE_NEWDIR_H

#include "guerdon.h"

typedef struct gd_newdir gd_newdir;

/* Makes the directory, whose parent must be there, or takes one that is empty. *out is NULL on failure. */
gd_status gd_newdir_open(gd_newdir **out, const char *path, gd_error *err);

/* Begins a file that will have exactly so many bytes; room for them is asked for at once where the file system can do
 * that, so that a full disk is known before hours of work. `name` has no slash in it. */
gd_status gd_newdir_begin(gd_newdir *dir, const char *name, uint64_t bytes, gd_error *err);
gd_status gd_newdir_write(gd_newdir *dir, const void *data, size_t len, gd_error *err);

/* The file is complete: it goes to the disk, and is closed. */
gd_status gd_newdir_end(gd_newdir *dir, gd_error *err);

/* A whole file: from memory, or a copy of a regular file. */
gd_status gd_newdir_put(gd_newdir *dir, const char *name, const void *data, size_t len, gd_error *err);
gd_status gd_newdir_copy(gd_newdir *dir, const char *name, const char *from, gd_error *err);

/* All files get their names. */
gd_status gd_newdir_keep(gd_newdir *dir, gd_error *err);

/* Frees; without a successful gd_newdir_keep() it also removes every file, and the directory if this made it. NULL is
 * fine. */
void gd_newdir_close(gd_newdir *dir);

#endif
