/* gemm_finish.h - the end of a linear, in plain C that each instruction set compiles for itself. */
#ifndef GD_CPU_GEMM_FINISH_H
#define GD_CPU_GEMM_FINISH_H

#include "backends/cpu/gemm.h"
#include "quant-free/bf16.h"

#include <math.h>
#include <string.h>

/* Always 32 columns, so that the loops have a length that the compiler knows; `cols` of them are stored. */
static inline void gd_gemm_finish_rows(const gd_gemm_finish *f)
{
    float bias[GD_GEMM_PANEL] = { 0 }, y[GD_GEMM_PANEL];
    gd_bf16 half[GD_GEMM_PANEL];

    if (f->bias)
        memcpy(bias, f->bias, f->cols * sizeof *bias);
    for (size_t r = 0; r < f->rows; r++) {
        memcpy(y, f->sum + r * GD_GEMM_PANEL, sizeof y);
        if (f->bias) /* adding a zero instead would turn -0 into +0 */
            for (size_t c = 0; c < GD_GEMM_PANEL; c++)
                y[c] = y[c] + bias[c];
        if (f->lora)
            for (size_t c = 0; c < GD_GEMM_PANEL; c++)
                y[c] = fmaf(f->scale, f->lora[r * GD_GEMM_PANEL + c], y[c]);
        if (f->dtype == GD_F32) {
            if (f->cols == GD_GEMM_PANEL)
                memcpy((float *)f->y + r * f->stride, y, sizeof y);
            else
                memcpy((float *)f->y + r * f->stride, y, f->cols * sizeof *y);
        } else {
            for (size_t c = 0; c < GD_GEMM_PANEL; c++)
                half[c] = gd_bf16_from_f32(y[c]);
            if (f->cols == GD_GEMM_PANEL)
                memcpy((gd_bf16 *)f->y + r * f->stride, half, sizeof half);
            else
                memcpy((gd_bf16 *)f->y + r * f->stride, half, f->cols * sizeof *half);
        }
    }
}

#endif
