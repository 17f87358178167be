/* page.h - shared by the files of gd_bench_page(). */
#ifndef GD_BENCH_PAGE_H
#define GD_BENCH_PAGE_H

#include "base/buf.h"
#include "base/json.h"

enum { GD_BENCH_POINTS = 32 }; /* most points of a curve */

/* page_words.c: the beginning (what was measured, the main figures) and the end (start, memory, the machine). */
void gd_bench_page_head(gd_buf *b, const json_t *root);
void gd_bench_page_tail(gd_buf *b, const json_t *root);

#endif
