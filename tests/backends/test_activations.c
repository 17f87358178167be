/* test_activations.c - the activations of heads: the same bits for every instruction set, and their error against
 * double precision. */
#include "tests/backends/rows_case.h"

#include "backends/cpu/device.h"

enum { COLS = 1000 };

/* A prime step through all 2^32 bit patterns: 280,000 of them. */
static const uint64_t step = 15331;

/* What an activation should be, and how far it may be off: some ULP of the result, and of another number, of which the
 * result is a part. */
struct activation {
    const char *name;
    gd_activation act;
    double (*want)(double x);
    double ulps;
    double (*size)(double x); /* NULL: the result's own */
};

static double relu(double x) { return x < 0 ? 0 : x; }
static double leaky_relu(double x) { return x < 0 ? 0.3f * x : x; }
static double silu(double x) { return x / (1 + exp(-x)); }
static double gelu(double x) { return x < -40 ? 0 : x * (erfc(-x * sqrt(0.5)) / 2); }
static double selu(double x) { return x > 0 ? 1.0507009873554805 * x : 1.7580993408473766 * expm1(x); }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* The definition adds 1 to a tanh near -1. */
static double gelu_tanh(double x)
{
    const double inner = 0.7978845608028654 * (x + 0.044715 * x * x * x);

    return fabs(x) > 1e6 ? relu(x) : x / (1 + exp(-2 * inner));
}

static const struct activation activations[] = {
    { "relu", GD_ACT_RELU, relu, 0, NULL },
    { "leaky_relu", GD_ACT_LEAKY_RELU, leaky_relu, 0.51, NULL },
    { "silu", GD_ACT_SILU, silu, 2.5, NULL },
    { "gelu", GD_ACT_GELU, gelu, 6, NULL },
    { "gelu_tanh", GD_ACT_GELU_TANH, gelu_tanh, 1.5, fabs },
    { "selu", GD_ACT_SELU, selu, 2.5, NULL },
    { "tanh", GD_ACT_TANH, tanh, 1.34, NULL },
    { "sigmoid", GD_ACT_SIGMOID, sigmoid, 2.5, NULL },
};

static gd_device *open_isa(const char *isa)
{
    const gd_device_options options = { .threads = 1, .isa = isa, .operand = GD_F32 };
    gd_device *device;

    assert_ok(gd_backend_cpu.open(&device, &options, test_err));
    return device;
}

static void run(gd_device *device, gd_activation act, float *x, float *y)
{
    const gd_tile tile = { NULL, true, 0, 1 };
    const gd_call call = { .in = { { x, GD_F32, 1, COLS, COLS } },
                           .out = { y, GD_F32, 1, COLS, COLS },
                           .params = { .act = act, .slope = 0.3f },
                           .tile = &tile };

    gd_backend_cpu.run[GD_OP_act](device, &call);
}

/* In ULP; below 2^-126 results are zero. */
static double error_of(const struct activation *a, float x, float got)
{
    const double want = a->want((double)x), size = a->size ? a->size((double)x) : want;
    int exponent;

    if (isnan(x))
        return isnan(got) ? 0 : HUGE_VAL;
    if (fabs(want) > 0x1.ffffffp127)
        return isinf(got) ? 0 : HUGE_VAL;
    if (fabs(want) < 0x1p-126)
        return fabsf(got) <= 0x1p-126f ? 0 : HUGE_VAL;
    if (got == 0 && fabs(want) < 0x1p-120) /* exp(-g) is infinite where silu is still below 2^-121 */
        return 0;
    (void)frexp(size, &exponent);
    return fabs((double)got - want) / ldexp(1.0, (exponent < -125 ? -125 : exponent) - 24);
}

static void scan(const struct activation *a, gd_device *device, const char *isa, gd_device *definition)
{
    float *x = gd_alloc_aligned(COLS * sizeof *x), *y = gd_alloc_aligned(COLS * sizeof *y);
    float *want = gd_alloc_aligned(COLS * sizeof *want), worst_x = 0;
    double worst = 0;

    assert_true(x && y && want);
    for (uint64_t first = 0; first >> 32 == 0; first += step * COLS) {
        for (size_t i = 0; i < COLS; i++) {
            const uint32_t bits = (uint32_t)(first + i * step);

            memcpy(&x[i], &bits, 4);
            if (isinf(x[i]))
                x[i] = 1;
        }
        run(device, a->act, x, y);
        run(definition, a->act, x, want);
        for (size_t i = 0; i < COLS; i++) {
            const double e = error_of(a, x[i], y[i]);

            if (!test_same(y[i], want[i]))
                fail_msg("%s: %s(%a) = %a, but %a by the definition", isa, a->name, (double)x[i], (double)y[i],
                         (double)want[i]);
            if (!(e <= worst)) {
                worst = e;
                worst_x = x[i];
            }
        }
    }
    if (!(worst <= a->ulps))
        fail_msg("%s: %s(%a) is off by %.3f ULP; the bound is %.3f", isa, a->name, (double)worst_x, worst, a->ulps);
    gd_free(x);
    gd_free(y);
    gd_free(want);
}

static void errors_are_bounded(void **state)
{
    gd_device *definition = open_isa("generic");
    const char *isa;

    (void)state;
    for (size_t i = 0; (isa = gd_backend_cpu.isa(i)); i++) {
        gd_device *device = open_isa(isa);

        for (size_t k = 0; k < sizeof activations / sizeof activations[0]; k++)
            scan(&activations[k], device, isa, definition);
        gd_backend_cpu.close(device);
    }
    gd_backend_cpu.close(definition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
