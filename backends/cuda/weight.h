/* weight.h - a weight on the card, or for a table in its file. */
#ifndef GD_CUDA_WEIGHT_H
#define GD_CUDA_WEIGHT_H

#include "backends/backend.h"
#include "backends/cuda/driver.h"
#include "backends/cuda/kernels/args.h"

struct gd_weight {
    gd_device *device;
    gd_weight_role role;
    size_t out, in;        /* MATRIX, TABLE: the view's shape; VECTOR: 1 and all elements */
    gd_dtype type;         /* of its numbers on the card */
    size_t stride;         /* MATRIX: elements from line to line, whose bytes are a multiple of 16 */
    gd_cu_address address; /* 0 for a TABLE */
    size_t bytes;
    gd_view view; /* MATRIX: the source it is filled from; TABLE: used in place */
};

/* What a kernel takes of a MATRIX, and of a VECTOR; NULL gives none. */
gd_cuda_matrix gd_cuda_matrix_of(const gd_weight *weight);
const float *gd_cuda_vector_of(const gd_weight *weight);

/* The elements between lines of `cols` elements that begin at multiples of 16 bytes. */
size_t gd_cuda_stride(size_t cols, gd_dtype type);

/* The gd_backend functions of weight.c. */
size_t gd_cuda_weight_bytes(const gd_device *device, gd_weight_role role, const gd_view *view);
gd_status gd_cuda_weight_make(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                              gd_error *err);
size_t gd_cuda_weight_pieces(const gd_weight *weight);
void gd_cuda_weight_fill(gd_weight *weight, size_t piece);
gd_status gd_cuda_weight_wait(gd_device *device, gd_weight *weight, gd_error *err);
void gd_cuda_weight_free(gd_device *device, gd_weight *weight);

#endif
