/* tensor.h - the products of tensor cores on a CPU: doc/arithmetic.md, section 3T.
 *
 * A step adds some products to an accumulator as the hardware does: all terms are aligned to the largest exponent among
 * them, cut towards zero, added exactly, and the sum is cut to fp32.  A block of 128 is a chain of steps; the blocks'
 * values are added as fp32.  The order within a step is free, so vectors, tiles and threads change no bit. */
#ifndef GD_CPU_TENSOR_H
#define GD_CPU_TENSOR_H

#include "quant-free/bf16.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GD_TENSOR_PAIRS 64u /* of a block */

/* What differs between generations of tensor cores. */
typedef struct gd_tensor_rule {
    unsigned products; /* of a step */
    int bits;          /* fraction bits that are kept below the largest exponent */
    int floor;         /* terms are aligned to this exponent at least */
} gd_tensor_rule;

/* Initialisers: tensor (Hopper, Blackwell) and tensor8 (Ampere, Ada). */
#define GD_TENSOR_RULE .products = 16, .bits = 25, .floor = -133
#define GD_TENSOR8_RULE .products = 8, .bits = 24, .floor = -132

/* One step: acc + sum of a[i] * b[i]. Operands that are subnormal count as zero; with a NaN or an infinity among the
 * terms the result is a NaN. */
float gd_tensor_step(const gd_tensor_rule *rule, const gd_bf16 *a, const gd_bf16 *b, float acc);

/* One block of some rows by some columns: sum[r][c] = the chain of x[r] and column c, or sum[r][c] + it.
 * Operands come in pairs of elements adjacent in the sum, as in a packed panel (gemm.h). */
typedef struct gd_tensor_block {
    size_t rows, pairs; /* pairs <= GD_TENSOR_PAIRS */
    const void *x;      /* [rows][pairs][2] */
    size_t x_stride;    /* bytes from row to row */
    const void *w;      /* [pairs][columns][2] */
    size_t w_stride;    /* bytes from pair to pair */
    size_t vectors;     /* of 16 columns */
    float *sum;         /* [rows][columns] */
    size_t sum_stride;  /* floats from row to row */
    bool add;
} gd_tensor_block;

/* Runs inside a pool task: denormals are flushed. */
typedef void gd_tensor_products(const gd_tensor_block *block);

/* The same for any number of pairs: their blocks' values are added in order. */
static inline void gd_tensor_sum(gd_tensor_products *products, gd_tensor_block all)
{
    for (size_t left = all.pairs; left > 0; left -= all.pairs) {
        all.pairs = left < GD_TENSOR_PAIRS ? left : GD_TENSOR_PAIRS;
        products(&all);
        all.x = (const gd_bf16 *)all.x + 2 * all.pairs;
        all.w = (const char *)all.w + all.pairs * all.w_stride;
        all.add = true;
    }
}

/* The variants, by the names in kernels.def. */
gd_tensor_products gd_tensor_ref_TENSOR, gd_tensor_ref_TENSOR8;
gd_tensor_products gd_tensor_avx2_TENSOR, gd_tensor_avx2_TENSOR8;
gd_tensor_products gd_tensor_avx512_TENSOR, gd_tensor_avx512_TENSOR8;
gd_tensor_products gd_tensor_neon_TENSOR, gd_tensor_neon_TENSOR8;

#endif
