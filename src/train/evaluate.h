/* evaluate.h - the scores of data that isn't learnt from, and what they say. */
#ifndef GD_TRAIN_EVALUATE_H
#define GD_TRAIN_EVALUATE_H

#include "train/trainer.h"

typedef struct gd_evaluator {
    gd_engine *engine; /* with the parameters as they are now */
    size_t rows;       /* of a batch; a larger item is a batch of its own */
    size_t batch;      /* items over which metrics are averaged first, as TRL does; 0: over all at once */
    double center;     /* of the loss */
    /* Asked before each batch of a set, of which so many texts have scores: whether to go on. */
    bool (*goes_on)(void *context, size_t scored);
    void *context;
} gd_evaluator;

/* The scores of all texts of a set, [texts]: those that scoring with the adapter gives, bit for bit, finite or not.
 * GD_EINTERRUPTED if it doesn't go on. */
gd_status gd_evaluate(const gd_evaluator *evaluator, const gd_train_set *set, float *scores, gd_error *err);

/* What they say about the items whose group is `group`, or about all if `groups` is NULL. */
gd_status gd_evaluated(const gd_evaluator *evaluator, const gd_train_set *set, const float *scores,
                       const uint32_t *groups, uint32_t group, gd_loss_metrics *metrics, gd_error *err);

#endif
