/* run_avx512.c - the operations, compiled with $(AVX512_CFLAGS). */
#define VARIANT avx512
#include "tests/ptx/run.h"
