/* crosscheck_parts.h - parts of the page of a cross-check: what is wrong, what it means, and what to do. */
#ifndef GD_CROSS_CROSSCHECK_PARTS_H
#define GD_CROSS_CROSSCHECK_PARTS_H

#include "base/buf.h"
#include "base/result.h"

/* The verdict in a few words. */
const char *gd_crosscheck_heading(const json_t *root);

/* The section about the first step, row and column that are wrong; nothing if there are none. */
void gd_crosscheck_first(gd_buf *b, const json_t *root);

/* The section about what to do next, by the verdict. */
void gd_crosscheck_advice(gd_buf *b, const json_t *root);

#endif
