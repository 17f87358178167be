/* plain_case.h - each operation once more in long double, as its formula is written, without bounds and without the
 * files of src/cross. */
#ifndef GD_TESTS_PLAIN_CASE_H
#define GD_TESTS_PLAIN_CASE_H

#include "tests/cross/step_case.h"

static inline long double plain_operand(const step_case *c, long double x)
{
    return c->rule.operand == GD_F32 ? x : (long double)gd_bf16_to_f32(gd_bf16_from_f32((float)x));
}

static inline long double plain_weight(const gd_view *view, size_t i)
{
    if (view->dtype == GD_F16)
        return (long double)gd_f16_to_f32(((const uint16_t *)view->data)[i]);
    return (long double)test_element(view->data, view->dtype, i);
}

/* Element i of a row of an input. */
static inline long double plain_input(const step_case *c, size_t which, size_t row, size_t i)
{
    return (long double)test_element(c->input[which], c->type[which], row * c->cols[which] + i);
}

static inline long double plain_linear(const step_case *c, size_t row, size_t i)
{
    long double y = c->bias ? plain_weight(&c->w[1], i) : 0;

    for (size_t k = 0; k < c->in; k++)
        y += plain_input(c, 0, row, k) * plain_operand(c, plain_weight(&c->w[0], i * c->in + k));
    for (size_t r = 0; r < c->rank; r++) {
        long double t = 0;

        for (size_t k = 0; k < c->in; k++)
            t += plain_input(c, 0, row, k) * plain_operand(c, plain_weight(&c->a, r * c->in + k));
        y += (long double)c->scale * plain_operand(c, plain_weight(&c->b, i * c->rank + r)) * plain_operand(c, t);
    }
    return y;
}

static inline long double plain_rms_norm(const step_case *c, size_t row, size_t i)
{
    const size_t n = c->params.heads ? c->params.head_dim : c->in;
    const long double w = plain_weight(&c->w[0], i % n) + (c->params.unit_offset ? 1 : 0);
    long double squares = 0;

    for (size_t k = i / n * n; k < i / n * n + n; k++)
        squares += powl(plain_input(c, 0, row, k), 2);
    return w * plain_input(c, 0, row, i) / sqrtl(squares / (long double)n + (long double)c->params.eps);
}

static inline long double plain_rope(const step_case *c, size_t row, size_t i)
{
    const size_t dim = c->params.head_dim, half = gd_op_rotary(&c->params) / 2, at = i % dim;
    const float *cosines = c->cosines + row * (dim / 2), *sines = c->sines + row * (dim / 2);
    const long double cosine = (long double)cosines[at % half], sine = (long double)sines[at % half];
    const long double x = plain_input(c, 0, row, i);

    if (at >= 2 * half)
        return x;
    return at < half ? x * cosine - plain_input(c, 0, row, i + half) * sine
                     : x * cosine + plain_input(c, 0, row, i - half) * sine;
}

static inline long double plain_gated(const step_case *c, size_t row, size_t i)
{
    const long double g = plain_input(c, 0, row, i), u = plain_input(c, 1, row, i);
    const long double inner = 0x1.988454p-1L * (g + 0x1.6e4e26p-5L * g * g * g);

    return c->params.act == GD_ACT_SILU ? u * g / (1 + expl(-g)) : u * g / (1 + expl(-2 * inner));
}

static inline long double plain_attention(const step_case *c, size_t row, size_t i)
{
    const size_t dim = c->params.head_dim, head = i / dim, kv = head / (c->params.heads / c->params.kv_heads) * dim;
    long double above = 0, below = 0;

    for (size_t p = 0; p <= row; p++) {
        long double s = 0, e;

        if (c->params.window && row - p >= c->params.window)
            continue;
        for (size_t d = 0; d < dim; d++)
            s += plain_input(c, 0, row, head * dim + d) * plain_input(c, 1, p, kv + d);
        s *= (long double)c->params.scale;
        if (c->params.softcap != 0)
            s = (long double)c->params.softcap * tanhl(s / (long double)c->params.softcap);
        e = expl(s); /* long double has room for it */
        below += e;
        above += e * plain_input(c, 2, p, kv + i % dim);
    }
    return above / below;
}

static inline long double plain_head(const step_case *c, size_t row, size_t label)
{
    long double y = 0;

    for (size_t k = 0; k < c->in; k++)
        y += plain_input(c, 0, row, k) * plain_weight(&c->w[0], label * c->in + k);
    return y;
}

static inline long double plain_act(const step_case *c, long double x)
{
    switch (c->params.act) {
    case GD_ACT_RELU: return x < 0 ? 0 : x;
    case GD_ACT_LEAKY_RELU: return x < 0 ? (long double)c->params.slope * x : x;
    case GD_ACT_GELU: return x * erfcl(-x * sqrtl(0.5L)) / 2;
    case GD_ACT_SELU: return x > 0 ? 0x1.0cfabep+0L * x : 0x1.c212ccp+0L * expm1l(x);
    case GD_ACT_TANH: return tanhl(x);
    case GD_ACT_SIGMOID: return 1 / (1 + expl(-x));
    case GD_ACT_SILU: return x / (1 + expl(-x));
    default: return x / (1 + expl(-2 * 0x1.988454p-1L * (x + 0x1.6e4e26p-5L * x * x * x)));
    }
}

static inline long double plain_softmax(const step_case *c, size_t row, size_t i)
{
    const size_t n = c->out / c->params.groups, first = i / n * n;
    const long double t = (long double)c->params.temperature, z = plain_input(c, 0, row, i) / t;
    long double sum = 0;

    for (size_t k = first; k < first + n; k++)
        sum += expl(plain_input(c, 0, row, k) / t - z);
    return 1 / sum;
}

static inline long double plain_sum(const step_case *c, size_t row, size_t i)
{
    const size_t n = c->in / c->out;
    long double sum = 0;

    for (size_t k = i * n; k < i * n + n; k++)
        sum += plain_input(c, 0, row, k);
    return c->op == GD_OP_mean ? sum / (long double)n : sum;
}

/* Operations that only heads have. */
static inline long double plain_head_value(const step_case *c, size_t row, size_t i)
{
    const long double x = c->op == GD_OP_part
                              ? plain_input(c, 0, row, c->params.from + i * c->params.every)
                              : plain_input(c, 0, row, c->op == GD_OP_sum || c->op == GD_OP_mean ? 0 : i);

    switch (c->op) {
    case GD_OP_act: return plain_act(c, x);
    case GD_OP_softmax: return plain_softmax(c, row, i);
    case GD_OP_mul: return x * plain_input(c, 1, row, c->cols[1] == 1 ? 0 : i);
    case GD_OP_part: return x;
    case GD_OP_affine:
        return x * (c->bias ? plain_weight(&c->w[0], i) : (long double)c->params.scale) +
               (c->bias ? plain_weight(&c->w[1], i) : (long double)c->params.shift);
    default: return plain_sum(c, row, i);
    }
}

static inline long double plain_value(const step_case *c, size_t row, size_t i)
{
    switch (c->op) {
    case GD_OP_embedding: return plain_weight(&c->w[0], c->token[row] * c->out + i) * (long double)c->params.scale;
    case GD_OP_rms_norm: return plain_rms_norm(c, row, i);
    case GD_OP_linear: return plain_linear(c, row, i);
    case GD_OP_rope: return plain_rope(c, row, i);
    case GD_OP_attention: return plain_attention(c, row, i);
    case GD_OP_gated: return plain_gated(c, row, i);
    case GD_OP_add: return plain_input(c, 0, row, i) + plain_input(c, 1, row, i);
    case GD_OP_round: return plain_input(c, 0, row, i);
    case GD_OP_last_row: return plain_input(c, 0, c->pooled[row], i);
    case GD_OP_head: return plain_head(c, row, i);
    default: return plain_head_value(c, row, i);
    }
}

#endif
