/* gemm_avx512.c - the AVX-512F kernels compiled with emulated intrinsics. */
#define gd_gemm_avx512_BF16 emulated_gemm_avx512_BF16
#define gd_gemm_avx512_F32 emulated_gemm_avx512_F32
#define gd_gemm_avx512_finish emulated_gemm_avx512_finish
#include "tests/emulate/gemm_emulated.h"

#undef __AVX512F__
#define __AVX512F__ 1
#include "backends/cpu/x86/gemm_avx512.c"
