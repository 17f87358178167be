/* result.h - what bench_gpu finds: each result is printed as a line to read and, at once, added as a line of JSON to a
 * file. */
#ifndef GD_BENCH_GPU_RESULT_H
#define GD_BENCH_GPU_RESULT_H

#include <stdbool.h>

/* Lines of JSON are added to this file from now on; without a call they are not written. */
bool result_open(const char *path);

/* A figure, its unit, and a sentence or "". */
__attribute__((format(printf, 5, 6))) void result_figure(const char *part, const char *name, double figure,
                                                         const char *unit, const char *text, ...);

/* Nothing was measured: why. */
__attribute__((format(printf, 3, 4))) void result_none(const char *part, const char *name, const char *why, ...);

#endif
