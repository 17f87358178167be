/* gemm_avx512.c - the matmul on fp32 units 16 lanes wide. */
#ifndef __AVX512F__
#error "compile this file with $(AVX512_CFLAGS)"
#endif
#include "backends/cpu/x86/gemm_zmm.h"

#include "backends/cpu/gemm_finish.h"

enum { FEW_ROWS = 12 }; /* one tile, which leaves registers for unpacking weights */

/* Expands a block, in the order in which a tile reads it. */
ALWAYS void expand(enum form form, size_t pairs, const char *w, float *wide)
{
    for (size_t j = 0; j < pairs; j++, wide += 64, w += form == PACKED_BF16 ? 128 : 256) {
        _mm512_storeu_ps(wide, weights(w, 0, true, form));
        _mm512_storeu_ps(wide + 16, weights(w, 1, true, form));
        _mm512_storeu_ps(wide + 32, weights(w, 0, false, form));
        _mm512_storeu_ps(wide + 48, weights(w, 1, false, form));
    }
}

void gd_gemm_avx512_BF16(const gd_gemm_block *b)
{
    struct work k = work_of(b, sizeof(float));

    if (k.m <= FEW_ROWS) {
        tiles(PACKED_BF16, false, k);
    } else {
        expand(PACKED_BF16, k.pairs, k.w, b->wide);
        k.w = (const char *)b->wide;
        tiles(EXPANDED, false, k);
    }
}

/* The packed form is as good as an expanded one. */
void gd_gemm_avx512_F32(const gd_gemm_block *b) { tiles(PACKED_F32, false, work_of(b, sizeof(float))); }

void gd_gemm_avx512_finish(const gd_gemm_finish *f) { gd_gemm_finish_rows(f); }
