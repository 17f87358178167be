/* run.h - a run under way: its steps, evaluations, and what it writes. */
#ifndef GD_TRAIN_RUN_H
#define GD_TRAIN_RUN_H

#include "train/checkpoint.h"
#include "train/log.h"
#include "train/training.h"

typedef struct gd_run {
    gd_training *training;
    gd_train_log log;
    gd_train_mark mark;
    json_t *what, *identity; /* describe.h */
    int lock;                /* -1: none */
    uint64_t begun, saved;   /* the steps done at the beginning, and in the newest checkpoint */
    uint64_t evaluated;      /* the step of the last evaluation; UINT64_MAX: none in this process */
    double item_seconds;     /* running mean; 0: unknown */
    double page_time;        /* of the last page */
    double start;
    gd_train_report report;
    bool stop; /* the caller asked for it */
} gd_run;

/* Whether something that is done every so many steps, 0 for never, comes after this one. */
static inline bool gd_run_is_due(uint64_t step, size_t every) { return every && step % every == 0; }

/* ---- run.c ---- */

/* Calls the user's report() with run->report. */
void gd_run_tell(gd_run *run);

/* The same with a line for the user. */
void gd_run_note(gd_run *run, const char *text);

/* ---- run_files.c: what it writes besides the logs ---- */

/* Takes the output, and begins or continues. */
gd_status gd_run_begin(gd_run *run, gd_error *err);

/* Fails where gd_run_begin() would for what is in the output, or notes how it would go on; nothing is changed. */
gd_status gd_run_foresee(gd_run *run, gd_error *err);
gd_status gd_run_checkpoint(gd_run *run, gd_error *err);
gd_status gd_run_keep_best(gd_run *run, gd_error *err);

/* Whether that is still where it was written. */
gd_status gd_run_has_best(const gd_run *run, bool *there, gd_error *err);

/* The page, if the last one is some seconds old, or `now`. */
gd_status gd_run_page(gd_run *run, bool now, gd_error *err);

/* The page of a run that ends before its last step. Nothing becomes of a failure: the run has a worse one. */
void gd_run_last_page(gd_run *run, const char *why);

/* The adapter, its card, the page. */
gd_status gd_run_finish(gd_run *run, gd_error *err);

/* ---- run_eval.c ---- */

/* Whether `best` names a metric. */
gd_status gd_run_check_best(const gd_run *run, gd_error *err);

/* Whether the step that was done last wants an evaluation that the log doesn't have. */
bool gd_run_owes_evaluation(const gd_run *run);

/* Evaluates on all sets; may find a new best, or set mark.finished. If the caller asks to stop, this does nothing. */
gd_status gd_run_evaluate(gd_run *run, gd_error *err);

/* ---- run_result.c ---- */
gd_status gd_run_result(const gd_run *run, char **json, gd_error *err);
gd_status gd_run_rehearsal(gd_training *training, char **json, gd_error *err);

/* What is on the disk at once, at most: the checkpoints that are kept, one more being written, the best, the result. */
uint64_t gd_run_disk_bytes(const gd_training *training);

#endif
