/* truth_gated.c - act(gate) * up. */
#include "cross/truth_inside.h"

#include "base/mem.h"
#include "base/realmath.h"

/* What an activation is at one place. */
struct activation {
    double value, slope;
    double error; /* of its computation in fp32, the argument being exact */
};

/* The contract's exp is within 0.99 ULP, 2 units at most; 1 + exp(-g) and the quotient are rounded once each.  From
 * -88.7 on exp is infinite, and the result zero; there it is below 2^-121. */
static struct activation silu(double g)
{
    const double s = 1.0 / (1.0 + gd_real_exp(-g)), value = g * s;

    return (struct activation){ value, s * (1.0 + g * (1.0 - s)), 4 * GD_UNIT * __builtin_fabs(value) + 0x1p-121 };
}

/* Of the argument of tanh: the cube has two roundings, its sum with g one, the product with c one.  tanh itself is
 * within 1.34 ULP of what it gets.  Where it is near -1, 1 + tanh keeps that error and little else. */
static struct activation gelu(double g, double doubt)
{
    const double c = 0x1.988454p-1, k = 0x1.6e4e26p-5, z = c * (g + k * g * g * g), size = __builtin_fabs(z);
    const double t = gd_truth_tanh(z), half = 1.0 / (1.0 + gd_real_exp(-2.0 * z)); /* (1 + t) / 2, also near t = -1 */
    /* How far the engine's argument is away; between both, the slope of tanh is largest at the smaller one. */
    const double away = 4 * GD_UNIT * size * (1.0 + 0x1p-20), least = gd_truth_tanh(size - away);
    /* t is a function of g with a slope below 1, too. An ULP grows with the exponent, but below 1 no further. */
    const double near = __builtin_fabs(t) + away + doubt;
    const double error = away * (1.0 - least * least) + 2.7 * gd_truth_half_ulp(near < 1 ? near : 0.5);
    const double value = g * half, factor = __builtin_fabs(g) / 2;

    return (struct activation){ value, half + g / 2 * (1.0 - t * t) * c * (1.0 + 3 * k * g * g),
                                factor * error + 3 * GD_UNIT * __builtin_fabs(value) + GD_FLUSHED * (factor + 4) };
}

void gd_truth_gated(const gd_op_params *params, size_t cols, gd_truth gate, gd_truth up, gd_dtype out_dtype,
                    gd_truth out)
{
    const gd_truth_line line = { .out_dtype = out_dtype };
    const gd_truth_job job = { .line = &line, .out = out };

    for (size_t i = 0; i < cols; i++) {
        const double g = gate.bound ? gate.bound[i] : 0, u = up.bound ? up.bound[i] : 0;
        const struct activation act = params->act == GD_ACT_SILU ? silu(gate.value[i]) : gelu(gate.value[i], g);
        /* Both second derivatives are between -1 and 1. Where the engine is, act.error may be larger: by less than 16
         * units of the way. */
        const double error = act.error + (__builtin_fabs(act.slope) + g / 2) * g + 16 * GD_UNIT * g;
        gd_known y = { act.value * up.value[i], 0 };

        y.bound = error * (__builtin_fabs(up.value[i]) + u) + __builtin_fabs(act.value) * u +
                  GD_FLUSHED * (__builtin_fabs(act.value) + __builtin_fabs(up.value[i]) + 1.0);
        gd_truth_put(&job, i, gd_truth_rounded(y));
    }
}

bool gd_truth_gate(const gd_truth_job *job)
{
    const gd_truth_line *line = job->line;
    const size_t cols = line->out_cols;
    double *both = gd_alloc(cols, 2 * sizeof *both);

    if (!both)
        return false;
    gd_truth_read(line->in[0], line->in_dtype[0], cols, both);
    gd_truth_read(line->in[1], line->in_dtype[1], cols, both + cols);
    gd_truth_gated(job->params, cols, (gd_truth){ both, NULL }, (gd_truth){ both + cols, NULL }, line->out_dtype,
                   job->out);
    gd_free(both);
    return true;
}
