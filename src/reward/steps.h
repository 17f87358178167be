/* steps.h - the score of a text from those of its steps. */
#ifndef GD_REWARD_STEPS_H
#define GD_REWARD_STEPS_H

#include "graph/op.h"

/* Of at least one step.  Means and products are made in double, in the order of the steps, and rounded once: the bits
 * are the same everywhere. */
float gd_steps_score(gd_step_rule rule, const float *steps, size_t count);

#endif
