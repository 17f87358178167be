/* page.h - what gd_eval_page() and gd_compare_page() share.  The JSON may come from anywhere: a part that is missing or
 * of another form leaves a gap, never a fault. */
#ifndef GD_JUDGE_PAGE_H
#define GD_JUDGE_PAGE_H

#include "base/buf.h"
#include "base/json.h"

/* Parses a result, whose "format" must be the one given. */
gd_status gd_judge_parse(json_t **root, const char *json, const char *format, gd_error *err);

/* The buffer as the caller's string, or its failure. */
gd_status gd_judge_finish(gd_buf *b, char **html, gd_error *err);

/* The text of a field, or `otherwise`. */
void gd_judge_text(gd_buf *b, const json_t *object, const char *key, const char *otherwise);

/* A row of a table of words: a number, or "none" where there is none. */
void gd_judge_row(gd_buf *b, const char *name, const json_t *object, const char *key, unsigned decimals);

/* A histogram of {"from","step","counts"}, when it has columns. */
void gd_judge_histogram(gd_buf *b, const json_t *columns, const char *title, const char *x_label, const char *y_label);

#endif
