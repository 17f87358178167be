/* length.h - does the model just like long answers?  Accuracy against the difference in length. */
#ifndef GD_JUDGE_LENGTH_H
#define GD_JUDGE_LENGTH_H

#include "guerdon.h"

/* Pairs whose chosen text is from..to tokens longer than the rejected one (negative: shorter). */
typedef struct gd_length_bin {
    int32_t from, to;
    size_t pairs, right;
} gd_length_bin;

/* Pairs with a shorter chosen text are divided into four bins of about the same size, and so are those with a longer
 * one; equal lengths are a bin of their own.  Pairs with the same difference stay together, and no bin is empty. */
enum { GD_LENGTH_PARTS = 4, GD_LENGTH_BINS = 2 * GD_LENGTH_PARTS + 1 };
typedef struct gd_length {
    size_t pairs;         /* with different lengths and different scores */
    size_t longer_chosen; /* of these, those whose longer text is the chosen one: what the data prefer */
    size_t longer_higher; /* of these, those whose longer text has the higher score: what the model prefers */
    double correlation;   /* Pearson's, of margin and difference in length, over all pairs */
    gd_length_bin bins[GD_LENGTH_BINS];
    size_t bin_count;
} gd_length;

/* longer[i]: tokens of the chosen text minus those of the rejected one.  Fails only if out of memory. */
gd_status gd_length_of(gd_length *out, const float *margins, const int32_t *longer, size_t count, gd_error *err);

#endif
