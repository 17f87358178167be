/* page.h - what the pages of results share: reading the result, and showing its fields as rows, tables and figures.
 *
 * The JSON may come from anywhere: a part that is missing or has another form leaves a gap, and does no harm. */
#ifndef GD_PAGE_PAGE_H
#define GD_PAGE_PAGE_H

#include "base/buf.h"
#include "base/result.h"
#include "page/chart.h"
#include "page/html.h"

/* Makes a page from a result, whose "format" must be the given one: `put` appends the HTML.  The caller frees *html; on
 * failure it is NULL. */
gd_status gd_page_make(char **html, const char *json, const char *format, void (*put)(gd_buf *b, const json_t *root),
                       gd_error *err);

/* The text of a field, or `otherwise`. */
void gd_page_text(gd_buf *b, const json_t *object, const char *key, const char *otherwise);

/* A number with its unit, or `otherwise` if it is not finite. */
void gd_page_number(gd_buf *b, double value, unsigned decimals, const char *unit, const char *otherwise);

/* A number of any size, in three digits, or `otherwise` if it is not finite; a row and a cell with one. */
void gd_page_small(gd_buf *b, double value, const char *otherwise);
void gd_page_small_row(gd_buf *b, const char *name, const json_t *object, const char *key);
void gd_page_small_cell(gd_buf *b, gd_html_table *table, double value);

/* Rows of a table of text: the text of a field, or `otherwise`; its number, or "none". */
void gd_page_text_row(gd_buf *b, const char *name, const json_t *object, const char *key, const char *otherwise);
void gd_page_number_row(gd_buf *b, const char *name, const json_t *object, const char *key, unsigned decimals);

/* A section with the first few of "failures", {"error"}, in the result's "details"; nothing if there are none. */
void gd_page_failures(gd_buf *b, const json_t *root, const char *title);

/* A table that compares two objects, with a row for each field. */
typedef struct gd_page_field {
    const char *key, *name;
    unsigned decimals;
} gd_page_field;

void gd_page_two_columns(gd_buf *b, const char *heads, const gd_page_field *fields, size_t count, const json_t *left,
                         const json_t *right);

/* The numbers of a list, or with a key those that its objects have under it; NaN for anything else.  Returns their
 * count, at most `room`. */
size_t gd_page_column(double *values, size_t room, const json_t *list, const char *key);

/* A text for the page that was made in a buffer of its own. If there was no memory for it, the page has failed too. */
const char *gd_page_aside(gd_buf *b, gd_buf *text);

/* A short text that a chart keeps until it is drawn: copies that of the buffer, which is freed; a longer text is left
 * out. */
enum { GD_PAGE_LABEL = 64 };
void gd_page_label(gd_buf *b, char label[GD_PAGE_LABEL], gd_buf *text);

/* Figures: a chart with its title as the caption. */
void gd_page_chart(gd_buf *b, const gd_chart *chart);
void gd_page_chart_rows(gd_buf *b, const gd_chart_rows *chart);
void gd_page_points(gd_buf *b, const gd_points *points);

/* A histogram from {"from","step","counts"}, if it has columns. */
void gd_page_histogram(gd_buf *b, const json_t *columns, const char *title, const char *x_label, const char *y_label);

#endif
