/* reads.h - the files that a model is read from: what no output may overwrite, and what must not have changed when an
 * unfinished output is resumed. */
#ifndef GD_REWARD_READS_H
#define GD_REWARD_READS_H

#include "base/buf.h"
#include "guerdon.h"

#include <stdbool.h>

typedef struct gd_read_file {
    char *path;
    bool mapped; /* weights: told apart by size, time and header, since they are too large to be read for this */
} gd_read_file;

typedef struct gd_reads {
    char *dirs[2]; /* of the model and the adapter; NULL for none */
    gd_read_file *list;
    size_t count, room;
} gd_reads;

/* Finds the files other than weights, from options read by gd_options_read() and the directories they lead to. Free it
 * even after a failure. */
gd_status gd_reads_find(gd_reads *reads, const gd_options *options, const char *dir, const char *adapter_dir,
                        gd_error *err);
gd_status gd_reads_add(gd_reads *reads, const char *path, bool mapped, gd_error *err);

/* Those of the files that the directory has. */
gd_status gd_reads_add_found(gd_reads *reads, const char *dir, const char *const *files, size_t count, gd_error *err);
void gd_reads_free(gd_reads *reads);

/* Writes a JSON object with a member for each file: its real path, and what tells whether it is the same file. */
gd_status gd_reads_put(gd_buf *json, const gd_reads *reads, gd_error *err);

/* Fails with GD_EUSAGE if writing to `output` would change the model: if it is one of the files, or a file of the
 * directories whose name is not that of a result. */
gd_status gd_reads_spare(const gd_reads *reads, const char *output, gd_error *err);

#endif
