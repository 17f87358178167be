/* probe.cu - kernels that ask a card questions: single operations, and its peak rates.  Compiled as the library's
 * kernels are; the library doesn't contain them. */
#include "backends/cuda/kernels/math.cuh"
#include "backends/cuda/kernels/tensor_core.cuh"
#include "bench/gpu/probe.h"

#define GD_PROBE(name, card, cpu)                                                              \
    extern "C" __global__ void __launch_bounds__(GD_PROBE_THREADS) gd_probe_##name(gd_probe p) \
    {                                                                                          \
        const uint32_t i = blockIdx.x * GD_PROBE_THREADS + threadIdx.x;                        \
        const float a = i < p.count ? p.a[i] : 0.0f, b = i < p.count ? p.b[i] : 0.0f;          \
        const float c = i < p.count ? p.c[i] : 0.0f;                                           \
                                                                                               \
        (void)b;                                                                               \
        (void)c;                                                                               \
        if (i < p.count)                                                                       \
            p.d[i] = card;                                                                     \
    }
#include "bench/gpu/probe.def"
#undef GD_PROBE

extern "C" __global__ void __launch_bounds__(GD_PROBE_THREADS) gd_peak_fma(gd_peak p)
{
    const uint32_t thread = blockIdx.x * GD_PROBE_THREADS + threadIdx.x;
    const float factor = 1.0f - 0x1p-10f * (float)(threadIdx.x % 7);
    float sum[GD_PEAK_CHAINS];

    UNROLL_FOR(uint32_t i = 0; i < GD_PEAK_CHAINS; i++)
        sum[i] = (float)i;
    NO_UNROLL
    for (uint32_t round = 0; round < p.rounds; round++)
        UNROLL_FOR(uint32_t i = 0; i < GD_PEAK_CHAINS; i++)
            sum[i] = __fmaf_rn(sum[i], factor, 0.5f);
    UNROLL_FOR(uint32_t i = 1; i < GD_PEAK_CHAINS; i++)
        sum[0] = __fadd_rn(sum[0], sum[i]);
    p.out[thread] = sum[0];
}

extern "C" __global__ void __launch_bounds__(GD_PROBE_THREADS) gd_peak_mma(gd_peak p)
{
    const uint32_t thread = blockIdx.x * GD_PROBE_THREADS + threadIdx.x;
    const uint32_t a[4] = { 0x3F803F80u + threadIdx.x % 5, 0x3F813F80u, 0x3F803F82u, 0x3F803F83u };
    float sum[GD_PEAK_CHAINS][4];

    UNROLL_FOR(uint32_t i = 0; i < GD_PEAK_CHAINS; i++)
        UNROLL_FOR(uint32_t j = 0; j < 4; j++)
            sum[i][j] = (float)i;
    NO_UNROLL
    for (uint32_t round = 0; round < p.rounds; round++)
        UNROLL_FOR(uint32_t i = 0; i < GD_PEAK_CHAINS; i++)
            gd_step(sum[i], a, 0xBF803F80u, 0x3F80BF80u);
    UNROLL_FOR(uint32_t i = 1; i < GD_PEAK_CHAINS; i++)
        UNROLL_FOR(uint32_t j = 0; j < 4; j++)
            sum[0][0] = __fadd_rn(sum[0][0], sum[i][j]);
    p.out[thread] = sum[0][0];
}
