/* tensor_core.cuh - the instructions of tensor cores that kernels use, for bf16 operands (sm_80).
 *
 * Lane l of a warp has group g = l / 4 and place t = l % 4. Of an accumulator of 16 x 8 it holds rows g and g + 8,
 * columns 2t and 2t + 1: c[0], c[1] of row g, c[2], c[3] of row g + 8. */
#ifndef GD_CUDA_TENSOR_CORE_CUH
#define GD_CUDA_TENSOR_CORE_CUH

#include "backends/cuda/kernels/common.cuh"

/* Four matrices of 8 x 8 elements; lane l gives the shared address of row l % 8 of matrix l / 8. Of each, lane l gets
 * elements 2t and 2t + 1 of row g. */
GD_DEVICE void gd_load_matrices(uint32_t m[4], uint32_t row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
                 : "r"(row)
                 : "memory");
}

/* The same of each matrix's transpose: lane l gets elements g of rows 2t and 2t + 1. */
GD_DEVICE void gd_load_transposed(uint32_t m[4], uint32_t row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
                 : "r"(row)
                 : "memory");
}

/* A step of section 3T, or two of tensor8: c += a b over 16 elements. a: the matrices of rows 0-7 and 8-15 at elements
 * 0-7, then at elements 8-15; b0, b1: those of 8 columns at elements 0-7 and 8-15. */
GD_DEVICE void gd_step(float c[4], const uint32_t a[4], uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* The first step of a block: c = +0 + a b. */
GD_DEVICE void gd_first_step(float c[4], const uint32_t a[4], uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %10, %10, %10};"
                 : "=f"(c[0]), "=f"(c[1]), "=f"(c[2]), "=f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(0.0f));
}

#endif
