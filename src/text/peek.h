/* peek.h - what is in a tokenizer.json, of any kind, without opening it as a tokenizer. */
#ifndef GD_TEXT_PEEK_H
#define GD_TEXT_PEEK_H

#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>

/* *same: the two files say the same, apart from truncation and padding, which training runs leave in them.  Layout
 * counts: files that differ only in spaces are not the same.  Then *ids becomes one more than the largest id in the
 * other file's vocabulary and its added tokens. */
gd_status gd_tokenizer_compare(bool *same, size_t *ids, const char *dir, const char *other_dir, gd_error *err);

/* For a directory without a tokenizer.json: fails if it has other files of a tokenizer, with a sentence that says how
 * to make it. */
gd_status gd_tokenizer_missing(const char *dir, gd_error *err);

#endif
