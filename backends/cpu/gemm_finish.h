/* gemm_finish.h - the end of a linear, in plain C that each instruction set compiles for itself. */
#ifndef GD_CPU_GEMM_FINISH_H
#define GD_CPU_GEMM_FINISH_H

#include "backends/cpu/gemm.h"
#include "quant-free/bf16.h"

#include <math.h>
#include <string.h>

/* Rows of output are far apart, in cache lines that another core may hold: prefetched this many rows ahead, they don't
 * delay the stores. */
#define GD_FINISH_AHEAD 12u

/* A row's value in column c. has_bias: adding a zero instead would turn -0 into +0. */
static inline float gd_finish_value(const float *sum, const float *bias, const float *lora, float scale, bool has_bias,
                                    bool has_lora, size_t c)
{
    const float y = has_bias ? sum[c] + bias[c] : sum[c];

    return has_lora ? fmaf(scale, lora[c], y) : y;
}

/* A row of 32 columns, a length known to the compiler. The flags are constants where this is inlined. */
static inline __attribute__((always_inline)) void gd_finish_row(const float *restrict sum, const float *restrict bias,
                                                                const float *restrict lora, float scale, bool has_bias,
                                                                bool has_lora, gd_dtype dtype, void *restrict y)
{
    if (dtype == GD_F32)
        for (size_t c = 0; c < GD_GEMM_PANEL; c++)
            ((float *)y)[c] = gd_finish_value(sum, bias, lora, scale, has_bias, has_lora, c);
    else
        for (size_t c = 0; c < GD_GEMM_PANEL; c++)
            ((gd_bf16 *)y)[c] = gd_bf16_from_f32(gd_finish_value(sum, bias, lora, scale, has_bias, has_lora, c));
}

static inline __attribute__((always_inline)) void gd_finish_all(const gd_gemm_finish *f, const float *bias,
                                                                bool has_bias, bool has_lora, gd_dtype dtype)
{
    const size_t size = gd_dtype_size(dtype), step = f->stride * size;
    const float *sum = f->sum, *lora = f->lora;
    const bool direct = f->cols == GD_GEMM_PANEL && f->y != f->sum;
    char *y = f->y;

    for (size_t r = 0; r < f->rows; r++, sum += GD_GEMM_PANEL, y += step) {
        union {
            float f32[GD_GEMM_PANEL];
            gd_bf16 bf16[GD_GEMM_PANEL];
        } part;

        for (size_t line = 0; line < GD_GEMM_PANEL * size; line += 64)
            __builtin_prefetch(y + GD_FINISH_AHEAD * step + line, 1, 3);
        gd_finish_row(sum, bias, lora, f->scale, has_bias, has_lora, dtype, direct ? (void *)y : &part);
        if (!direct)
            memcpy(y, &part, f->cols * size);
        if (has_lora)
            lora += GD_GEMM_PANEL;
    }
}

static inline __attribute__((always_inline)) void gd_finish_as(const gd_gemm_finish *f, const float *bias,
                                                               gd_dtype dtype)
{
    if (f->lora)
        gd_finish_all(f, bias, f->bias, true, dtype);
    else if (f->bias)
        gd_finish_all(f, bias, true, false, dtype);
    else
        gd_finish_all(f, bias, false, false, dtype);
}

/* y = y + value: a gradient's later contribution. */
static inline __attribute__((always_inline)) void gd_finish_added(const gd_gemm_finish *f, size_t cols, bool has_lora)
{
    for (size_t r = 0; r < f->rows; r++) {
        const float *restrict sum = f->sum + r * GD_GEMM_PANEL;
        const float *restrict lora = has_lora ? f->lora + r * GD_GEMM_PANEL : NULL;
        float *restrict y = (float *)f->y + r * f->stride;

        for (size_t c = 0; c < GD_GEMM_PANEL; c += 16)
            __builtin_prefetch(y + GD_FINISH_AHEAD * f->stride + c, 1, 3);
        for (size_t c = 0; c < cols; c++)
            y[c] = y[c] + gd_finish_value(sum, NULL, lora, f->scale, false, has_lora, c);
    }
}

/* The length of whole panels is known to the compiler. */
static inline void gd_finish_added_as(const gd_gemm_finish *f)
{
    if (f->cols == GD_GEMM_PANEL && f->lora)
        gd_finish_added(f, GD_GEMM_PANEL, true);
    else if (f->cols == GD_GEMM_PANEL)
        gd_finish_added(f, GD_GEMM_PANEL, false);
    else
        gd_finish_added(f, f->cols, f->lora != NULL);
}

static inline void gd_gemm_finish_rows(const gd_gemm_finish *f)
{
    float bias[GD_GEMM_PANEL] = { 0 };

    if (f->add) {
        gd_finish_added_as(f);
        return;
    }
    if (f->bias)
        memcpy(bias, f->bias, f->cols * sizeof *bias);
    if (f->dtype == GD_F32)
        gd_finish_as(f, bias, GD_F32);
    else
        gd_finish_as(f, bias, GD_BF16);
}

#endif
