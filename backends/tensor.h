/* tensor.h - what an operation works on: a matrix of rows in a backend's memory. */
#ifndef GD_BACKENDS_TENSOR_H
#define GD_BACKENDS_TENSOR_H

#include "quant-free/view.h"

/* [rows, cols], row-major. dtype is GD_F32 or GD_BF16. An operation rounds what it writes to the output's dtype:
 * GD_BF16 where the values feed a matmul under --precision bf16, else GD_F32. */
typedef struct gd_tensor {
    void *data; /* 64-byte aligned in CPU memory */
    gd_dtype dtype;
    size_t rows, cols;
    size_t stride; /* elements from row to row, >= cols */
} gd_tensor;

#endif
