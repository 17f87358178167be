/* html.h - a page in one file: head with a style for light and dark, escaped text, sections, simple tables. */
#ifndef GD_PAGE_HTML_H
#define GD_PAGE_HTML_H

#include "base/buf.h"

/* Text for content and for attribute values: & < > " ' become entities, control characters U+FFFD. */
void gd_html_text(gd_buf *b, const char *text);

/* <!DOCTYPE html> up to <main>, with the style of charts and tables; and the end of it. */
void gd_html_begin(gd_buf *b, const char *title);
void gd_html_end(gd_buf *b);

/* A heading, a paragraph, and what stands side by side below where there is room. */
void gd_html_section(gd_buf *b, const char *title, const char *about);
void gd_html_section_end(gd_buf *b);

/* A picture with its caption: an <svg> goes between. */
void gd_html_figure(gd_buf *b, const char *caption);
void gd_html_figure_end(gd_buf *b);

/* A table of two columns of words: what stands between a row and its end is the second one. */
void gd_html_words(gd_buf *b);
void gd_html_row(gd_buf *b, const char *name);
void gd_html_row_end(gd_buf *b);
void gd_html_words_end(gd_buf *b);

/* A table: begin with the heads of its columns ("a|b|c": the first is of text, the others of numbers), then cell by
 * cell; a row ends by itself.  NULL is an empty cell. */
typedef struct gd_html_table {
    unsigned columns, at;
} gd_html_table;
gd_html_table gd_html_table_begin(gd_buf *b, const char *heads);
void gd_html_cell(gd_buf *b, gd_html_table *table, const char *text);
void gd_html_cell_number(gd_buf *b, gd_html_table *table, double value, unsigned decimals); /* NaN: empty */
void gd_html_table_end(gd_buf *b, gd_html_table *table);

#endif
