/* gemm_avx512bf16.c - the matmul by VDPBF16PS: two fused steps at once, odd element first, denormals flushed. */
#ifndef __AVX512BF16__
#error "compile this file with $(AVX512BF16_CFLAGS)"
#endif
#include "backends/cpu/x86/gemm_zmm.h"

#include "backends/cpu/gemm_finish.h"

void gd_gemm_avx512bf16_BF16(size_t m, size_t pairs, const void *x, const void *w, float *sum, bool add, float *wide,
                             const void *next)
{
    (void)wide;
    tiles(PAIRS, (struct work){ m, pairs, x, w, sum, add, next, 0 });
}

void gd_gemm_avx512bf16_finish(const gd_gemm_finish *f) { gd_gemm_finish_rows(f); }
