/* correlation.c - correlation of two lists of numbers. */
#include "judge/correlation.h"

#include "base/error.h"
#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static double mean(const double *values, size_t count)
{
    double total = 0;

    for (size_t i = 0; i < count; i++)
        total += values[i];
    return total / (double)count;
}

double gd_pearson(const double *a, const double *b, size_t count)
{
    const double mean_a = mean(a, count), mean_b = mean(b, count);
    double aa = 0, bb = 0, ab = 0, both;

    if (count < 2)
        return NAN;
    for (size_t i = 0; i < count; i++) {
        const double x = a[i] - mean_a, y = b[i] - mean_b;

        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    if (!(aa > 0 && bb > 0))
        return NAN;
    both = sqrt(aa * bb); /* exact if the lists are equal, but the product may overflow */
    if (!isnormal(both) || aa * bb < DBL_MIN)
        both = sqrt(aa) * sqrt(bb);
    return fmin(1, fmax(-1, ab / both));
}

struct placed {
    double value;
    size_t index;
};

static int by_value(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    return x->value != y->value ? (x->value > y->value) - (x->value < y->value)
                                : (x->index > y->index) - (x->index < y->index);
}

static void rank(double *ranks, struct placed *order, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = (struct placed){ values[i], i };
    qsort(order, count, sizeof *order, by_value);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && order[end].value == order[i].value;)
            end++;
        for (size_t k = i; k < end; k++)
            ranks[order[k].index] = (double)(i + end - 1) / 2;
    }
}

gd_status gd_spearman(double *out, const double *a, const double *b, size_t count, gd_error *err)
{
    struct placed *order = gd_alloc(count, sizeof *order);
    double *ranks_a = gd_alloc(count, sizeof *ranks_a), *ranks_b = gd_alloc(count, sizeof *ranks_b);
    gd_status rc = GD_OK;

    if (!order || !ranks_a || !ranks_b) {
        rc = gd_fail_memory(err, count * (sizeof *order + 2 * sizeof *ranks_a));
    } else {
        rank(ranks_a, order, a, count);
        rank(ranks_b, order, b, count);
        *out = gd_pearson(ranks_a, ranks_b, count);
    }
    gd_free(order);
    gd_free(ranks_a);
    gd_free(ranks_b);
    return rc;
}
