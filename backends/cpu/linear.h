/* linear.h - y = x W^T + bias + scale * (x A^T) B^T: doc/arithmetic.md, section 7. */
#ifndef GD_CPU_LINEAR_H
#define GD_CPU_LINEAR_H

#include "backends/cpu/gemm.h"
#include "backends/backend.h"

/* in[0]: rows of the device's operand type; out: F32 or BF16, rounded once at the end; w: matrix, bias or NULL. The
 * outputs may overwrite the rows if there are at most GD_GEMM_ROWS of them, or if both are equally far apart. */
void gd_cpu_linear(gd_device *device, const gd_call *call);

/* Several calls in one: backend.h. */
void gd_cpu_linears(gd_device *device, const gd_call *calls, size_t count);
void gd_cpu_gated_linears(gd_device *device, const gd_call *linears, const gd_call *gated); /* <= GD_GEMM_ROWS rows */

/* The operands of a product: rows in place if the device's kernel can read them there, else packed; and a weight. */
gd_gemm_rows gd_cpu_rows_of(const gd_device *device, void *packed, const void *x, size_t stride, size_t rows,
                            size_t cols);
gd_gemm_weights gd_cpu_weights_of(const gd_weight *w);

/* Bytes that gd_cpu_linear needs in device->linear_scratch for plans within these limits. */
size_t gd_linear_scratch_bytes(const gd_limits *limits, gd_dtype operand, unsigned threads);

#endif
