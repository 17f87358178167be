/* weight.h - a weight in the form that the CPU's kernels need. */
#ifndef GD_CPU_WEIGHT_H
#define GD_CPU_WEIGHT_H

#include "backends/backend.h"

struct gd_weight {
    gd_weight_role role;
    size_t out, in;   /* MATRIX, TABLE: the view's shape; TURNED: the other way round; VECTOR: 1 and all elements */
    gd_dtype operand; /* MATRIX: type of the packed elements */
    void *packed;     /* MATRIX: gemm.h gives the layout, derived.h that of derived backends; NULL: borrowed */
    float *vector;    /* VECTOR: [in] */
    void *vendor;     /* a derived backend's own form of a MATRIX */
    gd_view view;     /* TABLE, borrowed: used in place; MATRIX: the source it is filled from; may be misaligned */
};

/* The weight functions of gd_backend_cpu. */
size_t gd_cpu_weight_bytes(const gd_device *device, gd_weight_role role, const gd_view *view);
gd_status gd_cpu_weight_make(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                             gd_error *err);
size_t gd_cpu_weight_pieces(const gd_weight *weight);
void gd_cpu_weight_fill(gd_weight *weight, size_t piece);
gd_status gd_cpu_weight_borrow(gd_device *device, gd_weight **out, const gd_view *view, gd_error *err);
void gd_cpu_weight_free(gd_device *device, gd_weight *weight);

#endif
