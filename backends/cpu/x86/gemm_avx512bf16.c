/* gemm_avx512bf16.c - the matmul with VDPBF16PS: two fused steps at once, odd element first, denormals flushed. */
#ifndef __AVX512BF16__
#error "compile this file with $(AVX512BF16_CFLAGS)"
#endif
#include "backends/cpu/x86/gemm_zmm.h"

#include "backends/cpu/gemm_finish.h"

/* With this many rows, weights arrive slowly from memory, are read by one or a few calls at about the same time, and
 * would only push the rows out of the last-level cache (Zen 4, whole scoring: 1 %). */
enum { MANY_ROWS = 64 };

void gd_gemm_avx512bf16_BF16(const gd_gemm_block *b)
{
    const struct work k = work_of(b, sizeof(gd_bf16));

    if (k.m >= MANY_ROWS && gd_isa_fetches_past_last_cache())
        tiles(PAIRS, true, k);
    else
        tiles(PAIRS, false, k);
}

void gd_gemm_avx512bf16_finish(const gd_gemm_finish *f) { gd_gemm_finish_rows(f); }
