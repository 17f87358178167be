/* gemm_neon.c - the matmul with FMLA: tiles of up to 6 rows by 16 outputs, 24 sums in registers.
 *
 * A row's element is one float in a register's first lane, which FMLA multiplies by a whole register: no broadcast.
 * A tile unpacks the weights as it goes; with many rows the panel's block is expanded to fp32 once, in the order in
 * which the tiles read it. */
#ifndef __aarch64__
#error "this file is for AArch64"
#endif
#include "backends/cpu/gemm_strips.h"

#include "backends/cpu/gemm_finish.h"

#include <arm_neon.h>

enum { SUMS = 24, FEW_ROWS = 24 };

/* Four outputs' weights of the pair at w, odd or even; v counts fours. */
ALWAYS float32x4_t weights(const char *w, int v, bool odd, enum form form)
{
    if (form == PACKED_BF16) {
        const uint32x4_t both = vld1q_u32((const uint32_t *)(const void *)(w + 16 * v));

        return vreinterpretq_f32_u32(odd ? vandq_u32(both, vdupq_n_u32(0xFFFF0000)) : vshlq_n_u32(both, 16));
    }
    if (form == PACKED_F32)
        return vld1q_f32((const float *)(const void *)(w + (odd ? 128 : 0) + 16 * v));
    return vld1q_f32((const float *)(const void *)(w + (odd ? 0 : 64) + 16 * v));
}

/* One fused step of all sums, 4 or 8 vectors per row: the odd or the even elements of a pair. */
ALWAYS void step(int mr, int nv, enum form form, const float *x, const char *w, bool odd, float32x4_t *acc)
{
    float32x4_t b[8];

    UNROLL
    for (int v = 0; v < nv; v++)
        b[v] = weights(w, v, odd, form);
    UNROLL
    for (int r = 0; r < mr; r++) {
        const float a = x[r * (int)GD_GEMM_BLOCK + odd];

        UNROLL
        for (int v = 0; v < nv; v++)
            acc[nv * r + v] = vfmaq_n_f32(acc[nv * r + v], b[v], a);
    }
}

ALWAYS void tile(int mr, int halves, enum form form, const struct work *k, const char *w, float *sum)
{
    const int nv = 4 * halves;
    const float *x = (const float *)(const void *)k->x;
    const char *rows_end = (const char *)(x + mr * (int)GD_GEMM_BLOCK);
    float32x4_t acc[SUMS];

    UNROLL
    for (int i = 0; i < mr * nv; i++)
        acc[i] = vdupq_n_f32(0);
    for (size_t j = 0; j < k->pairs; j++, x += 2, w += pair_bytes(form)) {
        /* A tile of both halves is the only tile. */
        fetch(k, j, mr < MR, false, halves * (form == PACKED_F32 ? 2 : 1), rows_end, halves == 1);
        step(mr, nv, form, x, w, true, acc);
        step(mr, nv, form, x, w, false, acc);
    }
    UNROLL
    for (int i = 0; i < mr * nv; i++) {
        float *s = sum + i / nv * (int)GD_GEMM_PANEL + 4 * (i % nv);

        if (k->add)
            acc[i] = vaddq_f32(vld1q_f32(s), acc[i]);
        vst1q_f32(s, acc[i]);
    }
}

/* Expands a packed BF16 block, half by half, so that a tile reads it sequentially. */
static void expand(size_t pairs, const char *w, float *wide)
{
    for (int half = 0; half < 2; half++) {
        const char *p = w + 64 * half;

        for (size_t j = 0; j < pairs; j++, p += 128, wide += 32)
            for (int v = 0; v < 4; v++) {
                vst1q_f32(wide + 4 * v, weights(p, v, true, PACKED_BF16));
                vst1q_f32(wide + 16 + 4 * v, weights(p, v, false, PACKED_BF16));
            }
    }
}

void gd_gemm_neon_BF16(const gd_gemm_block *b)
{
    struct work k = work_of(b, sizeof(float));

    k.step = fetch_step(k.next, 128, tiles_of(k.m));
    if (k.m <= FEW_ROWS) {
        strips(PACKED_BF16, k);
    } else {
        expand(k.pairs, k.w, b->wide);
        k.w = (const char *)b->wide;
        strips(EXPANDED, k);
    }
}

/* Four registers at a time: the packed form is as good as an expanded one. */
void gd_gemm_neon_F32(const gd_gemm_block *b)
{
    struct work k = work_of(b, sizeof(float));

    k.step = fetch_step(k.next, 256, tiles_of(k.m));
    strips(PACKED_F32, k);
}

void gd_gemm_neon_finish(const gd_gemm_finish *f) { gd_gemm_finish_rows(f); }
