/* rows.h - the kernels that work along rows: everything but the matmul.
 *
 * They are written once (rows_impl.h, attention_impl.h) for 16 lanes (lanes.h) and compiled for each instruction set;
 * the generic one is the definition, the others give the same bits.  All run inside a pool task, where denormals are
 * flushed.  `type` is what a kernel writes: GD_F32, or GD_BF16 by one rounding to nearest even. */
#ifndef GD_CPU_ROWS_H
#define GD_CPU_ROWS_H

#include "backends/cpu/isa.h"
#include "backends/cpu/tensor.h"
#include "graph/op.h"
#include "quant-free/view.h"

/* Keys of a block: blocks follow absolute positions (doc/arithmetic.md, section 6). */
#define GD_ATTENTION_KEYS 64u
/* The most rows times query heads of a task, unless one row has more heads: they share an unpacked block of keys. */
#define GD_ATTENTION_LINES 192u
/* The largest tile of any instruction set, in lines. */
#define GD_ATTENTION_TILE 8u

/* Attention of consecutive rows of one segment, for the query heads that share one key head.  A *line* is one query
 * head of one row. */
typedef struct gd_attention_job {
    size_t rows, first_position; /* row i is at first_position + i */
    size_t group, head_dim;      /* query heads of the key head */
    gd_dtype type;               /* of q, k and v; GD_BF16 also rounds the probabilities */
    gd_dtype out_type;
    const void *q;                                   /* [rows, group * head_dim] */
    const void *k, *v;                               /* row 0 of the batch, at the key head */
    void *out;                                       /* like q */
    size_t q_stride, k_stride, v_stride, out_stride; /* elements from row to row */
    const uint32_t *path; /* [first_position + rows] the row at each position that is visible or in a block
                                       with one that is */
    float scale, softcap;
    uint32_t window;
    float *m, *l; /* to train: [rows, group] the softmax's maximum and sum, `stat_stride` from row to row; or NULL */
    size_t stat_stride;
    gd_tensor_products *products; /* of pairs of bf16, in place of the contract's section 3; or NULL */
    float *scratch;               /* gd_attention_line_floats() */
} gd_attention_job;

/* The gradients of the queries (doc/arithmetic.md, section 9) of the same rows as an attention job. */
typedef struct gd_query_back_job {
    size_t rows, first_position, group, head_dim;
    gd_dtype type;                       /* of q, k, v, o and d_o */
    const void *q, *o, *d_o;             /* [rows, group * head_dim]; o: the result of the forward pass */
    const void *k, *v;                   /* row 0 of the batch, at the key head */
    size_t q_stride, o_stride, d_stride; /* elements from row to row */
    size_t k_stride, v_stride;
    const uint32_t *path; /* as in gd_attention_job */
    float scale, softcap;
    uint32_t window;
    const float *m, *l; /* [rows, group], `stat_stride` from row to row, of the forward pass */
    size_t stat_stride;
    float *d_q; /* [rows, group * head_dim], `dq_stride` from row to row */
    size_t dq_stride;
    float *e, *p; /* [lines, position], `weight_stride` from line to line: the products' gradients and the weights, in
                     a form of the kernels' own, of keys in a block with one that the job sees */
    size_t weight_stride;
    float *scratch; /* gd_query_back_floats() */
} gd_query_back_job;

/* The gradients of some keys and values, to which those of the lines of a tile are added, from the last to the
 * first.  Lines come in pairs, the last pair first; in a pair the one of even number first. */
typedef struct gd_key_back_job {
    size_t keys, first_position; /* at most GD_ATTENTION_KEYS, at consecutive positions */
    size_t head_dim;
    gd_dtype type;
    size_t lines; /* even */
    const struct gd_query_line {
        const void *q, *d_o;
        const float *e, *p; /* as query_back() wrote them, from the first key on; any bits for a key that isn't seen */
        float position;     /* below 0 if it sees none of the keys; q and d_o may be any line then */
    } * line;
    uint32_t window;
    float *d_k, *d_v; /* [keys, head_dim], `dk_stride` and `dv_stride` from row to row */
    size_t dk_stride, dv_stride;
    float *scratch; /* gd_key_back_floats() */
} gd_key_back_job;

/* out = act(gate) * up, for some rows: with few columns, a single row would mostly load exp's constants. */
typedef struct gd_gated_job {
    size_t rows, cols;
    gd_activation act;
    const float *gate, *up; /* `in_stride` elements from row to row */
    size_t in_stride;
    void *out; /* may be gate or up where it is F32 and strides agree */
    gd_dtype type;
    size_t out_stride;
    void *kept[2]; /* to train: gate and up, of the same type, `kept_stride` elements from row to row; or NULL */
    size_t kept_stride;
} gd_gated_job;

/* The gradient of a norm's input. */
typedef struct gd_norm_back_job {
    size_t n;
    const float *x, *w, *dy;
    float eps;
    bool unit_offset;
    float *r; /* if the weight learns: 1 / sqrt(mean square + eps) is written here; or NULL */
    void *dx; /* or NULL */
    gd_dtype type;
    bool add; /* dx, F32 then, has an earlier contribution, to which this one is added */
} gd_norm_back_job;

/* The gradients of gated's inputs (doc/arithmetic.md, section 9), of the operand type. */
typedef struct gd_gated_back_job {
    size_t cols;
    gd_activation act;
    gd_dtype type; /* of everything but dy */
    const float *dy;
    const void *gate, *up;
    void *d_gate, *d_up; /* may be gate and up */
} gd_gated_back_job;

/* Rows of a tile, or some of their columns; the tile's first row has an even number. */
typedef struct gd_outer_rows {
    size_t rows, cols;
    const void *at; /* [rows, cols] of `type`, `stride` elements from row to row */
    size_t stride;
    gd_dtype type;
} gd_outer_rows;

/* Running sums over rows, from the last to the first: sum[i][j] = fma(a[row][i], b[row][j], sum[i][j]). */
typedef struct gd_outer_job {
    gd_outer_rows b; /* at most GD_OUTER_COLS columns */
    size_t more;     /* columns that follow, for a call soon after this one: they are prefetched; 0: none */
    size_t a_cols;   /* lines of the sums */
    const float *a;  /* packed by pack_outer() */
    size_t a_width;
    float *sum; /* [a_cols, b's columns rounded up to 16], `sum_stride` from line to line */
    size_t sum_stride;
    float *scratch; /* GD_OUTER_WORDS(rows) * GD_OUTER_COLS */
} gd_outer_job;

#define GD_OUTER_COLS 32u
#define GD_OUTER_WORDS(rows) ((rows) + 1) /* at most: a word may hold two rows */

typedef struct gd_row_kernels {
    const char *name; /* "avx2" */
    gd_isa needs;     /* runs only where every bit is present */

    /* out[n] = row[n] * scale, from a table's row of any type and alignment. */
    void (*embedding)(size_t n, const void *row, gd_dtype row_type, float scale, void *out, gd_dtype type);
    /* out = x * (1 / sqrt(mean square + eps)) * w, or * (1 + w); out may be x. */
    void (*rms_norm)(size_t n, const float *x, const float *w, float eps, bool unit_offset, void *out, gd_dtype type);
    /* The two halves of the first `rotary` elements of each head rotate, by cos and sin, [rotary / 2]; the others are
     * copied; out may be x. */
    void (*rope)(size_t heads, size_t head_dim, size_t rotary, const float *x, const float *cos_row,
                 const float *sin_row, void *out, gd_dtype type);
    void (*attention)(const gd_attention_job *job);
    void (*gated)(const gd_gated_job *job);
    void (*add)(size_t n, const float *x, const float *y, void *out, gd_dtype type);

    /* The backward twins. */
    void (*rms_norm_back)(const gd_norm_back_job *job);
    void (*rope_back)(size_t heads, size_t head_dim, size_t rotary, const float *dy, const float *cos_row,
                      const float *sin_row, void *dx, gd_dtype type);
    void (*axpy)(size_t n, float a, const float *x, float *y); /* y = fma(a, x, y) */
    /* A line's part of a norm's weight: sum = fma(dy, x * r, sum). */
    void (*norm_weight)(size_t n, const float *x, float r, const float *dy, float *sum);
    void (*gated_back)(const gd_gated_back_job *job);
    void (*query_back)(const gd_query_back_job *job);
    void (*key_back)(const gd_key_back_job *job);
    /* packed[word][width]; width: at least the columns rounded up to 16. */
    void (*pack_outer)(const gd_outer_rows *x, float *packed, size_t width);
    void (*outer)(const gd_outer_job *job);

    void (*copy)(size_t n, const void *x, gd_dtype x_type, void *out, gd_dtype type);
    float (*dot)(size_t n, const float *x, const float *w); /* the head */
    /* math.h's functions over an array: for tests, and for code that needs their exact bits. */
    void (*exp)(size_t n, const float *x, float *y);
    void (*tanh)(size_t n, const float *x, float *y);
} gd_row_kernels;

/* The variants, best first; the last one needs nothing. */
extern const gd_row_kernels *const gd_row_variants[];
extern const size_t gd_row_variant_count;

/* The best variant for a set of instruction sets: a pure function, so a test can ask about a CPU that it does not run
 * on. */
const gd_row_kernels *gd_row_pick(gd_isa have);

/* Floats of scratch space for a job of this size; 0 when that overflows. */
size_t gd_attention_line_floats(size_t rows, size_t group, size_t head_dim);

/* The same for gradients, for lines = rows * group of a job of queries; for one of keys. */
size_t gd_query_back_floats(size_t lines, size_t head_dim);
size_t gd_key_back_floats(size_t head_dim);

extern const gd_row_kernels gd_rows_generic;
#if HAVE_AVX2
extern const gd_row_kernels gd_rows_avx2;
#endif
#if HAVE_AVX512
extern const gd_row_kernels gd_rows_avx512;
#endif
#if HAVE_AVX512BF16
extern const gd_row_kernels gd_rows_avx512bf16;
#endif
#if HAVE_NEON
extern const gd_row_kernels gd_rows_neon;
#endif

#endif
