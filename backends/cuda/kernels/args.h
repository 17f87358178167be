/* args.h - what the host hands to each kernel: plain structs, the same for C and for CUDA C.
 *
 * A kernel has one argument, a struct of this file, by value.  Pointers are the device's.  A "line" is a row of a tile
 * (backend.h); strides count elements; types are gd_dtype's numbers.  No kernel communicates between its blocks, and
 * none splits a sum: so the shape of a tile, and the number of lines, change no bit. */
#ifndef GD_CUDA_ARGS_H
#define GD_CUDA_ARGS_H

#include <stdint.h>

enum { GD_CUDA_BF16 = 0, GD_CUDA_F32 = 1, GD_CUDA_F16 = 2 }; /* gd_dtype */
enum {                                                       /* gd_activation */
       GD_CUDA_SILU = 0,
       GD_CUDA_GELU_TANH = 1,
       GD_CUDA_RELU = 2,
       GD_CUDA_GELU = 3,
       GD_CUDA_SELU = 4,
       GD_CUDA_LEAKY_RELU = 5,
       GD_CUDA_TANH = 6,
       GD_CUDA_SIGMOID = 7
};

/* A matrix of lines. */
typedef struct gd_cuda_lines {
    void *data;
    uint64_t stride;
    uint32_t type; /* BF16 or F32 */
    uint32_t cols;
} gd_cuda_lines;

/* gd_embedding: out[line] = row[line] * scale; `row` has the lines' rows of the table, as they are in the file. */
typedef struct gd_cuda_embedding {
    const void *row; /* [lines, cols], packed */
    uint32_t row_type, lines;
    float scale;
    gd_cuda_lines out;
} gd_cuda_embedding;

/* gd_rms_norm: each head of each line is normalised by itself; heads is 1 for a whole line. */
typedef struct gd_cuda_rms_norm {
    const float *x, *w; /* w: [cols / heads] */
    uint64_t x_stride;
    uint32_t lines, heads, unit_offset;
    float eps;
    gd_cuda_lines out;
} gd_cuda_rms_norm;

/* gd_rope: position[line] chooses the row of the tables, [positions, head_dim / 2]; of each head, the first `rotary`
 * elements rotate. */
typedef struct gd_cuda_rope {
    const float *x, *cos_table, *sin_table;
    const uint32_t *position;
    uint64_t x_stride;
    uint32_t lines, heads, head_dim, rotary;
    gd_cuda_lines out;
} gd_cuda_rope;

/* gd_gated: out = act(x) * y; gd_add: out = x + y. */
typedef struct gd_cuda_pair {
    const float *x, *y;
    uint64_t x_stride, y_stride;
    uint32_t lines, act;
    gd_cuda_lines out;
} gd_cuda_pair;

/* gd_act: out = act(x); slope is that of leaky_relu. */
typedef struct gd_cuda_act_args {
    const float *x;
    uint64_t x_stride;
    uint32_t lines, act;
    float slope;
    gd_cuda_lines out;
} gd_cuda_act_args;

/* gd_softmax: of x / temperature, over each of `groups` groups of columns. */
typedef struct gd_cuda_softmax {
    const float *x;
    uint64_t x_stride;
    uint32_t lines, groups;
    float temperature;
    gd_cuda_lines out;
} gd_cuda_softmax;

/* gd_mul: out = x * y; an input of one column is a factor of all. */
typedef struct gd_cuda_mul {
    const float *x, *y;
    uint64_t x_stride, y_stride;
    uint32_t lines, x_cols, y_cols;
    gd_cuda_lines out;
} gd_cuda_mul;

/* gd_sum: the sum of each n columns of x, or their mean. */
typedef struct gd_cuda_sum {
    const float *x;
    uint64_t x_stride;
    uint32_t lines, n, mean;
    gd_cuda_lines out;
} gd_cuda_sum;

/* gd_part: columns from, from + every, ... of x. */
typedef struct gd_cuda_part {
    const float *x;
    uint64_t x_stride;
    uint32_t lines, from, every;
    gd_cuda_lines out;
} gd_cuda_part;

/* gd_affine: out = x * scale + shift; scales and shifts, one a column, take their places unless they are NULL. */
typedef struct gd_cuda_affine {
    const float *x, *scales, *shifts;
    uint64_t x_stride;
    uint32_t lines;
    float scale, shift;
    gd_cuda_lines out;
} gd_cuda_affine;

/* gd_copy: out[line] = x[index[line]], or x[line] where index is NULL; columns from `cols` to the next multiple of 16
 * bytes become zero where the stride has room for them. */
typedef struct gd_cuda_copy {
    const void *x;
    const uint32_t *index;
    uint64_t x_stride;
    uint32_t x_type, lines;
    gd_cuda_lines out;
} gd_cuda_copy;

/* gd_head: out[line][label] = x[line] . w[label] + bias[label]. */
typedef struct gd_cuda_head {
    const float *x, *w, *bias; /* w: [labels, n], packed; bias: NULL for none */
    uint64_t x_stride;
    uint32_t lines, n, labels;
    gd_cuda_lines out;
} gd_cuda_head;

/* A matrix [out, in] of the operand type.  Its lines begin at multiples of 16 bytes; what is between `in` and the
 * stride is zero. */
typedef struct gd_cuda_matrix {
    const void *data;
    uint64_t stride;
} gd_cuda_matrix;

/* One linear's matrices. */
typedef struct gd_cuda_weights {
    gd_cuda_matrix w;  /* [out, in] */
    const float *bias; /* [out] or NULL */
    gd_cuda_matrix b;  /* [out, rank], the adapter's second matrix; no data: none */
    const void *low;   /* [lines, rank]: bf16(x A^T), lines as aligned as a matrix's, zero after `rank` */
    uint64_t low_stride;
    uint32_t rank; /* at most GD_CUDA_FUSED_RANK */
    float scale;   /* of the adapter */
} gd_cuda_weights;

/* gd_linear_*: y = x w^T (+ bias) (+ scale * low b^T), then rounded to out's type.
 * Of a gated pair, for which of[1] has weights: act(y0) * y1.
 * Onto what is there, if `before` isn't NULL: fma(scale, y, before).  That is the sum with the residual, at scale 1;
 * and the adapter's product, without a bias or an adapter, where its rank is too large to be fused. */
typedef struct gd_cuda_linear {
    const void *x; /* [lines, in] of the operand type, aligned as a matrix, zero from `in` to the next 16 bytes */
    uint64_t x_stride;
    uint32_t lines, in, out_cols;
    uint32_t act; /* of a gated pair */
    gd_cuda_weights of[2];
    const float *before; /* [lines, out], F32, or NULL */
    uint64_t before_stride;
    float scale; /* with `before` */
    gd_cuda_lines out;
} gd_cuda_linear;

#define GD_CUDA_FUSED_RANK 128u /* one block of section 3T, less than one of section 3 */

/* Lines first .. first + count - 1 of the batch (or of its pooled rows) are consecutive rows of one segment, the first
 * at `position`.  Jobs are in the order of lines; lines * group is at most GD_CUDA_ATTENTION_LINES, if count > 1. */
typedef struct gd_cuda_job {
    uint32_t first, count, position, segment;
} gd_cuda_job;

/* segment.h's, for the device. */
typedef struct gd_cuda_segment {
    uint32_t first_row, length, first_position;
    int32_t parent;
} gd_cuda_segment;

/* gd_attention_*: block (x, y, z) takes job x of `jobs`, as far as it lies in the tile, key head y, and part z of the
 * columns of its query heads' output. */
typedef struct gd_cuda_attention {
    const void *q, *k, *v; /* of the operand type; q: the tile's lines; k, v: all rows of the batch */
    uint64_t q_stride, k_stride, v_stride;
    const gd_cuda_job *jobs;
    const gd_cuda_segment *segments;
    uint32_t tile_first, tile_count; /* lines of the batch */
    uint32_t heads, kv_heads, head_dim, window;
    uint32_t type; /* of q, k and v */
    float scale, softcap;
    gd_cuda_lines out; /* the tile's lines */
} gd_cuda_attention;

#define GD_CUDA_ATTENTION_LINES 64u /* query heads times rows that a block computes together */

/* gd_steps: d[i] = STEP(16 products of a[i] and b[i], c[i]) by the card's own mma.sync: the self-test. */
typedef struct gd_cuda_steps {
    const uint16_t *a, *b; /* [count, 16] */
    const float *c;        /* [count] */
    float *d;              /* [count] */
    uint32_t count;
} gd_cuda_steps;

#endif
