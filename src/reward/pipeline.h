/* pipeline.h - scores records, and delivers them in their order: shared by everything that scores, whether the records
 * come from a file or are made of items in memory.
 *
 * Records wait in the queue until there are enough; then batches are scored, and each record is delivered as soon as it
 * and all before it are finished.  When the input is a pipe that has nothing more at the moment, all that wait are
 * scored. */
#ifndef GD_REWARD_PIPELINE_H
#define GD_REWARD_PIPELINE_H

#include "reward/encode.h"
#include "reward/job.h"
#include "reward/queue.h"

/* A record with its scores. */
typedef struct gd_scored {
    gd_record record;               /* without its texts; its problem may be that of one of its texts */
    uint64_t bytes;                 /* of the input, up to its end */
    gd_status status;               /* what kind of problem the record has */
    size_t count;                   /* of scores: the record's number of texts; 0 if it has a problem or was dropped */
    const float *scores;            /* [count] finite or not */
    const gd_beside *beside;        /* [count] what the model says of each text beside its score; or NULL */
    const char *const *label_names; /* [label_count] of what `beside` has */
    size_t label_count;
    uint32_t **ids; /* NULL, or of a record that wishes only ids, [count]: [tokens[t]] each; then there are no scores */
    size_t rows;    /* that its texts added to their batches */
    bool finite;    /* all of the model's scores were, before normalization */
    size_t *tokens; /* [count] */
    size_t conversations; /* among the texts */
    size_t joined;        /* as in gd_summary */
    bool truncated, dropped;
} gd_scored;

/* Adds an item to a run's counts, all but its rows. */
void gd_scored_count(gd_summary *summary, const gd_scored *item, bool failed);

/* Takes a record, which may have a problem instead of scores. *failed is true if the record has an error; a taker that
 * finds one sets it. */
typedef gd_status gd_take_scored(void *context, const gd_scored *item, bool *failed, gd_error *err);

/* What is wrong with a record whatever its scores would be, so that it need not be scored; NULL: nothing.  The reason
 * may be in the room. */
enum { GD_MISFIT_ROOM = 240 };
typedef const char *gd_misfit(void *context, const gd_record *record, char room[GD_MISFIT_ROOM]);

/* Whether a record that waits need not be scored any more: it is forgotten then, and not taken. */
typedef bool gd_unwanted(void *context, const gd_record *record);

typedef struct gd_pipeline {
    /* set by the caller */
    gd_model *model;
    gd_job *job;          /* open; it counts the records */
    gd_next_record *next; /* NULL: records come from the job's file */
    gd_take_scored *take;
    gd_misfit *misfit; /* NULL: every record can be taken */
    void *context;     /* for next, take and misfit */
    bool keep_fields;  /* keep each record's object; otherwise it is freed early */
    bool take_dropped; /* `take` also gets records that were dropped */
    bool strict;       /* a record that has a problem or was dropped is taken immediately, and `take` must fail */
    /* Others add records while it runs: each is taken when its batch is done, whatever is before it, and what has come
     * meanwhile may join the next batch.  `next` says *more = false where there is none at the moment; the run ends
     * when none waits either. */
    bool live;
    gd_unwanted *unwanted; /* NULL, or asked between the batches of a live run */
    uint64_t *batches;     /* of a live run: counts those that were computed */
    /* internal */
    gd_encoded encoded;
    gd_queue queue; /* the same items, in the same order */
    gd_scored *items;
    size_t count, room;
    float *scores; /* of the record that is taken */
    gd_beside *beside;
    size_t score_room, beside_room;
    size_t out; /* how many items were taken */
    bool *gone; /* of a live run: [count] the items that were taken or are unwanted */
    size_t gone_room;
    bool awaited; /* the input is a pipe, whose writer may wait for answers: don't read ahead of a batch */
} gd_pipeline;

/* Runs all records through the model, and frees the internal fields. When the input breaks off, records before that are
 * still scored. Returns the first failure. */
gd_status gd_pipeline_run(gd_pipeline *run, gd_error *err);

/* What it consists of, for those who have the scores already: the next record, a record that gets a problem if it is a
 * misfit, and a record with its scores taken. */
gd_status gd_pipeline_next(gd_pipeline *run, gd_record *record, uint64_t *bytes, bool *more, gd_error *err);
gd_status gd_pipeline_check(gd_pipeline *run, gd_scored *item, gd_error *err);
gd_status gd_pipeline_take(gd_pipeline *run, const gd_scored *item, gd_error *err);

#endif
