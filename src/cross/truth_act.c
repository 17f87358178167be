/* truth_act.c - the activations of heads, and how far their arithmetic (doc/arithmetic.md, section 5) may be off. */
#include "cross/truth_inside.h"

#include "base/realmath.h"

enum { FRACTIONS = 200 };

static double size_of(double x) { return __builtin_fabs(x); }

/* exp(x) - 1 for x <= 0. */
static double less_one(double x)
{
    double sum = 1.0;

    if (x < -0.0625)
        return gd_real_exp(x) - 1.0;
    for (unsigned i = 14; i > 1; i--)
        sum = 1.0 + x / (double)i * sum;
    return x * sum;
}

/* Far below 0 by exp, within 2 units, and a difference; near 0 by a polynomial, of which nothing cancels. */
static gd_known selu(double x)
{
    const double scale = 0x1.0cfabep+0, scale_alpha = 0x1.c212ccp+0, m = x < 0 ? less_one(x) : 0;
    const double error = x < -0x1.6p-2 ? 2 * GD_UNIT * (1.0 + m) + GD_UNIT * size_of(m) : 3 * GD_UNIT * size_of(m);

    if (x > 0)
        return gd_truth_rounded((gd_known){ scale * x, GD_FLUSHED });
    return gd_truth_rounded((gd_known){ scale_alpha * m, scale_alpha * error * (1.0 + 0x1p-20) + 4 * GD_FLUSHED });
}

/* The normal distribution's tail beyond t >= 0: a series, or a continued fraction where it is small. */
static double tail(double t)
{
    const double density = gd_real_exp(-t * t / 2) * 0x1.9884533d43651p-2;
    double fraction = t, term = t, sum = t;

    if (t < 2.5) {
        for (unsigned i = 3; i < 100; i += 2) {
            term *= t * t / (double)i;
            sum += term;
        }
        return 0.5 - density * sum;
    }
    for (unsigned i = FRACTIONS; i > 0; i--)
        fraction = t + (double)i / fraction;
    return density / fraction;
}

/* Of the tail: its quotient has 2 units, which the polynomial's argument makes 4, its Horner scheme has 5, its
 * coefficients and the last product 3; exp has 2, its correction one, and the products that follow 3. */
static gd_known gelu(double x)
{
    const double w = tail(size_of(x)), units = 20 * GD_UNIT;
    const double value = x < 0 ? x * w : x * (1.0 - w);
    const double error = x < 0 ? units * size_of(value) : size_of(x) * (units * w + GD_UNIT * (1.0 - w));

    return gd_truth_rounded((gd_known){ value, error + GD_FLUSHED * (size_of(x) + 4.0) });
}

/* exp has 2 units, of which the sum with 1 keeps no more; the sum and the quotient have one each. */
static gd_known sigmoid(double x)
{
    const double value = 1.0 / (1.0 + gd_real_exp(-x));

    return gd_truth_rounded((gd_known){ value, 3 * GD_UNIT * value * (1.0 + 0x1p-20) + 4 * GD_FLUSHED });
}

static gd_known hyperbolic(double x)
{
    const double value = gd_truth_tanh(x);

    return (gd_known){ value, 2.7 * gd_truth_half_ulp(value) + 2 * GD_FLUSHED };
}

static gd_known below_zero(double x, double factor)
{
    const gd_known y = { x < 0 ? x * factor : x, GD_FLUSHED * (1.0 + size_of(factor)) };

    return x < 0 ? gd_truth_rounded(y) : y;
}

/* That of `gated`, times one. */
static gd_known of_gated(const gd_op_params *params, double x)
{
    double one = 1, value, bound;

    gd_truth_gated(params, 1, (gd_truth){ &x, NULL }, (gd_truth){ &one, NULL }, GD_F32, (gd_truth){ &value, &bound });
    return (gd_known){ value, bound };
}

static gd_known activation(const gd_op_params *params, double x)
{
    switch (params->act) {
    case GD_ACT_RELU: return below_zero(x, 0);
    case GD_ACT_LEAKY_RELU: return below_zero(x, (double)params->slope);
    case GD_ACT_GELU: return gelu(x);
    case GD_ACT_SELU: return selu(x);
    case GD_ACT_TANH: return hyperbolic(x);
    case GD_ACT_SIGMOID: return sigmoid(x);
    default: return of_gated(params, x);
    }
}

bool gd_truth_act(const gd_truth_job *job)
{
    for (size_t i = 0; i < job->line->out_cols; i++)
        gd_truth_put(job, i, activation(job->params, gd_truth_input(job, 0, i)));
    return true;
}
