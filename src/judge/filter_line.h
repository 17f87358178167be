/* filter_line.h - the line that filter writes: the input's, byte for byte, or with its two sides exchanged, or with a
 * note of its scores at the end. */
#ifndef GD_JUDGE_FILTER_LINE_H
#define GD_JUDGE_FILTER_LINE_H

#include "base/buf.h"
#include "judge/filter_verdict.h"

/* Adds the line with its end. False when it can't be changed in the wanted way: an object is needed for that, and names
 * that are spelled without escapes. */
bool gd_filter_line(gd_buf *out, gd_text raw, gd_filter_verdict verdict, bool annotate, gd_record_kind kind,
                    const float *scores, size_t count);

#endif
