/* chart_parts.h - the elements of charts: texts, lines and axis steps. */
#ifndef GD_PAGE_CHART_PARTS_H
#define GD_PAGE_CHART_PARTS_H

#include "base/buf.h"

enum { GD_CHART_WIDTH = 380 }; /* units of the drawing, for every chart */

/* The beginning of the <svg> element, with a title for screen readers; and its end. */
void gd_chart_begin(gd_buf *b, double height, const char *title);
void gd_chart_end(gd_buf *b);

/* The mean width of a letter in the 12-unit font: the width of a text is estimated, not measured. */
#define GD_CHART_LETTER 6.4

/* ` name="12.3"`, inside an element. */
void gd_chart_attribute(gd_buf *b, const char *name, double value);

/* A text whose "start", "middle" or "end" is at x; a number as gd_chart_number() writes it. */
void gd_chart_text(gd_buf *b, double x, double y, const char *anchor, const char *text);
void gd_chart_value(gd_buf *b, double x, double y, const char *anchor, double value);

void gd_chart_line(gd_buf *b, const char *style, double x1, double y1, double x2, double y2);

/* The value of a tick, with as many decimals as the step between ticks has. */
void gd_chart_tick(gd_buf *b, double x, double y, const char *anchor, double value, double step);

/* The number of characters of a UTF-8 text. */
size_t gd_chart_letters(const char *text);

/* A text of at most `most` characters; a longer one is cut, and ends in an ellipsis. */
void gd_chart_name(gd_buf *b, double x, double y, const char *anchor, const char *text, size_t most);

/* The step of an axis with about `wanted` ticks: 1, 2 or 5 times a power of ten. */
double gd_chart_step(double range, double wanted);

#endif
