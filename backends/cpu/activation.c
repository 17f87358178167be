/* activation.c - the activations of a head: doc/arithmetic.md, section 5.  exp, tanh and what `gated` has are the
 * kernels'; the rest is plain C, since heads have few lines. */
#include "backends/cpu/back.h"
#include "backends/cpu/over_rows.h"
#include "backends/cpu/ops.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 64 }; /* columns at a time */

/* The piece of a line: its numbers, and where the results go. */
struct piece {
    const gd_row_kernels *kernels;
    const gd_op_params *params;
    size_t n; /* at most CHUNK */
    const float *x;
    float *y;
};

typedef void activate(const struct piece *p);

/* NaN stays NaN, here and in leaky_relu. */
static void relu(const struct piece *p)
{
    for (size_t i = 0; i < p->n; i++)
        p->y[i] = p->x[i] < 0 ? 0.0f : p->x[i];
}

static void leaky_relu(const struct piece *p)
{
    for (size_t i = 0; i < p->n; i++)
        p->y[i] = p->x[i] < 0 ? p->params->slope * p->x[i] : p->x[i];
}

/* silu and gelu_tanh: those of `gated`, times one. */
static void gated(const struct piece *p)
{
    float ones[CHUNK];

    for (size_t i = 0; i < p->n; i++)
        ones[i] = 1.0f;
    p->kernels->gated(&(gd_gated_job){ .rows = 1,
                                       .cols = p->n,
                                       .act = p->params->act,
                                       .gate = p->x,
                                       .up = ones,
                                       .out = p->y,
                                       .type = GD_F32 });
}

static void hyperbolic(const struct piece *p) { p->kernels->tanh(p->n, p->x, p->y); }

static void sigmoid(const struct piece *p)
{
    float e[CHUNK];

    for (size_t i = 0; i < p->n; i++)
        e[i] = -p->x[i];
    p->kernels->exp(p->n, e, e);
    for (size_t i = 0; i < p->n; i++)
        p->y[i] = 1.0f / (1.0f + e[i]);
}

/* exp(x) - 1 for x <= 0, where e is exp(x): near 0 by the polynomial of exp, whose 1 is left out. */
static float less_one(float x, float e)
{
    float q = 0x1.9f07f4p-13f;

    q = fmaf(q, x, 0x1.6d8ddep-10f);
    q = fmaf(q, x, 0x1.111272p-7f);
    q = fmaf(q, x, 0x1.55548cp-5f);
    q = fmaf(q, x, 0x1.555554p-3f);
    q = fmaf(q, x, 0.5f);
    return x < -0x1.6p-2f ? e - 1.0f : fmaf(q, x * x, x);
}

static void selu(const struct piece *p)
{
    const float scale = 0x1.0cfabep+0f, scale_alpha = 0x1.c212ccp+0f;
    float e[CHUNK];

    p->kernels->exp(p->n, p->x, e);
    for (size_t i = 0; i < p->n; i++)
        p->y[i] = p->x[i] > 0 ? scale * p->x[i] : scale_alpha * less_one(p->x[i], e[i]);
}

/* The normal distribution's tail beyond t >= 0, divided by exp(-t^2 / 2). */
static float tail(float t)
{
    const float r = 1.0f / (t + 3.0f), q = fmaf(-6.0f, r, 1.0f);
    float p = 0x1.c949a4p-15f;

    p = fmaf(p, q, 0x1.1387eap-13f);
    p = fmaf(p, q, -0x1.0099d6p-12f);
    p = fmaf(p, q, -0x1.0eb132p-10f);
    p = fmaf(p, q, 0x1.0ca0b0p-10f);
    p = fmaf(p, q, 0x1.c8bdc0p-8f);
    p = fmaf(p, q, -0x1.56d5e0p-7f);
    p = fmaf(p, q, -0x1.832d0ap-5f);
    p = fmaf(p, q, 0x1.d71384p-3f);
    p = fmaf(p, q, -0x1.04c72ap-1f);
    p = fmaf(p, q, 0x1.754a76p-1f);
    return p * r;
}

/* t = |x|, at most 16, and exp(-t^2 / 2), where what the rounding of t^2 loses is put back. */
static void bells(const struct piece *p, float *t, float *e)
{
    for (size_t i = 0; i < p->n; i++) {
        t[i] = fabsf(p->x[i]) < 16 ? fabsf(p->x[i]) : 16.0f;
        e[i] = -0.5f * (t[i] * t[i]);
    }
    p->kernels->exp(p->n, e, e);
    for (size_t i = 0; i < p->n; i++) {
        const float lost = fmaf(t[i], t[i], -(t[i] * t[i]));

        e[i] = fmaf(e[i], -0.5f * lost, e[i]);
    }
}

/* x times the normal distribution at x: beyond 16 it is 0 or 1. */
static void gelu(const struct piece *p)
{
    float t[CHUNK], e[CHUNK];

    bells(p, t, e);
    for (size_t i = 0; i < p->n; i++) {
        const float x = p->x[i], g = tail(t[i]);

        p->y[i] = x < 0 ? (x * g) * e[i] : x * (1.0f - g * e[i]);
    }
}

/* ---- derivatives: the same pieces, y being the output's gradient on entry ---- */

static void relu_back(const struct piece *p)
{
    for (size_t i = 0; i < p->n; i++)
        p->y[i] = p->x[i] <= 0 ? 0.0f : p->y[i];
}

static void leaky_relu_back(const struct piece *p)
{
    for (size_t i = 0; i < p->n; i++)
        p->y[i] = p->x[i] <= 0 ? p->params->slope * p->y[i] : p->y[i];
}

static void silu_back(const struct piece *p)
{
    float s[CHUNK];

    sigmoid(&(struct piece){ p->kernels, p->params, p->n, p->x, s });
    for (size_t i = 0; i < p->n; i++)
        p->y[i] *= s[i] * fmaf(p->x[i], 1.0f - s[i], 1.0f);
}

static void gelu_tanh_back(const struct piece *p)
{
    float t[CHUNK];

    for (size_t i = 0; i < p->n; i++)
        t[i] = 0x1.988454p-1f * fmaf(0x1.6e4e26p-5f, (p->x[i] * p->x[i]) * p->x[i], p->x[i]);
    p->kernels->tanh(p->n, t, t);
    for (size_t i = 0; i < p->n; i++) {
        const float x = p->x[i], slope = 0x1.988454p-1f * fmaf(0x1.12ba9ep-3f, x * x, 1.0f);

        p->y[i] *= fmaf((0.5f * x) * fmaf(-t[i], t[i], 1.0f), slope, 0.5f * (1.0f + t[i]));
    }
}

static void hyperbolic_back(const struct piece *p)
{
    float t[CHUNK];

    p->kernels->tanh(p->n, p->x, t);
    for (size_t i = 0; i < p->n; i++)
        p->y[i] *= fmaf(-t[i], t[i], 1.0f);
}

static void sigmoid_back(const struct piece *p)
{
    float s[CHUNK];

    sigmoid(&(struct piece){ p->kernels, p->params, p->n, p->x, s });
    for (size_t i = 0; i < p->n; i++)
        p->y[i] *= s[i] * (1.0f - s[i]);
}

static void selu_back(const struct piece *p)
{
    const float scale = 0x1.0cfabep+0f, scale_alpha = 0x1.c212ccp+0f;
    float e[CHUNK];

    p->kernels->exp(p->n, p->x, e);
    for (size_t i = 0; i < p->n; i++)
        p->y[i] *= p->x[i] > 0 ? scale : scale_alpha * e[i];
}

/* The distribution at x, and x times its density. */
static void gelu_back(const struct piece *p)
{
    float t[CHUNK], e[CHUNK];

    bells(p, t, e);
    for (size_t i = 0; i < p->n; i++) {
        const float below = tail(t[i]) * e[i];

        p->y[i] *= fmaf(p->x[i], 0x1.988454p-2f * e[i], p->x[i] < 0 ? below : 1.0f - below);
    }
}

static activate *const derivatives[] = {
    [GD_ACT_SILU] = silu_back,       [GD_ACT_GELU_TANH] = gelu_tanh_back, [GD_ACT_RELU] = relu_back,
    [GD_ACT_GELU] = gelu_back,       [GD_ACT_SELU] = selu_back,           [GD_ACT_LEAKY_RELU] = leaky_relu_back,
    [GD_ACT_TANH] = hyperbolic_back, [GD_ACT_SIGMOID] = sigmoid_back
};

static void act_back_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_back_call *call = context;
    const float *x = gd_cpu_line(&call->in[0], r), *dy = gd_cpu_line(&call->d_out, r);
    float *dx = gd_cpu_line(&call->d_in[0], r), d[CHUNK];

    for (size_t first = 0; first < call->d_out.cols; first += CHUNK) {
        const size_t left = call->d_out.cols - first, n = left < CHUNK ? left : CHUNK;

        memcpy(d, dy + first, n * sizeof *d);
        derivatives[call->params.act](&(struct piece){ kernels, &call->params, n, x + first, d });
        for (size_t i = 0; i < n; i++)
            dx[first + i] = call->adds[0] ? dx[first + i] + d[i] : d[i];
    }
}

void gd_cpu_act_back(gd_device *device, const gd_back_call *call)
{
    assert(call->d_in[0].dtype == GD_F32);
    gd_cpu_over_rows(device, call->d_out.rows, call->d_out.cols * 4, act_back_row, call);
}

/* ---- forward ---- */

static void act_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    static activate *const activations[] = {
        [GD_ACT_SILU] = gated, [GD_ACT_GELU_TANH] = gated,       [GD_ACT_RELU] = relu,       [GD_ACT_GELU] = gelu,
        [GD_ACT_SELU] = selu,  [GD_ACT_LEAKY_RELU] = leaky_relu, [GD_ACT_TANH] = hyperbolic, [GD_ACT_SIGMOID] = sigmoid
    };
    const gd_call *call = context;
    const float *x = gd_cpu_line(&call->in[0], r);
    float *y = gd_cpu_line(&call->out, r);

    for (size_t i = 0; i < call->out.cols; i += CHUNK) {
        const size_t left = call->out.cols - i;

        activations[call->params.act](
            &(struct piece){ kernels, &call->params, left < CHUNK ? left : CHUNK, x + i, y + i });
    }
}

void gd_cpu_act(gd_device *device, const gd_call *call)
{
    assert(call->out.dtype == GD_F32);
    gd_cpu_over_rows(device, call->out.rows, call->out.cols * 4, act_row, call);
}
