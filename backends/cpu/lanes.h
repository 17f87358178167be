/* lanes.h - 16 lanes of fp32, the unit of the contract (doc/arithmetic.md, section 4): kernels are written with them.
 *
 * A file for one instruction set includes its own lanes_*.h first, which defines the type v16, the attention tile and
 *
 *     v_set(x)                 x in every lane              v_index()            0, 1, ... 15
 *     v_load(p) v_store(p, v)  16 floats, any alignment     v_load_bf16, v_store_bf16  the same, bf16 in memory
 *     v_round_bf16(v)          to the nearest bf16, even    v_sum(v) v_max_all(v)  lanes added in halves; the largest
 *     v_transpose(rows[16], p, stride)  p[i * stride + j] = lane i of rows[j]
 *     v_add v_sub v_mul v_div  correctly rounded            v_fma(a, b, c)       a * b + c, one rounding
 *     v_max(a, b)              a > b ? a : b: b when either is NaN
 *     v_select_less(a, b, yes, no)  a < b ? yes : no        v_abs(a) v_sign_of(a, sign)
 *     v_raise(a, n)            a * 2^i where that is normal, i in the lowest 9 bits of n: n is 1.5 * 2^23 + i
 *
 * Where the processor multiplies pairs of bf16, V_HAS_PAIRS is 1, and with a pair in each lane's 32 bits, the even
 * element in the lower half,
 *
 *     v_fma_pairs(a, b, c)     the odd elements' v_fma, then the even ones'
 *     v_pairs(even, odd)       of values that are bf16      v_even_of(pairs)     with zero for the odd elements
 *     v_pairs_of_even(a, b)    a's even elements with those of b      v_pairs_of_odd(a, b)  the same of the odd ones
 *     v_store_rounded(evens, pairs, even, odd)  rounds to bf16 what isn't denormal: even by themselves, and pairs
 *
 * This header adds rows whose length is not a multiple of 16: missing lanes read as zero, and are not written.
 * Like every kernel header it holds only `static inline` functions: otherwise the linker might keep an AVX-512 copy
 * for every caller. */
#ifndef GD_CPU_LANES_H
#define GD_CPU_LANES_H

#include "quant-free/bf16.h"
#include "quant-free/view.h"

#include <stdbool.h>

#ifndef V_HAS_PAIRS /* never called then, but kernels need not check for it */
#define V_HAS_PAIRS 0
static inline v16 v_fma_pairs(v16 a, v16 b, v16 c) { return v_fma(a, b, c); }
static inline v16 v_pairs(v16 even, v16 odd) { return (void)even, odd; }
static inline v16 v_even_of(v16 pairs) { return pairs; }
static inline v16 v_pairs_of_even(v16 a, v16 b) { return (void)a, b; }
static inline v16 v_pairs_of_odd(v16 a, v16 b) { return (void)a, b; }
static inline void v_store_rounded(void *p, float *pairs, v16 a, v16 b) { (void)p, (void)pairs, (void)a, (void)b; }
#endif

static inline v16 v_zero(void) { return v_set(0.0f); }
static inline v16 v_negate(v16 a) { return v_mul(a, v_set(-1.0f)); } /* exact, also for zeros */

/* Lanes of x[0..left-1], all 16 if there are that many. */
static inline v16 v_load_some(const float *x, size_t left)
{
    float part[16];

    if (left >= 16)
        return v_load(x);
    memset(part, 0, sizeof part);
    memcpy(part, x, left * sizeof *x);
    return v_load(part);
}

static inline void v_store_some(float *x, size_t left, v16 v)
{
    float part[16];

    if (left >= 16) {
        v_store(x, v);
        return;
    }
    v_store(part, v);
    memcpy(x, part, left * sizeof *x);
}

/* 16 values of any type, at any alignment. */
static inline v16 v_load_any(const void *p, gd_dtype type)
{
    const unsigned char *bytes = p;
    float wide[16];

    if (type != GD_F16)
        return type == GD_BF16 ? v_load_bf16(p) : v_load(p);
    for (size_t i = 0; i < 16; i++) {
        uint16_t half;

        memcpy(&half, bytes + 2 * i, 2);
        wide[i] = gd_f16_to_f32(half);
    }
    return v_load(wide);
}

/* From element i of a row of any type, at any alignment; `left` elements remain. */
static inline v16 v_read(const void *row, gd_dtype type, size_t i, size_t left)
{
    const size_t size = gd_dtype_size(type);
    const unsigned char *at = (const unsigned char *)row + i * size;
    unsigned char part[64];

    if (left >= 16)
        return v_load_any(at, type);
    memset(part, 0, sizeof part);
    memcpy(part, at, left * size);
    return v_load_any(part, type);
}

/* To element i of a row of GD_F32 or GD_BF16. */
static inline void v_write(void *row, gd_dtype type, size_t i, size_t left, v16 v)
{
    gd_bf16 part[16];

    if (type == GD_F32) {
        v_store_some((float *)row + i, left, v);
    } else if (left >= 16) {
        v_store_bf16((gd_bf16 *)row + i, v);
    } else {
        v_store_bf16(part, v);
        memcpy((gd_bf16 *)row + i, part, left * sizeof *part);
    }
}

#endif
