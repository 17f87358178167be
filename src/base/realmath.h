/* realmath.h - pow, sine and cosine in double precision, the same bits on every platform.
 *
 * Libraries differ in the last bit; these are made of + - * / fma alone, in one order. The error is below 2
 * ulp (tests/graph/test_rope.c measures it against long double). */
#ifndef GD_BASE_REALMATH_H
#define GD_BASE_REALMATH_H

/* x to the power y, for normal x > 0 and |y log x| < 700. */
double gd_real_pow(double x, double y);

/* Sine and cosine of x, |x| <= 2^30. */
void gd_real_sincos(double x, double *sine, double *cosine);

#endif
