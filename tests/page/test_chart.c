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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_have_short_numbers),
        cmocka_unit_test(points_lie_where_they_should),
        cmocka_unit_test(what_can_not_be_drawn_is_left_out),
        cmocka_unit_test(bars_stand_in_groups),
        cmocka_unit_test(many_series_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
