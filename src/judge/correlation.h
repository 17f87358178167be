/* correlation.h - correlation of two lists of numbers. */
#ifndef GD_JUDGE_CORRELATION_H
#define GD_JUDGE_CORRELATION_H

#include "guerdon.h"

/* Pearson's coefficient; NaN for fewer than two numbers, or when one list is constant. */
double gd_pearson(const double *a, const double *b, size_t count);

/* Spearman's: Pearson's of the ranks, where equal values share the mean of their ranks. The values must be finite.
 * Fails only if out of memory. */
gd_status gd_spearman(double *out, const double *a, const double *b, size_t count, gd_error *err);

#endif
