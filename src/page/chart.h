/* chart.h - charts as SVG, for self-contained pages.
 *
 * A chart is drawn in units of about a pixel, 380 wide, and scales with the page.  It sets no colours: its parts have
 * classes that are styled in html.c, which has colours for light and for dark mode.  Every point shows its numbers
 * when the pointer rests on it, without scripts. */
#ifndef GD_PAGE_CHART_H
#define GD_PAGE_CHART_H

#include "base/buf.h"

#define GD_CHART_SERIES 8u /* the most that are distinguishable */

typedef struct gd_series {
    const char *name; /* UTF-8; NULL: no legend for it */
    const double *x;  /* [count], ascending; bars: not used */
    const double *y;  /* [count], >= 0 unless any_sign; values that are not finite are left out */
    size_t count;
} gd_series;

typedef struct gd_chart {
    const char *title; /* for screen readers */
    const char *x_label, *y_label;
    const gd_series *series; /* at most GD_CHART_SERIES of them are drawn */
    size_t series_count;
    const char *const *category; /* bars: [count of each series] the label below a group; NULL: lines */
    bool log_x, log_y;           /* logarithmic; x, or y, must be above 0 */
    bool any_sign;               /* the y axis spans the values rather than begin at 0 */
    bool steps;                  /* x counts steps: whole numbers. Lines of many points show no points */
    unsigned faint;              /* bit i: series i is a thin, pale line without points, in the colour of the next */
    const char *mark_label;      /* of a horizontal line at mark_y, with `steps` in the legend; NULL: none */
    double mark_y;
} gd_chart;

/* Appends an <svg> element. The y axis begins at 0, unless any_sign; with log_y, at a power of ten. */
void gd_chart_svg(gd_buf *b, const gd_chart *chart);

/* Horizontal bars, one below another: for many names, and for values with an interval. */
typedef struct gd_chart_row {
    const char *name, *note; /* note: more text to show when the pointer rests on it, or NULL */
    double value;            /* >= 0; not finite: no bar */
    double low, high;        /* its interval; not finite: none */
} gd_chart_row;

typedef struct gd_chart_rows {
    const char *title, *x_label;
    const gd_chart_row *rows;
    size_t count;
    double top;  /* value at the right edge; 0: 1 */
    double mark; /* a line across all bars, above 0; 0: none */
} gd_chart_rows;

void gd_chart_rows_svg(gd_buf *b, const gd_chart_rows *chart);

/* A histogram with columns of equal width, those left of `split` in another colour. */
typedef struct gd_histogram {
    const char *title, *x_label, *y_label;
    double from, step;    /* where the first column begins; the width of each */
    const double *counts; /* [count] */
    size_t count;
    double split;
} gd_histogram;

void gd_histogram_svg(gd_buf *b, const gd_histogram *histogram);

/* Points in a plane, with the line y = x. */
typedef struct gd_points {
    const char *title, *x_label, *y_label;
    const double *x, *y;      /* [count]; points that aren't finite, or are outside the ranges, are left out */
    const double *low, *high; /* [count] intervals of y; NULL: none */
    size_t count;
    double x_min, x_max, y_min, y_max; /* all 0: those of the points */
    bool cross;                        /* draw lines through 0 */
} gd_points;

void gd_points_svg(gd_buf *b, const gd_points *points);

/* 12345.6 as "12.3k", 0.25 as "0.25", 0.00123 as "1.23m": three digits, for axes. */
void gd_chart_number(gd_buf *b, double value);

/* 12.345 as "12.3", 0.00123 as "1.23e-3", 0 as "0": three digits of a finite number of any size. */
void gd_chart_small(gd_buf *b, double value);

#endif
