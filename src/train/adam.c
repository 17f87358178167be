/* adam.c - the optimiser. */
#include "train/adam.h"

#include "base/fpenv.h"
#include "base/realmath.h"

#include <math.h>

/* base^n, 0 where that is too small for a double. */
static double power(double base, size_t n) { return base > 0 ? gd_real_exp((double)n * gd_real_log(base)) : 0; }

/* What is the same for all elements of a step; `kept` is of those that decay. */
struct factors {
    double b1, b2, eps, kept, first, second, clip;
};

static struct factors factors_of(const gd_adam *adam, const gd_adam_moment *at)
{
    return (struct factors){ .b1 = adam->beta1,
                             .b2 = adam->beta2,
                             .eps = adam->eps,
                             .kept = 1 - at->rate * adam->decay,
                             .first = at->rate / (1 - power(adam->beta1, at->step)),
                             .second = sqrt(1 - power(adam->beta2, at->step)),
                             .clip = at->factor };
}

/* Written to be vectorised: the arrays are apart, and the loop has no branch. */
static void step_all(struct factors f, size_t count, float *restrict value, const float *restrict gradient,
                     float *restrict m_of, float *restrict v_of)
{
    for (size_t i = 0; i < count; i++) {
        const double g = (double)(float)((double)gradient[i] * f.clip);
        const double m = f.b1 * (double)m_of[i] + (1 - f.b1) * g, v = f.b2 * (double)v_of[i] + (1 - f.b2) * (g * g);

        m_of[i] = (float)m;
        v_of[i] = (float)v;
        value[i] = (float)((double)value[i] * f.kept - f.first * m / (sqrt(v) / f.second + f.eps));
    }
}

/* A part of a parameter is worth a task from some ten microseconds on. */
enum { PART = 16384 };

static size_t parts_of(const gd_parameter *p) { return (p->count + PART - 1) / PART; }

struct step {
    struct factors factors;
    const gd_parameter *const *list;
};

static void step_task(void *context, size_t index, unsigned worker)
{
    const struct step *s = context;
    const gd_parameter *const *p = s->list;
    const uint64_t env = gd_fpenv_whole();
    struct factors factors = s->factors;
    size_t first, left;

    (void)worker;
    for (; index >= parts_of(*p); p++)
        index -= parts_of(*p);
    first = index * PART;
    left = (*p)->count - first;
    factors.kept = (*p)->decays ? factors.kept : 1;
    step_all(factors, left < PART ? left : PART, (*p)->value + first, (*p)->gradient + first, (*p)->m + first,
             (*p)->v + first);
    gd_fpenv_leave(env);
}

void gd_adam_step(const gd_adam *adam, const gd_adam_moment *at, const gd_parameter *const *list, size_t count,
                  gd_pool *pool)
{
    struct step step = { factors_of(adam, at), list };
    size_t parts = 0;

    for (size_t i = 0; i < count; i++)
        parts += parts_of(list[i]);
    gd_pool_run(pool, parts, step_task, &step);
}

struct squares {
    const gd_parameter *const *list;
    double *sums;
};

/* One sum for each parameter, from its first element to its last. */
static void squares_task(void *context, size_t index, unsigned worker)
{
    const struct squares *s = context;
    const gd_parameter *p = s->list[index];
    const uint64_t env = gd_fpenv_whole();
    double sum = 0;

    (void)worker;
    for (size_t i = 0; i < p->count; i++)
        sum += (double)p->gradient[i] * (double)p->gradient[i];
    s->sums[index] = sum;
    gd_fpenv_leave(env);
}

void gd_gradient_squares(const gd_parameter *const *list, size_t count, double *sums, gd_pool *pool)
{
    gd_pool_run(pool, count, squares_task, &(struct squares){ list, sums });
}

double gd_clip_factor(double norm, double most)
{
    const double factor = most / (norm + 1e-6);

    return most == 0 || factor > 1 ? 1 : factor;
}
