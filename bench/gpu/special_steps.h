/* special_steps.h - steps whose result the papers don't tell. */
#ifndef GD_BENCH_GPU_SPECIAL_STEPS_H
#define GD_BENCH_GPU_SPECIAL_STEPS_H

#include "bench/gpu/card_steps.h"

/* Runs and reports them, in the space of `steps`. */
bool special_steps(gd_device *device, card_steps *steps);

#endif
