/* derived.h - backends that are the cpu backend with a library's matmul.
 *
 * Such a backend promises, with any library that gives the same bits for the same call, that a score depends
 * neither on which rows it is computed with nor on the number of threads.  To that end the library always runs on one
 * thread, inside our tasks, and always gets the same shapes: a tile of rows, padded with zeros, by at most 256 outputs.
 * And the height of the tile is one at which this library, on this CPU, treats all rows of a tile alike; it is found
 * by trial when the device is opened.  (OpenBLAS 0.3.21 on a Zen adds up row 6 in another order than row 5 in tiles
 * of 64 rows, but not in tiles of 16.) */
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
 * worker: the number of the pool's worker that runs the task. */
typedef void gd_derived_product(const gd_device *device, unsigned worker, const gd_weight *w, size_t first,
                                const void *x, float *y, float *spare);

static inline size_t gd_derived_cols(const gd_weight *w, size_t first)
{
    return w->out - first < GD_DERIVED_COLS ? w->out - first : GD_DERIVED_COLS;
}

/* Sets the tile height of a device just opened: the largest at which the product gives equal rows equal sums. */
gd_status gd_derived_find_tile(gd_device *device, const gd_backend *backend, gd_derived_product *product,
                               gd_error *err);

/* A linear using this product: bias and scale * adapter are added in fp32, then the result is rounded to the output's
 * type. */
void gd_derived_linear(gd_device *device, const gd_call *call, gd_derived_product *product);

const char *gd_derived_describe(const gd_device *device);

/* Weight functions: a MATRIX is kept row-major, in the operand type; the rest is as in the cpu backend. */
size_t gd_derived_weight_bytes(const gd_device *device, gd_weight_role role, const gd_view *view);
gd_status gd_derived_weight_make(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                                 gd_error *err);
size_t gd_derived_weight_pieces(const gd_weight *weight);
void gd_derived_weight_fill(gd_weight *weight, size_t piece);

/* Scratch space: the cpu backend's, but for this linear. */
gd_status gd_derived_prepare(gd_device *device, const gd_limits *limits, gd_error *err);
size_t gd_derived_scratch_bytes(const gd_device *device, const gd_limits *limits);

/* Frees device->vendor, then the cpu backend's part. */
void gd_derived_close(gd_device *device);

#endif
