/* tensor_neon.c - the products of tensor cores, 4 columns at a time. */
#include "backends/cpu/tensor_range.h"

#include <arm_neon.h>
#include <stdbool.h>

#define LANES 4

typedef float32x4_t t_floats;
typedef int32x4_t t_ints;

static inline int16x8_t pairs_of(t_ints x) { return vreinterpretq_s16_s32(x); }
static inline t_ints ints_of(int16x8_t x) { return vreinterpretq_s32_s16(x); }

static inline t_floats t_set(float x) { return vdupq_n_f32(x); }
static inline t_floats t_load(const float *p) { return vld1q_f32(p); }
static inline void t_store(float *p, t_floats x) { vst1q_f32(p, x); }
static inline t_floats t_mul(t_floats a, t_floats b) { return vmulq_f32(a, b); }
static inline t_floats t_add(t_floats a, t_floats b) { return vaddq_f32(a, b); }

static inline t_ints t_ints_set(int x) { return vdupq_n_s32(x); }
static inline t_ints t_ints_load(const void *p) { return vreinterpretq_s32_u8(vld1q_u8(p)); }
static inline void t_ints_store(void *p, t_ints x) { vst1q_u8(p, vreinterpretq_u8_s32(x)); }
static inline t_ints t_ints_add(t_ints a, t_ints b) { return vaddq_s32(a, b); }
static inline t_ints t_ints_sub(t_ints a, t_ints b) { return vsubq_s32(a, b); }
static inline t_ints t_ints_max(t_ints a, t_ints b) { return vmaxq_s32(a, b); }
static inline t_ints t_pairs_set(int x) { return ints_of(vdupq_n_s16((int16_t)x)); }
static inline t_ints t_pairs_add(t_ints a, t_ints b) { return ints_of(vaddq_s16(pairs_of(a), pairs_of(b))); }
static inline t_ints t_pairs_sub(t_ints a, t_ints b) { return ints_of(vsubq_s16(pairs_of(a), pairs_of(b))); }
static inline t_ints t_pairs_max(t_ints a, t_ints b) { return ints_of(vmaxq_s16(pairs_of(a), pairs_of(b))); }

static inline t_ints t_pairs_least(t_ints a, t_ints b)
{
    return vreinterpretq_s32_u16(vminq_u16(vreinterpretq_u16_s32(a), vreinterpretq_u16_s32(b)));
}

static inline t_ints t_exponents(t_ints pairs)
{
    const uint16x8_t field = vandq_u16(vshrq_n_u16(vreinterpretq_u16_s32(pairs), 7), vdupq_n_u16(0xFF));
    const int16x8_t e = vsubq_s16(vreinterpretq_s16_u16(field), vdupq_n_s16(127));

    return ints_of(vbslq_s16(vtstq_u16(field, field), e, vdupq_n_s16(NONE)));
}

static inline t_floats t_even(t_ints pairs) { return vreinterpretq_f32_s32(vshlq_n_s32(pairs, 16)); }
static inline t_floats t_odd(t_ints pairs) { return vreinterpretq_f32_s32(vandq_s32(pairs, vdupq_n_s32(-65536))); }

static inline t_ints t_larger_half(t_ints pairs)
{
    return vmaxq_s32(vshrq_n_s32(pairs, 16), vshrq_n_s32(vshlq_n_s32(pairs, 16), 16));
}

static inline t_ints t_exponent(t_floats acc)
{
    const int32x4_t size = vandq_s32(vreinterpretq_s32_f32(acc), vdupq_n_s32(0x7FFFFFFF));

    return vbslq_s32(vtstq_s32(size, size), vsubq_s32(vshrq_n_s32(size, 23), vdupq_n_s32(127)), vdupq_n_s32(NONE));
}

static inline t_floats t_power(t_ints e)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(e, vdupq_n_s32(127)), 23));
}

static inline t_ints t_cut(t_floats x) { return vcvtq_s32_f32(x); }

/* A double's last 29 bits are those that fp32 lacks. */
static inline float32x2_t cut_half(int64x2_t sum)
{
    const uint64x2_t kept = vdupq_n_u64(~0ull << 29), bits = vreinterpretq_u64_f64(vcvtq_f64_s64(sum));

    return vcvt_f32_f64(vreinterpretq_f64_u64(vandq_u64(bits, kept)));
}

static inline t_floats t_cut_sum(t_ints a, t_ints b)
{
    return vcombine_f32(cut_half(vaddl_s32(vget_low_s32(a), vget_low_s32(b))), cut_half(vaddl_high_s32(a, b)));
}

static inline bool t_strange(t_ints top)
{
    const uint32x4_t low = vandq_u32(vcltq_s32(top, vdupq_n_s32(LEAST)), vcgtq_s32(top, vdupq_n_s32(NONE / 2)));

    return vmaxvq_u32(vorrq_u32(low, vcgtq_s32(top, vdupq_n_s32(127)))) != 0;
}

#include "backends/cpu/tensor_impl.h"

TENSOR_PRODUCTS(neon)
