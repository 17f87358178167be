/* loss.h - the loss of preferences and its gradients: doc/arithmetic.md, section 9.
 *
 * For a text that is preferred to another, d = better - worse - margin, the loss is -log sigmoid(d), and `center` times
 * (better + worse)^2 if rewards are to be centred around zero (Eisenstein et al., 2023, section 2; TRL's
 * center_rewards_coefficient).  An item's loss is the mean over its preferences; a micro-batch's the mean over its
 * items; a step's the mean over its micro-batches. */
#ifndef GD_TRAIN_LOSS_H
#define GD_TRAIN_LOSS_H

#include "guerdon.h"

#include <stddef.h>

/* One text is better than another of the same item. */
typedef struct gd_preference {
    uint32_t better, worse; /* numbers of texts within the item */
    float margin;           /* by which it should be better; 0 for none */
} gd_preference;

/* Texts with the same prompt. */
typedef struct gd_train_item {
    const gd_preference *preferences;
    size_t preference_count, text_count;
} gd_train_item;

/* What a micro-batch's scores say, as TRL's metrics. */
typedef struct gd_loss_metrics {
    double loss;
    double accuracy; /* of its preferences, those whose better text has the higher score; a tie counts as wrong */
    double margin;   /* mean of better - worse */
    double least, mean, most; /* of all scores */
} gd_loss_metrics;

/* Adds a micro-batch's metrics to a mean over several. */
void gd_loss_add(gd_loss_metrics *mean, const gd_loss_metrics *one, double share);

/*
 * The loss of a micro-batch.
 *
 * @param scores     [texts] those of the items one after the other
 * @param share      its share of the step's gradient: 1 / (number of micro-batches)
 * @param gradients  [texts] written: the sums of their preferences' contributions in order, each rounded once
 * @param each       [texts of the largest item] room for them before they are rounded
 */
void gd_loss(const gd_train_item *items, size_t count, const float *scores, double center, double share,
             float *gradients, double *each, gd_loss_metrics *metrics);

#endif
