/* lanes_avx2.h - the 16 lanes of the contract as two AVX2 registers; see backends/cpu/lanes.h. */
#ifndef GD_CPU_LANES_AVX2_H
#define GD_CPU_LANES_AVX2_H

#ifndef __AVX2__
#error "compile this file with $(AVX2_CFLAGS)"
#endif

#include "backends/cpu/x86/transpose.h"

typedef struct v16 {
    __m256 a, b; /* lanes 0-7 and 8-15 */
} v16;

/* 12 accumulators, 2 vectors of keys or values and one broadcast: the 16 registers. */
#define GD_TILE_ROWS 6
#define GD_TILE_COLS 1

static inline v16 v_make(__m256 a, __m256 b) { return (v16){ a, b }; }
static inline v16 v_set(float x) { return v_make(_mm256_set1_ps(x), _mm256_set1_ps(x)); }

static inline v16 v_load(const void *p) { return v_make(_mm256_loadu_ps(p), _mm256_loadu_ps((const float *)p + 8)); }

static inline v16 v_index(void)
{
    return v_make(_mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7), _mm256_setr_ps(8, 9, 10, 11, 12, 13, 14, 15));
}

static inline void v_store(float *p, v16 v)
{
    _mm256_storeu_ps(p, v.a);
    _mm256_storeu_ps(p + 8, v.b);
}

static inline __m256 widen_bf16(__m128i h)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

static inline v16 v_load_bf16(const void *p)
{
    const __m256i h = _mm256_loadu_si256(p);

    return v_make(widen_bf16(_mm256_castsi256_si128(h)), widen_bf16(_mm256_extracti128_si256(h, 1)));
}

/* The bits of gd_bf16_from_f32, still in the upper halves; the lower halves are garbage. */
static inline __m256i round_bf16(__m256 f)
{
    const __m256i bits = _mm256_castps_si256(f);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(f, f, _CMP_UNORD_Q));

    return _mm256_blendv_epi8(up, quiet, nan);
}

static inline v16 v_round_bf16(v16 v)
{
    const __m256i high = _mm256_set1_epi32(-65536);

    return v_make(_mm256_castsi256_ps(_mm256_and_si256(round_bf16(v.a), high)),
                  _mm256_castsi256_ps(_mm256_and_si256(round_bf16(v.b), high)));
}

static inline void v_store_bf16(void *p, v16 v)
{
    const __m256i a = _mm256_srli_epi32(round_bf16(v.a), 16), b = _mm256_srli_epi32(round_bf16(v.b), 16);

    /* packus works within halves of the register: a0-3 b0-3 a4-7 b4-7. */
    _mm256_storeu_si256(p, _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xD8));
}

static inline void v_transpose(const v16 rows[16], float *out, size_t stride)
{
    __m256 part[8];

    for (size_t j = 0; j < 16; j += 8) {
        for (size_t i = 0; i < 8; i++)
            part[i] = rows[j + i].a;
        transpose_store(part, out + j, stride);
        for (size_t i = 0; i < 8; i++)
            part[i] = rows[j + i].b;
        transpose_store(part, out + 8 * stride + j, stride);
    }
}

static inline v16 v_add(v16 x, v16 y) { return v_make(_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)); }
static inline v16 v_sub(v16 x, v16 y) { return v_make(_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)); }
static inline v16 v_mul(v16 x, v16 y) { return v_make(_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)); }
static inline v16 v_div(v16 x, v16 y) { return v_make(_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)); }
static inline v16 v_max(v16 x, v16 y) { return v_make(_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)); }

static inline v16 v_fma(v16 x, v16 y, v16 z)
{
    return v_make(_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b));
}

static inline v16 v_select_less(v16 x, v16 y, v16 yes, v16 no)
{
    return v_make(_mm256_blendv_ps(no.a, yes.a, _mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)),
                  _mm256_blendv_ps(no.b, yes.b, _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ)));
}

static inline v16 v_abs(v16 x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);

    return v_make(_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b));
}

static inline v16 v_sign_of(v16 x, v16 from)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);

    return v_make(_mm256_or_ps(_mm256_andnot_ps(sign, x.a), _mm256_and_ps(sign, from.a)),
                  _mm256_or_ps(_mm256_andnot_ps(sign, x.b), _mm256_and_ps(sign, from.b)));
}

static inline __m256 raise(__m256 x, __m256 n)
{
    const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(n), 23);

    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), exponent));
}

static inline v16 v_raise(v16 x, v16 n) { return v_make(raise(x.a, n.a), raise(x.b, n.b)); }

static inline float v_sum(v16 v)
{
    const __m256 s8 = _mm256_add_ps(v.a, v.b);
    const __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));

    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

static inline float v_max_all(v16 v)
{
    const __m256 m8 = _mm256_max_ps(v.a, v.b);
    const __m128 m4 = _mm_max_ps(_mm256_castps256_ps128(m8), _mm256_extractf128_ps(m8, 1));
    const __m128 m2 = _mm_max_ps(m4, _mm_movehl_ps(m4, m4));

    return _mm_cvtss_f32(_mm_max_ss(m2, _mm_movehdup_ps(m2)));
}

#endif
