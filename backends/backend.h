/* backend.h - the whole contract between the engine and what computes.
 *
 * A backend is one `gd_backend` with a table of operations indexed by graph/ops.def.  An operation gets tensors and
 * plain numbers, never the model or the graph.  Before a run the engine asks gd_backend_missing() for every
 * operation of its plan at once: nothing falls back in silence.
 *
 * A layer is run tile by tile over the rows of the batch: tensors named "tile" hold the rows first_row ..
 * first_row + count - 1; keys and values hold all rows of the batch, of which those before the tile's end are
 * there.  Rows are in depth-first order (base/segment.h), so a row's path is always complete.
 *
 * The last stage runs over texts in the same way: its tiles hold texts, one pooled row each, in any order, and rows
 * may come twice; keys and values of the whole batch are there. */
#ifndef GD_BACKENDS_BACKEND_H
#define GD_BACKENDS_BACKEND_H

#include "backends/tensor.h"
#include "base/pool.h"
#include "base/segment.h"
#include "graph/op.h"
#include "guerdon.h"
#include "quant-free/view.h"

typedef struct gd_device gd_device; /* an opened backend: threads, chosen kernels, scratch space */
typedef struct gd_weight gd_weight; /* a weight in the form that the backend wants */

/* How a weight is used, which decides its form. */
typedef enum gd_weight_role {
    GD_WEIGHT_MATRIX, /* [out, in] of a linear */
    GD_WEIGHT_VECTOR, /* norm weights, biases, the head's [1, n]: used in fp32 */
    GD_WEIGHT_TABLE   /* the embedding: rows are looked up; may stay in the mapped file */
} gd_weight_role;

/* The adapter's part of a linear: y += scale * (x A^T) B^T. All zero when there is none. */
typedef struct gd_lora_weights {
    const gd_weight *a; /* MATRIX [rank, in] */
    const gd_weight *b; /* MATRIX [out, rank] */
    float scale;
} gd_lora_weights;

/* The batch, for operations that need to know which rows they have. Arrays cover all rows of the batch (over texts:
 * the pooled rows of the tile's texts). */
typedef struct gd_rows {
    size_t first_row, count; /* the tile: entries first_row .. first_row + count - 1 of the three arrays */
    const uint32_t *token, *position, *segment; /* segment: index of the row's segment */
    const gd_segment *segments;
    const uint32_t *pooled;           /* last_row: [texts] the row of each text to take */
    const float *rope_cos, *rope_sin; /* rope: [positions, head_dim / 2] */
} gd_rows;

/* One call of one operation. */
typedef struct gd_call {
    gd_tensor in[GD_OP_MAX_IN]; /* attention: q is a tile, k and v cover all rows; last_row: x covers all rows */
    gd_tensor out;              /* may be in[0]'s memory for add and rms_norm */
    const gd_weight *w[GD_OP_MAX_WEIGHTS]; /* linear: matrix, bias or NULL */
    gd_lora_weights lora;                  /* linear */
    gd_op_params params;
    const gd_rows *rows;
} gd_call;

/* An operation cannot fail: shapes were checked when the plan was made, and memory was had before the run. */
typedef void gd_op_run(gd_device *device, const gd_call *call);

/* The largest sizes of a plan: a device reserves its scratch space from them, once. */
typedef struct gd_limits {
    size_t tile_rows;    /* rows of a tile, and at most this many texts a pooled call */
    size_t max_in;       /* widest input of a linear */
    size_t max_out;      /* widest output of a linear */
    size_t max_rank;     /* of the adapter, 0 for none */
    size_t max_position; /* tokens of the longest text */
    size_t head_dim, heads, kv_heads;
} gd_limits;

typedef struct gd_device_options {
    unsigned threads; /* >= 1 */
    const char *isa;  /* NULL or "auto": the best that the CPU has; else exactly this one, or an error */
    gd_dtype operand; /* GD_BF16, or GD_F32 for --precision fp32: type of every matmul operand */
} gd_device_options;

enum { GD_BACKEND_LINEARS = 3 }; /* that a backend can do in one */

typedef struct gd_backend {
    const char *name;  /* "cpu": as --backend takes it */
    const char *about; /* one line for people */

    /* NULL when it can run here with this operand type, else why not (a static sentence). */
    const char *(*unavailable)(gd_dtype operand);
    gd_status (*open)(gd_device **out, const gd_device_options *options, gd_error *err);
    void (*close)(gd_device *device);                 /* NULL is fine; weights and buffers must have been freed */
    const char *(*describe)(const gd_device *device); /* "avx2": which kernels were chosen */

    /* Buffers of the device's own memory, 64-byte aligned. */
    gd_status (*buffer_alloc)(gd_device *device, void **out, size_t bytes, gd_error *err);
    void (*buffer_free)(gd_device *device, void *buffer);
    gd_status (*upload)(gd_device *device, void *buffer, const void *host, size_t bytes, gd_error *err);
    gd_status (*download)(gd_device *device, void *host, const void *buffer, size_t bytes, gd_error *err);

    /* Weights come in two steps, so that the next layer's can be filled while this one runs: weight_make() has the
     * memory, and fills what is small; weight_pieces() says how many pieces are left (0: the weight is ready), which
     * weight_fill() does, each once, in any order, on any thread, with denormals flushed.  `view` must stay mapped
     * while the weight lives (a TABLE is used in place). */
    size_t (*weight_bytes)(const gd_device *device, gd_weight_role role, const gd_view *view); /* memory it takes */
    gd_status (*weight_make)(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                             gd_error *err);
    size_t (*weight_pieces)(const gd_weight *weight);
    void (*weight_fill)(gd_weight *weight, size_t piece);

    /* A MATRIX for one use with few rows: it takes no memory, and is read where it lies. NULL, or a weight of NULL,
     * when the backend can't. */
    gd_status (*weight_borrow)(gd_device *device, gd_weight **out, const gd_view *view, gd_error *err);
    void (*weight_free)(gd_device *device, gd_weight *weight); /* NULL is fine */

    /* Runs count tasks of the host's on the device's threads: filling weights, say. Not while an operation runs. */
    void (*spread)(gd_device *device, size_t count, gd_task *task, void *context);

    /* Reserves scratch space for plans within these limits; called again only with limits that grow. */
    gd_status (*prepare)(gd_device *device, const gd_limits *limits, gd_error *err);
    size_t (*scratch_bytes)(const gd_device *device, const gd_limits *limits);

    /* Several calls in one, with the same bits.  NULL: they are made one by one.
     * linears: 1 to GD_BACKEND_LINEARS of one input (q, k and v), which share what its rows cost.
     * gated_linears: two of one input, and what becomes of their outputs; nobody else reads these, and they need not
     * reach memory. The result may lie where the input does. */
    void (*linears)(gd_device *device, const gd_call *calls, size_t count);
    void (*gated_linears)(gd_device *device, const gd_call *linears, const gd_call *gated);

    gd_op_run *run[GD_OP_COUNT];      /* forward */
    gd_op_run *backward[GD_OP_COUNT]; /* gradients of the same operations; none in this version */
} gd_backend;

/* Makes a weight and fills it, on the calling thread. */
gd_status gd_backend_load(const gd_backend *backend, gd_device *device, gd_weight **out, gd_weight_role role,
                          const gd_view *view, gd_error *err);

/* Every backend that was compiled in, best known first; NULL ends the list. */
const gd_backend *const *gd_backends_all(void);

/* Finds a backend by name ("auto" or NULL: cpu) that can run with this operand type, or fails with a sentence. */
gd_status gd_backend_find(const gd_backend **out, const char *name, gd_dtype operand, gd_error *err);

/* Fails with the names of all `needed` operations that the backend lacks; true entries are needed. */
gd_status gd_backend_missing(const gd_backend *backend, const bool needed[GD_OP_COUNT], gd_error *err);

#endif
