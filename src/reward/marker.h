/* marker.h - OUTPUT.done: a file that says that the output has all of a shard, and of what run it is.
 *
 * It is written last, and atomically; a run that writes to the output removes it first.  JSON: {"format":
 * "guerdon-shard/1","shard":2,"of":3,"items":..,"first":..,"last":..,"all_items":..,"failed":..,"dropped":..,
 * "input":"..","outputs":[{"bytes":..,"sha256":".."}],"run":{..}}; doc/formats.md describes it. */
#ifndef GD_REWARD_MARKER_H
#define GD_REWARD_MARKER_H

#include "reward/shard.h"

typedef struct gd_marker {
    char *path;            /* NULL: the output is not a regular file */
    char *identity;        /* the run's, as in journal.h; NULL: there will be no marker */
    const char *output[2]; /* the caller's: the output, and the second one or NULL */
    bool there;            /* one of the same shard */
} gd_marker;

/* Sets the path alone. Free it even after a failure. */
gd_status gd_marker_name(gd_marker *marker, const char *output, gd_error *err);

/* Looks at what is there.  *complete becomes true if `resume` and the output is that of this run, whole.  Fails with
 * GD_EUSAGE if there is a marker of another shard, or a file that is none; with `resume`, also if it is of another
 * run or another input. */
gd_status gd_marker_open(gd_marker *marker, const gd_shard *shard, const char *identity, bool resume, bool *complete,
                         gd_error *err);

/* Before the first byte is written: what a marker says is no longer so. */
gd_status gd_marker_remove(gd_marker *marker, gd_error *err);

/* The outputs are whole and closed. */
gd_status gd_marker_write(const gd_marker *marker, const gd_shard *shard, const gd_summary *summary, gd_error *err);

/* The marker may be all zero. */
void gd_marker_free(gd_marker *marker);

#endif
