/* backend.h - the whole contract between the engine and a backend.
 *
 * A backend is one `gd_backend` with a table of operations indexed by graph/ops.def.  An operation gets tensors and
 * plain numbers, never the model or the graph.  Before a run the engine checks every operation of its plan with
 * gd_backend_missing(): nothing falls back silently.
 *
 * A layer is run tile by tile over the rows of the batch: tensors named "tile" hold the tile's rows; keys and values
 * have room for all rows of the batch, and those up to the tile's end are filled in.  Rows are in depth-first order
 * (segment.h), so a row's path is always complete.
 *
 * The last stage runs over pooled rows in the same way, in any order, and a row may occur twice; by then keys and
 * values of the whole batch are filled in.
 *
 * To train, stages and tiles come up again in reverse, with an operation's backward twin for each (doc/arithmetic.md,
 * section 9). */
#ifndef GD_BACKENDS_BACKEND_H
#define GD_BACKENDS_BACKEND_H

#include "backends/segment.h"
#include "backends/tensor.h"
#include "base/pool.h"
#include "graph/op.h"
#include "guerdon.h"
#include "quant-free/view.h"

typedef struct gd_device gd_device; /* an opened backend: threads, chosen kernels, scratch space */
typedef struct gd_weight gd_weight; /* a weight in the form that the backend needs */

/* The adapter's part of a linear: y += scale * (x A^T) B^T. All zero when there is none. */
typedef struct gd_lora_weights {
    const gd_weight *a; /* MATRIX [rank, in] */
    const gd_weight *b; /* MATRIX [out, rank] */
    float scale;
} gd_lora_weights;

/* A batch's rows, in the host's memory; passed to the device once, before a run. */
typedef struct gd_batch_rows {
    size_t rows;                      /* R */
    const uint32_t *token, *position; /* [R] */
    const uint32_t *segment;          /* [R] index of the row's segment */
    const gd_segment *segments;       /* [segment_count] */
    size_t segment_count;
    const uint32_t *pooled; /* [pooled_count] the rows that last_row takes, in any order; one may occur twice */
    size_t pooled_count;
    const float *rope_cos, *rope_sin; /* [tables, positions, head_dim / 2] */
    size_t positions, tables;
    bool train; /* the batch will be run backward, too */
} gd_batch_rows;

/* The device's own form of it: opaque. */
typedef struct gd_device_rows gd_device_rows;

/* Lines first .. first + count - 1 of the batch: of its rows, or of its pooled rows. */
typedef struct gd_tile {
    const gd_device_rows *batch;
    bool pooled;
    size_t first, count;
} gd_tile;

/* One call of one operation. */
typedef struct gd_call {
    gd_tensor in[GD_OP_MAX_IN]; /* attention: q is a tile, k and v cover all rows; last_row: x covers all rows */
    gd_tensor out;              /* may be in[0]'s memory for add and rms_norm */
    const gd_weight *w[GD_OP_MAX_WEIGHTS]; /* linear: matrix, bias or NULL */
    gd_lora_weights lora;                  /* linear */
    gd_tensor kept[GD_OP_MAX_KEPT];        /* to train: what the backward twin needs; no data: not wanted */
    gd_op_params params;
    const gd_tile *tile;
} gd_call;

/* What an operation writes for its backward twin besides its output:
 * linear: the adapter's inner values A x, [rows, rank] of the operand type;
 * attention: the softmax's maximum and its sum, [rows, heads] F32; gated: gate and up of the operand type. */

/* One call of a backward twin.  Gradients are F32, but those of a linear's outputs and of an attention's are of the
 * operand type, since they feed products. */
typedef struct gd_back_call {
    gd_tensor in[GD_OP_MAX_IN], out, kept[GD_OP_MAX_KEPT]; /* as in the forward pass, as far as the twin reads them */
    const gd_weight *w;     /* linear: the matrix TURNED; embedding, rms_norm, head: as in the forward pass */
    const gd_weight *a, *b; /* the adapter's matrices TURNED, or NULL */
    float scale;            /* of the adapter */
    gd_tensor d_out;
    gd_tensor d_in[GD_OP_MAX_IN]; /* no data: not wanted; attention: d_q, and d_k and d_v of all rows of the batch;
                                     last_row: of all rows */
    bool adds[GD_OP_MAX_IN];      /* to what is there; attention's keys and values and last_row always do */
    /* Running sums over rows, F32, to which those of the tile are added; no data: not wanted.  Strides are multiples of
     * 16, and what is between the columns and the stride may be overwritten. */
    gd_tensor d_w[GD_OP_MAX_WEIGHTS]; /* of the weights: of their shape, that of a vector being [1, n] */
    gd_tensor d_a, d_b;               /* of A' [rank, in]; of B' transposed, [rank, out], without the scale */
    gd_op_params params;
    const gd_tile *tile;
} gd_back_call;

typedef void gd_back_run(gd_device *device, const gd_back_call *call);

/* An operation cannot fail: shapes were checked when the plan was made, and memory was reserved before the run.  On a
 * device that works asynchronously it may only be started; errors there are reported by finish(). */
typedef void gd_op_run(gd_device *device, const gd_call *call);

/* The largest sizes of a plan: a device reserves its scratch space from them, once. */
typedef struct gd_limits {
    bool train;          /* for backward twins as well */
    size_t tile_rows;    /* lines of a tile */
    size_t max_in;       /* widest input of a linear */
    size_t max_out;      /* widest output of a linear */
    size_t max_rank;     /* of the adapter, 0 for none */
    size_t max_learned;  /* widest output of a linear whose weights learn, 0 for none */
    size_t max_position; /* tokens of the longest text */
    size_t labels;       /* scores of a pooled row; with `train` */
    size_t head_dim, heads, kv_heads;
} gd_limits;

/* A device that isn't the host's processor. */
typedef struct gd_card {
    char name[128];           /* "NVIDIA GeForce RTX 5090" */
    char isa[16];             /* "sm_120" */
    size_t memory;            /* bytes */
    unsigned driver;          /* 13000: its driver is for CUDA 13.0 */
    gd_arithmetic arithmetic; /* of its matrix units */
} gd_card;

typedef struct gd_device_options {
    unsigned threads;         /* >= 1 */
    const char *isa;          /* NULL or "auto": the best that the CPU has; else exactly this one, or an error */
    gd_dtype operand;         /* GD_BF16, or GD_F32 for --precision fp32: type of every matmul operand */
    gd_arithmetic arithmetic; /* of the products; other than GD_EXACT only for BF16, and not a vendor's */
} gd_device_options;

/* How many lines a device prefers to work on at a time. */
typedef struct gd_heights {
    size_t step; /* tiles are multiples of it where possible; a multiple of its kernels' own tiles */
    size_t most; /* the largest tile, a multiple of step: its activations stay in cache */
    size_t few;  /* a batch of up to this many rows takes less time than converting the weights: weight_borrow() */
} gd_heights;

#define GD_BACKEND_CONTRACT 4u /* incremented with every change of this file's meaning */

typedef struct gd_backend {
    unsigned contract; /* GD_BACKEND_CONTRACT at compile time; a different value is refused */
    const char *name;  /* "cpu": as --backend takes it */
    const char *about; /* one line for users */
    bool apart;        /* buffers and weights are in memory of its own, beside the process's */
    bool any_order;    /* a vendor adds its products, in an order that doc/arithmetic.md does not define */

    /* Whether it can run here with this operand type; if not, fails with GD_EUNSUPPORTED and says why. */
    gd_status (*available)(gd_dtype operand, gd_error *err);
    /* The name of instruction set number `index` of those available here, least capable first ("auto" is the last);
     * NULL after the end. */
    const char *(*isa)(size_t index);
    /* The card that open() takes. NULL: the backend has none. */
    gd_status (*card)(gd_card *out, gd_error *err);
    /* The arithmetic of its products where the user names none; fails as available() does. NULL: GD_EXACT. */
    gd_status (*arithmetic)(gd_arithmetic *out, gd_dtype operand, gd_error *err);
    gd_status (*open)(gd_device **out, const gd_device_options *options, gd_error *err);
    void (*close)(gd_device *device);                 /* NULL is fine; weights and buffers must have been freed */
    const char *(*describe)(const gd_device *device); /* "avx2": the kernels chosen, one of isa()'s names */

    const char *(*matmul)(const gd_device *device); /* "avx512": the instruction set of its matrix products */
    gd_heights (*heights)(const gd_device *device);
    size_t (*memory_free)(const gd_device *device); /* unused bytes of its memory */

    /* Buffers of the device's own memory, 64-byte aligned. */
    gd_status (*buffer_alloc)(gd_device *device, void **out, size_t bytes, gd_error *err);
    void (*buffer_free)(gd_device *device, void *buffer);
    gd_status (*upload)(gd_device *device, void *buffer, const void *host, size_t bytes, gd_error *err);
    gd_status (*download)(gd_device *device, void *host, const void *buffer, size_t bytes, gd_error *err);

    /* Takes over a batch's rows: copies them or refers to them, so they must not change until free(). */
    gd_status (*rows_make)(gd_device *device, gd_device_rows **out, const gd_batch_rows *rows, gd_error *err);
    void (*rows_free)(gd_device *device, gd_device_rows *rows); /* NULL is fine */

    /* Weights come in two steps, so that the next layer's can be filled while this one runs: weight_make() allocates
     * the memory and fills small weights; weight_pieces() says how many pieces are left (0: the weight is ready), and
     * weight_fill() fills them, each once, in any order, on any thread, with denormals flushed.  `view` must stay
     * mapped while the weight lives (a TABLE is used in place). */
    size_t (*weight_bytes)(const gd_device *device, gd_weight_role role, const gd_view *view); /* memory it takes */
    gd_status (*weight_make)(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                             gd_error *err);
    size_t (*weight_pieces)(const gd_weight *weight);
    void (*weight_fill)(gd_weight *weight, size_t piece);

    /* Waits until a filled weight is ready: it may still be on its way to the device. NULL: it is ready once filled. */
    gd_status (*weight_wait)(gd_device *device, gd_weight *weight, gd_error *err);

    /* A MATRIX for one use with few rows: it takes no memory, and is read in place. NULL, or a weight of NULL,
     * when the backend can't do that. */
    gd_status (*weight_borrow)(gd_device *device, gd_weight **out, const gd_view *view, gd_error *err);
    void (*weight_free)(gd_device *device, gd_weight *weight); /* NULL is fine */

    /* Runs count host tasks on the device's threads, such as filling weights. Not while an operation runs. */
    void (*spread)(gd_device *device, size_t count, gd_task *task, void *context);

    /* Reserves scratch space for plans within these limits; called again only with larger limits. */
    gd_status (*prepare)(gd_device *device, const gd_limits *limits, gd_error *err);
    size_t (*scratch_bytes)(const gd_device *device, const gd_limits *limits);

    /* Waits for everything started, and reports any failure as GD_EDEVICE. NULL: every call is complete on return.
     * Called at the end of each run, also of a failed one, before the batch's rows are freed; weights may be freed
     * before it. */
    gd_status (*finish)(gd_device *device, gd_error *err);

    /* Several calls in one, with the same bits.  NULL: they are made one by one.
     * linears: 1 to GD_OP_MAX_LINEARS of one input (q, k and v), which share the cost of its rows.
     * gated_linears: two of one input, and the gate that combines their outputs; nothing else reads these, and they
     * need not reach memory. The result may overwrite the input.
     * linear_add: a linear, whose output nothing else reads, and which need not reach memory, and the sum of in[0] and
     * that output, in the place of in[0]. */
    void (*linears)(gd_device *device, const gd_call *calls, size_t count);
    void (*gated_linears)(gd_device *device, const gd_call *linears, const gd_call *gated);
    void (*linear_add)(gd_device *device, const gd_call *linear, const gd_call *add);

    gd_op_run *run[GD_OP_COUNT];

    /* To train; NULL where a backend can't. */
    gd_back_run *back[GD_OP_COUNT];
    void (*clear)(gd_device *device, const gd_tensor *tensor); /* fills it with zeros */
} gd_backend;

/* Makes a weight and fills it, on the calling thread. */
gd_status gd_backend_load(const gd_backend *backend, gd_device *device, gd_weight **out, gd_weight_role role,
                          const gd_view *view, gd_error *err);

/* For a backend's weight_make(): fails with a message unless the view's rank suits the role and its size matches its
 * shape. */
gd_status gd_weight_check(gd_weight_role role, const gd_view *view, gd_error *err);

/* Every backend that was compiled in, the best known first; NULL ends the list. */
const gd_backend *const *gd_backends_all(void);

/* The backend of this name, whether or not it can run here; NULL: there is none. */
const gd_backend *gd_backend_named(const char *name);

/* Finds a backend by name ("auto" or NULL: cpu) that can run with this operand type, or fails with a message. */
gd_status gd_backend_find(const gd_backend **out, const char *name, gd_dtype operand, gd_error *err);

/* Fails with a message unless the backend follows this contract and can run here with this operand type. */
gd_status gd_backend_check(const gd_backend *backend, gd_dtype operand, gd_error *err);

/* Fails with the names of all operations whose entry in `needed` is true and that the backend lacks. */
gd_status gd_backend_missing(const gd_backend *backend, const bool needed[GD_OP_COUNT], gd_error *err);

#endif
