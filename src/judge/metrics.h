/* metrics.h - figures of a model, computed from margins with the same bits on every machine.
 *
 * The margin of a pair is the chosen score minus the rejected one.  It claims that the chosen answer is better with
 * probability p = sigmoid(margin): the Bradley-Terry model, with which reward models are trained.  Sums run in array
 * order; exp and log are our own (base/realmath.h). */
#ifndef GD_JUDGE_METRICS_H
#define GD_JUDGE_METRICS_H

#include "guerdon.h"

#include <stdbool.h>

/* NaN wherever there is nothing to divide by. */
typedef struct gd_metrics {
    size_t pairs, right, ties;  /* right: margin above 0; ties: margin 0, counted as wrong */
    double accuracy, low, high; /* right / pairs, with its 95 % interval: gd_bootstrap_share() */
    double margin;              /* mean */
    double loss;                /* mean of -log p */
    double ece;                 /* expected calibration error: gd_reliability() */
    double brier;               /* mean of (1 - p)^2 */
} gd_metrics;

void gd_metrics_of(gd_metrics *out, const float *margins, size_t count);

/*
 * The 95 % interval of hits / count by the percentile bootstrap: of GD_BOOTSTRAP resamples of `count` outcomes with
 * replacement, the interval leaves out 2.5 % (25) of the shares on either side.  It depends only on the two numbers.
 *
 * A draw is a hit if a 32-bit number is below hits / count * 2^32, rounded up.  The numbers are the high, then the low
 * half of each output of SplitMix64 (Steele, Lea and Flood 2014), whose state starts at GD_BOOTSTRAP_SEED for each
 * interval; a resample with an odd count discards the last low half.
 *
 * With 0 or `count` hits the interval is a point: resampling can't show what never happened.
 */
enum { GD_BOOTSTRAP = 1000, GD_BOOTSTRAP_SEED = 1 };
void gd_bootstrap_share(size_t hits, size_t count, double *low, double *high);

/*
 * Confidence against outcome.  The outcome of a pair is always "chosen", so p itself can't be compared with it: what
 * can be right or wrong is the answer that the model prefers.  The confidence in that is max(p, 1 - p), from 0.5 to 1,
 * and it is right if the margin is above 0.  A tie claims nothing and counts half.
 *
 * There are ten bins of equal width, 0.05.  With the few hundred pairs of a subset, more bins would be empty or noisy,
 * and fifteen would not describe the last one, which has most of the pairs, any better.
 * The expected calibration error is the mean of |right - confidence| over the bins, weighted by their pairs.
 */
enum { GD_BINS = 10 };
typedef struct gd_bin {
    size_t count, right, ties;
    double confidence; /* sum over the pairs */
} gd_bin;

void gd_reliability(gd_bin bins[GD_BINS], const float *margins, size_t count);
double gd_bin_share(const gd_bin *bin); /* fraction that is right, ties counting half; NaN if empty */
double gd_calibration_error(const gd_bin bins[GD_BINS]);

/* Running mean and standard deviation (with count - 1) of numbers (Welford 1962). Initially all zero. */
typedef struct gd_spread {
    size_t count;
    double mean, squares;
} gd_spread;

void gd_spread_add(gd_spread *spread, double value);
double gd_spread_std(const gd_spread *spread); /* NaN for fewer than two */

/* A histogram of the margins: about thirty columns of a round width, with an edge at 0, so that wrong and right never
 * share one.  Up to half a percent at either end may lie beyond the outer edges; it is counted in the outer columns. */
enum { GD_COLUMNS = 40 };
typedef struct gd_columns {
    double from, step, counts[GD_COLUMNS];
    size_t count;
    double least, most; /* of all margins */
} gd_columns;

/* Without pairs there are no columns. Fails only if out of memory. */
gd_status gd_columns_of(gd_columns *out, const float *margins, size_t count, gd_error *err);

#endif
