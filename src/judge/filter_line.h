/* filter_line.h - makes the line that filter writes: the input's, byte for byte, or with its two sides swapped, or with
 * its scores added at the end. */
#ifndef GD_JUDGE_FILTER_LINE_H
#define GD_JUDGE_FILTER_LINE_H

#include "base/buf.h"
#include "judge/filter_verdict.h"

/* Adds the line with its line break. False if it can't be changed as needed: it must be an object whose names are
 * written without escapes. */
bool gd_filter_line(gd_buf *out, gd_text raw, gd_filter_verdict verdict, bool annotate, gd_record_kind kind,
                    const float *scores, size_t count);

#endif
