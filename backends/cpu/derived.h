/* derived.h - a backend that is the cpu backend with a library's matmul.
 *
 * What such a backend promises, with any library that gives the same bits for the same call: a score does not
 * depend on the company of its rows, nor on the threads.  For that the library always runs on one thread, inside our
 * tasks, and is always asked for the same shapes: a tile of some rows, padded with zeros, by at most 256 outputs.
 * And the height of the tile is one at which this library, on this CPU, treats all rows of a tile alike, found by
 * trying when the device is opened: OpenBLAS 0.3.21 on a Zen adds up row 6 of 64 in another order than row 5, but
 * not of 16. */
#ifndef GD_CPU_DERIVED_H
#define GD_CPU_DERIVED_H

#include "backends/backend.h"
#include "backends/cpu/weight.h"

#define GD_DERIVED_ROWS 64u /* the highest tile; rows are padded to a multiple of it */
#define GD_DERIVED_COLS 256u

/* The first member of device->vendor. */
typedef struct gd_derived {
    size_t tile; /* rows of a product: a power of two, at most 64 */
    char about[64];
} gd_derived;

/* y[tile][cols] = x[tile][w->in] . w[first ... first + cols - 1][w->in]^T, cols = gd_derived_cols(w, first).
 * x has no gaps, rows of y are 256 elements apart; spare: scratch space of y's size; first is a multiple of 256;
 * worker: the pool's, whose task this is. */
typedef void gd_derived_product(const gd_device *device, unsigned worker, const gd_weight *w, size_t first,
                                const void *x, float *y, float *spare);

static inline size_t gd_derived_cols(const gd_weight *w, size_t first)
{
    return w->out - first < GD_DERIVED_COLS ? w->out - first : GD_DERIVED_COLS;
}

/* Sets the tile of a device just opened: the highest at which the product gives equal rows equal sums. */
gd_status gd_derived_find_tile(gd_device *device, const gd_backend *backend, gd_derived_product *product,
                               gd_error *err);

/* A linear by this product, in fp32: + bias, + scale * adapter, then rounding to the output's type. */
void gd_derived_linear(gd_device *device, const gd_call *call, gd_derived_product *product);

const char *gd_derived_describe(const gd_device *device);

/* Weight functions: a MATRIX is kept row-major, in the operand type; all else as the cpu backend has it. */
size_t gd_derived_weight_bytes(const gd_device *device, gd_weight_role role, const gd_view *view);
gd_status gd_derived_weight_make(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                                 gd_error *err);
size_t gd_derived_weight_pieces(const gd_weight *weight);
void gd_derived_weight_fill(gd_weight *weight, size_t piece);

/* Scratch space: the cpu backend's, with another linear's. */
gd_status gd_derived_prepare(gd_device *device, const gd_limits *limits, gd_error *err);
size_t gd_derived_scratch_bytes(const gd_device *device, const gd_limits *limits);

/* Frees device->vendor, then the cpu backend's part. */
void gd_derived_close(gd_device *device);

#endif
