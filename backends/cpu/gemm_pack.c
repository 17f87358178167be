/* gemm_pack.c - operands in the order in which the kernels read them. */
#include "backends/cpu/gemm.h"

#include "base/mem.h"
#include "quant-free/convert.h"

#include <string.h>

/* k rounded up to whole pairs. */
static size_t even(size_t k) { return k + (k & 1); }

bool gd_gemm_packed_bytes(size_t n, size_t k, gd_dtype operand, size_t *bytes)
{
    return gd_add(n, GD_GEMM_PANEL - 1, &n) && gd_add(k, k & 1, &k) &&
           gd_mul(n / GD_GEMM_PANEL * GD_GEMM_PANEL, k, bytes) && gd_mul(*bytes, gd_dtype_size(operand), bytes);
}

/* count elements from element `at` on. */
static gd_view part_of(const gd_view *view, size_t at, size_t count)
{
    const size_t size = gd_dtype_size(view->dtype);

    return (gd_view){ .name = view->name, .dtype = view->dtype, .rank = 1, .shape = { count },
                      .data = (const char *)view->data + at * size, .bytes = count * size };
}

/* Elements taken from a row at a time: one cache line of BF16, so that each line of the source is read once although
 * rows may lie a power of two apart and share a place in the cache. */
enum { RUN = 32 };

static void pack_bf16(gd_bf16 *packed, const gd_view *view, size_t first, size_t rows, size_t k)
{
    const size_t whole = even(k);
    gd_bf16 run[RUN];

    for (size_t at = 0; at < whole; at += RUN) {
        const size_t count = k - at < RUN ? k - at : RUN;
        gd_bf16 *to = packed + at * GD_GEMM_PANEL;

        for (size_t n = 0; n < GD_GEMM_PANEL; n++) {
            memset(run, 0, sizeof run);
            if (n < rows) {
                const gd_view part = part_of(view, (first + n) * k + at, count);

                gd_view_to_bf16(&part, run);
            }
            for (size_t j = 0; j < even(count) / 2; j++)
                memcpy(to + (j * GD_GEMM_PANEL + n) * 2, run + 2 * j, 2 * sizeof *run);
        }
    }
}

static void pack_f32(float *packed, const gd_view *view, size_t first, size_t rows, size_t k)
{
    const size_t whole = even(k);
    float run[RUN];

    for (size_t at = 0; at < whole; at += RUN) {
        const size_t count = k - at < RUN ? k - at : RUN;
        float *to = packed + at * GD_GEMM_PANEL;

        for (size_t n = 0; n < GD_GEMM_PANEL; n++) {
            memset(run, 0, sizeof run);
            if (n < rows) {
                const gd_view part = part_of(view, (first + n) * k + at, count);

                gd_view_to_f32(&part, run);
            }
            for (size_t j = 0; j < even(count); j++)
                to[j * GD_GEMM_PANEL + n] = run[j];
        }
    }
}

void gd_gemm_pack_panel(void *packed, gd_dtype operand, const gd_view *view, size_t panel)
{
    const size_t n = view->shape[0], k = view->shape[1], first = panel * GD_GEMM_PANEL;
    const size_t rows = n - first < GD_GEMM_PANEL ? n - first : GD_GEMM_PANEL;

    if (operand == GD_BF16)
        pack_bf16((gd_bf16 *)packed + first * even(k), view, first, rows, k);
    else
        pack_f32((float *)packed + first * even(k), view, first, rows, k);
}

size_t gd_gemm_rows_bytes(size_t m, size_t k)
{
    const size_t blocks = (k + GD_GEMM_BLOCK - 1) / GD_GEMM_BLOCK;

    return blocks * m * GD_GEMM_BLOCK * sizeof(float);
}

/* Sixteen at a time, a length that the compiler knows: it is two and a half times as fast. */
static void widen(float *to, const gd_bf16 *from, size_t count)
{
    size_t i = 0;

    for (; i + 16 <= count; i += 16)
        for (size_t j = i; j < i + 16; j++)
            to[j] = gd_bf16_to_f32(from[j]);
    for (; i < count; i++)
        to[i] = gd_bf16_to_f32(from[i]);
}

/* One row's part of one block. */
static void pack_part(gd_dtype operand, gd_dtype form, void *to, const void *x, size_t at, size_t count)
{
    if (operand == form) {
        memcpy(to, (const char *)x + at * gd_dtype_size(form), count * gd_dtype_size(form));
    } else {
        widen(to, (const gd_bf16 *)x + at, count);
    }
    if (count & 1)
        memset((char *)to + count * gd_dtype_size(form), 0, gd_dtype_size(form));
}

void gd_gemm_pack_rows(const gd_gemm_kernel *kernel, void *packed, const void *x, size_t stride, size_t m, size_t k,
                       size_t first, size_t count)
{
    const size_t line = GD_GEMM_BLOCK * gd_dtype_size(kernel->rows);

    for (size_t at = 0; at < k; at += GD_GEMM_BLOCK) {
        const size_t here = k - at < GD_GEMM_BLOCK ? k - at : GD_GEMM_BLOCK;
        char *to = (char *)packed + (at / GD_GEMM_BLOCK * m + first) * line;

        for (size_t i = first; i < first + count; i++, to += line)
            pack_part(kernel->operand, kernel->rows, to, x, i * stride + at, here);
    }
}
