/* rows_avx512.c - the row kernels for AVX-512. */
#include "backends/cpu/x86/lanes_avx512.h"

#define GD_ROWS gd_rows_avx512
#define GD_ROWS_NAME "avx512"
#define GD_ROWS_NEEDS (GD_ISA_AVX2 | GD_ISA_AVX512)
#include "backends/cpu/rows_impl.h"
