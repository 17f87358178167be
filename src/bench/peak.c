/* peak.c - loops of independent fused multiply-adds on registers. */
#include "bench/peak.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* Twelve sums hide a latency of four to six cycles on two units. Each returns the number of its operations. */
enum { SUMS = 12, STEPS = 100000, RUNS = 40 };

static _Atomic float sink; /* so that the sums are not optimised away */

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static double loop_avx2(void)
{
    const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.5f);
    __m256 acc[SUMS];

    for (int i = 0; i < SUMS; i++)
        acc[i] = _mm256_set1_ps((float)i);
    for (int s = 0; s < STEPS; s++) {
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++)
            acc[i] = _mm256_fmadd_ps(acc[i], a, b);
    }
    for (int i = 1; i < SUMS; i++)
        acc[0] = _mm256_add_ps(acc[0], acc[i]);
    sink = _mm256_cvtss_f32(acc[0]);
    return 2.0 * 8 * SUMS * STEPS;
}

#if HAVE_AVX512
__attribute__((target("avx512f"))) static double loop_avx512(void)
{
    const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.5f);
    __m512 acc[SUMS];

    for (int i = 0; i < SUMS; i++)
        acc[i] = _mm512_set1_ps((float)i);
    for (int s = 0; s < STEPS; s++) {
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++)
            acc[i] = _mm512_fmadd_ps(acc[i], a, b);
    }
    for (int i = 1; i < SUMS; i++)
        acc[0] = _mm512_add_ps(acc[0], acc[i]);
    sink = _mm512_cvtss_f32(acc[0]);
    return 2.0 * 16 * SUMS * STEPS;
}
#endif

#if HAVE_AVX512BF16
__attribute__((target("avx512f,avx512bf16"))) static double loop_avx512bf16(void)
{
    const __m512bh a = (__m512bh)_mm512_set1_epi32(0x3F003F00), b = (__m512bh)_mm512_set1_epi32(0x3E803E80);
    __m512 acc[SUMS];

    for (int i = 0; i < SUMS; i++)
        acc[i] = _mm512_set1_ps((float)i);
    for (int s = 0; s < STEPS; s++) {
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++)
            acc[i] = _mm512_dpbf16_ps(acc[i], a, b);
    }
    for (int i = 1; i < SUMS; i++)
        acc[0] = _mm512_add_ps(acc[0], acc[i]);
    sink = _mm512_cvtss_f32(acc[0]);
    return 4.0 * 16 * SUMS * STEPS;
}
#endif
#elif defined(__aarch64__)
static double loop_neon(void)
{
    enum { NEON_SUMS = 24 }; /* for up to four units, with twice the registers */
    const float32x4_t a = vdupq_n_f32(0.999f), b = vdupq_n_f32(0.5f);
    float32x4_t acc[NEON_SUMS];

    for (int i = 0; i < NEON_SUMS; i++)
        acc[i] = vdupq_n_f32((float)i);
    for (int s = 0; s < STEPS; s++) {
#pragma GCC unroll 24
        for (int i = 0; i < NEON_SUMS; i++)
            acc[i] = vfmaq_f32(acc[i], a, b);
    }
    for (int i = 1; i < NEON_SUMS; i++)
        acc[0] = vaddq_f32(acc[0], acc[i]);
    sink = vgetq_lane_f32(acc[0], 0);
    return 2.0 * 4 * NEON_SUMS * STEPS;
}
#endif

typedef double peak_loop(void);

static peak_loop *find_loop(const char *name)
{
#if defined(__x86_64__)
    if (!strcmp(name, "avx2"))
        return loop_avx2;
#if HAVE_AVX512
    if (!strcmp(name, "avx512"))
        return loop_avx512;
#endif
#if HAVE_AVX512BF16
    if (!strcmp(name, "avx512bf16"))
        return loop_avx512bf16;
#endif
#elif defined(__aarch64__)
    if (!strcmp(name, "neon"))
        return loop_neon;
#endif
    (void)name;
    return NULL;
}

static void peak_task(void *context, size_t index, unsigned worker)
{
    peak_loop *const *loop = context;

    (void)index;
    (void)worker;
    for (int i = 0; i < 20; i++)
        (*loop)();
}

double gd_bench_peak(const char *name, gd_pool *pool)
{
    peak_loop *loop = find_loop(name);
    double best = 0;

    for (int i = 0; loop && i < RUNS; i++) {
        const double each = loop(), start = gd_clock();
        const unsigned threads = gd_pool_threads(pool);
        double rate;

        gd_pool_run(pool, threads, peak_task, &loop);
        rate = each * 20 * threads / (gd_clock() - start);
        best = rate > best ? rate : best;
    }
    return best;
}
