/* math.h - exp and tanh, the one definition for every instruction set (doc/arithmetic.md, section 5).
 *
 * Polynomials with explicit fma, no table, no branch, so that 16 lanes are computed together and every target gives
 * the same bits.  Included after a lanes_*.h.  Largest errors over all finite floats, against double precision:
 *     v_exp   0.99 ULP where the result is normal; results below 2^-126 are 0; exp(-inf) = 0, NaN stays NaN
 *     v_tanh  1.34 ULP; tanh(+-0) = +-0, tanh(+-inf) = +-1, NaN stays NaN
 * The coefficients are minimax fits (relative error below 2^-30), rounded to float. */
#ifndef GD_CPU_MATH_H
#define GD_CPU_MATH_H

#include "backends/cpu/lanes.h"

/* exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln(2) / 2, exp(r) = 1 + (r + r^2 q(r)).
 * For x that do not overflow: below 88, say, or NaN. */
static inline v16 v_exp_falling(v16 x)
{
    const v16 below = v_set(-0x1.5d58a0p+6f); /* the largest whose result is not normal */
    const v16 magic = v_set(0x1.8p23f);       /* adding it leaves n in the lowest bits */
    const v16 shifted = v_fma(x, v_set(0x1.715476p+0f), magic), n = v_sub(shifted, magic);
    const v16 r = v_fma(n, v_set(0x1.05c610p-29f), v_fma(n, v_set(-0x1.62e430p-1f), x));
    v16 q = v_set(0x1.9f07f4p-13f);

    q = v_fma(q, r, v_set(0x1.6d8ddep-10f));
    q = v_fma(q, r, v_set(0x1.111272p-7f));
    q = v_fma(q, r, v_set(0x1.55548cp-5f));
    q = v_fma(q, r, v_set(0x1.555554p-3f));
    q = v_fma(q, r, v_set(0.5f));
    q = v_add(v_fma(q, v_mul(r, r), r), v_set(1.0f));
    /* Far below, q may be anything; max(0, x) is 0 there, and NaN where x is NaN. */
    return v_select_less(below, x, v_raise(q, shifted), v_max(v_zero(), x));
}

static inline v16 v_exp(v16 x)
{
    return v_select_less(v_set(0x1.62e42ep+6f), x, v_set(__builtin_inff()), v_exp_falling(x));
}

/* |x| < 0.625: x + x^3 p(x^2); else 1 - 2 / (exp(2 |x|) + 1); in any case with the sign of x. */
static inline v16 v_tanh(v16 x)
{
    const v16 a = v_abs(x), z = v_mul(x, x), one = v_set(1.0f), two = v_set(2.0f);
    const v16 large = v_sub(one, v_div(two, v_add(v_exp(v_mul(two, a)), one)));
    v16 p = v_set(0x1.18be9ap-9f);

    p = v_fma(p, z, v_set(-0x1.0beba8p-7f));
    p = v_fma(p, z, v_set(0x1.638986p-6f));
    p = v_fma(p, z, v_set(-0x1.b9ee66p-5f));
    p = v_fma(p, z, v_set(0x1.111066p-3f));
    p = v_fma(p, z, v_set(-0x1.555554p-2f));
    return v_sign_of(v_select_less(a, v_set(0.625f), v_fma(p, v_mul(z, x), x), large), x);
}

/* g / (1 + exp(-g)). For -inf it is NaN (-inf / inf): an infinite activation is a fault that must not be hidden. */
static inline v16 v_silu(v16 g) { return v_div(g, v_add(v_set(1.0f), v_exp(v_negate(g)))); }

/* 0.5 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))). */
static inline v16 v_gelu_tanh(v16 g)
{
    const v16 cube = v_mul(v_mul(g, g), g);
    const v16 inner = v_mul(v_set(0x1.988454p-1f), v_fma(v_set(0x1.6e4e26p-5f), cube, g));

    return v_mul(v_mul(v_set(0.5f), g), v_add(v_set(1.0f), v_tanh(inner)));
}

#endif
