/* bench_gpu.h - the parts of bench_gpu.  Each returns whether it got to its end; what it found is in its results. */
#ifndef GD_BENCH_GPU_H
#define GD_BENCH_GPU_H

#include "backends/cuda/device.h"

#include <stdbool.h>

/* Opens the first card for `exact`, which starts no self-test: what its tensor cores do is found out here. */
gd_status bench_open(gd_device **out, gd_error *err);

/* Waits for the card; whether nothing failed, or a result of this part that says what did. */
bool bench_done(gd_device *device, const char *part, const char *name);

bool bench_card(void);
bool bench_steps(bool small);
bool bench_math(bool small);
bool bench_peak(bool small);

/* Of one kernel, or of all if `only` is NULL. */
bool bench_kernels_list(void);
bool bench_kernels_store(const char *path);
bool bench_kernels_compare(const char *path, const char *only);

bool bench_rates(bool small);
bool bench_attention(bool small);

/* Writes a model of random weights into a folder: of the shape of Qwen2.5-7B, or a small one. */
bool bench_model(const char *folder, bool small);

#endif
