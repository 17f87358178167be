/* head_back.c - the backward twins of the operations that only heads have: doc/arithmetic.md, section 9.  Plain C, as
 * their forward forms are. */
#include "backends/cpu/back.h"

#include "backends/cpu/over_rows.h"
#include "backends/cpu/weight.h"

#include <math.h>

/* One line of a call: what its output's gradient is, and where those of its inputs go. */
static float *line(const gd_tensor *t, size_t r) { return t->data ? gd_cpu_line(t, r) : NULL; }

static void put(float *to, bool adds, float d) { *to = adds ? *to + d : d; }

/* y = exp(z) / sum: z' = (y' - sum of y' y) y, divided by the temperature. */
static void softmax_group(const gd_back_call *call, size_t n, const float *y, const float *dy, float *dx)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++)
        sum = fmaf(dy[i], y[i], sum);
    for (size_t i = 0; i < n; i++)
        put(&dx[i], call->adds[0], ((dy[i] - sum) * y[i]) / call->params.temperature);
}

static void softmax_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_back_call *call = context;
    const size_t n = call->d_out.cols / call->params.groups;

    (void)kernels;
    for (size_t at = 0; at < call->d_out.cols; at += n)
        softmax_group(call, n, line(&call->out, r) + at, line(&call->d_out, r) + at, line(&call->d_in[0], r) + at);
}

void gd_cpu_softmax_back(gd_device *device, const gd_back_call *call)
{
    gd_cpu_over_rows(device, call->d_out.rows, call->d_out.cols, softmax_row, call);
}

/* The gradient of one factor: that of a single column is a sum. */
static void factor(const gd_back_call *call, size_t r, unsigned which)
{
    const gd_tensor *other = &call->in[1 - which];
    const float *dy = line(&call->d_out, r), *y = line(other, r);
    float *dx = line(&call->d_in[which], r), sum = 0;

    if (!dx)
        return;
    for (size_t i = 0; i < call->d_out.cols; i++) {
        const float f = y[other->cols == 1 ? 0 : i];

        if (call->in[which].cols == 1)
            sum = fmaf(dy[i], f, sum);
        else
            put(&dx[i], call->adds[which], dy[i] * f);
    }
    if (call->in[which].cols == 1)
        put(dx, call->adds[which], sum);
}

static void mul_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    (void)kernels;
    factor(context, r, 0);
    factor(context, r, 1);
}

void gd_cpu_mul_back(gd_device *device, const gd_back_call *call)
{
    gd_cpu_over_rows(device, call->d_out.rows, 2 * call->d_out.cols, mul_row, call);
}

static void spread_groups(const gd_back_call *call, size_t r, bool mean)
{
    const size_t n = call->d_in[0].cols / call->d_out.cols;
    const float *dy = line(&call->d_out, r);
    float *dx = line(&call->d_in[0], r);

    for (size_t i = 0; i < call->d_in[0].cols; i++)
        put(&dx[i], call->adds[0], mean ? dy[i / n] / (float)n : dy[i / n]);
}

static void sum_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    (void)kernels;
    spread_groups(context, r, false);
}

void gd_cpu_sum_back(gd_device *device, const gd_back_call *call)
{
    gd_cpu_over_rows(device, call->d_out.rows, call->d_in[0].cols, sum_row, call);
}

static void mean_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    (void)kernels;
    spread_groups(context, r, true);
}

void gd_cpu_mean_back(gd_device *device, const gd_back_call *call)
{
    gd_cpu_over_rows(device, call->d_out.rows, call->d_in[0].cols, mean_row, call);
}

/* The other columns have none. */
static void part_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_back_call *call = context;
    const float *dy = line(&call->d_out, r);
    float *dx = line(&call->d_in[0], r);

    (void)kernels;
    for (size_t i = 0; !call->adds[0] && i < call->d_in[0].cols; i++)
        dx[i] = 0;
    for (size_t i = 0; i < call->d_out.cols; i++)
        dx[call->params.from + i * call->params.every] += dy[i];
}

void gd_cpu_part_back(gd_device *device, const gd_back_call *call)
{
    gd_cpu_over_rows(device, call->d_out.rows, call->d_in[0].cols, part_row, call);
}

static void affine_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_back_call *call = context;
    const float *scale = call->w ? call->w->vector : NULL, *dy = line(&call->d_out, r);
    float *dx = line(&call->d_in[0], r);

    (void)kernels;
    for (size_t i = 0; i < call->d_out.cols; i++)
        put(&dx[i], call->adds[0], dy[i] * (scale ? scale[i] : call->params.scale));
}

void gd_cpu_affine_back(gd_device *device, const gd_back_call *call)
{
    gd_cpu_over_rows(device, call->d_out.rows, call->d_out.cols, affine_row, call);
}
