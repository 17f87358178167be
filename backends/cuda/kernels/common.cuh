/* common.cuh - what all kernels share: types, bf16, and lines in memory, element by element or four at a time.
 *
 * Rounding to bf16 and widening are integer arithmetic: the contract says so for NaN, and -ftz=true would flush
 * denormals, which conversions keep (doc/arithmetic.md, sections 1 and 2). */
#ifndef GD_CUDA_COMMON_CUH
#define GD_CUDA_COMMON_CUH

#include "backends/cuda/kernels/args.h"

#include <stdint.h>

#define GD_DEVICE static __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define UNROLL_FOR \
    UNROLL for
#define NO_UNROLL _Pragma("unroll 1")

/* ---- numbers ---- */

GD_DEVICE uint32_t gd_bits(float f) { return __float_as_uint(f); }
GD_DEVICE float gd_float(uint32_t bits) { return __uint_as_float(bits); }

GD_DEVICE uint32_t gd_bf16_bits(float f)
{
    const uint32_t bits = gd_bits(f);

    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return bits >> 16 | 0x40u;
    return (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
}

/* The first in the lower half, as they lie in memory. */
GD_DEVICE uint32_t gd_bf16_pair(float first, float second) { return gd_bf16_bits(first) | gd_bf16_bits(second) << 16; }

GD_DEVICE float gd_bf16_low(uint32_t pair) { return gd_float(pair << 16); }
GD_DEVICE float gd_bf16_high(uint32_t pair) { return gd_float(pair & 0xFFFF0000u); }

/* IEEE half precision to fp32, exact; only numbers that are normal in fp32 are multiplied. */
GD_DEVICE float gd_f16_value(uint32_t h)
{
    const uint32_t sign = (h & 0x8000u) << 16, exponent = h >> 10 & 0x1Fu, mantissa = h & 0x3FFu;

    if (exponent == 0)
        return gd_float(sign | gd_bits(__fmul_rn((float)mantissa, 0x1p-24f)));
    return gd_float(sign | (exponent == 31 ? 0x7F800000u : (exponent + 112) << 23) | mantissa << 13);
}

/* ---- lines ---- */

/* Element i of values of any type. */
GD_DEVICE float gd_element(const void *values, uint32_t type, uint64_t i)
{
    if (type == GD_CUDA_F32)
        return ((const float *)values)[i];
    if (type == GD_CUDA_BF16)
        return gd_bf16_low(((const uint16_t *)values)[i]);
    return gd_f16_value(((const uint16_t *)values)[i]);
}

/* Rounds a value to the lines' type. */
GD_DEVICE void gd_put(gd_cuda_lines out, uint64_t line, uint32_t col, float value)
{
    const uint64_t at = line * out.stride + col;

    if (out.type == GD_CUDA_F32)
        ((float *)out.data)[at] = value;
    else
        ((uint16_t *)out.data)[at] = (uint16_t)gd_bf16_bits(value);
}

GD_DEVICE bool gd_is_aligned(const void *p, uint32_t bytes) { return ((uint64_t)p & (bytes - 1)) == 0; }

/* Columns col .. col + 3 of a line, those of them that are below `end`: at once where they lie so. */
GD_DEVICE void gd_put4(gd_cuda_lines out, uint64_t line, uint32_t col, uint32_t end, const float value[4])
{
    const uint64_t at = line * out.stride + col;
    float *f32 = (float *)out.data + at;
    uint16_t *bf16 = (uint16_t *)out.data + at;

    if (out.type == GD_CUDA_F32 && col + 4 <= end && gd_is_aligned(f32, 16))
        *(float4 *)f32 = make_float4(value[0], value[1], value[2], value[3]);
    else if (out.type == GD_CUDA_BF16 && col + 4 <= end && gd_is_aligned(bf16, 8))
        *(uint2 *)bf16 = make_uint2(gd_bf16_pair(value[0], value[1]), gd_bf16_pair(value[2], value[3]));
    else
        UNROLL_FOR(uint32_t i = 0; i < 4; i++)
            if (col + i < end)
                gd_put(out, line, col + i, value[i]);
}

/* Columns col .. col + 3 of a line of fp32, zero from `end` on. */
GD_DEVICE void gd_get4(const float *values, uint64_t stride, uint64_t line, uint32_t col, uint32_t end, float value[4])
{
    const float *from = values + line * stride + col;

    if (col + 4 <= end && gd_is_aligned(from, 16)) {
        *(float4 *)value = *(const float4 *)from;
        return;
    }
    UNROLL_FOR(uint32_t i = 0; i < 4; i++)
        value[i] = col + i < end ? from[i] : 0.0f;
}

#endif
