/* lanes_avx512.h - the 16 lanes of the contract as one AVX-512 register; see backends/cpu/lanes.h. */
#ifndef GD_CPU_LANES_AVX512_H
#define GD_CPU_LANES_AVX512_H

#if !defined(__AVX512F__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__)
#error "compile this file with $(AVX512_CFLAGS)"
#endif

#include "backends/cpu/x86/transpose.h"

typedef __m512 v16;

/* 12 accumulators hide the latency of two multipliers; 32 registers have room for them. */
#define GD_TILE_ROWS 6
#define GD_TILE_COLS 2

static inline v16 v_set(float x) { return _mm512_set1_ps(x); }
static inline v16 v_load(const void *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, v16 v) { _mm512_storeu_ps(p, v); }
static inline v16 v_index(void) { return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }

static inline v16 v_load_bf16(const void *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16));
}

/* The bits of gd_bf16_from_f32, still in the upper halves; the lower halves are garbage. */
static inline __m512i round_bf16(v16 f)
{
    const __m512i bits = _mm512_castps_si512(f);
    const __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    const __mmask16 nan = _mm512_cmp_ps_mask(f, f, _CMP_UNORD_Q);
    const __m512i half = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF));
    const __m512i up = _mm512_mask_add_epi32(half, odd, bits, _mm512_set1_epi32(0x8000));

    return _mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x400000));
}

static inline v16 v_round_bf16(v16 v)
{
    return _mm512_castsi512_ps(_mm512_and_si512(round_bf16(v), _mm512_set1_epi32(-65536)));
}

static inline void v_store_bf16(void *p, v16 v)
{
    _mm256_storeu_si256(p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(round_bf16(v), 16)));
}

static inline void v_transpose(const v16 rows[16], float *out, size_t stride)
{
    __m256 part[8];

    for (size_t j = 0; j < 16; j += 8) {
        for (size_t i = 0; i < 8; i++)
            part[i] = _mm512_castps512_ps256(rows[j + i]);
        transpose_store(part, out + j, stride);
        for (size_t i = 0; i < 8; i++)
            part[i] = _mm512_extractf32x8_ps(rows[j + i], 1);
        transpose_store(part, out + 8 * stride + j, stride);
    }
}

static inline v16 v_add(v16 x, v16 y) { return _mm512_add_ps(x, y); }
static inline v16 v_sub(v16 x, v16 y) { return _mm512_sub_ps(x, y); }
static inline v16 v_mul(v16 x, v16 y) { return _mm512_mul_ps(x, y); }
static inline v16 v_div(v16 x, v16 y) { return _mm512_div_ps(x, y); }
static inline v16 v_max(v16 x, v16 y) { return _mm512_max_ps(x, y); }
static inline v16 v_fma(v16 x, v16 y, v16 z) { return _mm512_fmadd_ps(x, y, z); }

#ifdef __AVX512BF16__
#define V_HAS_PAIRS 1
static inline v16 v_fma_pairs(v16 x, v16 y, v16 z) { return _mm512_dpbf16_ps(z, (__m512bh)x, (__m512bh)y); }

static inline v16 v_pairs(v16 even, v16 odd)
{
    const __m512i low = _mm512_srli_epi32(_mm512_castps_si512(even), 16);

    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(odd), low));
}

static inline v16 v_even_of(v16 pairs)
{
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pairs), _mm512_set1_epi32(0xFFFF)));
}

static inline v16 v_pairs_of_even(v16 a, v16 b)
{
    const __m512i upper = _mm512_slli_epi32(_mm512_castps_si512(b), 16);

    return _mm512_castsi512_ps(_mm512_mask_blend_epi16(0x55555555, upper, _mm512_castps_si512(a)));
}

static inline v16 v_pairs_of_odd(v16 a, v16 b)
{
    const __m512i lower = _mm512_srli_epi32(_mm512_castps_si512(a), 16);

    return _mm512_castsi512_ps(_mm512_mask_blend_epi16(0x55555555, _mm512_castps_si512(b), lower));
}

/* The instruction rounds like round_bf16(), but takes a denormal for zero. */
static inline void v_store_rounded(void *evens, float *pairs, v16 even, v16 odd)
{
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even));
    const __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd)), 16);

    _mm256_storeu_si256(evens, (__m256i)_mm512_cvtneps_pbh(even));
    _mm512_storeu_ps(pairs, _mm512_castsi512_ps(_mm512_or_si512(low, high)));
}
#endif

static inline v16 v_select_less(v16 x, v16 y, v16 yes, v16 no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_LT_OQ), no, yes);
}

static inline v16 v_abs(v16 x) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), x); }

static inline v16 v_sign_of(v16 x, v16 from)
{
    return _mm512_or_ps(v_abs(x), _mm512_and_ps(_mm512_set1_ps(-0.0f), from));
}

static inline v16 v_raise(v16 x, v16 n)
{
    const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(n), 23);

    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), exponent));
}

static inline float v_sum(v16 v)
{
    const __m256 s8 = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));

    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

static inline float v_max_all(v16 v)
{
    const __m256 m8 = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 m4 = _mm_max_ps(_mm256_castps256_ps128(m8), _mm256_extractf128_ps(m8, 1));
    const __m128 m2 = _mm_max_ps(m4, _mm_movehl_ps(m4, m4));

    return _mm_cvtss_f32(_mm_max_ss(m2, _mm_movehdup_ps(m2)));
}

#endif
