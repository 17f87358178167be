/* html.h - a self-contained page: head with styles for light and dark mode, escaped text, sections, simple tables. */
#ifndef GD_PAGE_HTML_H
#define GD_PAGE_HTML_H

#include "base/buf.h"

/* Text for content and for attribute values: & < > " ' become entities, control characters U+FFFD. */
void gd_html_text(gd_buf *b, const char *text);

/* From <!DOCTYPE html> to <main>, with the styles of charts and tables; and the end of the page. */
void gd_html_begin(gd_buf *b, const char *title);
void gd_html_end(gd_buf *b);

/* The beginning of a page about something that is still running, with more styles: tiles of figures, lines of many
 * points.  The browser loads it again every `seconds`; 0: never. */
void gd_html_begin_live(gd_buf *b, const char *title, unsigned seconds);

/* Tiles side by side; in each, a name, a figure and, in small letters, a note. */
void gd_html_tiles(gd_buf *b);
void gd_html_tile(gd_buf *b, const char *name, const char *figure, const char *note);
void gd_html_tiles_end(gd_buf *b);

/* A heading, a paragraph, and below them what is placed side by side if there is room. */
void gd_html_section(gd_buf *b, const char *title, const char *about);
void gd_html_section_end(gd_buf *b);

/* A figure with its caption: an <svg> goes between the two calls. */
void gd_html_figure(gd_buf *b, const char *caption);
void gd_html_figure_end(gd_buf *b);

/* A table of two columns of text: what is appended between a row and its end is the second one. */
void gd_html_words(gd_buf *b);
void gd_html_row(gd_buf *b, const char *name);
void gd_html_row_end(gd_buf *b);
void gd_html_words_end(gd_buf *b);

/* A table: begin with the headings of its columns ("a|b|c": the first is for text, the others for numbers), then append
 * cell by cell; rows end automatically.  NULL is an empty cell. */
typedef struct gd_html_table {
    unsigned columns, at;
} gd_html_table;
gd_html_table gd_html_table_begin(gd_buf *b, const char *heads);
void gd_html_cell(gd_buf *b, gd_html_table *table, const char *text);
void gd_html_cell_number(gd_buf *b, gd_html_table *table, double value, unsigned decimals); /* NaN: empty */
void gd_html_table_end(gd_buf *b, gd_html_table *table);

#endif
