/* gemm_avx512.c - the matmul on fp32 units 16 lanes wide. */
#ifndef __AVX512F__
#error "compile this file with $(AVX512_CFLAGS)"
#endif
#include "backends/cpu/x86/gemm_zmm.h"

#include "backends/cpu/gemm_finish.h"

enum { FEW_ROWS = 12 }; /* one tile, and registers left over to take weights apart */

/* In the order in which a tile reads. */
ALWAYS void expand(enum form form, size_t pairs, const char *w, float *wide)
{
    for (size_t j = 0; j < pairs; j++, wide += 64, w += form == PACKED_BF16 ? 128 : 256) {
        _mm512_storeu_ps(wide, weights(w, 0, true, form));
        _mm512_storeu_ps(wide + 16, weights(w, 1, true, form));
        _mm512_storeu_ps(wide + 32, weights(w, 0, false, form));
        _mm512_storeu_ps(wide + 48, weights(w, 1, false, form));
    }
}

void gd_gemm_avx512_BF16(size_t m, size_t pairs, const void *x, const void *w, float *sum, bool add, float *wide,
                         const void *next)
{
    struct work k = { m, pairs, x, w, sum, add, next, 0 };

    if (m <= FEW_ROWS) {
        tiles(PACKED_BF16, k);
    } else {
        expand(PACKED_BF16, pairs, w, wide);
        k.w = (const char *)wide;
        tiles(EXPANDED, k);
    }
}

void gd_gemm_avx512_F32(size_t m, size_t pairs, const void *x, const void *w, float *sum, bool add, float *wide,
                        const void *next)
{
    (void)wide; /* the packed form is as good as an expanded one */
    tiles(PACKED_F32, (struct work){ m, pairs, x, w, sum, add, next, 0 });
}

void gd_gemm_avx512_finish(const gd_gemm_finish *f) { gd_gemm_finish_rows(f); }
