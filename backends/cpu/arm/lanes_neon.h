/* lanes_neon.h - the 16 lanes of the contract as four AArch64 registers; see backends/cpu/lanes.h. */
#ifndef GD_CPU_LANES_NEON_H
#define GD_CPU_LANES_NEON_H

#ifndef __aarch64__
#error "32-bit Arm has neither vector division nor a vector unit that rounds as doc/arithmetic.md requires"
#endif

#include <arm_neon.h>
#include <stddef.h>

typedef struct v16 {
    float32x4_t a, b, c, d; /* lanes 0-3, 4-7, 8-11 and 12-15 */
} v16;

/* 24 accumulators, 4 registers of keys or values and one broadcast: 29 of the 32 registers. */
#define GD_TILE_ROWS 6
#define GD_TILE_COLS 1

static inline v16 v_make(float32x4_t a, float32x4_t b, float32x4_t c, float32x4_t d) { return (v16){ a, b, c, d }; }

static inline v16 v_set(float x)
{
    const float32x4_t all = vdupq_n_f32(x);

    return v_make(all, all, all, all);
}

static inline v16 v_load(const void *p)
{
    const float *f = p;

    return v_make(vld1q_f32(f), vld1q_f32(f + 4), vld1q_f32(f + 8), vld1q_f32(f + 12));
}

static inline v16 v_index(void)
{
    static const float index[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

    return v_load(index);
}

static inline void v_store(float *p, v16 v)
{
    vst1q_f32(p, v.a);
    vst1q_f32(p + 4, v.b);
    vst1q_f32(p + 8, v.c);
    vst1q_f32(p + 12, v.d);
}

static inline float32x4_t widen_bf16(uint16x4_t h) { return vreinterpretq_f32_u32(vshll_n_u16(h, 16)); }

static inline v16 v_load_bf16(const void *p)
{
    const uint16x8_t low = vld1q_u16(p), high = vld1q_u16((const uint16_t *)p + 8);

    return v_make(widen_bf16(vget_low_u16(low)), widen_bf16(vget_high_u16(low)), widen_bf16(vget_low_u16(high)),
                  widen_bf16(vget_high_u16(high)));
}

/* The bits of gd_bf16_from_f32, still in the upper halves; the lower halves are garbage. */
static inline uint32x4_t round_bf16(float32x4_t f)
{
    const uint32x4_t bits = vreinterpretq_u32_f32(f);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t up = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7FFF)), odd);
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    const uint32x4_t nan = vcgtq_u32(vandq_u32(bits, vdupq_n_u32(0x7FFFFFFF)), vdupq_n_u32(0x7F800000));

    return vbslq_u32(nan, quiet, up);
}

static inline float32x4_t keep_bf16(float32x4_t f)
{
    return vreinterpretq_f32_u32(vandq_u32(round_bf16(f), vdupq_n_u32(0xFFFF0000)));
}

static inline v16 v_round_bf16(v16 v) { return v_make(keep_bf16(v.a), keep_bf16(v.b), keep_bf16(v.c), keep_bf16(v.d)); }

static inline void v_store_bf16(void *p, v16 v)
{
    uint16_t *h = p;

    vst1q_u16(h, vcombine_u16(vshrn_n_u32(round_bf16(v.a), 16), vshrn_n_u32(round_bf16(v.b), 16)));
    vst1q_u16(h + 8, vcombine_u16(vshrn_n_u32(round_bf16(v.c), 16), vshrn_n_u32(round_bf16(v.d), 16)));
}

/* out[i * stride + j] = rows[j][i]: pairs of rows are interleaved, then pairs of pairs. */
static inline void transpose_store(float32x4_t r0, float32x4_t r1, float32x4_t r2, float32x4_t r3, float *out,
                                   size_t stride)
{
    const float32x4_t low01 = vzip1q_f32(r0, r1), low23 = vzip1q_f32(r2, r3);
    const float32x4_t high01 = vzip2q_f32(r0, r1), high23 = vzip2q_f32(r2, r3);

    vst1q_f32(out, vcombine_f32(vget_low_f32(low01), vget_low_f32(low23)));
    vst1q_f32(out + stride, vcombine_f32(vget_high_f32(low01), vget_high_f32(low23)));
    vst1q_f32(out + 2 * stride, vcombine_f32(vget_low_f32(high01), vget_low_f32(high23)));
    vst1q_f32(out + 3 * stride, vcombine_f32(vget_high_f32(high01), vget_high_f32(high23)));
}

static inline void v_transpose(const v16 rows[16], float *out, size_t stride)
{
    for (size_t j = 0; j < 16; j += 4) {
        const v16 *r = rows + j;

        transpose_store(r[0].a, r[1].a, r[2].a, r[3].a, out + j, stride);
        transpose_store(r[0].b, r[1].b, r[2].b, r[3].b, out + 4 * stride + j, stride);
        transpose_store(r[0].c, r[1].c, r[2].c, r[3].c, out + 8 * stride + j, stride);
        transpose_store(r[0].d, r[1].d, r[2].d, r[3].d, out + 12 * stride + j, stride);
    }
}

static inline v16 v_add(v16 x, v16 y)
{
    return v_make(vaddq_f32(x.a, y.a), vaddq_f32(x.b, y.b), vaddq_f32(x.c, y.c), vaddq_f32(x.d, y.d));
}

static inline v16 v_sub(v16 x, v16 y)
{
    return v_make(vsubq_f32(x.a, y.a), vsubq_f32(x.b, y.b), vsubq_f32(x.c, y.c), vsubq_f32(x.d, y.d));
}

static inline v16 v_mul(v16 x, v16 y)
{
    return v_make(vmulq_f32(x.a, y.a), vmulq_f32(x.b, y.b), vmulq_f32(x.c, y.c), vmulq_f32(x.d, y.d));
}

static inline v16 v_div(v16 x, v16 y)
{
    return v_make(vdivq_f32(x.a, y.a), vdivq_f32(x.b, y.b), vdivq_f32(x.c, y.c), vdivq_f32(x.d, y.d));
}

static inline v16 v_fma(v16 x, v16 y, v16 z)
{
    return v_make(vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b), vfmaq_f32(z.c, x.c, y.c),
                  vfmaq_f32(z.d, x.d, y.d));
}

static inline v16 v_select_less(v16 x, v16 y, v16 yes, v16 no)
{
    return v_make(vbslq_f32(vcltq_f32(x.a, y.a), yes.a, no.a), vbslq_f32(vcltq_f32(x.b, y.b), yes.b, no.b),
                  vbslq_f32(vcltq_f32(x.c, y.c), yes.c, no.c), vbslq_f32(vcltq_f32(x.d, y.d), yes.d, no.d));
}

/* Not FMAX, which gives NaN when either operand is NaN. */
static inline v16 v_max(v16 x, v16 y) { return v_select_less(y, x, x, y); }

static inline v16 v_abs(v16 x) { return v_make(vabsq_f32(x.a), vabsq_f32(x.b), vabsq_f32(x.c), vabsq_f32(x.d)); }

static inline v16 v_sign_of(v16 x, v16 from)
{
    const uint32x4_t sign = vdupq_n_u32(0x80000000);

    return v_make(vbslq_f32(sign, from.a, x.a), vbslq_f32(sign, from.b, x.b), vbslq_f32(sign, from.c, x.c),
                  vbslq_f32(sign, from.d, x.d));
}

static inline float32x4_t raise(float32x4_t x, float32x4_t n)
{
    const uint32x4_t exponent = vshlq_n_u32(vreinterpretq_u32_f32(n), 23);

    return vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(x), exponent));
}

static inline v16 v_raise(v16 x, v16 n)
{
    return v_make(raise(x.a, n.a), raise(x.b, n.b), raise(x.c, n.c), raise(x.d, n.d));
}

static inline float v_sum(v16 v)
{
    const float32x4_t s4 = vaddq_f32(vaddq_f32(v.a, v.c), vaddq_f32(v.b, v.d));
    const float32x2_t s2 = vadd_f32(vget_low_f32(s4), vget_high_f32(s4));

    return vget_lane_f32(s2, 0) + vget_lane_f32(s2, 1);
}

static inline float v_max_all(v16 v)
{
    const v16 m8 = v_max(v, v_make(v.c, v.d, v.c, v.d)), m4 = v_max(m8, v_make(m8.b, m8.b, m8.b, m8.b));
    const float l0 = vgetq_lane_f32(m4.a, 0), l1 = vgetq_lane_f32(m4.a, 1);
    const float l2 = vgetq_lane_f32(m4.a, 2), l3 = vgetq_lane_f32(m4.a, 3);
    const float even = l0 > l2 ? l0 : l2, odd = l1 > l3 ? l1 : l3;

    return even > odd ? even : odd;
}

#endif
