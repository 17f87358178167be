/* filter_findings.h - what filter has found about the records so far: the counts and the histogram of its report and,
 * for GD_FILTER_TOP_FRACTION, what the second pass needs to decide.
 *
 * A run that can be resumed also writes each finding to a file (reward/journal.h, aside), which the resumed run reads.
 * The file is only valid on the machine that wrote it: 32 bytes per record, plus its scores. */
#ifndef GD_JUDGE_FILTER_FINDINGS_H
#define GD_JUDGE_FILTER_FINDINGS_H

#include "data/sink.h"
#include "judge/filter_values.h"
#include "judge/filter_verdict.h"

#include <stdbool.h>

/* What the second pass needs to recognise a record. */
typedef struct gd_filter_seen {
    uint64_t index, digest; /* the record's */
    uint32_t count;         /* of scores; 0 without a value */
} gd_filter_seen;

typedef struct gd_filter_finding {
    gd_filter_seen seen;
    gd_filter_verdict verdict; /* if there is a second pass, it decides on all but GD_VERDICT_FAIL */
    float value;               /* the value that filter decides by, if there are scores */
    const float *scores;       /* [seen.count] */
} gd_filter_finding;

/* Initially all zero except for_second_pass. */
typedef struct gd_filter_findings {
    bool for_second_pass;    /* also keep the scores and the records they belong to */
    uint64_t counts[4];      /* by gd_filter_verdict */
    uint64_t all;            /* findings */
    uint64_t alone;          /* those with one score */
    gd_filter_values values; /* of all records with a value */
    gd_filter_values scores; /* for the second pass: those records' scores, one after the other */
    gd_filter_seen *seen;    /* for the second pass: all records */
    size_t seen_count, seen_room;
} gd_filter_findings;

/* Adds a finding, and writes it to `file` unless that is NULL. */
gd_status gd_filter_findings_add(gd_filter_findings *findings, const gd_filter_finding *finding, gd_sink *file,
                                 gd_error *err);

/* Adds the `wanted` findings in the first `bytes` bytes of a file, all of records before `items`.  GD_EFORMAT if the
 * file was changed. */
gd_status gd_filter_findings_read(gd_filter_findings *findings, const char *path, uint64_t bytes, uint64_t wanted,
                                  uint64_t items, gd_error *err);

void gd_filter_findings_free(gd_filter_findings *findings);

#endif
