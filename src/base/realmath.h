/* realmath.h - pow, exp, log, sine and cosine in double precision, the same bits on every platform.
 *
 * Libraries differ in the last bit; these use only + - * / and fma, in a fixed order. The error is below 2
 * ulp (tests/graph/test_rope.c and tests/judge/test_metrics.c measure it against long double). */
#ifndef GD_BASE_REALMATH_H
#define GD_BASE_REALMATH_H

/* x to the power y, for normal x > 0 and |y log x| < 700. */
double gd_real_pow(double x, double y);

/* e to the power x, for any x: 0 or infinity if the result is too small or too large for a double, NaN for NaN. */
double gd_real_exp(double x);

/* log x for normal x > 0. */
double gd_real_log(double x);

/* log(1 + x) for finite x >= 0. */
double gd_real_log1p(double x);

/* Sine and cosine of x, |x| <= 2^30. */
void gd_real_sincos(double x, double *sine, double *cosine);

#endif
