/* training.h - everything that a run needs, opened: the model, the data, the parameters that learn, the engine. */
#ifndef GD_TRAIN_TRAINING_H
#define GD_TRAIN_TRAINING_H

#include "train/data.h"
#include "train/evaluate.h"
#include "train/save.h"

typedef struct gd_training {
    gd_train_settings settings;
    gd_model *model; /* its files; it has no engine */
    gd_notes notes;  /* for the user */
    gd_train_data data;
    gd_adapter *init; /* to begin with, or NULL */
    gd_targets targets;
    gd_tuning tuning;
    gd_save_parts parts; /* of the adapter that is written */
    gd_pool *pool;       /* of the optimiser */
    gd_engine *engine;
    gd_learner *learner;
    gd_learner_budget budget;
    size_t rows;     /* of a step, at most */
    uint32_t *order; /* [items] of epoch number `epoch` */
    size_t epoch;
} gd_training;

/* The options have been read into training->settings. Close it even after failure. */
gd_status gd_training_open(gd_training *training, gd_error *err);
void gd_training_close(gd_training *training);

/* The items of step number `step`, from 0. */
const uint32_t *gd_training_items(gd_training *training, size_t step, size_t *count);

/* How many times so many steps have gone through the data: counted in micro-batches, as TRL's "epoch" is. */
double gd_training_epochs(const gd_training *training, uint64_t steps);

#endif
