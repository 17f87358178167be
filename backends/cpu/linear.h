/* linear.h - y = x W^T + bias + scale * (x A^T) B^T: ARITHMETIC.md, section 7. */
#ifndef GD_CPU_LINEAR_H
#define GD_CPU_LINEAR_H

#include "backends/backend.h"

/* in[0]: rows of the device's operand type; out: F32 or BF16, rounded once at the end; w: matrix, bias or NULL. */
void gd_cpu_linear(gd_device *device, const gd_call *call);

/* The calls of two linears and of `gated` in one, for at most GD_GEMM_ROWS rows: backend.h. */
void gd_cpu_gated_linears(gd_device *device, const gd_call *gate, const gd_call *up, const gd_call *gated);

/* Bytes that gd_cpu_linear wants in device->linear_scratch for plans within these limits. */
size_t gd_linear_scratch_bytes(const gd_limits *limits, gd_dtype operand, unsigned threads);

#endif
