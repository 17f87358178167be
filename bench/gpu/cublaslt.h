/* cublaslt.h - NVIDIA's cuBLASLt, if it is there: the yardstick of matrix products.  It is loaded when it is asked for;
 * no file of NVIDIA's is used to build this. */
#ifndef GD_BENCH_GPU_CUBLASLT_H
#define GD_BENCH_GPU_CUBLASLT_H

#include "backends/cuda/device.h"

typedef struct cublaslt cublaslt;

/* NULL, and *why, if it is missing or can't be used.  GD_CUBLASLT in the environment is a path to try first. */
cublaslt *cublaslt_open(gd_device *device, const char **why);
void cublaslt_close(cublaslt *lt);

/* y [m, n] = x [m, k] w [n, k]^T, all bf16 with fp32 sums, lines packed. */
typedef struct cublaslt_product {
    gd_cu_address x, w, y;
    size_t m, n, k;
} cublaslt_product;

/* Seconds of the fastest of the algorithms that it suggests; 0 if none works.  *tried is their number. */
double cublaslt_seconds(cublaslt *lt, const cublaslt_product *product, bool small, int *tried);

#endif
