/* trainer.h - steps of the optimiser over items whose texts are token ids. */
#ifndef GD_TRAIN_TRAINER_H
#define GD_TRAIN_TRAINER_H

#include "train/loss.h"
#include "train/schedule.h"
#include "train/tuning.h"

/* The data: items, and their texts one after the other. */
typedef struct gd_train_set {
    gd_train_item *items;
    size_t *first_text; /* [count + 1] */
    size_t count;
    gd_span *texts;
    uint32_t *pooled; /* [texts] the position that the head reads */
} gd_train_set;

typedef struct gd_trainer_options {
    gd_adam adam;
    double rate, clip, center; /* clip 0: none; center 0: none */
    gd_schedule schedule;
    size_t warmup, total;     /* steps */
    size_t batch, accumulate; /* items of a micro-batch, and micro-batches of a step */
    size_t still;             /* 1 + the token whose row of the embedding has no gradient; 0: none */
    bool divide_twice;        /* Transformers 5.3's gradient: again divided by `accumulate` */
} gd_trainer_options;

/* What a step did. */
typedef struct gd_train_metrics {
    gd_loss_metrics loss; /* means over the micro-batches; least and most, too */
    double norm, rate;    /* of the gradients before clipping; the learning rate used */
    size_t tokens, rows;  /* of all texts, and how many rows were computed */
    double work;          /* gd_learner_work() */
    size_t culprit;       /* after GD_EFORMAT: the item whose scores or gradient are not finite; SIZE_MAX: unknown */
} gd_train_metrics;

/* What learns, by what means, from what. */
typedef struct gd_trainer {
    gd_learner *learner;
    gd_tuning *tuning;
    const gd_train_set *set;
    const gd_trainer_options *options;
    gd_pool *pool; /* for the optimiser; the engine has threads of its own */
} gd_trainer;

/* One step: items order[0 .. count - 1] of the set are its micro-batches one after the other.  `done` steps came
 * before.  Fails with GD_EFORMAT, before anything has changed, if the loss or a gradient is not finite. */
gd_status gd_trainer_step(const gd_trainer *trainer, const uint32_t *order, size_t count, size_t done,
                          gd_train_metrics *metrics, gd_error *err);

/* The order of epoch number `epoch`, as TRL's trainer has it: torch.randperm(count) from the seed plus the epoch. */
void gd_trainer_order(uint32_t *order, size_t count, uint32_t seed, size_t epoch);

#endif
