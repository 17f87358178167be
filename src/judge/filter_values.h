/* filter_values.h - the values that filter decides by: the largest ones and the distribution. */
#ifndef GD_JUDGE_FILTER_VALUES_H
#define GD_JUDGE_FILTER_VALUES_H

#include "base/buf.h"
#include "guerdon.h"

#include <stdbool.h>

/* Initially all zero. */
typedef struct gd_filter_values {
    float *value;
    size_t count, room;
} gd_filter_values;

gd_status gd_filter_values_add(gd_filter_values *values, float value, gd_error *err);
void gd_filter_values_free(gd_filter_values *values);

/* (*top)[i] tells whether value i is among the `wanted` largest; of equal ones the earlier count as larger. The caller
 * frees *top. */
gd_status gd_filter_values_top(const gd_filter_values *values, size_t wanted, bool **top, gd_error *err);

/* Adds {"min":..,"max":..,"mean":..,"counts":[..]}: the number of values in each of 20 equal parts of min .. max; or
 * "null" without values. */
enum { GD_FILTER_BINS = 20 };
void gd_filter_values_histogram(const gd_filter_values *values, gd_buf *out);

#endif
