/* truth_head_ops.c - the other operations that only heads have. */
#include "cross/truth_inside.h"

#include "base/realmath.h"

static double size_of(double x) { return __builtin_fabs(x); }

/* One group of columns: z = x / temperature, and its largest. */
struct group {
    const gd_truth_job *job;
    size_t first, n;
    double temperature, largest;
};

static double logit(const struct group *g, size_t i)
{
    return gd_truth_input(g->job, 0, g->first + i) / g->temperature;
}

/* How far the logarithm of a weight may be off: z and its distance from the largest are rounded, and exp has 2 units.
 * The largest itself is in all weights, and goes away. */
static double doubt(const struct group *g, size_t i)
{
    const double z = logit(g, i);

    return GD_UNIT * (size_of(z) + size_of(z - g->largest) + 3.0);
}

static void softmax(struct group *g)
{
    double sum = 0, error = 0;

    g->largest = logit(g, 0);
    for (size_t i = 1; i < g->n; i++)
        g->largest = logit(g, i) > g->largest ? logit(g, i) : g->largest;
    for (size_t i = 0; i < g->n; i++) {
        const double e = gd_real_exp(logit(g, i) - g->largest);

        sum += e;
        error += e * gd_truth_growth(doubt(g, i)) + GD_FLUSHED;
    }
    error = error / sum + gd_truth_growth((double)g->n * GD_UNIT); /* of the sum, as a fraction */
    for (size_t i = 0; i < g->n; i++) {
        const double y = gd_real_exp(logit(g, i) - g->largest) / sum;
        const double fraction = (gd_truth_growth(doubt(g, i)) + error) / (1.0 - error);
        gd_known known = { y, y * fraction + GD_FLUSHED };

        if (!(error < 0.5 && known.bound < 1.0)) /* it is a part of 1, whatever the logits are */
            known.bound = 1.0;
        gd_truth_put(g->job, g->first + i, gd_truth_rounded(known));
    }
}

bool gd_truth_softmax(const gd_truth_job *job)
{
    const size_t n = job->line->out_cols / job->params->groups;

    for (size_t first = 0; first < job->line->out_cols; first += n)
        softmax(&(struct group){ job, first, n, (double)job->params->temperature, 0 });
    return true;
}

bool gd_truth_mul(const gd_truth_job *job)
{
    const gd_truth_line *line = job->line;

    for (size_t i = 0; i < line->out_cols; i++) {
        const double x = gd_truth_input(job, 0, line->in_cols[0] == 1 ? 0 : i);
        const double y = gd_truth_input(job, 1, line->in_cols[1] == 1 ? 0 : i);

        gd_truth_put(job, i, gd_truth_rounded((gd_known){ x * y, GD_FLUSHED * (size_of(x) + size_of(y) + 1.0) }));
    }
    return true;
}

/* The sum of n columns from `first` on: each is part of as many partial sums at most. */
static gd_known sum_of(const gd_truth_job *job, size_t first, size_t n)
{
    double sum = 0, size = 0;

    for (size_t i = first; i < first + n; i++) {
        sum += gd_truth_input(job, 0, i);
        size += size_of(gd_truth_input(job, 0, i));
    }
    return (gd_known){ sum, gd_truth_growth((double)n * GD_UNIT) * size + 2 * (double)n * GD_FLUSHED };
}

static bool sums(const gd_truth_job *job, bool mean)
{
    const size_t n = job->line->in_cols[0] / job->line->out_cols;

    for (size_t g = 0; g < job->line->out_cols; g++) {
        gd_known sum = sum_of(job, g * n, n);

        if (mean)
            sum = gd_truth_rounded((gd_known){ sum.value / (double)n, sum.bound / (double)n + GD_FLUSHED });
        gd_truth_put(job, g, sum);
    }
    return true;
}

bool gd_truth_sum(const gd_truth_job *job) { return sums(job, false); }

bool gd_truth_mean(const gd_truth_job *job) { return sums(job, true); }

bool gd_truth_part(const gd_truth_job *job)
{
    for (size_t i = 0; i < job->line->out_cols; i++)
        gd_truth_put(job, i, (gd_known){ gd_truth_input(job, 0, job->params->from + i * job->params->every), 0 });
    return true;
}

bool gd_truth_affine(const gd_truth_job *job)
{
    const gd_view *scales = job->weights->w[0], *shifts = job->weights->w[1];

    for (size_t i = 0; i < job->line->out_cols; i++) {
        const double x = gd_truth_input(job, 0, i);
        const double scale = scales ? gd_truth_weight(scales, i) : (double)job->params->scale;
        const double shift = shifts ? gd_truth_weight(shifts, i) : (double)job->params->shift;

        gd_truth_put(job, i,
                     gd_truth_rounded(
                         (gd_known){ x * scale + shift, GD_FLUSHED * (size_of(x) + size_of(scale) + 2.0) }));
    }
    return true;
}
