/* rows_avx2.c - the row kernels for AVX2 and FMA. */
#include "backends/cpu/x86/lanes_avx2.h"

#define GD_ROWS gd_rows_avx2
#define GD_ROWS_NAME "avx2"
#define GD_ROWS_NEEDS GD_ISA_AVX2
#include "backends/cpu/rows_impl.h"
