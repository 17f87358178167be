/* rows_neon.c - the row kernels for AArch64. */
#include "backends/cpu/arm/lanes_neon.h"

#define GD_ROWS gd_rows_neon
#define GD_ROWS_NAME "neon"
#define GD_ROWS_NEEDS GD_ISA_NEON
#include "backends/cpu/rows_impl.h"
