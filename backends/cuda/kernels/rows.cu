/* rows.cu - the operations that work line by line (doc/arithmetic.md, sections 4 and 7), and the self-test's steps.
 *
 * Block x takes line x, its threads adjacent columns of it: memory is the limit, and loops that are not unrolled keep
 * the code small.  Where an output may overwrite an input, a thread has read what it is about to write. */
#include "backends/cuda/kernels/head_ops.cuh"
#include "backends/cuda/kernels/math.cuh"
#include "backends/cuda/kernels/rms_norm.cuh"
#include "backends/cuda/kernels/tensor_core.cuh"
#include "backends/cuda/kernels/rows.h"
#include "backends/cuda/kernels/sum16.cuh"

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_embedding(gd_cuda_embedding p)
{
    const uint64_t line = blockIdx.x;

    NO_UNROLL
    for (uint32_t i = threadIdx.x; i < p.out.cols; i += blockDim.x)
        gd_put(p.out, line, i, __fmul_rn(gd_element(p.row, p.row_type, line * p.out.cols + i), p.scale));
}

/* Two elements of a head at a time: a pair that rotates, or two that don't. */
extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_rope(gd_cuda_rope p)
{
    const uint64_t line = blockIdx.x;
    const uint32_t half = p.head_dim / 2, turning = p.rotary / 2;
    const float *cosine = p.cos_table + (uint64_t)p.position[line] * half;
    const float *sine = p.sin_table + (uint64_t)p.position[line] * half;

    NO_UNROLL
    for (uint32_t i = threadIdx.x; i < p.heads * half; i += blockDim.x) {
        const uint32_t angle = i % half;
        const bool turns = angle < turning;
        const uint32_t first = i / half * p.head_dim + angle + (turns ? 0 : turning);
        const uint32_t apart = turns ? turning : half - turning;
        const float a = p.x[line * p.x_stride + first], b = p.x[line * p.x_stride + first + apart];
        const float c = cosine[angle], s = sine[angle];

        gd_put(p.out, line, first, turns ? __fmaf_rn(a, c, -__fmul_rn(b, s)) : a);
        gd_put(p.out, line, first + apart, turns ? __fmaf_rn(b, c, __fmul_rn(a, s)) : b);
    }
}

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_gated(gd_cuda_pair p)
{
    const uint64_t line = blockIdx.x;

    NO_UNROLL
    for (uint32_t i = threadIdx.x; i < p.out.cols; i += blockDim.x)
        gd_put(p.out, line, i, __fmul_rn(gd_activation(p.act, p.x[line * p.x_stride + i]), p.y[line * p.y_stride + i]));
}

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_add(gd_cuda_pair p)
{
    const uint64_t line = blockIdx.x;

    NO_UNROLL
    for (uint32_t i = threadIdx.x; i < p.out.cols; i += blockDim.x)
        gd_put(p.out, line, i, __fadd_rn(p.x[line * p.x_stride + i], p.y[line * p.y_stride + i]));
}

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_copy(gd_cuda_copy p)
{
    const uint64_t line = blockIdx.x, from = p.index ? p.index[line] : line;
    const uint32_t cols = p.out.cols, piece = p.out.type == GD_CUDA_F32 ? 4 : 8;
    const uint64_t whole = ((uint64_t)cols + piece - 1) / piece * piece;
    const uint64_t end = whole < p.out.stride ? whole : p.out.stride;

    NO_UNROLL
    for (uint32_t i = threadIdx.x; i < end; i += blockDim.x)
        gd_put(p.out, line, i, i < cols ? gd_element(p.x, p.x_type, from * p.x_stride + i) : 0.0f);
}

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_head(gd_cuda_head p)
{
    const uint64_t line = blockIdx.x;
    const uint32_t half = threadIdx.x / 16, halves = blockDim.x / 16;

    NO_UNROLL
    for (uint32_t first = half & ~1u; first < p.labels; first += halves) { /* the same for both halves of a warp */
        const uint32_t own = first + (half & 1), label = own < p.labels ? own : first;
        const float dot = gd_sum16(gd_dot_lane(p.x + line * p.x_stride, p.w + (uint64_t)label * p.n, p.n, 0.0f));

        if (threadIdx.x % 16 == 0 && label == own)
            gd_put(p.out, line, label, p.bias ? dot + p.bias[label] : dot);
    }
}

/* Eight steps at once are the diagonal of a product of sixteen by eight. */
extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_steps(gd_cuda_steps p)
{
    const uint32_t lane = threadIdx.x % 32, row = lane / 4, pair = lane % 4;
    const uint64_t step = ((uint64_t)blockIdx.x * blockDim.x + threadIdx.x) / 32 * 8 + row;
    const bool there = step < p.count;
    const uint16_t *a = p.a + step * 16 + 2 * pair, *b = p.b + step * 16 + 2 * pair;
    const bool diagonal = there && row / 2 == pair;
    uint32_t x[4] = { 0, 0, 0, 0 }, w[2] = { 0, 0 };
    float d[4] = { 0.0f, 0.0f, 0.0f, 0.0f };

    if (there) {
        x[0] = a[0] | (uint32_t)a[1] << 16;
        x[2] = a[8] | (uint32_t)a[9] << 16;
        w[0] = b[0] | (uint32_t)b[1] << 16;
        w[1] = b[8] | (uint32_t)b[9] << 16;
    }
    if (diagonal && row % 2 == 0)
        d[0] = p.c[step];
    if (diagonal && row % 2 == 1)
        d[1] = p.c[step];
    gd_step(d, x, w[0], w[1]);
    if (diagonal)
        p.d[step] = row % 2 ? d[1] : d[0];
}
