/* truth_inside.h - what the files of truth.h share: the sizes of roundings, sums of products, and one function for each
 * kind of operation. */
#ifndef GD_CROSS_TRUTH_INSIDE_H
#define GD_CROSS_TRUTH_INSIDE_H

#include "cross/truth.h"
#include "quant-free/bf16.h"

#define GD_UNIT 0x1p-24 /* the largest relative error of one rounding to fp32 */

/* What a denormal that counts as zero may take from a sum is below 2^-126; this leaves room for its growth by the
 * roundings that follow. */
#define GD_FLUSHED 0x1p-125

/* One number that is known within a bound. */
typedef struct gd_known {
    double value, bound;
} gd_known;

/* A step's line: all that its columns need. */
typedef struct gd_truth_job {
    const gd_truth_rule *rule;
    const gd_op_params *params;
    const gd_truth_weights *weights;
    const gd_truth_line *line;
    gd_truth out;
} gd_truth_job;

/* False without memory. */
typedef bool gd_truth_run(const gd_truth_job *job);
gd_truth_run gd_truth_embedding, gd_truth_rms_norm, gd_truth_linear, gd_truth_rope, gd_truth_attention, gd_truth_gate,
    gd_truth_act, gd_truth_softmax, gd_truth_mul, gd_truth_sum, gd_truth_mean, gd_truth_part, gd_truth_affine,
    gd_truth_add, gd_truth_round, gd_truth_last_row, gd_truth_head;

/* ---- roundings ---- */

/* |(1 + d1) (1 + d2) ... - 1| where the |d| add up to `sum`: at most exp(sum) - 1. */
double gd_truth_growth(double sum);

/* Half the distance of neighbouring fp32 numbers around x. */
double gd_truth_half_ulp(double x);

/* The same number after one rounding to fp32. */
gd_known gd_truth_rounded(gd_known x);

/* The nearest number of the operand type, and how far another one may be that the engine has instead. */
gd_known gd_truth_operand(gd_dtype type, gd_known x);

/* Writes column i of the result, x being known after its rounding to fp32. */
void gd_truth_put(const gd_truth_job *job, size_t i, gd_known x);

/* n numbers of a type at any address, as doubles. */
void gd_truth_read(const void *from, gd_dtype type, size_t n, double *to);

/* Element i of an input, and of a weight. */
double gd_truth_input(const gd_truth_job *job, size_t which, size_t i);
double gd_truth_weight(const gd_view *view, size_t i);

/* tanh within 2^-40. */
double gd_truth_tanh(double x);

/* ---- dot products ---- */

/* n products, added up; n rounded up to whole chunks is what the arrays have room for, the rest being zero. */
enum { GD_TRUTH_CHUNK = 64 };
size_t gd_truth_room(size_t n);

typedef struct gd_products {
    double value, size; /* the sum, and the sum of the magnitudes */
} gd_products;

/* b: of the operand type. */
gd_products gd_truth_products(const double *a, const void *b, gd_dtype type, size_t n);

/* How far a dot product of n elements may be from the truth, as a fraction of the sum of the magnitudes. */
double gd_truth_dot_error(const gd_truth_rule *rule, size_t n);

/* The same for 16 lanes: doc/arithmetic.md, section 4. */
double gd_truth_lanes_error(size_t n);

#endif
