/* learn_head.h - the head that a run begins with: one linear with a matrix of its own learns, with its bias; any other
 * stays as it is, unless every weight learns. */
#ifndef GD_TRAIN_LEARN_HEAD_H
#define GD_TRAIN_LEARN_HEAD_H

#include "train/training.h"

/* Notes a head that stays as it is; fails if every weight is to learn, but the head isn't made of weights. */
gd_status gd_learn_head_check_kind(gd_training *t, gd_error *err);

/* Whether the model's head, if it has one, is of the right size. */
gd_status gd_learn_head_check(const gd_training *t, gd_error *err);

/* The head as t->init leaves it: its own, or the base's, to which it may add LoRA. */
gd_status gd_learn_head_begin(gd_training *t, gd_error *err);

#endif
