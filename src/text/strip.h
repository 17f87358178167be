/* strip.h - strips the ends of texts, as Python's str.strip does. */
#ifndef GD_TEXT_STRIP_H
#define GD_TEXT_STRIP_H

#include "guerdon.h"

#include <stdbool.h>

/* strip(): without whitespace at both ends, which is Unicode's and U+001C to U+001F. */
gd_text gd_strip(gd_text text);

/* lstrip("\n") and rstrip("\n"). */
gd_text gd_strip_newlines_before(gd_text text);
gd_text gd_strip_newlines_after(gd_text text);

/* The offset of the first or the last `mark` in the text; false if there is none. */
bool gd_find_first(gd_text text, const char *mark, size_t *at);
bool gd_find_last(gd_text text, const char *mark, size_t *at);

#endif
