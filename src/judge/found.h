/* found.h - what filter has found out about the records so far: the counts and the histogram of its report, and for
 * GD_FILTER_TOP_FRACTION what the second pass goes by.
 *
 * A run that can be gone on with writes each finding into a file, too (reward/journal.h, aside), from which the one
 * that goes on takes it up again.  The file is this machine's alone: 32 bytes for each record, and its scores. */
#ifndef GD_JUDGE_FOUND_H
#define GD_JUDGE_FOUND_H

#include "data/sink.h"
#include "judge/values.h"
#include "judge/verdict.h"

#include <stdbool.h>

/* A record, as far as the second pass has to know it again. */
typedef struct gd_seen {
    uint64_t index, digest; /* gd_seen_digest() */
    uint32_t count;         /* scores: 0 without a value */
} gd_seen;

typedef struct gd_finding {
    gd_seen seen;
    gd_verdict verdict;  /* for a list, anything but GD_VERDICT_FAIL is put off */
    float value;         /* that filter looked at, where there are scores */
    const float *scores; /* [seen.count] */
} gd_finding;

/* All zero at first, but for `list`. */
typedef struct gd_found {
    bool list;          /* keep the scores, too, and which record has which */
    uint64_t counts[4]; /* by gd_verdict */
    uint64_t all;       /* findings */
    gd_values values;   /* of all records that have one */
    gd_values scores;   /* with a list: of these records, one after the other */
    gd_seen *seen;      /* with a list: of all records */
    size_t seen_count, seen_room;
} gd_found;

/* Of a record's bytes, so that one that changed meanwhile is noticed. */
uint64_t gd_seen_digest(const gd_record *record);

/* Notes a finding, and writes it to `file` if that is not NULL. */
gd_status gd_found_add(gd_found *found, const gd_finding *finding, gd_sink *file, gd_error *err);

/* Adds the findings in the first `bytes` bytes of a file: `wanted` of them, of records before `items`.  GD_EFORMAT when
 * they are not what was written there. */
gd_status gd_found_read(gd_found *found, const char *path, uint64_t bytes, uint64_t wanted, uint64_t items,
                        gd_error *err);

void gd_found_free(gd_found *found);

#endif
