/* test_math.c - exp and tanh: the same bits for every instruction set, and their error against double precision. */
#include "tests/backends/rows_case.h"

enum { CHUNK = 4096 };

/* A prime step through all 2^32 bit patterns: 2.1 million of them.  All finite ones were tried once: the largest errors
 * were 0.988 and 1.331. */
static const uint64_t step = 2039;

typedef void map(size_t n, const float *x, float *y);

/* Units in the last place of the float nearest to `want`. */
static double ulps(float got, double want)
{
    int exponent;

    if ((double)got == want)
        return 0;
    (void)frexp(want, &exponent);
    return fabs((double)got - want) / ldexp(1.0, (exponent < -125 ? -125 : exponent) - 24);
}

static double exp_error(float x, float got)
{
    const double want = exp((double)x);

    if (isnan(x))
        return isnan(got) ? 0 : HUGE_VAL;
    if (want < 0x1p-126)
        return got == 0.0f ? 0 : HUGE_VAL; /* flushed, like every denormal (doc/arithmetic.md) */
    if (want > 0x1.ffffffp127)
        return isinf(got) ? 0 : HUGE_VAL;
    return ulps(got, want);
}

static double tanh_error(float x, float got)
{
    if (isnan(x))
        return isnan(got) ? 0 : HUGE_VAL;
    if (fabsf(x) < 0x1p-126f)
        return got == 0.0f || got == x ? 0 : HUGE_VAL;
    return signbit(x) != signbit(got) ? HUGE_VAL : ulps(got, tanh((double)x));
}

static void scan(const gd_row_kernels *k, const char *name, map *run, map *definition, double (*error)(float, float),
                 double bound)
{
    static float x[CHUNK], y[CHUNK], want[CHUNK];
    double worst = 0;
    float worst_x = 0;

    for (uint64_t first = 0; first >> 32 == 0; first += step * CHUNK) {
        uint64_t env;

        for (size_t i = 0; i < CHUNK; i++) {
            const uint32_t bits = (uint32_t)(first + i * step);

            memcpy(&x[i], &bits, 4);
        }
        env = gd_fpenv_enter();
        run(CHUNK, x, y);
        definition(CHUNK, x, want);
        gd_fpenv_leave(env);
        for (size_t i = 0; i < CHUNK; i++) {
            const double e = error(x[i], y[i]);

            if (!test_same(y[i], want[i]))
                fail_msg("%s:%s(%a) = %a, but %a by the definition", k->name, name, x[i], y[i], want[i]);
            if (!(e <= worst)) {
                worst = e;
                worst_x = x[i];
            }
        }
    }
    if (!(worst <= bound))
        fail_msg("%s:%s(%a) is off by %.3f ULP; the bound is %.3f", k->name, name, worst_x, worst, bound);
}

static void each_scan(const gd_row_kernels *k)
{
    scan(k, "exp", k->exp, gd_rows_generic.exp, exp_error, 0.99);
    scan(k, "tanh", k->tanh, gd_rows_generic.tanh, tanh_error, 1.34);
}

static void errors_are_bounded(void **state)
{
    (void)state;
    test_each_variant(each_scan);
}

static void each_special(const gd_row_kernels *k)
{
    const float x[] = { -INFINITY, -1e30f, -88.0f, -0x1.5d58ap6f, -0.0f, 0.0f, 0x1.62e42ep6f, 0x1.62e43p6f, INFINITY };
    const float exps[] = { 0.0f, 0.0f, 0.0f, 0.0f, 1.0f, 1.0f, 0x1.ffff08p127f, INFINITY, INFINITY };
    const float tanhs[] = { -1.0f, -1.0f, -1.0f, -1.0f, -0.0f, 0.0f, 1.0f, 1.0f, 1.0f };
    enum { COUNT = sizeof x / sizeof x[0] };
    float y[COUNT];

    k->exp(COUNT, x, y);
    for (size_t i = 0; i < COUNT; i++)
        if (!test_same(y[i], exps[i]))
            fail_msg("%s:exp(%a) = %a, not %a", k->name, x[i], y[i], exps[i]);
    k->tanh(COUNT, x, y);
    for (size_t i = 0; i < COUNT; i++)
        if (!test_same(y[i], tanhs[i]))
            fail_msg("%s:tanh(%a) = %a, not %a", k->name, x[i], y[i], tanhs[i]);
}

static void ends_and_zeros(void **state)
{
    (void)state;
    test_each_variant(each_special);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_bounded),
        cmocka_unit_test(ends_and_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
