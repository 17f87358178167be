/* realmath.c - pow, exp, log, sine and cosine in double precision, the same bits on every platform. */
#include "base/realmath.h"

#include <math.h>

/* An unevaluated sum hi + lo with |lo| <= ulp(hi) / 2: about 106 bits. */
struct pair {
    double hi, lo;
};

#define LN2_HI 0x1.62e42fefa39efp-1 /* log 2 = LN2_HI + LN2_LO */
#define LN2_LO 0x1.abc9e3b39803fp-56
#define PI_2_1 0x1.921fb54442d18p+0 /* pi / 2 = the sum of the three */
#define PI_2_2 0x1.1a62633145c07p-54
#define PI_2_3 -0x1.f1976b7ed8fbcp-110

/* |a| >= |b| or a == 0 */
static struct pair fast_sum(double a, double b)
{
    const double s = a + b;

    return (struct pair){ s, b - (s - a) };
}

static struct pair sum(double a, double b)
{
    const double s = a + b, t = s - a;

    return (struct pair){ s, (a - (s - t)) + (b - t) };
}

/* log x to about 2^-60: log(2^k m) = k log 2 + 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172. */
static struct pair log_pair(double x)
{
    int k;
    double m = frexp(x, &k), s, s_lo, z, tail;
    struct pair den, head;

    if (m < 0x1.6a09e667f3bcdp-1) {
        m *= 2;
        k--;
    }
    den = fast_sum(m > 1 ? m : 1, m > 1 ? 1 : m);
    s = (m - 1) / den.hi;
    s_lo = (fma(-s, den.hi, m - 1) - s * den.lo) / den.hi;
    z = s * s;
    tail = 0;
    for (int n = 25; n >= 3; n -= 2) /* z^12 / 25 < 2^-65 */
        tail = (tail + 1.0 / n) * z;
    head = sum(k * LN2_HI, 2 * s);
    /* the rounding error of k * LN2_HI, and all the small terms */
    return fast_sum(head.hi, head.lo + (fma(k, LN2_HI, -(k * LN2_HI)) + k * LN2_LO + 2 * s_lo + 2 * s * tail));
}

/* e to the power a.hi + a.lo: 2^k e^r, |r| <= log 2 / 2, by Taylor's series. */
static double exp_pair(struct pair a)
{
    const double k = nearbyint(a.hi / LN2_HI);
    const double r = fma(-k, LN2_HI, a.hi), lo = a.lo - k * LN2_LO;
    const struct pair reduced = sum(r, lo);
    const double x = reduced.hi;
    double tail = 0;

    for (int n = 16; n >= 2; n--) /* x^17 / 17! < 2^-74 */
        tail = (tail + 1) * x / n;
    /* tail = x / 2! + x^2 / 3! + ..., so e^x = 1 + x + x tail */
    return ldexp(1 + (x + (x * tail + reduced.lo * (1 + x))), (int)k);
}

double gd_real_pow(double x, double y)
{
    const struct pair l = log_pair(x);
    const double p = y * l.hi;

    return exp_pair(fast_sum(p, fma(y, l.hi, -p) + y * l.lo));
}

double gd_real_exp(double x)
{
    if (!(x > -746)) /* the smallest double is e^-744.4 */
        return isnan(x) ? x : 0;
    return x < 710 ? exp_pair((struct pair){ x, 0 })
                   : INFINITY; /* the largest is e^709.8; ldexp overflows in between */
}

double gd_real_log(double x)
{
    const struct pair l = log_pair(x);

    return l.hi + l.lo;
}

/* 1 + x is rounded to u; log u is corrected for what was lost. */
double gd_real_log1p(double x)
{
    const double u = 1 + x;
    const struct pair l = log_pair(u);

    return l.hi + (l.lo + (x > 1 ? 1 - (u - x) : x - (u - 1)) / u);
}

/* sin(x + lo) for |x| <= pi / 4: Taylor's series to x^17; the next term is below 2^-63 of x. */
static double sin_small(double x, double lo)
{
    const double z = x * x;
    double tail = 1.0 / 355687428096000;

    tail = tail * z - 1.0 / 1307674368000;
    tail = tail * z + 1.0 / 6227020800;
    tail = tail * z - 1.0 / 39916800;
    tail = tail * z + 1.0 / 362880;
    tail = tail * z - 1.0 / 5040;
    tail = tail * z + 1.0 / 120;
    tail = tail * z - 1.0 / 6;
    return x + (x * z * tail + lo * (1 - 0.5 * z));
}

/* cos(x + lo) for |x| <= pi / 4: Taylor's series to x^16; 1 - z / 2 in two parts. */
static double cos_small(double x, double lo)
{
    const double z = x * x, half = 0.5 * z, head = 1 - half;
    double tail = 1.0 / 20922789888000;

    tail = tail * z - 1.0 / 87178291200;
    tail = tail * z + 1.0 / 479001600;
    tail = tail * z - 1.0 / 3628800;
    tail = tail * z + 1.0 / 40320;
    tail = tail * z - 1.0 / 720;
    tail = tail * z + 1.0 / 24;
    return head + (((1 - head) - half) + (z * z * tail - x * lo));
}

void gd_real_sincos(double x, double *sine, double *cosine)
{
    const double n = nearbyint(x * 0x1.45f306dc9c883p-1); /* x / (pi / 2); |n| < 2^30 */
    /* Cody and Waite: the first step is exact, since x and n * PI_2_1 are on the same grid and nearly cancel. */
    const double r = fma(-n, PI_2_1, x), p = n * PI_2_2;
    const struct pair d = sum(r, -p);
    const struct pair reduced = fast_sum(d.hi, d.lo - (fma(n, PI_2_2, -p) + n * PI_2_3));
    const double s = sin_small(reduced.hi, reduced.lo), c = cos_small(reduced.hi, reduced.lo);

    switch ((long)n & 3) {
    case 0:
        *sine = s;
        *cosine = c;
        break;
    case 1:
        *sine = c;
        *cosine = -s;
        break;
    case 2:
        *sine = -s;
        *cosine = -c;
        break;
    default:
        *sine = -c;
        *cosine = s;
        break;
    }
}
