/* curve.c - curves of a training run. */
#include "train/curve.h"

#include "base/mem.h"
#include "base/result.h"

#include <math.h>

#define LARGEST 1e12 /* a step or a value beyond this is not one that a run has */

void gd_curve_free(gd_curve *curve)
{
    gd_free(curve->x);
    gd_free(curve->y);
    *curve = (gd_curve){ 0 };
}

static bool make(gd_curve *out, size_t room)
{
    *out = (gd_curve){ .x = gd_alloc(room, sizeof *out->x), .y = gd_alloc(room, sizeof *out->y) };
    if (out->x && out->y)
        return true;
    gd_curve_free(out);
    return false;
}

static void add(gd_curve *out, double x, double y)
{
    const bool later = out->count == 0 || x > out->x[out->count - 1];

    if (!(x >= 0 && x <= LARGEST && fabs(y) <= LARGEST && later)) /* false for NaN */
        return;
    out->x[out->count] = x;
    out->y[out->count++] = y;
}

bool gd_curve_ratio(gd_curve *out, const json_t *list, const char *over, const char *under)
{
    const json_t *line;
    size_t i;

    if (!make(out, json_array_size(list)))
        return false;
    json_array_foreach(list, i, line) {
        const double y = gd_get_real(line, over);

        add(out, gd_get_real(line, "step"), under ? y / gd_get_real(line, under) : y);
    }
    return true;
}

bool gd_curve_read(gd_curve *out, const json_t *list, const char *key) { return gd_curve_ratio(out, list, key, NULL); }

static double mean(const double *values, size_t from, size_t to)
{
    double sum = 0;

    for (size_t i = from; i < to; i++)
        sum += values[i];
    return sum / (double)(to - from);
}

bool gd_curve_smooth(gd_curve *out, const gd_curve *curve, size_t reach)
{
    const size_t count = curve->count;

    if (!make(out, count))
        return false;
    for (size_t i = 0; i < count; i++)
        add(out, curve->x[i], mean(curve->y, i > reach ? i - reach : 0, count - i > reach ? i + reach + 1 : count));
    return true;
}

bool gd_curve_means(gd_curve *out, const gd_curve *curve, size_t columns)
{
    const size_t count = curve->count, parts = count < columns ? count : columns;

    if (!make(out, parts))
        return false;
    for (size_t i = 0; i < parts; i++) {
        const size_t from = i * count / parts, to = (i + 1) * count / parts;

        add(out, curve->x[to - 1], mean(curve->y, from, to));
    }
    return true;
}

void gd_curve_thin(gd_curve *curve, size_t most)
{
    const size_t count = curve->count, parts = (most - 1) / 2;
    size_t kept = 0;
    double last_x, last_y;

    if (count <= most)
        return;
    last_x = curve->x[count - 1];
    last_y = curve->y[count - 1];
    for (size_t i = 0; i < parts; i++) {
        size_t low = i * count / parts, high = low;

        for (size_t k = low; k < (i + 1) * count / parts; k++) {
            low = curve->y[k] < curve->y[low] ? k : low;
            high = curve->y[k] > curve->y[high] ? k : high;
        }
        for (int second = 0; second < (low == high ? 1 : 2); second++) { /* in the order in which they come */
            const size_t k = (low < high) == !second ? low : high;

            curve->x[kept] = curve->x[k];
            curve->y[kept++] = curve->y[k];
        }
    }
    if (curve->x[kept - 1] < last_x) {
        curve->x[kept] = last_x;
        curve->y[kept++] = last_y;
    }
    curve->count = kept;
}

double gd_curve_last(const gd_curve *curve, size_t count)
{
    const size_t part = count < curve->count ? count : curve->count;

    return part ? mean(curve->y, curve->count - part, curve->count) : NAN;
}
