/* over_rows.h - rows divided among the threads, one kernel call for each. */
#ifndef GD_CPU_OVER_ROWS_H
#define GD_CPU_OVER_ROWS_H

#include "backends/cpu/device.h"

/* Computes row r of a call. */
typedef void gd_cpu_row(const gd_row_kernels *kernels, const void *call, size_t r);

/* Runs `row` for rows 0 .. rows - 1; `work` says how much work a row takes: plain operations on so many elements. */
void gd_cpu_over_rows(gd_device *device, size_t rows, size_t work, gd_cpu_row *row, const void *call);

static inline void *gd_cpu_line(const gd_tensor *t, size_t row)
{
    return (unsigned char *)t->data + row * t->stride * gd_dtype_size(t->dtype);
}

#endif
