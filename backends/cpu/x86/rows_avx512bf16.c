/* rows_avx512bf16.c - the row kernels for AVX-512 with VDPBF16PS, which attention's products use. */
#ifndef __AVX512BF16__
#error "compile this file with $(AVX512BF16_CFLAGS)"
#endif
#include "backends/cpu/x86/lanes_avx512.h"

#define GD_ROWS gd_rows_avx512bf16
#define GD_ROWS_NAME "avx512bf16"
#define GD_ROWS_NEEDS (GD_ISA_AVX2 | GD_ISA_AVX512 | GD_ISA_AVX512BF16)
#include "backends/cpu/rows_impl.h"
