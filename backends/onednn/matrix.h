/* matrix.h - a weight matrix in oneDNN's own layout, and its product with a tile of rows. */
#ifndef GD_ONEDNN_MATRIX_H
#define GD_ONEDNN_MATRIX_H

#include "backends/cpu/derived.h"
#include "backends/onednn/shim.h"

/* The state of a device. */
typedef struct gd_onednn {
    gd_derived derived;
    dnnl_engine_t engine;
    dnnl_primitive_attr_t attr; /* scratch space is ours: oneDNN's own belongs to the thread that created a primitive */
    unsigned threads;
    dnnl_stream_t *streams; /* [threads] */
    char *scratch;          /* [threads][scratch_bytes] */
    size_t scratch_bytes;
} gd_onednn;

/* Whether oneDNN has a matmul of this type for this CPU: [64, 64] x [64, 256] -> fp32. */
bool gd_onednn_can(gd_dtype operand);

gd_status gd_onednn_state_open(gd_onednn **out, unsigned threads, gd_error *err);
void gd_onednn_state_close(gd_onednn *state); /* NULL is fine */

typedef struct gd_onednn_matrix gd_onednn_matrix;

/* Converts the row-major matrix `w->packed` to oneDNN's layout: w->vendor. Not while a product runs. */
gd_status gd_onednn_matrix_make(gd_onednn *state, gd_weight *w, gd_error *err);
void gd_onednn_matrix_free(gd_onednn_matrix *m); /* NULL is fine */

/* A gd_derived_product, on one thread: that of pool worker `worker`. */
void gd_onednn_matrix_product(const gd_onednn *state, const gd_onednn_matrix *m, unsigned worker, size_t first,
                              const void *x, float *y);

#endif
