/* test_chart.c - line and bar charts as SVG. */
#include "tests/markup.h"

#include "page/chart.h"

#include <math.h>

static const char *short_number(double value)
{
    static gd_buf b;

    gd_buf_clear(&b);
    gd_chart_number(&b, value);
    return gd_buf_cstr(&b);
}

static void axes_have_short_numbers(void **state)
{
    (void)state;
    assert_string_equal(short_number(0), "0");
    assert_string_equal(short_number(1), "1");
    assert_string_equal(short_number(0.5), "0.5");
    assert_string_equal(short_number(0.05), "0.05");
    assert_string_equal(short_number(12.34), "12.3");
    assert_string_equal(short_number(999.9), "1k");
    assert_string_equal(short_number(1500), "1.5k");
    assert_string_equal(short_number(16384), "16.4k");
    assert_string_equal(short_number(2e6), "2M");
    assert_string_equal(short_number(0.00123), "1.23m");
    assert_string_equal(short_number(-250), "-250");
    assert_string_equal(short_number(NAN), "0");
}

static const char *small_number(double value)
{
    static gd_buf b;

    gd_buf_clear(&b);
    gd_chart_small(&b, value);
    return gd_buf_cstr(&b);
}

static void small_numbers_have_three_digits(void **state)
{
    (void)state;
    assert_string_equal(small_number(0), "0");
    assert_string_equal(small_number(0.012345), "0.0123");
    assert_string_equal(small_number(0.12345), "0.123");
    assert_string_equal(small_number(-1.2345), "-1.23");
    assert_string_equal(small_number(12.345), "12.3");
    assert_string_equal(small_number(999.4), "999");
    assert_string_equal(small_number(999.9), "1.00e3");
    assert_string_equal(small_number(0.00123), "1.23e-3");
    assert_string_equal(small_number(0.0099999), "1.00e-2");
    assert_string_equal(small_number(-4.5e-12), "-4.50e-12");
    assert_string_equal(small_number(1.5e300), "1.50e300");
    assert_string_equal(small_number(NAN), "0");
    assert_string_equal(small_number(INFINITY), "0");
}

/* Points a power of ten apart are equally far apart. */
static void a_logarithmic_axis_has_powers_of_ten(void **state)
{
    const double x[] = { 0, 1, 2, 3, 4 }, y[] = { 1e-4, 0, 1e-3, 1e-2, -1 };
    const gd_series series = { "drift", x, y, 5 };
    const gd_chart chart = { .title = "t",
                             .x_label = "stage",
                             .y_label = "y",
                             .series = &series,
                             .series_count = 1,
                             .log_y = true,
                             .steps = true };
    double cy[3];
    const char *p;
    gd_buf b = { 0 };

    (void)state;
    gd_chart_svg(&b, &chart);
    p = gd_buf_cstr(&b);
    assert_markup(p);
    assert_int_equal(markup_count(p, "<circle"), 3); /* 0 and -1 have no logarithm */
    for (int i = 0; i < 3; i++) {
        p = strstr(p + 1, "<circle");
        cy[i] = markup_number(p, "cy");
    }
    assert_true(fabs((cy[0] - cy[1]) - (cy[1] - cy[2])) < 0.3 && cy[0] - cy[2] > 100);
    assert_non_null(strstr(b.data, ">1e-4</text>"));
    assert_non_null(strstr(b.data, ">1e-2</text>"));
    assert_null(strstr(b.data, ">1e-1</text>"));
    assert_non_null(strstr(b.data, "<title>drift, stage 2: 1.00e-3</title>"));
    gd_buf_free(&b);
}

static void a_logarithmic_axis_has_any_range(void **state)
{
    static const double ranges[][2] = { { 1, 1 }, { 0, 0 }, { 5e-324, 1.7e308 }, { 0.5, 0.7 }, { 1e-20, 1 } };
    const double x[] = { 0, 1 };

    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const gd_series series = { NULL, x, ranges[i], 2 };
        const gd_chart chart = { .title = "t",
                                 .x_label = "x",
                                 .y_label = "y",
                                 .series = &series,
                                 .series_count = 1,
                                 .log_y = true };
        gd_buf b = { 0 };

        gd_chart_svg(&b, &chart);
        assert_markup(gd_buf_cstr(&b));
        assert_int_equal(markup_count(b.data, "<circle"), ranges[i][0] > 0 ? 2 : 0);
        assert_in_range(markup_count(b.data, ">1e"), 2, 8);
        for (const char *p = strstr(b.data, "<circle"); p; p = strstr(p + 1, "<circle"))
            assert_in_range((unsigned long long)markup_number(p, "cy"), 20, 210);
        gd_buf_free(&b);
    }
}

static void points_lie_where_they_should(void **state)
{
    const double x[] = { 1, 2, 4, 16 }, y[] = { 100, 200, 50, 400 };
    const gd_series series = { "rate", x, y, 4 };
    gd_chart chart = { .title = "t",
                       .x_label = "x",
                       .y_label = "y",
                       .series = &series,
                       .series_count = 1,
                       .log_x = true };
    double cx[4], cy[4], zero;
    const char *p;
    gd_buf b = { 0 };

    (void)state;
    gd_chart_svg(&b, &chart);
    assert_markup(gd_buf_cstr(&b));
    assert_int_equal(markup_count(b.data, "<circle"), 4);
    p = b.data;
    for (int i = 0; i < 4; i++) {
        p = strstr(p + 1, "<circle");
        cx[i] = markup_number(p, "cx");
        cy[i] = markup_number(p, "cy");
    }
    assert_true(fabs((cx[2] - cx[1]) - (cx[1] - cx[0])) < 0.3); /* 1, 2, 4: equal steps */
    assert_true(fabs((cx[3] - cx[2]) - 2 * (cx[1] - cx[0])) < 0.5);
    zero = markup_number(strstr(b.data, "<line class=\"axis\""), "y1");
    for (int i = 0; i < 4; i++) /* distances from the axis, in proportion */
        assert_true(fabs((zero - cy[i]) / (zero - cy[0]) - y[i] / y[0]) < 0.02);
    assert_non_null(strstr(b.data, "<title>rate, 16: 400</title>"));

    chart.log_x = false;
    gd_buf_clear(&b);
    gd_chart_svg(&b, &chart);
    p = strstr(gd_buf_cstr(&b), "<circle");
    cx[0] = markup_number(p, "cx");
    cx[1] = markup_number(p = strstr(p + 1, "<circle"), "cx");
    cx[2] = markup_number(strstr(p + 1, "<circle"), "cx");
    assert_true(fabs((cx[2] - cx[1]) - 2 * (cx[1] - cx[0])) < 0.3);
    gd_buf_free(&b);
}

static void what_can_not_be_drawn_is_left_out(void **state)
{
    const double x[] = { 0, 1, 2, 3, 4 }, y[] = { 1, NAN, INFINITY, -1, 2 };
    const gd_series series = { NULL, x, y, 5 };
    gd_chart chart = { .title = "t",
                       .x_label = "x",
                       .y_label = "y",
                       .series = &series,
                       .series_count = 1,
                       .log_x = true,
                       .mark_label = "mark",
                       .mark_y = NAN };
    gd_buf b = { 0 };

    (void)state;
    gd_chart_svg(&b, &chart);
    assert_markup(gd_buf_cstr(&b));
    assert_int_equal(markup_count(b.data, "<circle"), 1); /* x = 0 has no logarithm, and only 2 is a valid y */
    assert_null(strstr(b.data, "class=\"mark\""));
    assert_null(strstr(b.data, "nan"));
    assert_null(strstr(b.data, "inf"));
    chart.series_count = 0;
    gd_buf_clear(&b);
    gd_chart_svg(&b, &chart);
    assert_markup(gd_buf_cstr(&b));
    gd_buf_free(&b);
}

static void bars_stand_in_groups(void **state)
{
    const char *const names[] = { "a <b>", "c" };
    const double first[] = { 10, 20 }, second[] = { 5, NAN };
    const gd_series series[] = { { .name = "one", .y = first, .count = 2 },
                                 { .name = "two", .y = second, .count = 2 } };
    const gd_chart chart = { .title = "\"t\"",
                             .x_label = "x",
                             .y_label = "y",
                             .series = series,
                             .series_count = 2,
                             .category = names,
                             .mark_label = "m",
                             .mark_y = 15 };
    double height[3];
    const char *p;
    gd_buf b = { 0 };

    (void)state;
    gd_chart_svg(&b, &chart);
    assert_markup(gd_buf_cstr(&b));
    assert_int_equal(markup_count(b.data, "<title>"), 3);
    assert_non_null(strstr(b.data, "a &lt;b&gt;"));
    assert_non_null(strstr(b.data, "aria-label=\"&quot;t&quot;\""));
    assert_non_null(strstr(b.data, "class=\"mark\""));
    p = strstr(b.data, "<title>") - 120;
    for (int i = 0; i < 3; i++) {
        p = strstr(p + 1, "height=\"");
        height[i] = strtod(p + 8, NULL);
    }
    assert_true(fabs(height[0] / height[1] - 2) < 0.02); /* 10 and 5, then 20 */
    assert_true(fabs(height[2] / height[0] - 2) < 0.02);
    gd_buf_free(&b);
}

static void many_series_are_cut(void **state)
{
    static const char *const names[] = {
        "a long name of a line", "another long name of a line", "c", "d", "e", "f", "g", "h", "i", "j"
    };
    const double x[] = { 1, 2 }, y[] = { 1, 2 };
    gd_series series[10];
    const gd_chart chart = { .title = "t", .x_label = "x", .y_label = "y", .series = series, .series_count = 10 };
    gd_buf b = { 0 };

    (void)state;
    for (size_t i = 0; i < 10; i++)
        series[i] = (gd_series){ names[i], x, y, 2 };
    gd_chart_svg(&b, &chart);
    assert_markup(gd_buf_cstr(&b));
    assert_int_equal(markup_count(b.data, "<polyline"), GD_CHART_SERIES);
    assert_null(strstr(b.data, ">j</text>"));
    gd_buf_free(&b);
}

/* The y of an axis' label. */
static double label_at(const char *svg, const char *anchor, const char *label)
{
    char wanted[48];
    const char *p;

    (void)snprintf(wanted, sizeof wanted, " text-anchor=\"%s\">%s<", anchor, label);
    p = strstr(svg, wanted);
    if (!p)
        fail_msg("no label %s", label);
    while (strncmp(p, "<text", 5) != 0)
        p--;
    return markup_number(p, "y");
}

/* The y of the grid line or axis whose label this is. */
static double tick_at(const char *svg, const char *label) { return label_at(svg, "end", label) - 4; }

static void an_axis_may_have_both_signs(void **state)
{
    const double x[] = { 1, 2, 3 }, y[] = { -0.5, 0.25, -1.5 };
    const gd_series series = { "score", x, y, 3 };
    gd_chart chart = { .title = "t",
                       .x_label = "step",
                       .y_label = "y",
                       .series = &series,
                       .series_count = 1,
                       .any_sign = true,
                       .steps = true,
                       .mark_label = "m",
                       .mark_y = -2.25 };
    double zero, unit;
    const char *p;
    gd_buf b = { 0 };

    (void)state;
    gd_chart_svg(&b, &chart);
    assert_markup(gd_buf_cstr(&b));
    zero = tick_at(b.data, "0");
    unit = zero - tick_at(b.data, "1");
    assert_true(unit > 20 && fabs(tick_at(b.data, "-3") - zero - 3 * unit) < 0.3);
    assert_true(fabs(tick_at(b.data, "-3") - label_at(b.data, "middle", "2") + 17) < 0.2); /* the bottom of the plot */
    p = b.data;
    for (int i = 0; i < 3; i++) {
        p = strstr(p + 1, "<circle");
        assert_true(fabs(zero - markup_number(p, "cy") - y[i] * unit) < 0.2);
    }
    p = strstr(b.data, "<line class=\"mark\""); /* in the legend */
    assert_non_null(strstr(p, ">m</text>"));
    assert_true(fabs(markup_number(strstr(p + 1, "<line class=\"mark\""), "y1") - zero - 2.25 * unit) < 0.2);
    assert_int_equal(markup_count(b.data, ">m</text>"), 1);
    assert_non_null(strstr(b.data, "<title>score, step 3: -1.5000</title>"));
    assert_int_equal(markup_count(b.data, "text-anchor=\"middle\">1.5<"), 0); /* there is no half of a step */
    gd_buf_free(&b);
}

/* All the same, very large, nothing at all. */
static void an_axis_has_a_range(void **state)
{
    const double x[] = { 1, 2 };
    const double y[][2] = { { 0, 0 }, { 5, 5 }, { -1e-300, 1e-300 }, { -1e308, 1e308 }, { NAN, NAN }, { 1e12, 1e12 } };
    gd_series series = { NULL, x, NULL, 2 };
    const gd_chart chart = { .title = "t",
                             .x_label = "x",
                             .y_label = "y",
                             .series = &series,
                             .series_count = 1,
                             .any_sign = true };
    gd_buf b = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof y / sizeof y[0]; i++) {
        series.y = y[i];
        gd_buf_clear(&b);
        gd_chart_svg(&b, &chart);
        assert_markup(gd_buf_cstr(&b));
        assert_null(strstr(b.data, "nan"));
        assert_null(strstr(b.data, "inf"));
    }
    gd_buf_free(&b);
}

/* A faint line has the colour of the next one; of many points, a few show their numbers, the last among them. */
static void a_line_of_many_steps_has_few_points(void **state)
{
    double x[500], y[500];
    const gd_series series[] = { { NULL, x, y, 500 }, { "mean", x, y, 500 }, { "other", x, y, 20 } };
    const gd_chart chart = { .title = "t",
                             .x_label = "step",
                             .y_label = "y",
                             .series = series,
                             .series_count = 3,
                             .steps = true,
                             .faint = 1 };
    gd_buf b = { 0 };

    (void)state;
    for (int i = 0; i < 500; i++) {
        x[i] = i + 1;
        y[i] = i % 10;
    }
    gd_chart_svg(&b, &chart);
    assert_markup(gd_buf_cstr(&b));
    assert_int_equal(markup_count(b.data, "<polyline"), 3);
    assert_int_equal(markup_count(b.data, "<g class=\"s0\">\n<polyline class=\"line faint many\""), 1);
    assert_int_equal(markup_count(b.data, "<g class=\"s0\">\n<polyline class=\"line\""), 1);
    assert_int_equal(markup_count(b.data, "<g class=\"s1\">\n<polyline class=\"line\""), 1);
    assert_true(markup_count(b.data, "fill-opacity=\"0\"") <= 32 && markup_count(b.data, "fill-opacity=\"0\"") > 16);
    assert_int_equal(markup_count(b.data, "r=\"3.5\""), 20);
    assert_non_null(strstr(b.data, "<title>mean, step 500: 9.0000</title>"));
    gd_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_have_short_numbers),
        cmocka_unit_test(points_lie_where_they_should),
        cmocka_unit_test(small_numbers_have_three_digits),
        cmocka_unit_test(a_logarithmic_axis_has_powers_of_ten),
        cmocka_unit_test(a_logarithmic_axis_has_any_range),
        cmocka_unit_test(what_can_not_be_drawn_is_left_out),
        cmocka_unit_test(bars_stand_in_groups),
        cmocka_unit_test(many_series_are_cut),
        cmocka_unit_test(an_axis_may_have_both_signs),
        cmocka_unit_test(an_axis_has_a_range),
        cmocka_unit_test(a_line_of_many_steps_has_few_points),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
