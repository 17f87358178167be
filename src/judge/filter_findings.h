/* filter_findings.h - what filter has found out about the records so far: the counts and the histogram of its report,
 * and for GD_FILTER_TOP_FRACTION what the second pass decides by.
 *
 * A run that can be resumed also writes each finding to a file (reward/journal.h, aside), from which the resumed run
 * reads it again.  The file is for this machine alone: 32 bytes for each record, and its scores. */
#ifndef GD_JUDGE_FILTER_FINDINGS_H
#define GD_JUDGE_FILTER_FINDINGS_H

#include "data/sink.h"
#include "judge/filter_values.h"
#include "judge/filter_verdict.h"

#include <stdbool.h>

/* A record, as far as the second pass needs it to recognise it. */
typedef struct gd_filter_seen {
    uint64_t index, digest; /* gd_filter_digest() */
    uint32_t count;         /* scores: 0 without a value */
} gd_filter_seen;

typedef struct gd_filter_finding {
    gd_filter_seen seen;
    gd_filter_verdict verdict; /* with a second pass, anything but GD_VERDICT_FAIL is left to it */
    float value;               /* that filter looked at, where there are scores */
    const float *scores;       /* [seen.count] */
} gd_filter_finding;

/* All zero at first, but for `for_second_pass`. */
typedef struct gd_filter_findings {
    bool for_second_pass;    /* keep the scores, too, and which record has which */
    uint64_t counts[4];      /* by gd_filter_verdict */
    uint64_t all;            /* findings */
    gd_filter_values values; /* of all records that have one */
    gd_filter_values scores; /* for the second pass: of these records, one after the other */
    gd_filter_seen *seen;    /* for the second pass: of all records */
    size_t seen_count, seen_room;
} gd_filter_findings;

/* Of a record's bytes, to notice one that has changed meanwhile. */
uint64_t gd_filter_digest(const gd_record *record);

/* Notes a finding, and writes it to `file` if that is not NULL. */
gd_status gd_filter_findings_add(gd_filter_findings *findings, const gd_filter_finding *finding, gd_sink *file,
                                 gd_error *err);

/* Adds the findings in the first `bytes` bytes of a file: `wanted` of them, of records before `items`.  GD_EFORMAT if
 * they are not what was written there. */
gd_status gd_filter_findings_read(gd_filter_findings *findings, const char *path, uint64_t bytes, uint64_t wanted,
                                  uint64_t items, gd_error *err);

void gd_filter_findings_free(gd_filter_findings *findings);

#endif
