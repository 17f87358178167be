/* scale.h - normalization and activation of scores: (score - mean) / std, then an activation.
 *
 * The model's own score is a number without unit; for training a policy, mean 0 and deviation 1 are preferred. */
#ifndef GD_REWARD_SCALE_H
#define GD_REWARD_SCALE_H

#include "guerdon.h"

#include <stdbool.h>

typedef struct gd_scale {
    bool normalize, sigmoid;
    double mean, std; /* std > 0 */
} gd_scale;

/* Reads "MEAN,STD", two finite numbers of which STD is above 0; false for anything else. */
bool gd_scale_parse(gd_scale *scale, const char *text);

/* normalize: NULL, "MEAN,STD", or a file that `guerdon eval --calibrate` wrote; activation: NULL,
 * "none" or "sigmoid". */
gd_status gd_scale_open(gd_scale *scale, const char *normalize, const char *activation, gd_error *err);

/* Computed in double precision by our own functions, so the bits are the same everywhere. */
float gd_scale_apply(const gd_scale *scale, float score);

#endif
