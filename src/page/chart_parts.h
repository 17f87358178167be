/* chart_parts.h - what the charts are made of: places, texts, lines and round steps. */
#ifndef GD_PAGE_CHART_PARTS_H
#define GD_PAGE_CHART_PARTS_H

#include "base/buf.h"

enum { GD_CHART_WIDTH = 380 }; /* units of the drawing, for every chart */

/* The <svg> element with what it shows, for readers who don't see the picture; and the end of it. */
void gd_chart_begin(gd_buf *b, double height, const char *title);
void gd_chart_end(gd_buf *b);

/* A letter's mean width in the 12-unit font: what fits is estimated, never measured. */
#define GD_CHART_LETTER 6.4

/* ` name="12.3"`, inside an element. */
void gd_chart_attribute(gd_buf *b, const char *name, double value);

/* A text with its "start", "middle" or "end" at x; a number as gd_chart_number() writes it. */
void gd_chart_text(gd_buf *b, double x, double y, const char *anchor, const char *text);
void gd_chart_value(gd_buf *b, double x, double y, const char *anchor, double value);

void gd_chart_line(gd_buf *b, const char *style, double x1, double y1, double x2, double y2);

/* A value at a tick of such steps: as many decimals as the step has. */
void gd_chart_tick(gd_buf *b, double x, double y, const char *anchor, double value, double step);

/* The characters of a text in UTF-8. */
size_t gd_chart_letters(const char *text);

/* The same text with at most so many characters; the last one is then "...", in one. */
void gd_chart_name(gd_buf *b, double x, double y, const char *anchor, const char *text, size_t most);

/* The step of an axis with about `wanted` ticks: 1, 2 or 5 times a power of ten. */
double gd_chart_step(double range, double wanted);

#endif
