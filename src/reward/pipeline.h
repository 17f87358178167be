/* pipeline.h - records with their scores, in their order: what everything that scores shares, be the records a file's
 * or made of items in memory.
 *
 * Records wait in the queue until enough has come together; then batches are scored, and whatever nothing unfinished
 * stands before goes out. */
#ifndef GD_REWARD_PIPELINE_H
#define GD_REWARD_PIPELINE_H

#include "reward/encode.h"
#include "reward/job.h"
#include "reward/queue.h"

/* A record on its way out. */
typedef struct gd_scored {
    gd_record record;    /* without its texts; its problem is also one of its texts' */
    uint64_t bytes;      /* of the input, up to its end */
    gd_status status;    /* of the record's problem: what kind it is */
    size_t count;        /* scores: as many as the record had texts; 0 with a problem, or when it was dropped */
    const float *scores; /* finite or not */
    bool finite;         /* what the model gave was, every score of it */
    size_t *tokens;      /* [count] */
    bool truncated, dropped;
} gd_scored;

/* The next record, and how many bytes of the input end with it; as gd_records_next(). */
typedef gd_status gd_next_record(void *context, gd_record *record, uint64_t *bytes, bool *more, gd_error *err);

/* Takes a record, which may have a problem instead of scores. *failed becomes true when it got an error after all. */
typedef gd_status gd_take_scored(void *context, const gd_scored *item, bool *failed, gd_error *err);

typedef struct gd_pipeline {
    /* the caller's */
    gd_model *model;
    gd_job *job;          /* open: it counts the records, and they come from it ... */
    gd_next_record *next; /* ... unless this is not NULL */
    gd_take_scored *take;
    void *context;     /* of both */
    bool keep_fields;  /* records go out with their object; else it is freed early */
    bool take_dropped; /* records that were dropped are taken, too */
    bool strict;       /* one that has a problem or was dropped is taken at once, and whoever takes it fails */
    /* its own */
    gd_encoded encoded;
    gd_queue queue; /* the same items, in the same order */
    gd_scored *items;
    size_t count, room;
    size_t out;   /* items that were taken */
    bool awaited; /* whoever writes into a pipe waits for answers: no reading ahead of a batch */
} gd_pipeline;

/* Runs all records through the model. What came before the input broke off is still scored; the first failure is what
 * counts. Everything of its own is freed. */
gd_status gd_pipeline_run(gd_pipeline *run, gd_error *err);

#endif
