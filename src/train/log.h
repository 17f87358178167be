/* log.h - log.jsonl and times.jsonl of a run: what it computed, which is the same whenever it is computed again, and
 * how long that took, which isn't.
 *
 * The log's first line is {"run": {..}}, what the run is; the others are steps and evaluations, as in TRL's
 * log_history. */
#ifndef GD_TRAIN_LOG_H
#define GD_TRAIN_LOG_H

#include "base/buf.h"
#include "base/json.h"

enum { GD_LOG_STEPS, GD_LOG_TIMES, GD_LOG_FILES };

typedef struct gd_log_file {
    char *path;
    int fd;          /* -1: not open */
    uint64_t bytes;  /* written by now */
    uint64_t digest; /* of these, line by line: gd_digest(), in 63 bits */
    json_t *lines;   /* a list of all */
} gd_log_file;

typedef struct gd_train_log {
    gd_log_file file[GD_LOG_FILES];
} gd_train_log;

/* Opens the logs in a directory, or makes them; nothing is cut off yet.  Fails with GD_EUSAGE if log.jsonl is something
 * else than the log of a run. Close it even after failure. */
gd_status gd_train_log_open(gd_train_log *log, const char *output, gd_error *err);

/* Opens the logs only to be read: log.jsonl, which must be there, and times.jsonl. Close it even after failure. */
gd_status gd_train_log_look(gd_train_log *log, const char *output, gd_error *err);

/* Begins anew: both files become empty. */
gd_status gd_train_log_begin(gd_train_log *log, gd_error *err);

/* What a run has left of a file. */
typedef struct gd_log_mark {
    uint64_t bytes, digest;
} gd_log_mark;

/* Reads the lines up to there. Fails with GD_EFORMAT if a file no longer begins with them. */
gd_status gd_train_log_read(gd_train_log *log, const gd_log_mark marks[GD_LOG_FILES], gd_error *err);

/* Continues after the lines that were read: what follows is cut off. */
gd_status gd_train_log_continue(gd_train_log *log, gd_error *err);

/* Adds a line, an object in JSON without a line break. */
gd_status gd_train_log_add(gd_train_log *log, int file, const gd_buf *line, gd_error *err);

/* Ends the object and adds it, unless rc, the status so far, is a failure; frees the line. */
gd_status gd_train_log_end(gd_train_log *log, int file, gd_buf *line, gd_status rc, gd_error *err);

/* The run of the first line in the file as it is; NULL if a run was killed before it was written. */
gd_status gd_train_log_run(json_t **run, const gd_train_log *log, gd_error *err);

/* Everything so far is on the disk. */
gd_status gd_train_log_sync(const gd_train_log *log, gd_error *err);
void gd_train_log_close(gd_train_log *log);

/* One member of a line: begins it with "{" or ",". A number that isn't finite becomes null. */
void gd_log_number(gd_buf *line, const char *name, double value);

#endif
