/* score_run.h - the records of a file with their scores, in the order of the file: what every command that scores one
 * shares.
 *
 * Records wait in the queue until enough has come together; then batches are scored, and whatever nothing unfinished
 * stands before goes out. */
#ifndef GD_REWARD_SCORE_RUN_H
#define GD_REWARD_SCORE_RUN_H

#include "reward/encode.h"
#include "reward/file_run.h"
#include "reward/queue.h"

/* A record on its way out. */
typedef struct gd_scored {
    gd_record record;    /* without its texts; its problem is also one of its texts' */
    uint64_t bytes;      /* of the input, up to its end */
    size_t count;        /* scores: as many as the record had texts; 0 with a problem, or when it was dropped */
    const float *scores; /* finite or not */
    size_t *tokens;      /* [count] */
    bool truncated, dropped;
} gd_scored;

/* Takes a record, which may have a problem instead of scores; never one that was dropped. *failed becomes true when it
 * got an error after all. */
typedef gd_status gd_take_scored(void *context, const gd_scored *item, bool *failed, gd_error *err);

typedef struct gd_score_run {
    /* the caller's */
    gd_model *model;
    gd_file_run *file; /* open: records come from it, and it counts them */
    gd_take_scored *take;
    void *context;
    bool keep_fields; /* records go out with their object; else it is freed early */
    /* its own */
    gd_encoded encoded;
    gd_queue queue; /* the same items, in the same order */
    gd_scored *items;
    size_t count, room;
    size_t out;   /* items that were taken */
    bool awaited; /* whoever writes into a pipe waits for answers: no reading ahead of a batch */
} gd_score_run;

/* Runs all records through the model. What came before the input broke off is still scored; the first failure is what
 * counts. Everything of its own is freed. */
gd_status gd_score_run_all(gd_score_run *run, gd_error *err);

#endif
