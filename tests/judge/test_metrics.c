/* test_metrics.c - metrics of random numbers against numpy's and scipy's (make_expected.py), and properties that hold
 * for any numbers. */
#include "tests/fields.h"

#include "base/mem.h"
#include "base/realmath.h"
#include "judge/correlation.h"
#include "judge/length.h"
#include "judge/metrics.h"

#include <float.h>
#include <math.h>

static json_t *expected;

static void close_to(double have, double want, const char *what, size_t which)
{
    if (!(fabs(have - want) <= 1e-12 * fmax(1, fabs(want))))
        fail_msg("%s of case %zu is %.17g, expected %.17g", what, which, have, want);
}

static float *floats(const json_t *list)
{
    float *values = malloc((json_array_size(list) + 1) * sizeof *values);
    json_t *one;
    size_t i;

    assert_non_null(values);
    json_array_foreach(list, i, one)
        values[i] = (float)json_number_value(one);
    return values;
}

static void figures_are_numpys(void **state)
{
    const json_t *one;
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(expected, "metrics"), i, one) {
        const json_t *list = json_object_get(one, "margins"), *counts = json_object_get(one, "bins");
        float *margins = floats(list);
        gd_bin bins[GD_BINS];
        gd_metrics m;

        gd_metrics_of(&m, margins, json_array_size(list));
        assert_int_equal(m.pairs, json_array_size(list));
        assert_int_equal(m.ties, json_integer_value(json_object_get(one, "ties")));
        assert_true(m.accuracy == real(one, "accuracy"));
        assert_true(m.low == real(one, "low") && m.high == real(one, "high"));
        close_to(m.margin, real(one, "margin"), "margin", i);
        close_to(m.loss, real(one, "loss"), "loss", i);
        close_to(m.ece, real(one, "ece"), "ece", i);
        close_to(m.brier, real(one, "brier"), "brier", i);
        gd_reliability(bins, margins, json_array_size(list));
        for (size_t b = 0; b < GD_BINS; b++)
            assert_int_equal(bins[b].count, json_integer_value(json_array_get(counts, b)));
        free(margins);
    }
    assert_true(i > 25);
}

/* FNV-1a of all figures: fails if any compiler or processor changes a bit. */
static void figures_have_the_same_bits_everywhere(void **state)
{
    uint64_t hash = 0xcbf29ce484222325u;
    const json_t *one;
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(expected, "metrics"), i, one) {
        const json_t *list = json_object_get(one, "margins");
        float *margins = floats(list);
        gd_metrics m;
        double values[7];
        unsigned char bytes[sizeof values];

        gd_metrics_of(&m, margins, json_array_size(list));
        values[0] = m.accuracy, values[1] = m.low, values[2] = m.high, values[3] = m.margin;
        values[4] = m.loss, values[5] = m.ece, values[6] = m.brier;
        memcpy(bytes, values, sizeof bytes);
        for (size_t b = 0; b < sizeof bytes; b++)
            hash = (hash ^ bytes[b]) * 0x100000001b3u;
        free(margins);
    }
    assert_true(hash == 0x172370bc7ecae8f4u);
}

static void intervals_are_the_documented_ones(void **state)
{
    const json_t *one;
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(expected, "bootstrap"), i, one) {
        double low, high;

        gd_bootstrap_share((size_t)json_integer_value(json_array_get(one, 0)),
                           (size_t)json_integer_value(json_array_get(one, 1)), &low, &high);
        assert_true(low == json_number_value(json_array_get(one, 2)));
        assert_true(high == json_number_value(json_array_get(one, 3)));
    }
    assert_true(i > 5);
}

/* For large counts the interval is the normal approximation's; it contains the share, and shrinks with more pairs. */
static void intervals_are_sensible(void **state)
{
    double width = 1;

    (void)state;
    for (size_t n = 10; n <= 100000; n *= 10) {
        double low, high;
        const double p = 0.7, deviation = sqrt(p * (1 - p) / (double)n);

        gd_bootstrap_share(n / 10 * 7, n, &low, &high);
        assert_true(low < p && p < high && high - low < width);
        width = high - low;
        if (n >= 1000)
            assert_true(fabs(width / (2 * 1.959964 * deviation) - 1) < 0.1);
    }
    gd_bootstrap_share(0, 0, &width, &width);
    assert_true(isnan(width));
}

static void no_pairs_have_no_figures(void **state)
{
    gd_metrics m;
    gd_columns columns;
    gd_length length;

    (void)state;
    gd_metrics_of(&m, NULL, 0);
    assert_true(m.pairs == 0 && m.ties == 0);
    assert_true(isnan(m.accuracy) && isnan(m.low) && isnan(m.margin));
    assert_true(isnan(m.loss) && isnan(m.ece) && isnan(m.brier));
    assert_ok(gd_columns_of(&columns, NULL, 0, test_err));
    assert_int_equal(columns.count, 0);
    assert_ok(gd_length_of(&length, NULL, NULL, 0, test_err));
    assert_int_equal(length.bin_count, 0);
    assert_true(isnan(length.correlation));
}

/* Swapping the sides turns right into wrong and leaves the confidence unchanged. */
static void sides_are_symmetric(void **state)
{
    const json_t *one;
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(expected, "metrics"), i, one) {
        const json_t *list = json_object_get(one, "margins");
        const size_t count = json_array_size(list);
        float *margins = floats(list);
        gd_metrics m, swapped;
        gd_bin a[GD_BINS], b[GD_BINS];

        gd_metrics_of(&m, margins, count);
        gd_reliability(a, margins, count);
        for (size_t k = 0; k < count; k++)
            margins[k] = -margins[k];
        gd_metrics_of(&swapped, margins, count);
        gd_reliability(b, margins, count);
        assert_int_equal(m.right + m.ties + swapped.right, count);
        assert_true(m.margin == -swapped.margin);
        close_to(swapped.loss - m.loss, m.margin, "loss", i); /* softplus(m) - softplus(-m) = m */
        for (size_t k = 0; k < GD_BINS; k++) {
            assert_true(a[k].count == b[k].count && a[k].confidence == b[k].confidence);
            assert_int_equal(a[k].right + a[k].ties + b[k].right, a[k].count);
        }
        free(margins);
    }
}

static void columns_hold_every_margin_once(void **state)
{
    const json_t *one;
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(expected, "metrics"), i, one) {
        const json_t *list = json_object_get(one, "margins");
        const size_t count = json_array_size(list);
        float *margins = floats(list);
        gd_columns c;
        double total = 0, below = 0, wrong = 0;

        assert_ok(gd_columns_of(&c, margins, count, test_err));
        assert_true(c.count >= 1 && c.count <= GD_COLUMNS && c.step > 0);
        for (size_t k = 0; k < c.count; k++) {
            total += c.counts[k];
            below += c.from + ((double)k + 0.5) * c.step < 0 ? c.counts[k] : 0;
        }
        assert_true(total == (double)count);
        for (size_t k = 0; k < count; k++) {
            wrong += margins[k] < 0;
            assert_true(margins[k] >= c.least && margins[k] <= c.most);
        }
        if (count > 20) /* an edge at 0: all to its left is wrong */
            assert_true(below == wrong);
        free(margins);
    }
}

static void lengths_are_divided_into_bins(void **state)
{
    const json_t *one;
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(expected, "length"), i, one) {
        const json_t *list = json_object_get(one, "longer");
        const json_t *correlation = json_object_get(one, "correlation");
        const size_t count = json_array_size(list);
        float *margins = floats(json_object_get(one, "margins")), *values = floats(list);
        int32_t *longer = malloc(count * sizeof *longer);
        size_t pairs = 0;
        gd_length l;

        assert_non_null(longer);
        for (size_t k = 0; k < count; k++)
            longer[k] = (int32_t)values[k];
        assert_ok(gd_length_of(&l, margins, longer, count, test_err));
        assert_int_equal(l.pairs, json_integer_value(json_object_get(one, "pairs")));
        assert_int_equal(l.longer_chosen, json_integer_value(json_object_get(one, "longer_chosen")));
        assert_int_equal(l.longer_higher, json_integer_value(json_object_get(one, "longer_higher")));
        if (json_is_null(correlation))
            assert_true(isnan(l.correlation));
        else
            close_to(l.correlation, json_number_value(correlation), "correlation", i);
        for (size_t b = 0; b < l.bin_count; b++) { /* each pair is in one bin; bins are in order and of one sign each */
            size_t in = 0, right = 0;

            for (size_t k = 0; k < count; k++)
                if (longer[k] >= l.bins[b].from && longer[k] <= l.bins[b].to) {
                    in++;
                    right += margins[k] > 0;
                }
            assert_true(in == l.bins[b].pairs && right == l.bins[b].right && in > 0);
            assert_true(b == 0 || l.bins[b - 1].to < l.bins[b].from);
            assert_true((l.bins[b].from < 0) == (l.bins[b].to < 0) && (l.bins[b].from > 0) == (l.bins[b].to > 0));
            pairs += in;
        }
        assert_int_equal(pairs, count);
        assert_true(count < 200 || l.bin_count >= 2 * GD_LENGTH_PARTS);
        free(margins);
        free(values);
        free(longer);
    }
}

static double *doubles(const json_t *list)
{
    double *values = malloc((json_array_size(list) + 1) * sizeof *values);
    json_t *one;
    size_t i;

    assert_non_null(values);
    json_array_foreach(list, i, one)
        values[i] = json_number_value(one);
    return values;
}

static void correlations_are_scipys(void **state)
{
    const json_t *one;
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(expected, "correlation"), i, one) {
        const size_t count = json_array_size(json_object_get(one, "a"));
        double *a = doubles(json_object_get(one, "a")), *b = doubles(json_object_get(one, "b"));
        double spearman;

        close_to(gd_pearson(a, b, count), real(one, "pearson"), "pearson", i);
        assert_ok(gd_spearman(&spearman, a, b, count, test_err));
        close_to(spearman, real(one, "spearman"), "spearman", i);
        assert_ok(gd_spearman(&spearman, a, a, count, test_err));
        assert_true(fabs(spearman - 1) < 1e-14);
        free(a);
        free(b);
    }
    assert_true(i > 4);
}

static void constants_have_no_correlation(void **state)
{
    const double a[] = { 1, 1, 1 }, b[] = { 1, 2, 3 };
    double spearman = 0;

    (void)state;
    assert_true(isnan(gd_pearson(a, b, 3)) && isnan(gd_pearson(b, a, 3)) && isnan(gd_pearson(b, b, 1)));
    assert_ok(gd_spearman(&spearman, a, b, 3, test_err));
    assert_true(isnan(spearman));
}

static void spread_is_mean_and_standard_deviation(void **state)
{
    const double values[] = { 2, 4, 4, 4, 5, 5, 7, 9 }; /* squares of the distances from 5: 32 */
    gd_spread s = { 0 };

    (void)state;
    assert_true(isnan(gd_spread_std(&s)));
    for (size_t i = 0; i < 8; i++)
        gd_spread_add(&s, values[i]);
    assert_true(s.count == 8 && fabs(s.mean - 5) < 1e-15 && fabs(gd_spread_std(&s) - sqrt(32.0 / 7)) < 1e-15);
}

/* The error of `have` in units in the last place of the true value. */
static double ulps(double have, long double want)
{
    int exponent;

    (void)frexpl(want, &exponent);
    return (double)fabsl(((long double)have - want) / ldexpl(1, exponent - DBL_MANT_DIG));
}

static void exp_and_log_are_within_two_ulp(void **state)
{
    double worst_exp = 0, worst_log = 0;
    uint64_t seed = 1;

    (void)state;
    if (LDBL_MANT_DIG < 64)
        skip(); /* nothing to compare with */
    for (int i = 0; i < 100000; i++) {
        double x;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x = (double)(seed >> 11) * 0x1p-53;
        worst_exp = fmax(worst_exp, ulps(gd_real_exp(-700 * x), expl((long double)(-700 * x))));
        worst_exp = fmax(worst_exp, ulps(gd_real_exp(40 * x - 20), expl(40 * x - 20)));
        worst_log = fmax(worst_log, ulps(gd_real_log1p(x), log1pl(x)));
        worst_log = fmax(worst_log, ulps(gd_real_log1p(ldexp(x, i % 300 - 200)), log1pl(ldexp(x, i % 300 - 200))));
    }
    print_message("errors in ulp: exp %.3f, log1p %.3f\n", worst_exp, worst_log);
    assert_true(worst_exp < 2 && worst_log < 2);
}

static void exp_and_log_are_exact_in_plain_cases(void **state)
{
    (void)state;
    assert_true(gd_real_exp(0) == 1 && gd_real_exp(-0.0) == 1);
    assert_true(gd_real_exp(-1e308) == 0 && gd_real_exp(-INFINITY) == 0 && gd_real_exp(-746) == 0);
    assert_true(gd_real_exp(INFINITY) == INFINITY && gd_real_exp(1e300) == INFINITY && gd_real_exp(709.9) == INFINITY);
    assert_true(gd_real_exp(709.7) < INFINITY && gd_real_exp(-745) == 0x1p-1074);
    assert_true(isnan(gd_real_exp(NAN)));
    assert_true(gd_real_log1p(0) == 0 && gd_real_log1p(0x1p-80) == 0x1p-80);
}

static void memory_may_fail(void **state)
{
    const float margins[] = { 1, -1, 2 };
    const int32_t longer[] = { 1, 2, -3 };
    const double values[] = { 1, 2, 3 };

    (void)state;
    for (uint64_t n = 1; n <= 3; n++) {
        const uint64_t live = gd_mem_live();
        gd_length length;
        double spearman;

        gd_mem_fail_from(n);
        assert_int_equal(gd_length_of(&length, margins, longer, 3, NULL), GD_ENOMEM);
        gd_mem_fail_from(n);
        assert_int_equal(gd_spearman(&spearman, values, values, 3, NULL), GD_ENOMEM);
        gd_mem_fail_from(0);
        assert_int_equal(gd_mem_live(), live);
    }
    gd_mem_fail_from(1);
    assert_int_equal(gd_columns_of(&(gd_columns){ 0 }, margins, 3, NULL), GD_ENOMEM);
    gd_mem_fail_from(0);
}

static int load(void **state)
{
    char path[512];

    (void)state;
    expected = json_load_file(test_data(path, sizeof path, "judge/expected.json"), 0, NULL);
    return expected ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(expected);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_numpys),
        cmocka_unit_test(figures_have_the_same_bits_everywhere),
        cmocka_unit_test(intervals_are_the_documented_ones),
        cmocka_unit_test(intervals_are_sensible),
        cmocka_unit_test(no_pairs_have_no_figures),
        cmocka_unit_test(sides_are_symmetric),
        cmocka_unit_test(columns_hold_every_margin_once),
        cmocka_unit_test(lengths_are_divided_into_bins),
        cmocka_unit_test(correlations_are_scipys),
        cmocka_unit_test(constants_have_no_correlation),
        cmocka_unit_test(spread_is_mean_and_standard_deviation),
        cmocka_unit_test(exp_and_log_are_within_two_ulp),
        cmocka_unit_test(exp_and_log_are_exact_in_plain_cases),
        cmocka_unit_test(memory_may_fail),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
