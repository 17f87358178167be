/* tensor_avx512.c - the products of tensor cores, 16 columns at a time. */
#ifndef __AVX512F__
#error "compile this file with $(AVX512_CFLAGS)"
#endif
#include "backends/cpu/tensor_range.h"

#include <immintrin.h>
#include <stdbool.h>

#define LANES 16

typedef __m512 t_floats;
typedef __m512i t_ints;

static inline t_floats t_set(float x) { return _mm512_set1_ps(x); }
static inline t_floats t_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void t_store(float *p, t_floats x) { _mm512_storeu_ps(p, x); }
static inline t_floats t_mul(t_floats a, t_floats b) { return _mm512_mul_ps(a, b); }
static inline t_floats t_add(t_floats a, t_floats b) { return _mm512_add_ps(a, b); }

static inline t_ints t_ints_set(int x) { return _mm512_set1_epi32(x); }
static inline t_ints t_ints_load(const void *p) { return _mm512_loadu_si512(p); }
static inline void t_ints_store(void *p, t_ints x) { _mm512_storeu_si512(p, x); }
static inline t_ints t_ints_add(t_ints a, t_ints b) { return _mm512_add_epi32(a, b); }
static inline t_ints t_ints_sub(t_ints a, t_ints b) { return _mm512_sub_epi32(a, b); }
static inline t_ints t_ints_max(t_ints a, t_ints b) { return _mm512_max_epi32(a, b); }
static inline t_ints t_pairs_add(t_ints a, t_ints b) { return _mm512_add_epi16(a, b); }
static inline t_ints t_pairs_set(int x) { return _mm512_set1_epi16((short)x); }
static inline t_ints t_pairs_sub(t_ints a, t_ints b) { return _mm512_sub_epi16(a, b); }
static inline t_ints t_pairs_least(t_ints a, t_ints b) { return _mm512_min_epu16(a, b); }
static inline t_ints t_pairs_max(t_ints a, t_ints b) { return _mm512_max_epi16(a, b); }

static inline t_ints t_exponents(t_ints pairs)
{
    const __m512i field = _mm512_and_si512(_mm512_srli_epi16(pairs, 7), _mm512_set1_epi16(0xFF));
    const __mmask32 some = _mm512_test_epi16_mask(field, field);

    return _mm512_mask_sub_epi16(_mm512_set1_epi16(NONE), some, field, _mm512_set1_epi16(127));
}

static inline t_floats t_even(t_ints pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }

static inline t_floats t_odd(t_ints pairs)
{
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-65536)));
}

static inline t_ints t_larger_half(t_ints pairs)
{
    const __m512i low = _mm512_srai_epi32(_mm512_slli_epi32(pairs, 16), 16);

    return _mm512_max_epi32(_mm512_srai_epi32(pairs, 16), low);
}

static inline t_ints t_exponent(t_floats acc)
{
    const __m512i bits = _mm512_castps_si512(acc);
    const __m512i field = _mm512_and_si512(_mm512_srli_epi32(bits, 23), _mm512_set1_epi32(0xFF));
    const __mmask16 some = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x7FFFFFFF));

    return _mm512_mask_sub_epi32(_mm512_set1_epi32(NONE), some, field, _mm512_set1_epi32(127));
}

static inline t_floats t_power(t_ints e)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(e, _mm512_set1_epi32(127)), 23));
}

static inline t_ints t_cut(t_floats x) { return _mm512_cvttps_epi32(x); }

static inline __m256 cut_half(__m256i a, __m256i b)
{
    return _mm512_cvt_roundpd_ps(_mm512_add_pd(_mm512_cvtepi32_pd(a), _mm512_cvtepi32_pd(b)),
                                 _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
}

static inline t_floats t_cut_sum(t_ints a, t_ints b)
{
    const __m256 low = cut_half(_mm512_castsi512_si256(a), _mm512_castsi512_si256(b));
    const __m256 high = cut_half(_mm512_extracti64x4_epi64(a, 1), _mm512_extracti64x4_epi64(b, 1));

    return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}

static inline bool t_strange(t_ints top)
{
    const __mmask16 outside = _mm512_cmpgt_epu32_mask(_mm512_sub_epi32(top, _mm512_set1_epi32(LEAST)),
                                                      _mm512_set1_epi32(127 - LEAST));

    return _mm512_mask_cmpgt_epi32_mask(outside, top, _mm512_set1_epi32(NONE / 2)) != 0;
}

#include "backends/cpu/tensor_impl.h"

TENSOR_PRODUCTS(avx512)
