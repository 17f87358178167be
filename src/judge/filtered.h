/* filtered.h - the line that filter writes: the input's, byte for byte, or with its two sides exchanged, or with what
 * was found out about it at its end. */
#ifndef GD_JUDGE_FILTERED_H
#define GD_JUDGE_FILTERED_H

#include "base/buf.h"
#include "judge/verdict.h"

/* Adds the line with its end. False when it can't be changed in the wanted way: an object is needed for that, and names
 * that are spelled without escapes. */
bool gd_filtered_line(gd_buf *out, gd_text raw, gd_verdict verdict, bool annotate, gd_record_kind kind,
                      const float *scores, size_t count);

#endif
