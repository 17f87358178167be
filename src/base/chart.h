/* chart.h - charts as SVG, for pages that hold everything in one file.
 *
 * A chart is drawn in units of about a pixel, 380 wide, and scales with the page.  It has no colours of its own: its
 * parts have the classes that the style of html.h knows, which has one set of colours for light and one for dark.
 * Every point says its numbers when the pointer rests on it, and nothing needs a script. */
#ifndef GD_BASE_CHART_H
#define GD_BASE_CHART_H

#include "base/buf.h"

#define GD_CHART_SERIES 8u /* as many can be told apart */

typedef struct gd_series {
    const char *name;   /* UTF-8; NULL: no legend for it */
    const double *x;    /* [count], ascending; bars: not used */
    const double *y;    /* [count], >= 0; a value that is not finite is left out */
    size_t count;
} gd_series;

typedef struct gd_chart {
    const char *title;            /* for readers who don't see the picture */
    const char *x_label, *y_label;
    const gd_series *series;      /* at most GD_CHART_SERIES of them are drawn */
    size_t series_count;
    const char *const *category;  /* bars: [count of each series] what stands below a group; NULL: lines */
    bool log_x;                   /* equal factors are equal steps; x must be above 0 then */
    const char *mark_label;       /* a line across, at mark_y; NULL: none */
    double mark_y;
} gd_chart;

/* Appends an <svg> element. The y axis begins at 0. */
void gd_chart_svg(gd_buf *b, const gd_chart *chart);

/* 12345.6 as "12.3k", 0.25 as it is, 0.00123 as "1.23m": three digits, for axes. */
void gd_chart_number(gd_buf *b, double value);

#endif
