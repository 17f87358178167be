/* kernel_case.h - one launch of a kernel with operands that are the same on every machine, so that its output can be
 * stored on one and compared on another. */
#ifndef GD_BENCH_GPU_KERNEL_CASE_H
#define GD_BENCH_GPU_KERNEL_CASE_H

#include "backends/cuda/kernels/args.h"
#include "backends/cuda/kernels/kernels.h"

#include "backends/cuda/driver.h"

/* Operands on the host and, at the same places of a block, on the card. */
typedef struct case_memory {
    unsigned char *host;
    size_t used, room;
    gd_cu_address card, out; /* the output has CASE_OUT bytes of its own */
    uint64_t random;
} case_memory;

enum { CASE_OPERANDS = 4 << 20, CASE_OUT = 1 << 20 };

typedef struct kernel_case {
    gd_cuda_kernel kernel;
    unsigned variant;
    size_t blocks[3], shared;
    union {
        gd_cuda_embedding embedding;
        gd_cuda_rms_norm rms_norm;
        gd_cuda_rope rope;
        gd_cuda_pair pair;
        gd_cuda_act_args act;
        gd_cuda_softmax softmax;
        gd_cuda_mul mul;
        gd_cuda_sum sum;
        gd_cuda_part part;
        gd_cuda_affine affine;
        gd_cuda_copy copy;
        gd_cuda_head head;
        gd_cuda_steps steps;
        gd_cuda_linear linear;
        gd_cuda_attention attention;
    } args;
    uint32_t out_type;
    size_t out_elements; /* what is between lines included */
} kernel_case;

/* Variants of a kernel's cases; 0: the kernel has none. */
unsigned kernel_case_variants(gd_cuda_kernel kernel);

/* Makes a case from its kernel and variant, with its operands in the host's part of memory. */
void kernel_case_make(kernel_case *c, case_memory *memory);

/* ---- for the families of kernels ---- */

/* Room for operands; it ends the program if there is too little, which no case needs. */
void *case_take(case_memory *memory, size_t bytes);

/* Where it is on the card. */
const void *case_card(const case_memory *memory, const void *host);

/* `count` numbers of a type, stored and on the card: ordinary ones; of an odd `rough` also zeros of both signs, large
 * and tiny ones. */
const void *case_numbers(case_memory *memory, size_t count, uint32_t type, unsigned rough);

/* Lines whose columns lie in `padded`, zero from `cols` on. */
const void *case_lines(case_memory *memory, size_t lines, size_t cols, size_t padded, uint32_t type, unsigned rough);

/* The case's output: so many lines. */
gd_cuda_lines case_out(kernel_case *c, const case_memory *memory, size_t lines, size_t cols, size_t gap, uint32_t type);

uint32_t case_below(case_memory *memory, uint32_t end);

enum { CASE_ROW_VARIANTS = 6, CASE_LINEAR_VARIANTS = 10, CASE_ATTENTION_VARIANTS = 8 };
void case_make_rows(kernel_case *c, case_memory *memory);
void case_make_head(kernel_case *c, case_memory *memory);
void case_make_linear(kernel_case *c, case_memory *memory);
void case_make_attention(kernel_case *c, case_memory *memory);

#endif
