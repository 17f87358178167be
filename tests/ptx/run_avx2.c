/* run_avx2.c - the operations, compiled with $(AVX2_CFLAGS). */
#define VARIANT avx2
#include "tests/ptx/run.h"
