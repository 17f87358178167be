/* metrics.h - what margins say about a model: arithmetic on arrays, with the same bits on every machine.
 *
 * The margin of a pair is the chosen score less the rejected one.  The model says that the chosen answer is the better
 * one with the probability p = sigmoid(margin) (Bradley and Terry's model, which reward models are trained by).
 * Numbers are summed in the order of the array; exp and log are our own (base/realmath.h). */
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
 * replacement, the interval leaves 2.5 % (25) of the shares on either side.  It depends on the two numbers alone.
 *
 * A draw is a hit when a 32-bit number is below hits / count * 2^32, rounded up.  The numbers are the high, then the
 * low half of each output of SplitMix64 (Steele, Lea and Flood 2014), whose state begins at GD_BOOTSTRAP_SEED for each
 * interval; a resample with an odd count leaves the last low half.
 *
 * With 0 or `count` hits the interval is a point: resampling can't show what never happened.
 */
enum { GD_BOOTSTRAP = 1000, GD_BOOTSTRAP_SEED = 1 };
void gd_bootstrap_share(size_t hits, size_t count, double *low, double *high);

/*
 * Confidence against outcome.  A pair's outcome is always "chosen", so p itself has nothing to be compared with: what
 * can be right or wrong is the answer that the model prefers.  The confidence in it is max(p, 1 - p), from 0.5 to 1,
 * and it is right when the margin is above 0.  A tie claims nothing and counts half.
 *
 * The bins are ten of equal width, 0.05.  More of them would be empty or noise in the some hundreds of pairs that a
 * subset has; the last one, where the confidence of most pairs is, would not be better described by fifteen.
 * The expected calibration error is the mean of |right - confidence| over the bins, weighted by their pairs.
 */
enum { GD_BINS = 10 };
typedef struct gd_bin {
    size_t count, right, ties;
    double confidence; /* sum over the pairs */
} gd_bin;

void gd_reliability(gd_bin bins[GD_BINS], const float *margins, size_t count);
double gd_bin_share(const gd_bin *bin); /* that is right, ties half; NaN when it is empty */
double gd_calibration_error(const gd_bin bins[GD_BINS]);

/* Mean and standard deviation (by count - 1) of numbers that come one by one (Welford 1962). All zero at first. */
typedef struct gd_spread {
    size_t count;
    double mean, squares;
} gd_spread;

void gd_spread_add(gd_spread *spread, double value);
double gd_spread_std(const gd_spread *spread); /* NaN for fewer than two */

/* How often margins lie where: about thirty columns of a round width, with an edge at 0, so that wrong and right never
 * share one.  Half a percent at either end may lie beyond the outer edges, and is counted in the outer columns. */
enum { GD_COLUMNS = 40 };
typedef struct gd_columns {
    double from, step, counts[GD_COLUMNS];
    size_t count;
    double least, most; /* of all margins */
} gd_columns;

/* No pairs: no columns. Fails for want of memory alone. */
gd_status gd_columns_of(gd_columns *out, const float *margins, size_t count, gd_error *err);

#endif
