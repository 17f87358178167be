/* gemm_avx512bf16.c - the matmul by VDPBF16PS: two fused steps at once, odd element first, denormals flushed. */
#ifndef __AVX512BF16__
#error "compile this file with $(AVX512BF16_CFLAGS)"
#endif
#include "backends/cpu/x86/gemm_zmm.h"

#include "backends/cpu/gemm_finish.h"

void gd_gemm_avx512bf16_BF16(const gd_gemm_block *b) { tiles(PAIRS, work_of(b, sizeof(gd_bf16))); }

void gd_gemm_avx512bf16_finish(const gd_gemm_finish *f) { gd_gemm_finish_rows(f); }
