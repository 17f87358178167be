/* immintrin.h - the AVX-512 intrinsics used by the matmul, in plain C: for testing the AVX-512 sources on a CPU
 * without them.  That covers indices, tails and order; the instructions themselves are tested on a CPU that has
 * them. */
#ifndef GD_TESTS_EMULATE_IMMINTRIN_H
#define GD_TESTS_EMULATE_IMMINTRIN_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float __m512 __attribute__((vector_size(64)));
typedef uint32_t __m512i __attribute__((vector_size(64)));
typedef uint32_t __m512bh __attribute__((vector_size(64)));

static inline __m512 _mm512_loadu_ps(const void *p)
{
    __m512 v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline __m512i _mm512_loadu_si512(const void *p)
{
    __m512i v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline void _mm512_storeu_ps(void *p, __m512 v) { memcpy(p, &v, sizeof v); }
static inline __m512 _mm512_setzero_ps(void) { return (__m512){ 0 }; }
static inline __m512i _mm512_set1_epi32(int i) { return (__m512i){ 0 } + (uint32_t)i; }
static inline __m512i _mm512_and_si512(__m512i a, __m512i b) { return a & b; }
static inline __m512i _mm512_slli_epi32(__m512i a, unsigned bits) { return a << bits; }
static inline __m512 _mm512_castsi512_ps(__m512i a) { return (__m512)a; }
static inline __m512 _mm512_add_ps(__m512 a, __m512 b) { return a + b; }

static inline __m512 _mm512_set1_ps(float f)
{
    __m512 v;

    for (int i = 0; i < 16; i++)
        v[i] = f;
    return v;
}

static inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c)
{
    for (int i = 0; i < 16; i++)
        c[i] = fmaf(a[i], b[i], c[i]);
    return c;
}

/* Per lane: the odd (upper) halves first, then the even ones, each a fused multiply-add that flushes denormals (the
 * tests call this in the mode that flushes them). */
static inline __m512 _mm512_dpbf16_ps(__m512 c, __m512bh a, __m512bh b)
{
    c = _mm512_fmadd_ps((__m512)(a & 0xFFFF0000u), (__m512)(b & 0xFFFF0000u), c);
    return _mm512_fmadd_ps((__m512)(a << 16), (__m512)(b << 16), c);
}

#endif
