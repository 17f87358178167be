/* from_scores.h - scores that are there, in place of a model's: the lines that gd_score_file() or gd_eval() wrote for
 * the same input.  Everything that takes scored records then works as if they had just been scored. */
#ifndef GD_JUDGE_FROM_SCORES_H
#define GD_JUDGE_FROM_SCORES_H

#include "base/buf.h"
#include "judge/scores.h"
#include "reward/pipeline.h"

/* Initially all zero. */
typedef struct gd_from_scores {
    const char *input;       /* for messages */
    bool skip;               /* items without a line are left out, instead of an error */
    gd_score_reader *reader; /* NULL: the model scores */
    gd_score_line line;
    bool waits;                /* the line is of an item to come */
    bool more;                 /* lines may follow */
    bool alien;                /* the lines can't be those of the input */
    uint64_t items;            /* that were asked for */
    gd_job *job;               /* of the run, */
    uint64_t done;             /* the number of items that it has done, */
    bool unsaved;              /* and whether the outputs wait for the last ones to be flushed */
    struct gd_rank_rows *rows; /* NULL, or the rows that have the scores, of which records are made */
    gd_buf identity;
    gd_encoder none;
} gd_from_scores;

/* Opens the scores at `path`, unless it is NULL.  GD_EUSAGE unless there is either a model or a path.  No output of the
 * job may be the same file. */
gd_status gd_from_scores_open(gd_from_scores *from, const gd_model *model, const char *path, const char *input,
                              size_t skip, gd_job *job, gd_error *err);

/* For gd_job_open(): the model's, or one that only says what the output depends on. */
const gd_encoder *gd_from_scores_encoder(gd_from_scores *from, const gd_model *model);

/* gd_pipeline_run(), or the same with these scores: each record, in order, with the scores of its line.  An item that
 * failed in the scores fails with the same sentence.  GD_EFORMAT if the lines can't be those of this input; what was
 * written is then taken back, or the message says that it was not. */
gd_status gd_from_scores_run(gd_from_scores *from, gd_pipeline *run, gd_error *err);

/* Gives one item its scores, or the sentence of its line. */
gd_status gd_from_scores_fill(gd_from_scores *from, gd_scored *item, gd_error *err);

void gd_from_scores_close(gd_from_scores *from);

#endif
