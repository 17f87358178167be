/* run_generic.c - the operations, for any CPU. */
#define VARIANT generic
#include "tests/ptx/run.h"
