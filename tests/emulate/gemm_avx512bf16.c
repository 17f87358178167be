/* gemm_avx512bf16.c - the AVX512_BF16 kernel compiled with emulated intrinsics. */
#define gd_gemm_avx512bf16_BF16 emulated_gemm_avx512bf16_BF16
#define gd_gemm_avx512bf16_finish emulated_gemm_avx512bf16_finish
#include "tests/emulate/gemm_emulated.h"

#undef __AVX512BF16__
#define __AVX512BF16__ 1
#include "backends/cpu/x86/gemm_avx512bf16.c"
