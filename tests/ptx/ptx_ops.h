/* ptx_ops.h - the operations by number. */
#ifndef GD_TESTS_PTX_OPS_H
#define GD_TESTS_PTX_OPS_H

#include "tests/ptx/ptx_module.h"

typedef enum ptx_code {
#define OP1(name, text, D, A, value) PTX_##name,
#define OP2(name, text, D, A, B, value) PTX_##name,
#define OP3(name, text, D, A, B, C, value) PTX_##name,
#define CMP(name, text, A, value) PTX_##name,
#define SPECIAL(name) PTX_##name,
#include "tests/ptx/ptx_ops.def"
#undef OP1
#undef OP2
#undef OP3
#undef CMP
#undef SPECIAL
    PTX_CODES
} ptx_code;

/* Runs until the warp waits at a barrier, ends or faults. */
typedef ptx_step ptx_runner(ptx_warp *w);

/* The operations, compiled for an instruction set. */
typedef struct ptx_variant {
    const char *name;
    ptx_runner *run;
    ptx_function *operation[PTX_CODES];
} ptx_variant;

extern const ptx_variant ptx_variant_generic, ptx_variant_avx2, ptx_variant_avx512;

/* That of ptx_choose(). */
const ptx_variant *ptx_chosen(void);

#endif
