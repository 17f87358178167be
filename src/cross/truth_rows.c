/* truth_rows.c - the operations that work on one line by itself. */
#include "cross/truth_inside.h"

double gd_truth_input(const gd_truth_job *job, size_t which, size_t i)
{
    const gd_dtype type = job->line->in_dtype[which];
    double x;

    gd_truth_read((const char *)job->line->in[which] + i * gd_dtype_size(type), type, 1, &x);
    return x;
}

double gd_truth_weight(const gd_view *view, size_t i)
{
    double w;

    gd_truth_read((const char *)view->data + i * gd_dtype_size(view->dtype), view->dtype, 1, &w);
    return w;
}

bool gd_truth_embedding(const gd_truth_job *job)
{
    const gd_view *table = job->weights->w[0];
    const size_t cols = job->line->out_cols;
    const double scale = (double)job->params->scale;

    for (size_t i = 0; i < cols; i++) {
        gd_known y = { gd_truth_weight(table, job->line->token * cols + i) * scale,
                       GD_FLUSHED * __builtin_fabs(scale) };

        gd_truth_put(job, i, gd_truth_rounded(y));
    }
    return true;
}

/* 1 / sqrt(mean square + eps), and its relative error: half of that of the sum (lanes, division, addition of eps; a
 * third unit for products of errors), then those of the root and the quotient. */
static gd_known norm_factor(const gd_truth_job *job, size_t first, size_t n)
{
    double mean, error, sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += gd_truth_input(job, 0, first + i) * gd_truth_input(job, 0, first + i);
    mean = sum / (double)n + (double)job->params->eps;
    error = gd_truth_lanes_error(n) + 3 * GD_UNIT + GD_FLUSHED / mean;
    /* 1 / sqrt(1 - e) <= 1 + e / 2 / (1 - e) */
    return (gd_known){ 1.0 / __builtin_sqrt(mean), error < 1 ? error / 2 / (1 - error) + 2 * GD_UNIT : 1e300 };
}

/* One head, or the whole line. */
static void norm(const gd_truth_job *job, size_t first, size_t n)
{
    const gd_known r = norm_factor(job, first, n);

    for (size_t i = 0; i < n; i++) {
        const double x = gd_truth_input(job, 0, first + i), w = gd_truth_weight(job->weights->w[0], i);
        const double factor = job->params->unit_offset ? 1.0 + w : w, y = x * r.value * factor;
        const double size = __builtin_fabs(factor);
        /* Two products and perhaps a sum; the last unit is for products of errors. */
        const double error = r.bound + 4 * GD_UNIT;
        const double flushed = GD_FLUSHED * (r.value * size + size + __builtin_fabs(x * r.value) + 1.0);

        gd_truth_put(job, first + i, (gd_known){ y, __builtin_fabs(y) * error + flushed });
    }
}

bool gd_truth_rms_norm(const gd_truth_job *job)
{
    const size_t heads = job->params->heads ? job->params->heads : 1;
    const size_t n = job->params->heads ? job->params->head_dim : job->line->out_cols;

    for (size_t h = 0; h < heads; h++)
        norm(job, h * n, n);
    return true;
}

/* a * c + b * s as the engine computes it: fma(a, c, rounded b * s). */
static gd_known rotated(double a, double c, double b, double s)
{
    const gd_known product = gd_truth_rounded((gd_known){ b * s, 0 });
    gd_known y = { a * c + product.value, product.bound };

    y.bound += GD_FLUSHED * (__builtin_fabs(a) + __builtin_fabs(b) + __builtin_fabs(c) + __builtin_fabs(s));
    return gd_truth_rounded(y);
}

bool gd_truth_rope(const gd_truth_job *job)
{
    const size_t head_dim = job->params->head_dim, rotary = gd_op_rotary(job->params), half = rotary / 2;

    for (size_t h = 0; h < job->params->heads; h++) {
        for (size_t i = 0; i < half; i++) {
            const size_t first = h * head_dim + i, second = first + half;
            const double a = gd_truth_input(job, 0, first), b = gd_truth_input(job, 0, second);
            const double c = (double)job->line->rope_cos[i], s = (double)job->line->rope_sin[i];

            gd_truth_put(job, first, rotated(a, c, -b, s));
            gd_truth_put(job, second, rotated(b, c, a, s));
        }
        for (size_t i = h * head_dim + rotary; i < (h + 1) * head_dim; i++)
            gd_truth_put(job, i, (gd_known){ gd_truth_input(job, 0, i), 0 });
    }
    return true;
}

bool gd_truth_add(const gd_truth_job *job)
{
    for (size_t i = 0; i < job->line->out_cols; i++)
        gd_truth_put(job, i,
                     gd_truth_rounded(
                         (gd_known){ gd_truth_input(job, 0, i) + gd_truth_input(job, 1, i), 2 * GD_FLUSHED }));
    return true;
}

static bool put_input(const gd_truth_job *job)
{
    for (size_t i = 0; i < job->line->out_cols; i++)
        gd_truth_put(job, i, (gd_known){ gd_truth_input(job, 0, i), 0 });
    return true;
}

bool gd_truth_round(const gd_truth_job *job) { return put_input(job); }
bool gd_truth_last_row(const gd_truth_job *job) { return put_input(job); }

static void put_label(const gd_truth_job *job, size_t label, gd_known dot)
{
    if (job->weights->w[1]) {
        dot.value += gd_truth_weight(job->weights->w[1], label);
        dot.bound += GD_FLUSHED;
        dot = gd_truth_rounded(dot);
    }
    gd_truth_put(job, label, dot);
}

/* All labels: a weight has a line of in_cols[0] numbers for each. */
bool gd_truth_head(const gd_truth_job *job)
{
    const size_t n = job->line->in_cols[0];

    for (size_t label = 0; label < job->line->out_cols; label++) {
        double value = 0, size = 0, operands = 0;

        for (size_t i = 0; i < n; i++) {
            const double x = gd_truth_input(job, 0, i), w = gd_truth_weight(job->weights->w[0], label * n + i);

            value += x * w;
            size += __builtin_fabs(x * w);
            operands += __builtin_fabs(x) + __builtin_fabs(w);
        }
        put_label(job, label,
                  (gd_known){ value, gd_truth_lanes_error(n) * size + GD_FLUSHED * (operands + (double)(n + 5)) });
    }
    return true;
}
