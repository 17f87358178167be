/* filter_line.h - makes the line that filter writes: the input's, byte for byte, or with its two sides swapped, or with
 * its scores in "guerdon", which is added at the end if the line does not have it. */
#ifndef GD_JUDGE_FILTER_LINE_H
#define GD_JUDGE_FILTER_LINE_H

#include "base/buf.h"
#include "judge/filter_verdict.h"

/* Adds the line with its line break. False if it can't be changed as needed: it is not a JSON object, or does not have
 * the two sides, whose names in the input are `sides`. */
bool gd_filter_line(gd_buf *out, gd_text raw, gd_filter_verdict verdict, const char *const sides[2], bool annotate,
                    gd_record_kind kind, const float *scores, size_t count);

#endif
