/* adam.c - the optimiser. */
#include "train/adam.h"

#include "base/realmath.h"

#include <math.h>

/* base^n, 0 where that is too small for a double. */
static double power(double base, size_t n) { return base > 0 ? gd_real_exp((double)n * gd_real_log(base)) : 0; }

void gd_adam_step(const gd_adam *adam, const gd_parameter *p, size_t step, double rate, double factor)
{
    const double b1 = adam->beta1, b2 = adam->beta2, kept = 1 - rate * adam->decay;
    const double first = rate / (1 - power(b1, step));
    const double second = sqrt(1 - power(b2, step));

    for (size_t i = 0; i < p->count; i++) {
        const double g = (double)(float)((double)p->gradient[i] * factor);
        const double m = b1 * (double)p->m[i] + (1 - b1) * g, v = b2 * (double)p->v[i] + (1 - b2) * (g * g);

        p->m[i] = (float)m;
        p->v[i] = (float)v;
        p->value[i] = (float)((double)p->value[i] * kept - first * m / (sqrt(v) / second + adam->eps));
    }
}

double gd_gradient_squares(const gd_parameter *p)
{
    double sum = 0;

    for (size_t i = 0; i < p->count; i++)
        sum += (double)p->gradient[i] * (double)p->gradient[i];
    return sum;
}

double gd_clip_factor(double norm, double most)
{
    const double factor = most / (norm + 1e-6);

    return most == 0 || factor > 1 ? 1 : factor;
}
