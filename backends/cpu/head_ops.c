/* head_ops.c - the operations that only heads have, in plain C, since heads have few lines (doc/arithmetic.md,
 * section 7).  All lines are fp32, and an output never overwrites an input. */
#include "backends/cpu/over_rows.h"
#include "backends/cpu/ops.h"
#include "backends/cpu/weight.h"

#include <math.h>

/* y = exp(x / temperature - the largest), divided by their sum. */
static void softmax(const gd_row_kernels *kernels, size_t n, float temperature, const float *x, float *y)
{
    float largest, sum = 0;

    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / temperature;
    largest = y[0];
    for (size_t i = 1; i < n; i++)
        largest = y[i] > largest ? y[i] : largest;
    for (size_t i = 0; i < n; i++)
        y[i] -= largest;
    kernels->exp(n, y, y);
    for (size_t i = 0; i < n; i++)
        sum += y[i];
    for (size_t i = 0; i < n; i++)
        y[i] /= sum;
}

static void softmax_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const size_t n = call->out.cols / call->params.groups;
    const float *x = gd_cpu_line(&call->in[0], r);
    float *y = gd_cpu_line(&call->out, r);

    for (size_t g = 0; g < call->params.groups; g++)
        softmax(kernels, n, call->params.temperature, x + g * n, y + g * n);
}

void gd_cpu_softmax(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols * 4, softmax_row, call);
}

/* An input of one column is a factor of all. */
static void mul_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const float *x = gd_cpu_line(&call->in[0], r), *y = gd_cpu_line(&call->in[1], r);
    const bool x_is_one = call->in[0].cols == 1, y_is_one = call->in[1].cols == 1;
    float *out = gd_cpu_line(&call->out, r);

    (void)kernels;
    for (size_t i = 0; i < call->out.cols; i++)
        out[i] = x[x_is_one ? 0 : i] * y[y_is_one ? 0 : i];
}

void gd_cpu_mul(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols, mul_row, call);
}

/* The sum of each group of columns, from the first on; or their mean. */
static void sum_groups(const gd_call *call, size_t r, bool mean)
{
    const size_t n = call->in[0].cols / call->out.cols;
    const float *x = gd_cpu_line(&call->in[0], r);
    float *out = gd_cpu_line(&call->out, r);

    for (size_t g = 0; g < call->out.cols; g++, x += n) {
        float sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += x[i];
        out[g] = mean ? sum / (float)n : sum;
    }
}

static void sum_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    (void)kernels;
    sum_groups(context, r, false);
}

void gd_cpu_sum(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->in[0].cols, sum_row, call);
}

static void mean_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    (void)kernels;
    sum_groups(context, r, true);
}

void gd_cpu_mean(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->in[0].cols, mean_row, call);
}

static void part_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const float *x = gd_cpu_line(&call->in[0], r);
    float *out = gd_cpu_line(&call->out, r);

    (void)kernels;
    for (size_t i = 0; i < call->out.cols; i++)
        out[i] = x[call->params.from + i * call->params.every];
}

void gd_cpu_part(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols, part_row, call);
}

/* By numbers of the description, or by those of weights. */
static void affine_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_call *call = context;
    const float *scale = call->w[0] ? call->w[0]->vector : NULL, *shift = call->w[1] ? call->w[1]->vector : NULL;
    const float *x = gd_cpu_line(&call->in[0], r);
    float *out = gd_cpu_line(&call->out, r);

    (void)kernels;
    for (size_t i = 0; i < call->out.cols; i++)
        out[i] = fmaf(x[i], scale ? scale[i] : call->params.scale, shift ? shift[i] : call->params.shift);
}

void gd_cpu_affine(gd_device *device, const gd_call *call)
{
    gd_cpu_over_rows(device, call->out.rows, call->out.cols, affine_row, call);
}
