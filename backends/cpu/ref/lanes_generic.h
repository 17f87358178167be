/* lanes_generic.h - the 16 lanes of the contract in plain C: the definition, see backends/cpu/lanes.h.
 *
 * fmaf is one rounding by the C standard, so a CPU without the instruction gets the same bits from the C library. */
#ifndef GD_CPU_LANES_GENERIC_H
#define GD_CPU_LANES_GENERIC_H

#include "quant-free/bf16.h"

#include <stddef.h>

typedef struct v16 {
    float l[16];
} v16;

#define GD_TILE_ROWS 2 /* attention's tile, in rows and in vectors of 16; changes no bit */
#define GD_TILE_COLS 1
#define EACH for (size_t i = 0; i < 16; i++)

static inline v16 v_set(float x)
{
    v16 v;

    EACH v.l[i] = x;
    return v;
}

static inline v16 v_index(void)
{
    v16 v;

    EACH v.l[i] = (float)i;
    return v;
}

static inline v16 v_load(const void *p)
{
    v16 v;

    memcpy(v.l, p, sizeof v.l);
    return v;
}

static inline void v_store(float *p, v16 v) { memcpy(p, v.l, sizeof v.l); }

static inline v16 v_load_bf16(const void *p)
{
    gd_bf16 h[16];
    v16 v;

    memcpy(h, p, sizeof h);
    EACH v.l[i] = gd_bf16_to_f32(h[i]);
    return v;
}

static inline void v_store_bf16(void *p, v16 v)
{
    gd_bf16 h[16];

    EACH h[i] = gd_bf16_from_f32(v.l[i]);
    memcpy(p, h, sizeof h);
}

static inline v16 v_round_bf16(v16 a)
{
    EACH a.l[i] = gd_bf16_to_f32(gd_bf16_from_f32(a.l[i]));
    return a;
}

static inline void v_transpose(const v16 rows[16], float *out, size_t stride)
{
    for (size_t j = 0; j < 16; j++)
        EACH out[i * stride + j] = rows[j].l[i];
}

static inline v16 v_add(v16 a, v16 b)
{
    EACH a.l[i] += b.l[i];
    return a;
}

static inline v16 v_sub(v16 a, v16 b)
{
    EACH a.l[i] -= b.l[i];
    return a;
}

static inline v16 v_mul(v16 a, v16 b)
{
    EACH a.l[i] *= b.l[i];
    return a;
}

static inline v16 v_div(v16 a, v16 b)
{
    EACH a.l[i] /= b.l[i];
    return a;
}

static inline v16 v_fma(v16 a, v16 b, v16 c)
{
    EACH a.l[i] = __builtin_fmaf(a.l[i], b.l[i], c.l[i]);
    return a;
}

static inline v16 v_max(v16 a, v16 b)
{
    EACH a.l[i] = a.l[i] > b.l[i] ? a.l[i] : b.l[i];
    return a;
}

static inline v16 v_select_less(v16 a, v16 b, v16 yes, v16 no)
{
    EACH a.l[i] = a.l[i] < b.l[i] ? yes.l[i] : no.l[i];
    return a;
}

static inline v16 v_abs(v16 a)
{
    EACH a.l[i] = __builtin_fabsf(a.l[i]);
    return a;
}

static inline v16 v_sign_of(v16 a, v16 sign)
{
    EACH a.l[i] = __builtin_copysignf(a.l[i], sign.l[i]);
    return a;
}

static inline v16 v_raise(v16 a, v16 n)
{
    uint32_t bits[16], power[16];

    memcpy(bits, a.l, sizeof bits);
    memcpy(power, n.l, sizeof power);
    EACH bits[i] += power[i] << 23;
    memcpy(a.l, bits, sizeof bits);
    return a;
}

static inline float v_sum(v16 a)
{
    for (size_t half = 8; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            a.l[i] += a.l[i + half];
    return a.l[0];
}

static inline float v_max_all(v16 a)
{
    for (size_t half = 8; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            a.l[i] = a.l[i] > a.l[i + half] ? a.l[i] : a.l[i + half];
    return a.l[0];
}

#undef EACH
#endif
