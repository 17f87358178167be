/* gemm_avx2.c - tiles of up to 6 rows by 16 outputs, 12 sums in registers.
 *
 * A tile unpacks the weights as it goes; with many rows the panel's block is expanded to fp32 once, in the order in
 * which the tiles read it (0.92 of the peak instead of 0.88 at 512 rows, but less at 32).
 *
 * A tile takes four pairs at a time, which saves a seventh of the instructions: their number is what counts where
 * another thread shares the core (Zen 3, many rows: 0.82 of the peak instead of 0.75; alone on the core 0.92 either
 * way). */
#ifndef __AVX2__
#error "compile this file with $(AVX2_CFLAGS)"
#endif
#include "backends/cpu/gemm_strips.h"

#include "backends/cpu/gemm_finish.h"

#include <immintrin.h>

enum { SUMS = 12, FEW_ROWS = 64, PAIRS_AT_ONCE = 4 };

ALWAYS __m256i odd_mask(void) { return _mm256_set1_epi32((int)0xFFFF0000u); }

/* Eight outputs' weights of the pair at w, odd or even; v counts eights.
 * mask: selects the odd ones; NULL for twelve sums, which leave no register for it: then two shifts do the same. */
ALWAYS __m256 weights(const char *w, int v, bool odd, enum form form, const __m256i *mask)
{
    if (form == PACKED_BF16) {
        const __m256i both = _mm256_loadu_si256((const __m256i *)(const void *)(w + 32 * v));

        if (odd && mask)
            return _mm256_castsi256_ps(_mm256_and_si256(both, *mask));
        return _mm256_castsi256_ps(_mm256_slli_epi32(odd ? _mm256_srli_epi32(both, 16) : both, 16));
    }
    if (form == PACKED_F32)
        return _mm256_loadu_ps((const float *)(const void *)(w + (odd ? 128 : 0) + 32 * v));
    return _mm256_load_ps((const float *)(const void *)(w + (odd ? 0 : 64) + 32 * v));
}

/* One fused step of all sums, 2 or 4 vectors per row: the odd or the even elements of a pair. */
ALWAYS void step(int mr, int nv, enum form form, const float *x, const char *w, bool odd, const __m256i *mask,
                 __m256 *acc)
{
    const __m256 b0 = weights(w, 0, odd, form, mask), b1 = weights(w, 1, odd, form, mask);
    const __m256 b2 = weights(w, nv == 4 ? 2 : 0, odd, form, mask), b3 = weights(w, nv == 4 ? 3 : 0, odd, form, mask);

    UNROLL
    for (int r = 0; r < mr; r++) {
        const __m256 a = _mm256_broadcast_ss(x + r * (int)GD_GEMM_BLOCK + odd);

        acc[nv * r] = _mm256_fmadd_ps(a, b0, acc[nv * r]);
        acc[nv * r + 1] = _mm256_fmadd_ps(a, b1, acc[nv * r + 1]);
        if (nv == 4) {
            acc[nv * r + 2] = _mm256_fmadd_ps(a, b2, acc[nv * r + 2]);
            acc[nv * r + 3] = _mm256_fmadd_ps(a, b3, acc[nv * r + 3]);
        }
    }
}

ALWAYS void pair(int mr, int nv, enum form form, const float *x, const char *w, const __m256i *mask, __m256 *acc)
{
    step(mr, nv, form, x, w, true, mask, acc);
    step(mr, nv, form, x, w, false, NULL, acc);
}

/* Four pairs' share of prefetching the block that the next call will read: packed weights in four streams, as fetch()
 * in gemm_tile.h does for few rows. */
ALWAYS void fetch_next(enum form form, int nv, const char *next, size_t stream)
{
    const int streams = form == EXPANDED ? 1 : 4, lines = form == PACKED_F32 ? nv : form == PACKED_BF16 ? nv / 2 : 1;

    UNROLL
    for (int i = 0; i < streams * lines; i++)
        __builtin_prefetch(next + (size_t)(i / lines) * stream + 64 * (i % lines), 0, 2);
}

ALWAYS void tile(int mr, int halves, enum form form, const struct work *k, const char *w, float *sum)
{
    const int nv = 2 * halves;
    const float *x = (const float *)(const void *)k->x;
    const char *rows_end = (const char *)(x + mr * (int)GD_GEMM_BLOCK), *next = k->next;
    const size_t chunks = k->pairs / PAIRS_AT_ONCE, stream = chunks * k->step;
    const bool masked = form == PACKED_BF16 && mr < MR;
    __m256i mask = odd_mask();
    __m256 acc[SUMS];

    if (masked)
        __asm__ volatile("" : "+x"(mask)); /* else one register is taken in all tiles, even those of twelve sums */
    UNROLL
    for (int i = 0; i < mr * nv; i++)
        acc[i] = _mm256_setzero_ps();
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        fetch_next(form, nv, next, stream);
        next += form == EXPANDED ? PAIRS_AT_ONCE * k->step : k->step;
        /* 192 lines are 6 rows of a whole block; a tile of both halves is the last one. */
        UNROLL
        for (int i = 0; halves == 1 && i < 3; i++)
            __builtin_prefetch(rows_end + 64 * i, 0, 3);
        rows_end += 3 * 64;
        UNROLL
        for (int i = 0; i < PAIRS_AT_ONCE; i++)
            pair(mr, nv, form, x + 2 * i, w + i * (int)pair_bytes(form), masked ? &mask : NULL, acc);
        x += 2 * PAIRS_AT_ONCE;
        w += PAIRS_AT_ONCE * pair_bytes(form);
    }
    for (size_t left = k->pairs % PAIRS_AT_ONCE; left > 0; left--, x += 2, w += pair_bytes(form))
        pair(mr, nv, form, x, w, masked ? &mask : NULL, acc);
    UNROLL
    for (int i = 0; i < mr * nv; i++) {
        float *s = sum + i / nv * (int)GD_GEMM_PANEL + 8 * (i % nv);

        if (k->add)
            acc[i] = _mm256_add_ps(_mm256_load_ps(s), acc[i]);
        _mm256_store_ps(s, acc[i]);
    }
}

/* Expands a block, half by half, so that a tile reads it sequentially. */
ALWAYS void expand(enum form form, size_t pairs, const char *w, float *wide)
{
    const __m256i mask = odd_mask();

    for (int half = 0; half < 2; half++) {
        const char *p = w + 64 * half;

        for (size_t j = 0; j < pairs; j++, p += pair_bytes(form), wide += 32) {
            _mm256_store_ps(wide, weights(p, 0, true, form, &mask));
            _mm256_store_ps(wide + 8, weights(p, 1, true, form, &mask));
            _mm256_store_ps(wide + 16, weights(p, 0, false, form, &mask));
            _mm256_store_ps(wide + 24, weights(p, 1, false, form, &mask));
        }
    }
}

ALWAYS void block(enum form form, struct work k, float *wide)
{
    k.step = fetch_step(k.next, pair_bytes(form), tiles_of(k.m));
    if (!k.next)
        k.next = k.w; /* the step is 0: always the same line, which is in cache */
    if (k.m <= FEW_ROWS) {
        strips(form, k);
    } else {
        expand(form, k.pairs, k.w, wide);
        k.w = (const char *)wide;
        strips(EXPANDED, k);
    }
}

void gd_gemm_avx2_BF16(const gd_gemm_block *b) { block(PACKED_BF16, work_of(b, sizeof(float)), b->wide); }

void gd_gemm_avx2_F32(const gd_gemm_block *b) { block(PACKED_F32, work_of(b, sizeof(float)), b->wide); }

void gd_gemm_avx2_finish(const gd_gemm_finish *f) { gd_gemm_finish_rows(f); }
