/* curve.h - curves of a training run, from the lines of its logs: whatever these have, it is finite and ascends. */
#ifndef GD_TRAIN_CURVE_H
#define GD_TRAIN_CURVE_H

#include "base/json.h"

typedef struct gd_curve {
    double *x, *y; /* [count] steps, strictly ascending; values, finite */
    size_t count;
} gd_curve;

/* The numbers that a list's objects have under a key, by their "step"; lines without both are left out, and so is a
 * step that is not after the one before.  These four return false for lack of memory, and *out is then empty. */
bool gd_curve_read(gd_curve *out, const json_t *list, const char *key);

/* The same for the ratio of two of their numbers. */
bool gd_curve_ratio(gd_curve *out, const json_t *list, const char *over, const char *under);

/* Each value becomes the mean of those at most `reach` points away, on either side. */
bool gd_curve_smooth(gd_curve *out, const gd_curve *curve, size_t reach);

/* `columns` means of as many points each, as far as possible; fewer if the curve has fewer points. */
bool gd_curve_means(gd_curve *out, const gd_curve *curve, size_t columns);

/* Thins a curve to `most` points, at least 3: of equal numbers of adjacent points, the lowest and the highest stay, and
 * of all the last. */
void gd_curve_thin(gd_curve *curve, size_t most);

/* The mean of the last `count` values, or of all if there are fewer; NaN if there are none. */
double gd_curve_last(const gd_curve *curve, size_t count);

void gd_curve_free(gd_curve *curve); /* all zero is fine */

#endif
