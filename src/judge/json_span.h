/* json_span.h - where the members of a JSON object lie in its text, so that a line can be changed in one place and stay
 * as it was, byte for byte, in all others. */
#ifndef GD_JUDGE_JSON_SPAN_H
#define GD_JUDGE_JSON_SPAN_H

#include "guerdon.h"

#include <stdbool.h>

/* Finds the value of the member `key` of the object that the text is (valid JSON, without duplicate keys; no escape in
 * the wanted key's spelling). */
bool gd_json_span_value(gd_text text, const char *key, gd_text *value);

/* The place of the last brace: what is put there follows the last member. *empty: it would be the first. */
const char *gd_json_span_end(gd_text text, bool *empty);

#endif
