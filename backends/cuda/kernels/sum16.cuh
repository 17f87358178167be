/* sum16.cuh - sums along a row (doc/arithmetic.md, section 4): a half of a warp has the 16 lanes. */
#ifndef GD_CUDA_SUM16_CUH
#define GD_CUDA_SUM16_CUH

#include "backends/cuda/kernels/common.cuh"

/* The lanes added in halves, in every lane: a sum and the one that mirrors it are the same.  For whole warps. */
GD_DEVICE float gd_sum16(float lane)
{
    UNROLL_FOR(uint32_t half = 8; half; half /= 2)
        lane = __fadd_rn(lane, __shfl_xor_sync(0xFFFFFFFFu, lane, half));
    return lane;
}

/* This thread's lane of the dot product of n elements, from `sum` on; a missing element is zero and takes part.  Two
 * elements at a time, so that their loads overlap. */
GD_DEVICE float gd_dot_lane(const float *x, const float *y, uint32_t n, float sum)
{
    const uint32_t lane = threadIdx.x % 16;

    NO_UNROLL
    for (uint32_t first = 0; first < n; first += 2 * 16)
        UNROLL_FOR(uint32_t i = first; i < first + 2 * 16; i += 16) {
            const bool there = i + lane < n;
            const float a = there ? x[i + lane] : 0.0f, b = there ? y[i + lane] : 0.0f;

            sum = i < n ? __fmaf_rn(a, b, sum) : sum;
        }
    return sum;
}

#endif
