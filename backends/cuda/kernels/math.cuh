/* math.cuh - exp, tanh and the activations (doc/arithmetic.md, section 5): the operations of backends/cpu/math.h in the
 * same order, so the same bits.  Functions of one number, without branches that lanes could take apart. */
#ifndef GD_CUDA_MATH_CUH
#define GD_CUDA_MATH_CUH

#include "backends/cuda/kernels/common.cuh"

/* exp(x) = 2^n exp(r): for x that do not overflow, or NaN. */
GD_DEVICE float gd_exp_falling(float x)
{
    const float below = -0x1.5d58a0p+6f; /* the largest whose result is not normal */
    const float magic = 0x1.8p23f;       /* adding it leaves n in the lowest bits */
    const float shifted = __fmaf_rn(x, 0x1.715476p+0f, magic), n = __fadd_rn(shifted, -magic);
    const float r = __fmaf_rn(n, 0x1.05c610p-29f, __fmaf_rn(n, -0x1.62e430p-1f, x));
    float q = 0x1.9f07f4p-13f;

    q = __fmaf_rn(q, r, 0x1.6d8ddep-10f);
    q = __fmaf_rn(q, r, 0x1.111272p-7f);
    q = __fmaf_rn(q, r, 0x1.55548cp-5f);
    q = __fmaf_rn(q, r, 0x1.555554p-3f);
    q = __fmaf_rn(q, r, 0.5f);
    q = __fadd_rn(__fmaf_rn(q, __fmul_rn(r, r), r), 1.0f);
    q = gd_float(gd_bits(q) + (gd_bits(shifted) << 23)); /* times 2^n */
    /* Far below, q may be anything; this is 0 there, and NaN where x is NaN. */
    return below < x ? q : 0.0f > x ? 0.0f : x;
}

GD_DEVICE float gd_exp(float x) { return 0x1.62e42ep+6f < x ? gd_float(0x7F800000u) : gd_exp_falling(x); }

/* tanh(x) for a quotient of 2 / (exp(2 |x|) + 1).  |x| < 0.625: x + x^3 p(x^2); else 1 - quotient; in any case with the
 * sign of x. */
GD_DEVICE float gd_tanh_of(float x, float quotient)
{
    const float z = __fmul_rn(x, x);
    float p = 0x1.18be9ap-9f;

    p = __fmaf_rn(p, z, -0x1.0beba8p-7f);
    p = __fmaf_rn(p, z, 0x1.638986p-6f);
    p = __fmaf_rn(p, z, -0x1.b9ee66p-5f);
    p = __fmaf_rn(p, z, 0x1.111066p-3f);
    p = __fmaf_rn(p, z, -0x1.555554p-2f);
    p = fabsf(x) < 0.625f ? __fmaf_rn(p, __fmul_rn(z, x), x) : __fsub_rn(1.0f, quotient);
    return gd_float((gd_bits(p) & 0x7FFFFFFFu) | (gd_bits(x) & 0x80000000u));
}

/* n / (1 + exp(x)) */
GD_DEVICE float gd_logistic(float n, float x) { return __fdiv_rn(n, __fadd_rn(1.0f, gd_exp(x))); }

GD_DEVICE float gd_tanh(float x) { return gd_tanh_of(x, gd_logistic(2.0f, __fmul_rn(2.0f, fabsf(x)))); }

/* silu: g / (1 + exp(-g)); for -inf it is NaN (-inf / inf): an infinite activation is a fault that must not be hidden.
 * gelu_tanh: 0.5 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))).  Both share the exponential and the division, which are
 * most of the code. */
GD_DEVICE float gd_activation(uint32_t act, float g)
{
    const float cube = __fmul_rn(__fmul_rn(g, g), g);
    const float inner = __fmul_rn(0x1.988454p-1f, __fmaf_rn(0x1.6e4e26p-5f, cube, g));
    const bool silu = act == GD_CUDA_SILU;
    const float quotient = gd_logistic(silu ? g : 2.0f, silu ? __fmul_rn(g, -1.0f) : __fmul_rn(2.0f, fabsf(inner)));

    if (silu)
        return quotient;
    return __fmul_rn(__fmul_rn(0.5f, g), __fadd_rn(1.0f, gd_tanh_of(inner, quotient)));
}

#endif
