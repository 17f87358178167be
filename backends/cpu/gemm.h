/* gemm.h - the matmul of the CPU backend: y[m][n] = x[m][k] . w[n][k]^T, in the order of ARITHMETIC.md, section 3.
 *
 * k is cut into blocks of 512.  Inside a block the sum goes pair by pair, the odd element of a pair before the even
 * one, each step a fused multiply-add; the blocks' sums are then added in order.  A missing last element is zero.
 * A sum lives in one vector lane from start to end, so the vector's width, the tile, the threads and the company of a
 * row never change a bit.  (A NaN is a NaN: its sign and payload are the processor's choice.)
 *
 * Packed weights, the same for every instruction set: panels of 32 outputs, padded with zeros to full panels and to
 * an even k.  BF16: [panel][k/2][32][2], a pair side by side, as VDPBF16PS reads it and as a shift and a mask take it
 * apart.  F32: [panel][k][32].
 * Packed rows: [block][m][512] in the kernel's `rows` form, padded with zeros to an even k. */
#ifndef GD_CPU_GEMM_H
#define GD_CPU_GEMM_H

#include "backends/cpu/isa.h"
#include "backends/cpu/rows.h"
#include "base/pool.h"
#include "graph/op.h"
#include "quant-free/view.h"

#include <stdbool.h>

#define GD_GEMM_BLOCK 512u /* k of a block; also the stride of packed rows */
#define GD_GEMM_PANEL 32u  /* outputs of a panel */
#define GD_GEMM_ROWS 512u  /* more rows than this are done in several goes */
#define GD_GEMM_PART 64u   /* rows of a task, at least */
#define GD_GEMM_GROUP 8u   /* panels of a task, at most: they share one pass over the packed rows */

/* What turns the sums of one panel into output: y = sum + bias, then fma(scale, lora, y), then rounding to dtype. */
typedef struct gd_gemm_finish {
    size_t rows, cols;  /* cols <= 32 */
    const float *sum;   /* [rows][32] */
    const float *bias;  /* [cols], or NULL */
    const float *lora;  /* [rows][32], or NULL */
    float scale;
    void *y;            /* [rows][cols], `stride` elements from row to row */
    gd_dtype dtype;     /* GD_F32 or GD_BF16 */
    size_t stride;
} gd_gemm_finish;

/* One way to compute a block of one panel. Runs inside a pool task: denormals are flushed. */
typedef struct gd_gemm_kernel {
    const char *name; /* "avx2": shown by `guerdon backends` */
    gd_isa needs;     /* runs only where every bit is present */
    gd_dtype operand; /* of the packed weights: GD_BF16 or GD_F32 */
    gd_dtype rows;    /* of the packed rows */
    /* Up to this many rows wait for memory, and do best to read the weights straight on and to ask for none beforehand:
     * a core has few such requests under way at a time (Zen 4: 22 GB/s), and looks further ahead by itself (33). */
    size_t straight;

    /* sum[m][32] (+)= x[m][2 * pairs] . w[pairs][32][2]^T.
     * x: packed rows of one block, 512 elements apart; w: the block's part of a panel; pairs <= 256;
     * add: to the sums that are there; wide: [512][32] floats of scratch space, 64-byte aligned like sum;
     * next: the w of the call after this one, to fetch it meanwhile (a hint: never read); NULL: no need. */
    void (*block)(size_t m, size_t pairs, const void *x, const void *w, float *sum, bool add, float *wide,
                  const void *next);
    void (*finish)(const gd_gemm_finish *f);
} gd_gemm_kernel;

extern const gd_gemm_kernel gd_gemm_kernels[];
extern const size_t gd_gemm_kernel_count;

/* The best kernel for these instruction sets and this operand type. A pure function of its arguments, so a test can
 * ask what a CPU that it does not have would get. */
const gd_gemm_kernel *gd_gemm_pick(gd_isa have, gd_dtype operand);

/* Bytes of a packed [n, k] matrix; false when that overflows. */
bool gd_gemm_packed_bytes(size_t n, size_t k, gd_dtype operand, size_t *bytes);

/* Packs one panel (outputs 32 * panel ...) of a row-major [n, k] matrix of any dtype, aligned or not.  Values that do
 * not fit a BF16 operand are rounded once, to nearest even. `packed` is the whole packed matrix, 64-byte aligned. */
void gd_gemm_pack_panel(void *packed, gd_dtype operand, const gd_view *view, size_t panel);

/* The same for one block of it; `packed` is the block's own place. */
void gd_gemm_pack_block(void *packed, gd_dtype operand, const gd_view *view, size_t panel, size_t block);

/* Packs rows first ... first + count - 1 of [m, k], of the operand type, `stride` elements apart, into the kernel's
 * form. */
void gd_gemm_pack_rows(const gd_gemm_kernel *kernel, void *packed, const void *x, size_t stride, size_t m, size_t k,
                       size_t first, size_t count);
size_t gd_gemm_rows_bytes(size_t m, size_t k); /* for any kernel */

/* The weights of a product. Those that are used once are packed where they are needed, a block at a time. */
typedef struct gd_gemm_weights {
    const void *packed;  /* or NULL: */
    const gd_view *view; /* [n, k], of any type */
} gd_gemm_weights;

/* One product of packed rows and weights. */
typedef struct gd_gemm_job {
    const gd_gemm_kernel *kernel;
    size_t m, n, k;    /* m <= GD_GEMM_ROWS */
    const void *x;     /* packed rows */
    gd_gemm_weights w; /* [n, k] */
    const float *bias; /* [n], or NULL */
    const void *low;   /* the adapter's inner values, as packed rows [m, rank]; NULL without an adapter */
    gd_gemm_weights lora; /* [n, rank] */
    size_t rank;
    float scale;
    void *y;           /* [m, n], `stride` elements from row to row */
    gd_dtype dtype;    /* GD_F32 or GD_BF16 */
    size_t stride;
} gd_gemm_job;

/* Runs jobs of one kernel and the same packed rows on all threads: they share out the panels of all, and rows where
 * panels are few, never k. */
void gd_gemm_run(const gd_gemm_job *jobs, size_t count, gd_pool *pool, void *scratch);

/* Two products of the same packed rows, and y = act(gate) * up: their own y stay unused. */
typedef struct gd_gemm_gated {
    const gd_gemm_job *jobs; /* two, gate and up, of the same m, n and kernel */
    const gd_row_kernels *rows; /* for the activation */
    gd_activation act;
    void *y; /* [m, n], `stride` elements from row to row */
    gd_dtype dtype;
    size_t stride;
} gd_gemm_gated;

void gd_gemm_run_gated(const gd_gemm_gated *gated, gd_pool *pool, void *scratch);
size_t gd_gemm_scratch_bytes(size_t m, unsigned threads); /* scratch space of a job with m rows */

/* The kernels themselves, in ref/, x86/ and arm/. */
#define GD_GEMM(variant, operand, rows, straight, needs)                                                              \
    void gd_gemm_##variant##_##operand(size_t m, size_t pairs, const void *x, const void *w, float *sum, bool add,    \
                                       float *wide, const void *next);                                                \
    void gd_gemm_##variant##_finish(const gd_gemm_finish *f);
#include "backends/cpu/kernels.def"
#undef GD_GEMM

#endif
