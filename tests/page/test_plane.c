/* test_plane.c - charts of rows, of points, and histograms as SVG. */
#include "tests/markup.h"

#include "page/chart.h"
#include "page/chart_parts.h"
#include "base/mem.h"

#include <math.h>

static void rows_are_as_long_as_their_values(void **state)
{
    const gd_chart_row rows[] = {
        { "a <b>", "7 \"pairs\"", 0.5, 0.4, 0.6 },
        { "b", NULL, 0.25, NAN, NAN },
        { "c", NULL, NAN, 0, 1 },
        { "one more \xc3\xa9\xc3\xa9\xc3\xa9 that is far too long", NULL, 7, -3, 9 },
    };
    const gd_chart_rows chart = { .title = "t", .x_label = "x", .rows = rows, .count = 4, .mark = 0.5 };
    const char *first, *second, *third, *whisker;
    gd_buf b = { 0 };

    (void)state;
    gd_chart_rows_svg(&b, &chart);
    assert_markup(gd_buf_cstr(&b));
    assert_int_equal(markup_count(b.data, "<rect"), 3); /* NaN has no bar */
    assert_int_equal(markup_count(b.data, "class=\"whisker\""), 6);
    first = strstr(b.data, "<rect");
    second = strstr(first + 1, "<rect");
    third = strstr(second + 1, "<rect");
    assert_true(fabs(markup_number(first, "width") - 2 * markup_number(second, "width")) < 0.2);
    assert_true(fabs(markup_number(third, "width") - 2 * markup_number(first, "width")) < 0.2); /* cut at the edge */
    assert_true(markup_number(second, "y") > markup_number(first, "y"));
    whisker = strstr(first, "class=\"whisker\"");
    assert_true(fabs((markup_number(whisker, "x1") + markup_number(whisker, "x2")) / 2 -
                     (markup_number(first, "x") + markup_number(first, "width"))) < 0.2);
    assert_true(fabs(markup_number(strstr(b.data, "class=\"mark\""), "x1") -
                     (markup_number(first, "x") + markup_number(first, "width"))) < 0.2);
    assert_non_null(strstr(b.data, "<title>a &lt;b&gt;: 0.5000 (0.4000 to 0.6000), 7 &quot;pairs&quot;</title>"));
    assert_non_null(strstr(b.data, ">one more \xc3\xa9\xc3\xa9\xc3\xa9 that is \xe2\x80\xa6<")); /* 22 characters */
    gd_buf_free(&b);
}

static void columns_stand_side_by_side(void **state)
{
    const double counts[] = { 1, 0, 4, 2 };
    const gd_histogram h = { .title = "t",
                             .x_label = "x",
                             .y_label = "y",
                             .from = -1,
                             .step = 0.5,
                             .counts = counts,
                             .count = 4,
                             .split = 0 };
    const char *first, *second, *third;
    gd_buf b = { 0 };

    (void)state;
    gd_histogram_svg(&b, &h);
    assert_markup(gd_buf_cstr(&b));
    assert_int_equal(markup_count(b.data, "<rect"), 3); /* a count of 0 has none */
    assert_int_equal(markup_count(b.data, "<g class=\"s1\">"), 1);
    assert_int_equal(markup_count(b.data, "<g class=\"s0\">"), 2);
    first = strstr(b.data, "<rect");
    second = strstr(first + 1, "<rect");
    third = strstr(second + 1, "<rect");
    assert_true(fabs(markup_number(second, "height") - 4 * markup_number(first, "height")) < 0.5);
    assert_true(fabs(markup_number(third, "height") - 2 * markup_number(first, "height")) < 0.3);
    assert_true(fabs(markup_number(second, "x") - markup_number(first, "x") -
                     2 * (markup_number(third, "x") - markup_number(second, "x"))) < 0.3);
    assert_true(fabs(markup_number(strstr(b.data, "class=\"mark\""), "x1") + 0.5 - markup_number(second, "x")) < 0.2);
    assert_non_null(strstr(b.data, "<title>0 to 0.5: 4</title>"));
    assert_non_null(strstr(b.data, ">-0.5</text>"));
    gd_buf_free(&b);
}

static void points_lie_on_their_line(void **state)
{
    const double x[] = { -2, -1, 0, 4, NAN }, y[] = { -2, -1, 0, 4, 1 };
    const double low[] = { -3, -2, NAN, 1, 0 }, high[] = { -1, 0, 1, 5, 0 };
    gd_points p = { .title = "t",
                    .x_label = "x",
                    .y_label = "y",
                    .x = x,
                    .y = y,
                    .low = low,
                    .high = high,
                    .count = 5,
                    .cross = true };
    const char *line, *dot;
    gd_buf b = { 0 };

    (void)state;
    gd_points_svg(&b, &p);
    assert_markup(gd_buf_cstr(&b));
    assert_int_equal(markup_count(b.data, "<circle"), 4);
    assert_int_equal(markup_count(b.data, "class=\"whisker\""), 9); /* three per interval; one point has none */
    line = strstr(b.data, "class=\"mark\"");
    dot = strstr(b.data, "<circle");
    assert_true(fabs(markup_number(line, "x1") - markup_number(dot, "cx")) < 0.2);
    assert_true(fabs(markup_number(line, "y1") - markup_number(dot, "cy")) < 0.2);
    for (int i = 1; i < 4; i++)
        dot = strstr(dot + 1, "<circle");
    assert_true(fabs(markup_number(line, "x2") - markup_number(dot, "cx")) < 0.2);
    assert_true(fabs(markup_number(line, "y2") - markup_number(dot, "cy")) < 0.2);

    p.x_min = p.y_min = -1;
    p.x_max = p.y_max = 1;
    gd_buf_clear(&b);
    gd_points_svg(&b, &p);
    assert_markup(gd_buf_cstr(&b));
    assert_int_equal(markup_count(b.data, "<circle"), 2);
    gd_buf_free(&b);
}

/* Whatever the numbers, the result is a chart, and all numbers in it are finite. */
static void odd_numbers_do_no_harm(void **state)
{
    static const double odd[] = { NAN, INFINITY, -INFINITY, 0, -0.0, 1e308, -1e308, 5e-324, -1, 1 };
    enum { ODD = sizeof odd / sizeof odd[0] };
    gd_buf b = { 0 };

    (void)state;
    for (size_t i = 0; i < ODD; i++)
        for (size_t j = 0; j < ODD; j++) {
            const gd_chart_row row = { "r", NULL, odd[i], odd[j], odd[(i + j) % ODD] };
            const gd_chart_rows rows = { .title = "t",
                                         .x_label = "x",
                                         .rows = &row,
                                         .count = 1,
                                         .top = odd[j],
                                         .mark = odd[i] };
            const gd_histogram h = { .title = "t",
                                     .x_label = "x",
                                     .y_label = "y",
                                     .from = odd[i],
                                     .step = odd[j],
                                     .counts = odd,
                                     .count = ODD,
                                     .split = odd[j] };
            const gd_points p = { .title = "t",
                                  .x_label = "x",
                                  .y_label = "y",
                                  .x = odd,
                                  .y = odd + 1,
                                  .low = odd,
                                  .high = odd + 1,
                                  .count = ODD - 1,
                                  .x_min = odd[i],
                                  .x_max = odd[j],
                                  .y_min = odd[i],
                                  .y_max = odd[j],
                                  .cross = true };

            gd_buf_clear(&b);
            gd_chart_rows_svg(&b, &rows);
            gd_histogram_svg(&b, &h);
            gd_points_svg(&b, &p);
            assert_markup(gd_buf_cstr(&b));
            assert_null(strstr(b.data, "nan"));
            assert_null(strstr(b.data, "inf"));
        }
    gd_buf_free(&b);
}

static void names_are_cut_where_a_character_begins(void **state)
{
    gd_buf b = { 0 };

    (void)state;
    for (size_t most = 1; most < 6; most++) {
        gd_buf_clear(&b);
        gd_chart_name(&b, 0, 0, "end", "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", most);
        assert_int_equal(markup_count(gd_buf_cstr(&b), "\xe2\x82\xac"), most < 4 ? most - 1 : 4);
        assert_int_equal(markup_count(b.data, "\xe2\x80\xa6"), most < 4);
    }
    gd_buf_free(&b);
    gd_mem_fail_from(1);
    gd_chart_name(&b, 0, 0, "end", "long", 2);
    gd_mem_fail_from(0);
    assert_true(b.failed);
    gd_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_as_long_as_their_values),
        cmocka_unit_test(columns_stand_side_by_side),
        cmocka_unit_test(points_lie_on_their_line),
        cmocka_unit_test(odd_numbers_do_no_harm),
        cmocka_unit_test(names_are_cut_where_a_character_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
