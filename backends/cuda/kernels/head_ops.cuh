/* head_ops.cuh - the operations that only heads have (doc/arithmetic.md, sections 5 and 7): those of
 * backends/cpu/activation.c and head_ops.c in the same order, so the same bits.
 *
 * Block x takes line x, its threads adjacent columns or groups of them: a sum is one thread's. */
#ifndef GD_CUDA_HEAD_OPS_CUH
#define GD_CUDA_HEAD_OPS_CUH

#include "backends/cuda/kernels/math.cuh"
#include "backends/cuda/kernels/rows.h"

/* ---- activations ---- */

/* exp(x) - 1 for x <= 0. */
GD_DEVICE float gd_less_one(float x)
{
    float q = 0x1.9f07f4p-13f;

    q = __fmaf_rn(q, x, 0x1.6d8ddep-10f);
    q = __fmaf_rn(q, x, 0x1.111272p-7f);
    q = __fmaf_rn(q, x, 0x1.55548cp-5f);
    q = __fmaf_rn(q, x, 0x1.555554p-3f);
    q = __fmaf_rn(q, x, 0.5f);
    return x < -0x1.6p-2f ? __fsub_rn(gd_exp(x), 1.0f) : __fmaf_rn(q, __fmul_rn(x, x), x);
}

/* The normal distribution's tail beyond t >= 0, divided by exp(-t^2 / 2). */
GD_DEVICE float gd_tail(float t)
{
    const float r = __fdiv_rn(1.0f, __fadd_rn(t, 3.0f)), q = __fmaf_rn(-6.0f, r, 1.0f);
    float p = 0x1.c949a4p-15f;

    p = __fmaf_rn(p, q, 0x1.1387eap-13f);
    p = __fmaf_rn(p, q, -0x1.0099d6p-12f);
    p = __fmaf_rn(p, q, -0x1.0eb132p-10f);
    p = __fmaf_rn(p, q, 0x1.0ca0b0p-10f);
    p = __fmaf_rn(p, q, 0x1.c8bdc0p-8f);
    p = __fmaf_rn(p, q, -0x1.56d5e0p-7f);
    p = __fmaf_rn(p, q, -0x1.832d0ap-5f);
    p = __fmaf_rn(p, q, 0x1.d71384p-3f);
    p = __fmaf_rn(p, q, -0x1.04c72ap-1f);
    p = __fmaf_rn(p, q, 0x1.754a76p-1f);
    return __fmul_rn(p, r);
}

GD_DEVICE float gd_gelu(float x)
{
    const float t = fabsf(x) < 16.0f ? fabsf(x) : 16.0f, square = __fmul_rn(t, t);
    const float e = gd_exp(__fmul_rn(-0.5f, square)), lost = __fmaf_rn(t, t, -square), g = gd_tail(t);
    const float bell = __fmaf_rn(e, __fmul_rn(-0.5f, lost), e);

    return x < 0.0f ? __fmul_rn(__fmul_rn(x, g), bell) : __fmul_rn(x, __fsub_rn(1.0f, __fmul_rn(g, bell)));
}

GD_DEVICE float gd_selu(float x)
{
    return x > 0.0f ? __fmul_rn(0x1.0cfabep+0f, x) : __fmul_rn(0x1.c212ccp+0f, gd_less_one(x));
}

GD_DEVICE float gd_act_of(uint32_t act, float slope, float x)
{
    switch (act) {
    case GD_CUDA_RELU: return x < 0.0f ? 0.0f : x;
    case GD_CUDA_LEAKY_RELU: return x < 0.0f ? __fmul_rn(slope, x) : x;
    case GD_CUDA_GELU: return gd_gelu(x);
    case GD_CUDA_SELU: return gd_selu(x);
    case GD_CUDA_TANH: return gd_tanh(x);
    case GD_CUDA_SIGMOID: return gd_logistic(1.0f, -x);
    default: return gd_activation(act, x);
    }
}

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_act(gd_cuda_act_args p)
{
    const uint64_t line = blockIdx.x;

    NO_UNROLL
    for (uint32_t i = threadIdx.x; i < p.out.cols; i += blockDim.x)
        gd_put(p.out, line, i, gd_act_of(p.act, p.slope, p.x[line * p.x_stride + i]));
}

/* ---- columns ---- */

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_softmax(gd_cuda_softmax p)
{
    const uint64_t line = blockIdx.x;
    const uint32_t n = p.out.cols / p.groups;

    NO_UNROLL
    for (uint32_t g = threadIdx.x; g < p.groups; g += blockDim.x) {
        const float *x = p.x + line * p.x_stride + g * n;
        float largest = __fdiv_rn(x[0], p.temperature), sum = 0.0f;

        NO_UNROLL
        for (uint32_t i = 1; i < n; i++) {
            const float z = __fdiv_rn(x[i], p.temperature);

            largest = z > largest ? z : largest;
        }
        NO_UNROLL
        for (uint32_t i = 0; i < n; i++)
            sum = __fadd_rn(sum, gd_exp(__fsub_rn(__fdiv_rn(x[i], p.temperature), largest)));
        NO_UNROLL
        for (uint32_t i = 0; i < n; i++)
            gd_put(p.out, line, g * n + i, __fdiv_rn(gd_exp(__fsub_rn(__fdiv_rn(x[i], p.temperature), largest)), sum));
    }
}

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_mul(gd_cuda_mul p)
{
    const uint64_t line = blockIdx.x;

    NO_UNROLL
    for (uint32_t i = threadIdx.x; i < p.out.cols; i += blockDim.x)
        gd_put(p.out, line, i,
               __fmul_rn(p.x[line * p.x_stride + (p.x_cols == 1 ? 0 : i)],
                         p.y[line * p.y_stride + (p.y_cols == 1 ? 0 : i)]));
}

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_sum(gd_cuda_sum p)
{
    const uint64_t line = blockIdx.x;

    NO_UNROLL
    for (uint32_t g = threadIdx.x; g < p.out.cols; g += blockDim.x) {
        const float *x = p.x + line * p.x_stride + g * p.n;
        float sum = 0.0f;

        NO_UNROLL
        for (uint32_t i = 0; i < p.n; i++)
            sum = __fadd_rn(sum, x[i]);
        gd_put(p.out, line, g, p.mean ? __fdiv_rn(sum, (float)p.n) : sum);
    }
}

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_part(gd_cuda_part p)
{
    const uint64_t line = blockIdx.x;

    NO_UNROLL
    for (uint32_t i = threadIdx.x; i < p.out.cols; i += blockDim.x)
        gd_put(p.out, line, i, p.x[line * p.x_stride + p.from + i * p.every]);
}

extern "C" __global__ void __launch_bounds__(GD_CUDA_ROW_THREADS) gd_affine(gd_cuda_affine p)
{
    const uint64_t line = blockIdx.x;

    NO_UNROLL
    for (uint32_t i = threadIdx.x; i < p.out.cols; i += blockDim.x)
        gd_put(p.out, line, i,
               __fmaf_rn(p.x[line * p.x_stride + i], p.scales ? p.scales[i] : p.scale,
                         p.shifts ? p.shifts[i] : p.shift));
}

#endif
