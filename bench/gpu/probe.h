/* probe.h - the arguments of probe.cu's kernels, for the host and for the kernels. */
#ifndef GD_BENCH_GPU_PROBE_H
#define GD_BENCH_GPU_PROBE_H

#include <stdint.h>

#define GD_PROBE_THREADS 256u

/* gd_probe_NAME: d[i] = the operation of probe.def on a[i], b[i], c[i]. */
typedef struct gd_probe {
    const float *a, *b, *c; /* [count] */
    float *d;               /* [count] */
    uint32_t count;
} gd_probe;

/* gd_peak_fma, gd_peak_mma: each thread, or each warp, repeats GD_PEAK_CHAINS independent multiply-adds on registers,
 * `rounds` times. */
#define GD_PEAK_CHAINS 16u
typedef struct gd_peak {
    float *out; /* [threads of the grid] */
    uint32_t rounds;
} gd_peak;

/* gd_wgmma_steps: args.h's gd_cuda_steps, so many of them in a block. */
#define GD_WGMMA_THREADS 128u
#define GD_WGMMA_STEPS 8u

#endif
