/* filter_values.c - the values that filter decides by. */
#include "judge/filter_values.h"

#include "base/error.h"
#include "base/mem.h"
#include "judge/ranking.h"

#include <string.h>

gd_status gd_filter_values_add(gd_filter_values *values, float value, gd_error *err)
{
    if (!gd_grow((void **)&values->value, &values->room, values->count + 1, sizeof *values->value))
        return gd_fail_memory(err, (values->count + 1) * sizeof *values->value);
    values->value[values->count++] = value;
    return GD_OK;
}

void gd_filter_values_free(gd_filter_values *values)
{
    gd_free(values->value);
    *values = (gd_filter_values){ 0 };
}

gd_status gd_filter_values_top(const gd_filter_values *values, size_t wanted, bool **top, gd_error *err)
{
    gd_ranking ranking = { 0 };
    gd_status rc = gd_ranking_make(&ranking, values->value, values->count, err);

    *top = rc ? NULL : gd_alloc_zero(values->count, sizeof **top);
    if (!rc && !*top)
        rc = gd_fail_memory(err, values->count);
    for (size_t i = 0; !rc && i < wanted && i < values->count; i++)
        (*top)[ranking.order[i]] = true;
    gd_ranking_free(&ranking);
    return rc;
}

void gd_filter_values_histogram(const gd_filter_values *values, gd_buf *out)
{
    size_t counts[GD_FILTER_BINS] = { 0 };
    double low, high, sum = 0;

    if (values->count == 0) {
        gd_buf_str(out, "null");
        return;
    }
    low = high = (double)values->value[0];
    for (size_t i = 0; i < values->count; i++) {
        const double v = (double)values->value[i];

        low = v < low ? v : low;
        high = v > high ? v : high;
        sum += v;
    }
    for (size_t i = 0; i < values->count; i++) {
        const double part = high > low ? ((double)values->value[i] - low) / (high - low) : 0;
        const size_t bin = (size_t)(part * GD_FILTER_BINS);

        counts[bin < GD_FILTER_BINS ? bin : GD_FILTER_BINS - 1]++;
    }
    gd_buf_str(out, "{\"min\":");
    gd_buf_json_float(out, (float)low);
    gd_buf_str(out, ",\"max\":");
    gd_buf_json_float(out, (float)high);
    gd_buf_str(out, ",\"mean\":");
    gd_buf_json_float(out, (float)(sum / (double)values->count));
    for (size_t i = 0; i < GD_FILTER_BINS; i++)
        gd_buf_printf(out, "%s%zu", i ? "," : ",\"counts\":[", counts[i]);
    gd_buf_str(out, "]}");
}
