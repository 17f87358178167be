/* gemm.c - the definition of the matmul: every other variant is right if it agrees with this one bit for bit.
 * Written to be read; it is never tuned. */
#include "backends/cpu/gemm.h"

#include "backends/cpu/gemm_finish.h"
#include "quant-free/bf16.h"

#include <math.h>

static void put(float *sum, float block, bool add) { *sum = add ? *sum + block : block; }

void gd_gemm_ref_BF16(size_t m, size_t pairs, const void *x, const void *w, float *sum, bool add, float *wide,
                      const void *next)
{
    (void)wide, (void)next;
    for (size_t i = 0; i < m; i++) {
        const gd_bf16 *a = (const gd_bf16 *)x + i * GD_GEMM_BLOCK;

        for (size_t n = 0; n < GD_GEMM_PANEL; n++) {
            const gd_bf16 *b = (const gd_bf16 *)w + 2 * n;
            float acc = 0;

            for (size_t j = 0; j < pairs; j++, b += 2 * GD_GEMM_PANEL) {
                acc = fmaf(gd_bf16_to_f32(a[2 * j + 1]), gd_bf16_to_f32(b[1]), acc);
                acc = fmaf(gd_bf16_to_f32(a[2 * j]), gd_bf16_to_f32(b[0]), acc);
            }
            put(&sum[i * GD_GEMM_PANEL + n], acc, add);
        }
    }
}

void gd_gemm_ref_F32(size_t m, size_t pairs, const void *x, const void *w, float *sum, bool add, float *wide,
                     const void *next)
{
    (void)wide, (void)next;
    for (size_t i = 0; i < m; i++) {
        const float *a = (const float *)x + i * GD_GEMM_BLOCK;

        for (size_t n = 0; n < GD_GEMM_PANEL; n++) {
            const float *b = (const float *)w + n;
            float acc = 0;

            for (size_t j = 0; j < pairs; j++, b += 2 * GD_GEMM_PANEL) {
                acc = fmaf(a[2 * j + 1], b[GD_GEMM_PANEL], acc);
                acc = fmaf(a[2 * j], b[0], acc);
            }
            put(&sum[i * GD_GEMM_PANEL + n], acc, add);
        }
    }
}

void gd_gemm_ref_finish(const gd_gemm_finish *f) { gd_gemm_finish_rows(f); }
