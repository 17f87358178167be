/* gemm_zmm.h - tiles of up to 14 rows by 32 outputs in 28 sums, for the kernels of the AVX-512 family.
 *
 * Without VDPBF16PS a panel's block is expanded to fp32 once where several tiles read it; a single tile unpacks
 * the weights as it goes. */
#ifndef GD_CPU_X86_GEMM_ZMM_H
#define GD_CPU_X86_GEMM_ZMM_H

#include "backends/cpu/gemm_tile.h"

#include <immintrin.h>
#include <string.h>

enum { MR = GD_GEMM_HIGH_ZMM, PACKED_ROW = (int)(GD_GEMM_BLOCK * sizeof(float)) };

/* How a tile finds its weights: packed BF16 for the fp32 units, packed F32, expanded [pairs][odd 32, even 32], or
 * packed BF16 for VDPBF16PS, whose rows are BF16 too, and are read in place. */
enum form { PACKED_BF16, PACKED_F32, EXPANDED, PAIRS };

/* Sixteen outputs' weights of the pair at w, odd or even; v counts sixteens. */
ALWAYS __m512 weights(const char *w, int v, bool odd, enum form form)
{
    if (form == PACKED_BF16) {
        const __m512i both = _mm512_loadu_si512(w + 64 * v);

        return _mm512_castsi512_ps(odd ? _mm512_and_si512(both, _mm512_set1_epi32((int)0xFFFF0000u))
                                       : _mm512_slli_epi32(both, 16));
    }
    return _mm512_loadu_ps(w + ((form == EXPANDED ? !odd : odd) ? 128 : 0) + 64 * v);
}

/* One fused step of all sums: the odd or the even elements of a pair. */
ALWAYS void step(int mr, enum form form, const char *x, const char *w, bool odd, __m512 *acc)
{
    const __m512 b0 = weights(w, 0, odd, form), b1 = weights(w, 1, odd, form);

    UNROLL
    for (int r = 0; r < mr; r++) {
        const __m512 a = _mm512_set1_ps(((const float *)(const void *)x)[r * (int)GD_GEMM_BLOCK + odd]);

        acc[2 * r] = _mm512_fmadd_ps(a, b0, acc[2 * r]);
        acc[2 * r + 1] = _mm512_fmadd_ps(a, b1, acc[2 * r + 1]);
    }
}

#ifdef __AVX512BF16__
/* Rows any distance apart: five from each of three pointers, so that few registers reach them all. */
enum { REACH = 5 };

struct reach {
    const char *x[3];
    size_t stride;
};

ALWAYS struct reach reach_of(const struct work *k)
{
    return (struct reach){ { k->x, k->x + REACH * k->stride, k->x + 2 * REACH * k->stride }, k->stride };
}

/* Both steps at once: the instruction takes the odd element first. */
ALWAYS void pair_step(int mr, struct reach *rows, const char *w, __m512 *acc)
{
    const __m512bh b0 = (__m512bh)_mm512_loadu_si512(w), b1 = (__m512bh)_mm512_loadu_si512(w + 64);

    UNROLL
    for (int r = 0; r < mr; r++) {
        __m512bh a;
        int pair;

        memcpy(&pair, rows->x[r / REACH] + (size_t)(r % REACH) * rows->stride, sizeof pair);
        a = (__m512bh)_mm512_set1_epi32(pair);
        acc[2 * r] = _mm512_dpbf16_ps(acc[2 * r], a, b0);
        acc[2 * r + 1] = _mm512_dpbf16_ps(acc[2 * r + 1], a, b1);
    }
    UNROLL
    for (int i = 0; i < 3; i++)
        rows->x[i] += 4;
}
#endif

/* mr, form and past are constants wherever this is inlined. */
ALWAYS void tile(int mr, enum form form, bool past, const struct work *k)
{
    const char *x = k->x, *w = k->w, *rows_end = x + mr * PACKED_ROW;
    __m512 acc[2 * MR];
#ifdef __AVX512BF16__
    struct reach rows = reach_of(k);
#endif

    UNROLL
    for (int i = 0; i < 2 * mr; i++)
        acc[i] = _mm512_setzero_ps();
    for (size_t j = 0; j < k->pairs; j++) {
        fetch(k, j, mr < MR / 2, past, form == PACKED_F32 ? 4 : 2, rows_end, form == PAIRS ? 0 : 2);
#ifdef __AVX512BF16__
        if (form == PAIRS) {
            pair_step(mr, &rows, w, acc);
            w += 128;
            continue;
        }
#endif
        step(mr, form, x, w, true, acc);
        step(mr, form, x, w, false, acc);
        x += 8;
        w += form == PACKED_BF16 ? 128 : 256;
    }
    UNROLL
    for (int i = 0; i < 2 * mr; i++) {
        if (k->add)
            acc[i] = _mm512_add_ps(_mm512_loadu_ps(k->sum + 16 * i), acc[i]);
        _mm512_storeu_ps(k->sum + 16 * i, acc[i]);
    }
}

/* Fewer than seven rows. */
ALWAYS void low_tile(size_t mr, enum form form, const struct work *k)
{
    switch (mr) {
    case 1: tile(1, form, false, k); break;
    case 2: tile(2, form, false, k); break;
    case 3: tile(3, form, false, k); break;
    case 4: tile(4, form, false, k); break;
    case 5: tile(5, form, false, k); break;
    default: tile(6, form, false, k); break;
    }
}

/* All rows, in tiles of nearly equal height: 15 rows are 8 + 7, not 14 + 1. past: the next block's weights bypass the
 * last-level cache. */
ALWAYS void tiles(enum form form, bool past, struct work k)
{
    const size_t line = form == PAIRS ? k.stride : PACKED_ROW, count = (k.m + MR - 1) / MR;

    k.step = fetch_step(k.next, form == PACKED_F32 ? 256 : 128, count);
    for (size_t left = count; left > 0; left--) {
        const size_t mr = (k.m + left - 1) / left;

        switch (mr) {
        case 7: tile(7, form, past, &k); break;
        case 8: tile(8, form, past, &k); break;
        case 9: tile(9, form, past, &k); break;
        case 10: tile(10, form, past, &k); break;
        case 11: tile(11, form, past, &k); break;
        case 12: tile(12, form, past, &k); break;
        case 13: tile(13, form, past, &k); break;
        case 14: tile(14, form, past, &k); break;
        default: low_tile(mr, form, &k); break;
        }
        k.m -= mr;
        k.x += mr * line;
        k.sum += mr * GD_GEMM_PANEL;
        k.next += k.pairs * k.step;
    }
}

#endif
