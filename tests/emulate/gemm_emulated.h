/* gemm_emulated.h - the AVX-512 kernels under other names, for any CPU. */
#ifndef GD_TESTS_GEMM_EMULATED_H
#define GD_TESTS_GEMM_EMULATED_H

#include "backends/cpu/gemm.h"

#define GD_GEMM_EMULATED 1 /* tiles as plain functions: half a minute less to compile */

void emulated_gemm_avx512_BF16(const gd_gemm_block *b);
void emulated_gemm_avx512_F32(const gd_gemm_block *b);
void emulated_gemm_avx512_finish(const gd_gemm_finish *f);
void emulated_gemm_avx512bf16_BF16(const gd_gemm_block *b);
void emulated_gemm_avx512bf16_finish(const gd_gemm_finish *f);

#endif
