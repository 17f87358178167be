/* truth.h - what a step should have computed of the inputs that it had, in float64, and how far the rounding of its
 * arithmetic may take it from that: doc/arithmetic.md, "How far a step may be from the truth".
 *
 * A bound holds for every input with which nothing overflows; it is not a tolerance.  It is made of the number of
 * additions, of what their operands and the result are rounded to, and of the sum of the magnitudes that are added.  It
 * includes the errors of float64 here. */
#ifndef GD_CROSS_TRUTH_H
#define GD_CROSS_TRUTH_H

#include "backends/tensor.h"
#include "graph/op.h"
#include "quant-free/adapter.h"

/* The arithmetic of a step. */
typedef struct gd_truth_rule {
    gd_dtype operand; /* of products: GD_BF16 or GD_F32 */
    gd_arithmetic arithmetic;
    bool any_order; /* a vendor's product: its sums may be added in any order, without blocks */
} gd_truth_rule;

/* Columns of one line: values with the bounds of their errors; bounds may be NULL for "exact". */
typedef struct gd_truth {
    double *value, *bound;
} gd_truth;

/* The inputs of one line of a step, in the host's memory.  Values are as the engine has them: F32, or the operand type.
 */
typedef struct gd_truth_line {
    const void
        *in[GD_OP_MAX_IN]; /* the line of each input, in_cols[i] values of in_dtype[i]; not attention's k and v */
    gd_dtype in_dtype[GD_OP_MAX_IN];
    size_t in_cols[GD_OP_MAX_IN];
    uint32_t token, position;
    /* attention: the lines of keys and values on the row's path, from position 0 to its own, of the operand type. */
    const void *const *keys, *const *values; /* [position + 1] */
    const float *rope_cos, *rope_sin;        /* the line of its position, [head_dim / 2] */
    gd_dtype out_dtype;                      /* the result is rounded to it */
    size_t out_cols;
} gd_truth_line;

/* The step's weights as in the checkpoint: NULL where it has none.  lora.rank 0: no adapter. */
typedef struct gd_truth_weights {
    const gd_view *w[GD_OP_MAX_WEIGHTS];
    gd_lora lora;
} gd_truth_weights;

/* Computes all columns of a line; out has room for line->out_cols, and both of its arrays are filled.  False without
 * memory. */
bool gd_truth_step(const gd_truth_rule *rule, gd_op op, const gd_op_params *params, const gd_truth_weights *weights,
                   const gd_truth_line *line, gd_truth out);

/* act(gate) * up, rounded to out_dtype, where gate and up are themselves only known within their bounds, since they
 * never reach memory. */
void gd_truth_gated(const gd_op_params *params, size_t cols, gd_truth gate, gd_truth up, gd_dtype out_dtype,
                    gd_truth out);

#endif
