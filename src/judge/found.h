/* found.h - what filter has found out about the records so far: the counts and the histogram of its report, and for
 * GD_FILTER_TOP_FRACTION what the second pass goes by.
 *
 * A run that can be gone on with writes each finding into a file, too (reward/journal.h, aside), from which the one
 * that goes on takes it up again.  The file is this machine's alone: 24 bytes for each record, and its scores. */
#ifndef GD_JUDGE_FOUND_H
#define GD_JUDGE_FOUND_H

#include "data/sink.h"
#include "judge/values.h"
#include "judge/verdict.h"

#include <stdbool.h>

typedef struct gd_finding {
    uint64_t index;       /* of the record */
    gd_verdict verdict;   /* for a list, anything but GD_VERDICT_FAIL is put off */
    bool has_value;
    float value;          /* that filter looked at */
    const float *scores;  /* [count] */
    size_t count;
} gd_finding;

/* All zero at first, but for `list`. */
typedef struct gd_found {
    bool list;            /* keep the scores, too, and which records have some */
    uint64_t counts[4];   /* by gd_verdict */
    gd_values values;     /* of all records that have one */
    gd_values scores;     /* with a list: of the records that have a value, one after the other */
    struct gd_indices {
        uint64_t *index;
        size_t count, room;
    } scored, failed;     /* with a list: records that have a value, [values.count], and those that have none */
} gd_found;

/* Notes a finding, and writes it to `file` if that is not NULL. */
gd_status gd_found_add(gd_found *found, const gd_finding *finding, gd_sink *file, gd_error *err);

/* Adds the findings in the first `bytes` bytes of a file.  GD_EFORMAT when they are not what was written there. */
gd_status gd_found_read(gd_found *found, const char *path, uint64_t bytes, gd_error *err);

void gd_found_free(gd_found *found);

#endif
