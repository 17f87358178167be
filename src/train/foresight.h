/* foresight.h - what a dry run says of time. */
#ifndef GD_TRAIN_FORESIGHT_H
#define GD_TRAIN_FORESIGHT_H

#include "train/training.h"

typedef struct gd_foresight {
    double step_work; /* about what gd_learner_work() would be of all steps together */
    double seconds;   /* of all steps and evaluations, without the reading of weights that don't stay in memory */
} gd_foresight;

gd_status gd_foresee(gd_foresight *out, gd_training *training, gd_error *err);

#endif
