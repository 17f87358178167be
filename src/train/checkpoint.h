/* checkpoint.h - the folders of a training run that hold what it has learnt so far.
 *
 *     OUTPUT/checkpoint-STEP   everything from which a run continues: an adapter, the optimizer's moments, and
 *                              manifest.json, which says with which files it is whole
 *     OUTPUT/best              the best adapter so far
 *     OUTPUT                   the adapter at the end
 *
 * Each of them loads as a PEFT adapter, or as a model if all weights have learnt. A folder takes its place whole and on
 * the disk, so that whenever a process is killed, or the power fails, the last one that was reported as written is
 * there.  What a killed run has left is cleared away by all of these functions, so whoever calls one holds the lock. */
#ifndef GD_TRAIN_CHECKPOINT_H
#define GD_TRAIN_CHECKPOINT_H

#include "base/json.h"
#include "base/notes.h"
#include "reward/merge.h"
#include "train/save.h"

/* What a run must remember besides its parameters. */
typedef struct gd_train_mark {
    uint64_t step;                     /* steps done */
    uint64_t tokens;                   /* of these steps */
    uint64_t log_bytes, times_bytes;   /* lengths of log.jsonl and times.jsonl: the rest belongs to steps not done */
    uint64_t log_digest, times_digest; /* of these bytes, line by line; at most INT64_MAX */
    double best;                       /* value of the metric at step best_step */
    uint64_t best_step;                /* 0: none yet */
    uint64_t waited;                   /* evaluations since then */
    bool finished;                     /* nothing is left to do */
} gd_train_mark;

typedef struct gd_checkpoint {
    const gd_save_parts *parts;
    const gd_train_mark *mark;
    const json_t *run;           /* what the run is, an object */
    const char *settings;        /* guerdon-adapter.json */
    const gd_merge_source *base; /* whose tokenizer's files are copied, NULL: none are; and its configuration */
} gd_checkpoint;

/* Locks the output, a directory, until *lock is closed: one run at a time may write to it. Fails with GD_EIO. */
gd_status gd_checkpoint_lock(int *lock, const char *output, gd_error *err);

/* Writes OUTPUT/checkpoint-STEP. One that is there is replaced. */
gd_status gd_checkpoint_write(const char *output, const gd_checkpoint *checkpoint, gd_error *err);

/* The newest sound checkpoint of a step below `below`: *path is freed by the caller, and NULL if there is none.  Each
 * newer one that is passed over gets a note that says why.  One that can't be read is not damaged for all we know: then
 * this fails, for a run that begins anew would put an end to it. It also fails without memory. */
gd_status gd_checkpoint_find(char **path, const char *output, uint64_t below, gd_notes *notes, gd_error *err);

/* Reads the mark, and gives model and data in `run` the names that they have there (gd_manifest_adopt()).  Fails with
 * GD_EUSAGE if the checkpoint is another run's, naming the first member of `run` that differs; with GD_EFORMAT or
 * GD_EIO if it is not sound. */
gd_status gd_checkpoint_peek(const char *path, json_t *run, gd_train_mark *mark, gd_error *err);

/* Fills the parameters' values and moments from a checkpoint that gd_checkpoint_peek() found sound: every bit is what
 * it was.  They are unspecified after a failure. */
gd_status gd_checkpoint_load(const char *path, gd_tuning *tuning, gd_error *err);

/* Of the checkpoints up to a step, removes all but the `keep` newest, and the newest that is sound if it is older than
 * these.  Those of later steps stay, and don't count: a run that went back, or has lost its log, can't use them. */
gd_status gd_checkpoint_prune(const char *output, uint64_t step, size_t keep, gd_error *err);

/* Writes OUTPUT/best: the adapter, without what only a resumed run needs. One that is there is replaced. */
gd_status gd_best_write(const char *output, const gd_checkpoint *checkpoint, gd_error *err);

/* Writes the same files into the output itself; adapter_config.json or config.json, by which it is known, is the
 * last. */
gd_status gd_result_write(const char *output, const gd_checkpoint *checkpoint, gd_error *err);

#endif
