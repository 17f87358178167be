/* json_span.h - finds the members of a JSON object in its text, so that one part of a line can be changed and the rest
 * kept byte for byte. */
#ifndef GD_BASE_JSON_SPAN_H
#define GD_BASE_JSON_SPAN_H

#include "guerdon.h"

#include <stdbool.h>

/* The next member of an object, which is valid JSON: its name as it is written, between the quotes, and its value.  *at
 * is the object's text at first, then what is left of it.  False after the last one. */
bool gd_json_span_next(gd_text *at, gd_text *name, gd_text *value);

/* The next item of a list, in the same way. */
bool gd_json_span_item(gd_text *at, gd_text *value);

/* Whether a name as it is written, maybe with escapes, is this one. */
bool gd_json_span_is(gd_text name, const char *wanted);

/* Reads what an escape of a string stands for, as UTF-8; p is after the backslash.  Returns the position after it, or
 * NULL for half of a surrogate pair, which stands for nothing. */
const char *gd_json_span_unescape(const char *p, const char *end, unsigned char utf8[4], size_t *len);

/* Finds the value of the member `key`. The text is an object: valid JSON without duplicate keys. */
bool gd_json_span_value(gd_text text, const char *key, gd_text *value);

/* The position of the last brace, where a member can be appended; *empty if it would be the only one. */
const char *gd_json_span_end(gd_text text, bool *empty);

#endif
