/* rows_generic.c - the row kernels in plain C: the definition for every other variant. Slow where fmaf is a call. */
#include "backends/cpu/ref/lanes_generic.h"

#define GD_ROWS gd_rows_generic
#define GD_ROWS_NAME "generic"
#define GD_ROWS_NEEDS GD_ISA_GENERIC
#include "backends/cpu/rows_impl.h"
