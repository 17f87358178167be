/* peak.h - what the machine can do at most: the yardsticks of every other figure. */
#ifndef GD_BENCH_PEAK_H
#define GD_BENCH_PEAK_H

#include "base/pool.h"

/* Floating-point operations a second of all threads together, by a loop that touches nothing but registers, made of the
 * fused multiply-adds that the kernel `name` is made of ("avx2", "avx512", "avx512bf16", "neon"); 0 for any other.  A
 * multiply-add counts as two, as everywhere.  The best of several runs: a peak is what can be reached. */
double gd_bench_peak(const char *name, gd_pool *pool);

/* Bytes a second of all threads together, the best of several runs over `bytes` of memory, which should be a few times
 * the last cache: read alone, and the triad a = b + 3 c, which reads two and writes one. */
gd_status gd_bench_bandwidth(gd_pool *pool, size_t bytes, double *read, double *triad, gd_error *err);

/* Seconds on a clock that never jumps. */
double gd_bench_now(void);

#endif
