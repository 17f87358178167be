/* back_impl.h - the backward twins of the row kernels (doc/arithmetic.md, section 9), written once for 16 lanes. */
#include "backends/cpu/attention_block.h"
#include "backends/cpu/math.h"

/* x' = r * fma(-k, x, u), u = y' * w, k = (sum(u * x) * r * r) / n. */
INLINE v16 weighed_gradient(const gd_norm_back_job *job, size_t i)
{
    const v16 w = v_load_some(job->w + i, job->n - i);

    return v_mul(v_load_some(job->dy + i, job->n - i), job->unit_offset ? v_add(v_set(1.0f), w) : w);
}

static void row_rms_norm_back(const gd_norm_back_job *job)
{
    const size_t n = job->n;
    v16 squares = v_zero(), products = v_zero(), k;
    float r;

    for (size_t i = 0; i < n; i += 16) {
        const v16 x = v_load_some(job->x + i, n - i);

        squares = v_fma(x, x, squares);
        products = v_fma(weighed_gradient(job, i), x, products);
    }
    r = 1.0f / __builtin_sqrtf(v_sum(squares) / (float)n + job->eps);
    if (job->r)
        *job->r = r;
    k = v_set(-(v_sum(products) * (r * r) / (float)n));
    for (size_t i = 0; job->dx && i < n; i += 16) {
        v16 d = v_mul(v_set(r), v_fma(k, v_load_some(job->x + i, n - i), weighed_gradient(job, i)));

        if (job->add)
            d = v_add(v_load_some((const float *)job->dx + i, n - i), d);
        v_write(job->dx, job->type, i, n - i, d);
    }
}

static void row_axpy(size_t n, float a, const float *x, float *y)
{
    const v16 factor = v_set(a);

    for (size_t i = 0; i < n; i += 16)
        v_store_some(y + i, n - i, v_fma(factor, v_load_some(x + i, n - i), v_load_some(y + i, n - i)));
}

static void row_norm_weight(size_t n, const float *x, float r, const float *dy, float *sum)
{
    const v16 factor = v_set(r);

    for (size_t i = 0; i < n; i += 16)
        v_store_some(sum + i, n - i,
                     v_fma(v_load_some(dy + i, n - i), v_mul(v_load_some(x + i, n - i), factor),
                           v_load_some(sum + i, n - i)));
}

typedef struct activated {
    v16 value, slope;
} activated;

/* silu(g) and silu'(g). */
INLINE activated silu_slope(v16 g)
{
    const v16 one = v_set(1.0f), below = v_add(one, v_exp(v_negate(g))), s = v_div(one, below);

    return (activated){ v_div(g, below), v_mul(s, v_fma(g, v_sub(one, s), one)) };
}

/* gelu(g) and gelu'(g). */
INLINE activated gelu_slope(v16 g)
{
    const v16 one = v_set(1.0f), half = v_set(0.5f), c = v_set(0x1.988454p-1f);
    const v16 inner = v_mul(c, v_fma(v_set(0x1.6e4e26p-5f), v_mul(v_mul(g, g), g), g));
    const v16 t = v_tanh(inner), bent = v_mul(c, v_fma(v_set(0x1.12ba9ep-3f), v_mul(g, g), one));
    const v16 flat = v_mul(half, v_add(one, t)), rest = v_fma(v_negate(t), t, one);

    return (activated){ v_mul(v_mul(half, g), v_add(one, t)), v_fma(v_mul(v_mul(half, g), rest), bent, flat) };
}

INLINE void gated_back_as(const gd_gated_back_job *job, gd_activation act, gd_dtype type)
{
    const size_t n = job->cols;

    for (size_t i = 0; i < n; i += 16) {
        const v16 g = v_read(job->gate, type, i, n - i), u = v_read(job->up, type, i, n - i);
        const v16 dy = v_load_some(job->dy + i, n - i);
        const activated a = act == GD_ACT_SILU ? silu_slope(g) : gelu_slope(g);

        v_write(job->d_gate, type, i, n - i, v_mul(v_mul(dy, u), a.slope));
        v_write(job->d_up, type, i, n - i, v_mul(dy, a.value));
    }
}

static void row_gated_back(const gd_gated_back_job *job)
{
    if (job->act == GD_ACT_SILU && job->type == GD_BF16)
        gated_back_as(job, GD_ACT_SILU, GD_BF16);
    else if (job->act == GD_ACT_SILU)
        gated_back_as(job, GD_ACT_SILU, GD_F32);
    else
        gated_back_as(job, GD_ACT_GELU_TANH, job->type);
}
