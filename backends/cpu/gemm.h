/* gemm.h - the matmul of the CPU backend: y[m][n] = x[m][k] . w[n][k]^T, in the order of doc/arithmetic.md, section 3.
 *
 * k is cut into blocks of 512.  Inside a block the sum goes pair by pair, the odd element of a pair before the even
 * one, each step a fused multiply-add; the blocks' sums are then added in order.  A missing last element is zero.
 * A sum lives in one vector lane from start to end, so the vector's width, the tile, the threads and the other
 * rows never change a bit.  (A NaN is a NaN: its sign and payload are the processor's choice.)
 *
 * Packed weights, the same for every instruction set: panels of 32 outputs, padded with zeros to full panels and to
 * an even k.  BF16: [panel][k/2][32][2], a pair side by side, as VDPBF16PS reads it and as a shift and a mask
 * separate it.  F32: [panel][k][32].
 * Rows are read in place if the kernel can (gd_gemm_reads()); else they are packed first: [block][m][512] in the
 * kernel's `rows` form, padded with zeros to an even k. */
#ifndef GD_CPU_GEMM_H
#define GD_CPU_GEMM_H

#include "backends/cpu/isa.h"
#include "backends/cpu/rows.h"
#include "backends/cpu/tensor.h"
#include "base/pool.h"
#include "graph/op.h"
#include "quant-free/view.h"

#include <stdbool.h>

#define GD_GEMM_BLOCK 512u /* k of a block; also the distance between packed rows */
#define GD_GEMM_PANEL 32u  /* outputs of a panel */
#define GD_GEMM_ROWS 512u  /* more rows than this are done in several passes */
#define GD_GEMM_PART 64u   /* fewest rows of a part where a panel is divided among several tasks */
/* Rows of each kernel's tile, and a multiple of them all: the height of an engine's tile is a multiple of it. */
enum { GD_GEMM_HIGH_AVX2 = 6, GD_GEMM_HIGH_NEON = 6, GD_GEMM_HIGH_ZMM = 14, GD_GEMM_STEP = 42 };
_Static_assert(GD_GEMM_STEP % GD_GEMM_HIGH_AVX2 == 0 && GD_GEMM_STEP % GD_GEMM_HIGH_NEON == 0 &&
                   GD_GEMM_STEP % GD_GEMM_HIGH_ZMM == 0,
               "a step is a whole number of tiles of every kernel");

/* Rows that go through a layer together: enough for a product to run at its peak, few enough that their activations
 * stay in the last-level cache; and half of that, enough for a thread to have rows of its own. */
enum { GD_GEMM_BEST_ROWS = 6 * GD_GEMM_STEP, GD_GEMM_GROUP_ROWS = GD_GEMM_BEST_ROWS / 2 };

#define GD_GEMM_GROUP 8u /* maximum panels of a task, which share one pass over the rows */

/* What turns the sums of one panel into output: y = sum + bias, then fma(scale, lora, y), then rounding to dtype. */
typedef struct gd_gemm_finish {
    size_t rows, cols; /* cols <= 32 */
    const float *sum;  /* [rows][32] */
    const float *bias; /* [cols], or NULL */
    const float *lora; /* [rows][32], or NULL */
    float scale;
    void *y;        /* [rows][cols], `stride` elements from row to row; may be sum */
    gd_dtype dtype; /* GD_F32 or GD_BF16 */
    size_t stride;
    bool add; /* to what is in y, which is F32 */
} gd_gemm_finish;

/* What a kernel does in one call: sum[m][32] (+)= x[m][2 * pairs] . w[pairs][32][2]^T. */
typedef struct gd_gemm_block {
    size_t m, pairs;  /* pairs <= 256 */
    const void *x;    /* the rows' part of the block, in the kernel's form, ... */
    size_t stride;    /* ... this many elements apart */
    const void *w;    /* the block's part of a panel */
    float *sum;       /* 64-byte aligned, like wide */
    bool add;         /* to the existing sums */
    float *wide;      /* [512][32] of scratch space */
    const void *next; /* the w of the call after this one, to be prefetched (a hint: never read); NULL: none */
} gd_gemm_block;

/* One way to compute a block of one panel. Runs inside a pool task: denormals are flushed. */
typedef struct gd_gemm_kernel {
    const char *name; /* "avx2": shown by `guerdon backends` */
    gd_isa needs;     /* runs only where every bit is present */
    gd_dtype operand; /* of the packed weights: GD_BF16 or GD_F32 */
    gd_arithmetic arithmetic;
    gd_dtype rows; /* form of the rows that it reads */
    bool anywhere; /* rows (of the operand type) may be any even distance apart; else packed: 512 elements */
    /* Up to this many rows, memory is the limit, and it is best to read the weights in order without prefetching: a
     * core has few prefetches in flight (Zen 4: 22 GB/s), and its own prefetcher looks further ahead (33 GB/s). */
    size_t straight;

    void (*block)(const gd_gemm_block *b);
    void (*finish)(const gd_gemm_finish *f);
    gd_tensor_products *products; /* what block() is made of, and attention's products; NULL: GD_EXACT */
} gd_gemm_kernel;

extern const gd_gemm_kernel gd_gemm_kernels[];
extern const size_t gd_gemm_kernel_count;

/* The best kernel for these instruction sets, this operand type and arithmetic; NULL if there is none. A pure function
 * of its arguments, so a test can ask about a CPU that it does not run on. */
const gd_gemm_kernel *gd_gemm_pick(gd_isa have, gd_dtype operand, gd_arithmetic arithmetic);

/* Bytes of a packed [n, k] matrix; false when that overflows. */
bool gd_gemm_packed_bytes(size_t n, size_t k, gd_dtype operand, size_t *bytes);

/* Packs one panel (outputs 32 * panel ...) of a row-major [n, k] matrix of any dtype, aligned or not.  Values that do
 * not fit a BF16 operand are rounded once, to nearest even. `packed` is the whole packed matrix, 64-byte aligned. */
void gd_gemm_pack_panel(void *packed, gd_dtype operand, const gd_view *view, size_t panel);

/* The same for one block of it; `packed` is the block's own place. */
void gd_gemm_pack_block(void *packed, gd_dtype operand, const gd_view *view, size_t panel, size_t block);

/* The same for a matrix [k, n], turned on the way: for products with the gradients of its outputs. */
void gd_gemm_turn_panel(void *packed, gd_dtype operand, const gd_view *view, size_t panel);
void gd_gemm_turn_block(void *packed, gd_dtype operand, const gd_view *view, size_t panel, size_t block);

/* Rows as a product reads them: element j of block b of row i is at (b * block + i * stride + j). */
typedef struct gd_gemm_rows {
    const void *at; /* in the kernel's form */
    size_t stride, block;
} gd_gemm_rows;

/* Whether rows of the operand type, `stride` elements apart and k long, can be read in place. If so, no output may
 * overlap them, for a product writes some of it before it has read all of its rows. */
bool gd_gemm_reads(const gd_gemm_kernel *kernel, size_t stride, size_t k);
gd_gemm_rows gd_gemm_rows_there(const void *x, size_t stride);

/* Packs rows first ... first + count - 1 of [m, k], of the operand type, `stride` elements apart, into the kernel's
 * form. */
void gd_gemm_pack_rows(const gd_gemm_kernel *kernel, void *packed, const void *x, size_t stride, size_t m, size_t k,
                       size_t first, size_t count);
gd_gemm_rows gd_gemm_rows_packed(const void *packed, size_t m);
size_t gd_gemm_rows_bytes(size_t m, size_t k); /* of packed rows, for any kernel */

/* The weights of a product. Weights used only once are packed when they are needed, a block at a time. */
typedef struct gd_gemm_weights {
    const void *packed;  /* or NULL: */
    const gd_view *view; /* [n, k], or [k, n] if it is turned, of any type */
    bool turned;
} gd_gemm_weights;

/* One product of rows and weights. */
typedef struct gd_gemm_job {
    const gd_gemm_kernel *kernel;
    size_t m, n, k;       /* m <= GD_GEMM_ROWS */
    gd_gemm_rows x;       /* [m, k] */
    gd_gemm_weights w;    /* [n, k] */
    const float *bias;    /* [n], or NULL */
    size_t rank;          /* of the adapter; 0 without one */
    gd_gemm_rows low;     /* its inner values, [m, rank] */
    gd_gemm_weights lora; /* [n, rank] */
    float scale;
    void *y;        /* [m, n], `stride` elements from row to row */
    gd_dtype dtype; /* GD_F32 or GD_BF16 */
    size_t stride;
    bool add; /* to what is in y, which is F32 */
} gd_gemm_job;

/* Runs jobs of one kernel and the same rows on all threads: they divide the panels of all jobs among them, and
 * rows where panels are few, but never k. */
void gd_gemm_run(const gd_gemm_job *jobs, size_t count, gd_pool *pool, void *scratch);

/* Two products of the same rows, and y = act(gate) * up; their own y are unused. */
typedef struct gd_gemm_gated {
    const gd_gemm_job *jobs;    /* two, gate and up, of the same m, n and kernel */
    const gd_row_kernels *rows; /* for the activation */
    gd_activation act;
    void *y; /* [m, n], `stride` elements from row to row */
    gd_dtype dtype;
    size_t stride;
    void *kept[2]; /* to train: gate and up, [m, n] of the same type; or NULL */
    size_t kept_stride;
} gd_gemm_gated;

void gd_gemm_run_gated(const gd_gemm_gated *gated, gd_pool *pool, void *scratch);
/* Groups of rows for gd_pool_run_groups(): as many as threads, if each group has enough rows to justify reading all
 * weights for itself. */
size_t gd_gemm_row_groups(const gd_pool *pool, size_t rows);

size_t gd_gemm_scratch_bytes(size_t m, unsigned threads); /* scratch space of a job with m rows */

/* The kernels themselves, in ref/, x86/ and arm/. */
#define GD_GEMM(variant, operand, rows, anywhere, straight, needs) \
    void gd_gemm_##variant##_##operand(const gd_gemm_block *b);    \
    void gd_gemm_##variant##_finish(const gd_gemm_finish *f);
#define GD_TENSOR(variant, arithmetic, needs)
#include "backends/cpu/kernels.def"
#undef GD_GEMM
#undef GD_TENSOR

#endif
