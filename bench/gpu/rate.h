/* rate.h - how long work on the card takes.
 *
 * By the host's clock, over as many repetitions as take a while: what it costs to start a kernel is hidden, as it is
 * in a run of the engine. */
#ifndef GD_BENCH_GPU_RATE_H
#define GD_BENCH_GPU_RATE_H

#include "backends/cuda/device.h"

#define RATE_SECONDS 0.04

/* Starts the work once; false: it can't be started. */
typedef bool rate_work(void *context);

/* Seconds of one repetition: the median of several runs that take about RATE_SECONDS each; of one run of one repetition
 * if `small`.  0 after a failure, of which the device knows. */
double rate_seconds(gd_device *device, rate_work *work, void *context, bool small);

/* The same of runs that are twenty times as short: to choose from many. */
double rate_seconds_roughly(gd_device *device, rate_work *work, void *context, bool small);

#endif
