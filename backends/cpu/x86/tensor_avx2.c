/* tensor_avx2.c - the products of tensor cores, 8 columns at a time. */
#ifndef __AVX2__
#error "compile this file with $(AVX2_CFLAGS)"
#endif
#include "backends/cpu/tensor_range.h"

#include <immintrin.h>
#include <stdbool.h>

#define LANES 8

typedef __m256 t_floats;
typedef __m256i t_ints;

static inline t_floats t_set(float x) { return _mm256_set1_ps(x); }
static inline t_floats t_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void t_store(float *p, t_floats x) { _mm256_storeu_ps(p, x); }
static inline t_floats t_mul(t_floats a, t_floats b) { return _mm256_mul_ps(a, b); }
static inline t_floats t_add(t_floats a, t_floats b) { return _mm256_add_ps(a, b); }

static inline t_ints t_ints_set(int x) { return _mm256_set1_epi32(x); }
static inline t_ints t_ints_load(const void *p) { return _mm256_loadu_si256(p); }
static inline void t_ints_store(void *p, t_ints x) { _mm256_storeu_si256(p, x); }
static inline t_ints t_ints_add(t_ints a, t_ints b) { return _mm256_add_epi32(a, b); }
static inline t_ints t_ints_sub(t_ints a, t_ints b) { return _mm256_sub_epi32(a, b); }
static inline t_ints t_ints_max(t_ints a, t_ints b) { return _mm256_max_epi32(a, b); }
static inline t_ints t_pairs_add(t_ints a, t_ints b) { return _mm256_add_epi16(a, b); }
static inline t_ints t_pairs_set(int x) { return _mm256_set1_epi16((short)x); }
static inline t_ints t_pairs_sub(t_ints a, t_ints b) { return _mm256_sub_epi16(a, b); }
static inline t_ints t_pairs_least(t_ints a, t_ints b) { return _mm256_min_epu16(a, b); }
static inline t_ints t_pairs_max(t_ints a, t_ints b) { return _mm256_max_epi16(a, b); }

static inline t_ints t_exponents(t_ints pairs)
{
    const __m256i field = _mm256_and_si256(_mm256_srli_epi16(pairs, 7), _mm256_set1_epi16(0xFF));
    const __m256i none = _mm256_cmpeq_epi16(field, _mm256_setzero_si256());

    return _mm256_blendv_epi8(_mm256_sub_epi16(field, _mm256_set1_epi16(127)), _mm256_set1_epi16(NONE), none);
}

static inline t_floats t_even(t_ints pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }

static inline t_floats t_odd(t_ints pairs)
{
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(-65536)));
}

static inline t_ints t_larger_half(t_ints pairs)
{
    const __m256i low = _mm256_srai_epi32(_mm256_slli_epi32(pairs, 16), 16);

    return _mm256_max_epi32(_mm256_srai_epi32(pairs, 16), low);
}

static inline t_ints t_exponent(t_floats acc)
{
    const __m256i size = _mm256_and_si256(_mm256_castps_si256(acc), _mm256_set1_epi32(0x7FFFFFFF));
    const __m256i e = _mm256_sub_epi32(_mm256_srli_epi32(size, 23), _mm256_set1_epi32(127));

    return _mm256_blendv_epi8(e, _mm256_set1_epi32(NONE), _mm256_cmpeq_epi32(size, _mm256_setzero_si256()));
}

static inline t_floats t_power(t_ints e)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(127)), 23));
}

static inline t_ints t_cut(t_floats x) { return _mm256_cvttps_epi32(x); }

/* A double's last 29 bits are those that fp32 lacks. */
static inline __m128 cut_half(__m128i a, __m128i b)
{
    const __m256d sum = _mm256_add_pd(_mm256_cvtepi32_pd(a), _mm256_cvtepi32_pd(b));

    return _mm256_cvtpd_ps(_mm256_and_pd(sum, _mm256_castsi256_pd(_mm256_set1_epi64x(-(1ll << 29)))));
}

static inline t_floats t_cut_sum(t_ints a, t_ints b)
{
    const __m128 low = cut_half(_mm256_castsi256_si128(a), _mm256_castsi256_si128(b));
    const __m128 high = cut_half(_mm256_extracti128_si256(a, 1), _mm256_extracti128_si256(b, 1));

    return _mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1);
}

static inline bool t_strange(t_ints top)
{
    const __m256i low = _mm256_and_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(LEAST), top),
                                         _mm256_cmpgt_epi32(top, _mm256_set1_epi32(NONE / 2)));
    const __m256i outside = _mm256_or_si256(low, _mm256_cmpgt_epi32(top, _mm256_set1_epi32(127)));

    return !_mm256_testz_si256(outside, outside);
}

#include "backends/cpu/tensor_impl.h"

TENSOR_PRODUCTS(avx2)
