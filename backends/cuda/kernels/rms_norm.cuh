/* rms_norm.cuh - each line, or each head of it, divided by its root mean square (doc/arithmetic.md, section 7).
 *
 * Block x takes line x.  A whole line is long and its 16 lanes of a sum are few, so all threads fetch it for them;
 * heads are short and many, so that each half of a warp takes one.  The output may overwrite the input: it is written
 * when the sum is complete. */
#ifndef GD_CUDA_RMS_NORM_CUH
#define GD_CUDA_RMS_NORM_CUH

#include "backends/cuda/kernels/rows.h"
#include "backends/cuda/kernels/sum16.cuh"

enum { STAGED = 2048 }; /* elements that are fetched at a time */

/* The factor of all elements. */
GD_DEVICE float factor_of(float squares, uint32_t n, float eps)
{
    return __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(__fdiv_rn(squares, (float)n), eps)));
}

/* The lane of a sum of squares: of a line that all threads fetch for a warp, or of the thread's head. */
GD_DEVICE float squares_of(const float *x, uint32_t n, bool whole)
{
    __shared__ float stage[STAGED];
    float squares = 0.0f;

    NO_UNROLL
    for (uint32_t first = 0; first < n; first += STAGED) {
        const uint32_t count = n - first < STAGED ? n - first : STAGED;
        const float *from = whole ? stage : x + first;

        NO_UNROLL
        for (uint32_t i = threadIdx.x; whole && i < count; i += blockDim.x)
            stage[i] = x[first + i];
        if (whole)
            __syncthreads();
        if (!whole || threadIdx.x < 32)
            squares = gd_dot_lane(from, from, count, squares);
        if (whole)
            __syncthreads();
    }
    return squares;
}

/* The first warp's, for all threads. */
GD_DEVICE float share(float squares)
{
    __shared__ float shared;

    if (threadIdx.x == 0)
        shared = squares;
    __syncthreads();
    return shared;
}

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_rms_norm(gd_cuda_rms_norm p)
{
    const bool whole = p.heads == 1;
    const uint64_t line = blockIdx.x;
    const uint32_t n = p.out.cols / p.heads, step = whole ? blockDim.x : 16;
    const uint32_t half = whole ? 0 : threadIdx.x / 16, halves = blockDim.x / 16;

    NO_UNROLL
    for (uint32_t first = half & ~1u; first < p.heads; first += halves) { /* the same for both halves of a warp */
        const uint32_t own = first + (half & 1), head = own < p.heads ? own : first;
        const float *x = p.x + line * p.x_stride + (uint64_t)head * n;
        const float lane = gd_sum16(squares_of(x, n, whole));
        const float factor = factor_of(whole ? share(lane) : lane, n, p.eps);

        NO_UNROLL
        for (uint32_t i = threadIdx.x % step; head == own && i < n; i += step) {
            const float w = p.unit_offset ? __fadd_rn(1.0f, p.w[i]) : p.w[i];

            gd_put(p.out, line, head * n + i, __fmul_rn(__fmul_rn(x[i], factor), w));
        }
    }
}

#endif
