/* peak.h - what a core can do when nothing but registers is touched: the yardstick of every matmul figure. */
#ifndef GD_BENCH_PEAK_H
#define GD_BENCH_PEAK_H

#include "base/pool.h"

/* Floating-point operations a second of all threads together, by the fused multiply-adds that the kernel `name` is
 * made of ("avx2", "avx512", "avx512bf16"); 0 for any other. A multiply-add counts as two, as everywhere. */
double bench_peak(const char *name, gd_pool *pool);

/* Seconds on a clock that never jumps. */
double bench_now(void);

#endif
