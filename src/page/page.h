/* page.h - what pages of results share.  The JSON may come from anywhere: a part that is missing or
 * of another form leaves a gap, never a fault. */
#ifndef GD_PAGE_PAGE_H
#define GD_PAGE_PAGE_H

#include "base/buf.h"
#include "base/json.h"

/* Parses a result, whose "format" must be the one given. */
gd_status gd_page_parse(json_t **root, const char *json, const char *format, gd_error *err);

/* The buffer as the caller's string, or its failure. */
gd_status gd_page_finish(gd_buf *b, char **html, gd_error *err);

/* The text of a field, or `otherwise`. */
void gd_page_text(gd_buf *b, const json_t *object, const char *key, const char *otherwise);

/* A row of a table of words: a number, or "none" where there is none. */
void gd_page_row(gd_buf *b, const char *name, const json_t *object, const char *key, unsigned decimals);

/* A histogram of {"from","step","counts"}, when it has columns. */
void gd_page_histogram(gd_buf *b, const json_t *columns, const char *title, const char *x_label, const char *y_label);

#endif
