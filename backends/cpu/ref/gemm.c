/* gemm.c - the definition of the matmul: every other variant is right if it agrees with this one bit for bit.
 * Written to be read; it is never tuned. */
#include "backends/cpu/gemm.h"

#include "backends/cpu/gemm_finish.h"
#include "quant-free/bf16.h"

#include <math.h>

static void put(float *sum, float block, bool add) { *sum = add ? *sum + block : block; }

void gd_gemm_ref_BF16(const gd_gemm_block *b)
{
    for (size_t i = 0; i < b->m; i++) {
        const gd_bf16 *x = (const gd_bf16 *)b->x + i * b->stride;

        for (size_t n = 0; n < GD_GEMM_PANEL; n++) {
            const gd_bf16 *w = (const gd_bf16 *)b->w + 2 * n;
            float acc = 0;

            for (size_t j = 0; j < b->pairs; j++, w += 2 * GD_GEMM_PANEL) {
                acc = fmaf(gd_bf16_to_f32(x[2 * j + 1]), gd_bf16_to_f32(w[1]), acc);
                acc = fmaf(gd_bf16_to_f32(x[2 * j]), gd_bf16_to_f32(w[0]), acc);
            }
            put(&b->sum[i * GD_GEMM_PANEL + n], acc, b->add);
        }
    }
}

void gd_gemm_ref_F32(const gd_gemm_block *b)
{
    for (size_t i = 0; i < b->m; i++) {
        const float *x = (const float *)b->x + i * b->stride;

        for (size_t n = 0; n < GD_GEMM_PANEL; n++) {
            const float *w = (const float *)b->w + n;
            float acc = 0;

            for (size_t j = 0; j < b->pairs; j++, w += 2 * GD_GEMM_PANEL) {
                acc = fmaf(x[2 * j + 1], w[GD_GEMM_PANEL], acc);
                acc = fmaf(x[2 * j], w[0], acc);
            }
            put(&b->sum[i * GD_GEMM_PANEL + n], acc, b->add);
        }
    }
}

void gd_gemm_ref_finish(const gd_gemm_finish *f) { gd_gemm_finish_rows(f); }
