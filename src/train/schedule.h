/* schedule.h - the learning rate of each step: transformers/optimization.py. */
#ifndef GD_TRAIN_SCHEDULE_H
#define GD_TRAIN_SCHEDULE_H

#include <stddef.h>

typedef enum gd_schedule { GD_SCHEDULE_COSINE, GD_SCHEDULE_LINEAR, GD_SCHEDULE_CONSTANT } gd_schedule;

/* The factor of the learning rate after `done` of `total` steps: rises in a line from 0 over the first `warmup` steps,
 * so the first has the rate 0; then falls to 0 as half a cosine or in a line, or stays 1. */
double gd_schedule_factor(gd_schedule schedule, size_t done, size_t warmup, size_t total);

#endif
