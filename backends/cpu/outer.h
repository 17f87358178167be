/* outer.h - running sums over rows: the gradients of weights. */
#ifndef GD_CPU_OUTER_H
#define GD_CPU_OUTER_H

#include "backends/cpu/device.h"

/* Adds a tile's part: sums[i][j] = fma(a[row][i], b[row][j], sums[i][j]). */
typedef struct gd_cpu_outer_job {
    gd_tensor a, b, sums;
} gd_cpu_outer_job;

enum { GD_CPU_OUTER_JOBS = 4 };

/* Runs up to GD_CPU_OUTER_JOBS jobs over the same number of rows.  scratch: gd_cpu_outer_bytes(), where `lines` are the
 * columns of all a. */
void gd_cpu_outer(gd_device *device, const gd_cpu_outer_job *jobs, size_t count, void *scratch);
size_t gd_cpu_outer_bytes(size_t rows, size_t lines, unsigned threads);

#endif
