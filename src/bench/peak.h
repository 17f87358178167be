/* peak.h - the machine's limits: the yardsticks for all other figures. */
#ifndef GD_BENCH_PEAK_H
#define GD_BENCH_PEAK_H

#include "base/pool.h"

/* Floating-point operations per second of all threads together, in a loop on registers only, with the fused
 * multiply-adds of the kernel `name` ("avx2", "avx512", "avx512bf16", "neon"); 0 for any other.  A multiply-add counts
 * as two, as everywhere.  The best of several runs. */
double gd_bench_peak(const char *name, gd_pool *pool);

/* Bytes per second of all threads together, the best of several runs over `bytes` of memory, which should be a few
 * times the last-level cache: reading only, and the triad a = b + 3 c, which reads two arrays and writes one. */
gd_status gd_bench_bandwidth(gd_pool *pool, size_t bytes, double *read, double *triad, gd_error *err);

#endif
