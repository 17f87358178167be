/* truth_round.c - what roundings can do. */
#include "cross/truth_inside.h"

#include "base/realmath.h"

double gd_truth_growth(double sum)
{
    return sum <= 1.0 ? sum + sum * sum : gd_real_exp(sum) - 1.0; /* exp(s) - 1 <= s + s^2 for s <= 1 */
}

double gd_truth_half_ulp(double x)
{
    uint64_t bits;
    double power;
    int exponent;

    memcpy(&bits, &x, sizeof bits);
    exponent = (int)(bits >> 52 & 0x7FF);
    if (exponent < 1023 - 126)
        exponent = 1023 - 126;
    bits = (uint64_t)(exponent - 24) << 52;
    memcpy(&power, &bits, sizeof power);
    return power;
}

gd_known gd_truth_rounded(gd_known x)
{
    const double most = __builtin_fabs(x.value) + x.bound;

    x.bound += gd_truth_half_ulp(most) * (1.0 + 0x1p-20) + GD_FLUSHED; /* 2^-20: the value's own rounding, in double */
    return x;
}

static double larger(double a, double b) { return a > b ? a : b; }

static double to_bf16(double x) { return (double)gd_bf16_to_f32(gd_bf16_from_f32((float)x)); }

/* Rounding keeps the order of numbers: whatever is between two numbers is rounded to something between their rounded
 * values. */
gd_known gd_truth_operand(gd_dtype type, gd_known x)
{
    const double least = x.value - x.bound, most = x.value + x.bound;
    gd_known y = x;

    if (type == GD_F32)
        return x;
    y.value = to_bf16(x.value);
    y.bound = larger(to_bf16(most) - y.value, y.value - to_bf16(least));
    return y;
}

void gd_truth_put(const gd_truth_job *job, size_t i, gd_known x)
{
    const gd_known y = gd_truth_operand(job->line->out_dtype, x);

    job->out.value[i] = x.value;
    job->out.bound[i] = x.bound;
    if (job->line->out_dtype != GD_F32)
        job->out.bound[i] = larger(__builtin_fabs(y.value + y.bound - x.value),
                                   __builtin_fabs(y.value - y.bound - x.value));
}

void gd_truth_read(const void *from, gd_dtype type, size_t n, double *to)
{
    const unsigned char *at = from;

    for (size_t i = 0; i < n; i++) {
        float wide;
        uint16_t half;

        if (type == GD_F32) {
            memcpy(&wide, at + 4 * i, 4);
        } else {
            memcpy(&half, at + 2 * i, 2);
            wide = type == GD_BF16 ? gd_bf16_to_f32(half) : gd_f16_to_f32(half);
        }
        to[i] = (double)wide;
    }
}

double gd_truth_tanh(double x)
{
    const double a = __builtin_fabs(x), z = x * x;
    const double large = 1.0 - 2.0 / (gd_real_exp(2.0 * a) + 1.0);

    if (a < 0x1p-7) /* the difference would lose the digits; the next term is below 2^-50 */
        return x * (1.0 - z * (1.0 / 3.0 - z * (2.0 / 15.0 - z * (17.0 / 315.0))));
    return __builtin_copysign(large, x);
}
