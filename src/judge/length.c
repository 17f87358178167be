/* length.c - accuracy against the difference in length. */
#include "judge/length.h"

#include "base/error.h"
#include "base/mem.h"
#include "judge/correlation.h"

#include <stdbool.h>
#include <stdlib.h>

struct outcome {
    int32_t longer;
    bool right;
};

static int by_length(const void *a, const void *b)
{
    const int32_t x = ((const struct outcome *)a)->longer, y = ((const struct outcome *)b)->longer;

    return (x > y) - (x < y);
}

static void add_bin(gd_length *out, const struct outcome *sorted, size_t from, size_t to)
{
    gd_length_bin *bin = &out->bins[out->bin_count++];

    *bin = (gd_length_bin){ sorted[from].longer, sorted[to - 1].longer, to - from, 0 };
    for (size_t i = from; i < to; i++)
        bin->right += sorted[i].right;
}

/* Cuts into parts of about the same size; a length difference of many pairs may make its part larger. */
static void add_parts(gd_length *out, const struct outcome *sorted, size_t from, size_t to)
{
    const size_t begin = from, count = to - from;

    for (size_t k = 1; k <= GD_LENGTH_PARTS; k++) {
        size_t end = begin + count / GD_LENGTH_PARTS * k + count % GD_LENGTH_PARTS * k / GD_LENGTH_PARTS;

        if (end <= from)
            continue;
        while (end < to && sorted[end].longer == sorted[end - 1].longer)
            end++;
        add_bin(out, sorted, from, end);
        from = end;
    }
}

static void part_by_length(gd_length *out, const struct outcome *sorted, size_t count)
{
    size_t shorter = 0, equal;

    while (shorter < count && sorted[shorter].longer < 0)
        shorter++;
    for (equal = shorter; equal < count && sorted[equal].longer == 0;)
        equal++;
    add_parts(out, sorted, 0, shorter);
    if (equal > shorter)
        add_bin(out, sorted, shorter, equal);
    add_parts(out, sorted, equal, count);
}

gd_status gd_length_of(gd_length *out, const float *margins, const int32_t *longer, size_t count, gd_error *err)
{
    struct outcome *sorted = gd_alloc(count, sizeof *sorted);
    double *x = gd_alloc(count, sizeof *x), *y = gd_alloc(count, sizeof *y);
    gd_status rc = GD_OK;

    *out = (gd_length){ 0 };
    if (!sorted || !x || !y)
        rc = gd_fail_memory(err, count * (sizeof *sorted + 2 * sizeof *x));
    for (size_t i = 0; !rc && i < count; i++) {
        sorted[i] = (struct outcome){ longer[i], margins[i] > 0 };
        x[i] = margins[i];
        y[i] = longer[i];
        if (longer[i] == 0 || margins[i] == 0)
            continue;
        out->pairs++;
        out->longer_chosen += longer[i] > 0;
        out->longer_higher += (longer[i] > 0) == (margins[i] > 0);
    }
    if (!rc) {
        qsort(sorted, count, sizeof *sorted, by_length);
        part_by_length(out, sorted, count);
        out->correlation = gd_pearson(x, y, count);
    }
    gd_free(sorted);
    gd_free(x);
    gd_free(y);
    return rc;
}
