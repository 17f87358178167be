/* gemm_avx2.c - tiles of up to 6 rows by 16 outputs, 12 sums in registers.
 *
 * With many rows the panel's block is expanded to fp32 once, in the order in which the tile reads it; with few the tile
 * takes the packed weights apart as it goes, and reads them once. */
#ifndef __AVX2__
#error "compile this file with $(AVX2_CFLAGS)"
#endif
#include "backends/cpu/gemm.h"

#include "backends/cpu/gemm_finish.h"

#include <immintrin.h>

#define ALWAYS static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

enum { MR = 6, SUMS = 12, FEW_ROWS = 12 };

/* How a tile finds its weights: packed BF16, packed F32, or expanded: [half][pairs][odd 16, even 16]. */
enum form { PACKED_BF16, PACKED_F32, EXPANDED };

ALWAYS const float *step(const float *w, enum form form)
{
    return w + (form == PACKED_BF16 ? 32 : form == PACKED_F32 ? 64 : 32);
}

/* Eight outputs' weights of pair w, odd or even; v counts eights. */
ALWAYS __m256 weights(const float *w, int v, bool odd, enum form form)
{
    if (form == PACKED_BF16) {
        const __m256i both = _mm256_loadu_si256((const __m256i *)(const void *)(w + 8 * v));

        return _mm256_castsi256_ps(odd ? _mm256_and_si256(both, _mm256_set1_epi32((int)0xFFFF0000u))
                                       : _mm256_slli_epi32(both, 16));
    }
    if (form == PACKED_F32)
        return _mm256_loadu_ps(w + (odd ? 32 : 0) + 8 * v);
    return _mm256_load_ps(w + (odd ? 0 : 16) + 8 * v);
}

/* mr rows by 8 * nv outputs; mr, nv and form are constants wherever this is inlined. */
ALWAYS void tile(int mr, int nv, enum form form, size_t pairs, const float *x, const float *w, float *sum, bool add)
{
    __m256 acc[SUMS];

    UNROLL
    for (int i = 0; i < mr * nv; i++)
        acc[i] = _mm256_setzero_ps();
    for (size_t j = 0; j < pairs; j++, x += 2, w = step(w, form)) {
        UNROLL
        for (int odd = 1; odd >= 0; odd--) {
            __m256 b[4];

            UNROLL
            for (int v = 0; v < nv; v++)
                b[v] = weights(w, v, odd, form);
            UNROLL
            for (int r = 0; r < mr; r++) {
                const __m256 a = _mm256_broadcast_ss(x + r * (int)GD_GEMM_BLOCK + odd);

                UNROLL
                for (int v = 0; v < nv; v++)
                    acc[r * nv + v] = _mm256_fmadd_ps(a, b[v], acc[r * nv + v]);
            }
        }
    }
    UNROLL
    for (int r = 0; r < mr; r++) {
        UNROLL
        for (int v = 0; v < nv; v++) {
            float *s = sum + r * (int)GD_GEMM_PANEL + 8 * v;

            if (add)
                acc[r * nv + v] = _mm256_add_ps(_mm256_load_ps(s), acc[r * nv + v]);
            _mm256_store_ps(s, acc[r * nv + v]);
        }
    }
}

/* mr rows by all 32 outputs: in two halves, or with few rows in one go to have enough sums in flight. */
ALWAYS void strip(int mr, enum form form, size_t pairs, const float *x, const float *w, float *sum, bool add)
{
    if (mr <= 3 && form != EXPANDED) {
        tile(mr, 4, form, pairs, x, w, sum, add);
    } else {
        tile(mr, 2, form, pairs, x, w, sum, add);
        tile(mr, 2, form, pairs, x, w + (form == EXPANDED ? 32 * pairs : 16), sum + 16, add);
    }
}

/* All rows, in tiles of even height: 8 rows are 4 + 4, not 6 + 2. */
ALWAYS void strips(enum form form, size_t m, size_t pairs, const float *x, const float *w, float *sum, bool add)
{
    for (size_t left = (m + MR - 1) / MR; left > 0; left--) {
        const size_t mr = (m + left - 1) / left;

        switch (mr) {
        case 1: strip(1, form, pairs, x, w, sum, add); break;
        case 2: strip(2, form, pairs, x, w, sum, add); break;
        case 3: strip(3, form, pairs, x, w, sum, add); break;
        case 4: strip(4, form, pairs, x, w, sum, add); break;
        case 5: strip(5, form, pairs, x, w, sum, add); break;
        default: strip(6, form, pairs, x, w, sum, add); break;
        }
        m -= mr;
        x += mr * GD_GEMM_BLOCK;
        sum += mr * GD_GEMM_PANEL;
    }
}

/* Expands a block, half by half, so that a tile reads straight on. */
ALWAYS void expand(enum form form, size_t pairs, const float *w, float *wide)
{
    for (int half = 0; half < 2; half++) {
        const float *p = w + 16 * half;

        for (size_t j = 0; j < pairs; j++, p = step(p, form), wide += 32) {
            _mm256_store_ps(wide, weights(p, 0, true, form));
            _mm256_store_ps(wide + 8, weights(p, 1, true, form));
            _mm256_store_ps(wide + 16, weights(p, 0, false, form));
            _mm256_store_ps(wide + 24, weights(p, 1, false, form));
        }
    }
}

ALWAYS void block(enum form form, size_t m, size_t pairs, const float *x, const float *w, float *sum, bool add,
                  float *wide)
{
    if (m <= FEW_ROWS) {
        strips(form, m, pairs, x, w, sum, add);
    } else {
        expand(form, pairs, w, wide);
        strips(EXPANDED, m, pairs, x, wide, sum, add);
    }
}

void gd_gemm_avx2_BF16(size_t m, size_t pairs, const void *x, const void *w, float *sum, bool add, float *wide)
{
    block(PACKED_BF16, m, pairs, x, w, sum, add, wide);
}

void gd_gemm_avx2_F32(size_t m, size_t pairs, const void *x, const void *w, float *sum, bool add, float *wide)
{
    block(PACKED_F32, m, pairs, x, w, sum, add, wide);
}

void gd_gemm_avx2_finish(const gd_gemm_finish *f) { gd_gemm_finish_rows(f); }
