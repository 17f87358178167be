/* json.h - reading JSON files with errors that name the file and the field.  The trees are jansson's; jscan.h reads.
 *
 * Duplicate keys are refused: two readers that disagree about which one counts are a known way to smuggle
 * values.  A getter fails when the field is missing or has another type; gd_json_has() asks first. */
#ifndef GD_BASE_JSON_H
#define GD_BASE_JSON_H

#include "base/buf.h"
#include "guerdon.h"

#include <jansson.h>
#include <stdbool.h>

/* Parses len bytes; `name` (a path, or "line 7") begins every message.  *out is json_decref'd by the caller. */
gd_status gd_json_parse(json_t **out, const char *text, size_t len, const char *name, gd_error *err);

/* Reads and parses a file of at most `limit` bytes. */
gd_status gd_json_load(json_t **out, const char *path, size_t limit, gd_error *err);

/* Python writes more than JSON: NaN, Infinity, half of a surrogate pair; and a number may be too large.  Where nobody
 * reads such a value, it does no harm.  In a tree it is an object that only this function knows, so that every getter
 * fails; returns what it is ("NaN"), or NULL for all other values. */
const char *gd_json_odd(const json_t *value);

/* Whether there is such a value anywhere in a tree: it must not be written as JSON. */
bool gd_json_has_odd(const json_t *value);

/* "a string", "a list", "null", "NaN", ...: for messages. */
const char *gd_json_type_name(const json_t *value);

/* True for null, false, 0 and empty strings, lists and objects: an optional field that requests nothing. */
bool gd_json_nothing(const json_t *value);

/* True if the field is present and not null. */
bool gd_json_has(const json_t *object, const char *key);

gd_status gd_json_object(const json_t **out, const json_t *object, const char *key, const char *path, gd_error *err);
gd_status gd_json_array(const json_t **out, const json_t *object, const char *key, const char *path, gd_error *err);
gd_status gd_json_string(const char **out, const json_t *object, const char *key, const char *path, gd_error *err);
gd_status gd_json_bool(bool *out, const json_t *object, const char *key, const char *path, gd_error *err);

/* Appends the value as text, `flags` as in json_dumps(); sets out->failed if there is no value or no memory. */
void gd_json_put(gd_buf *out, const json_t *value, size_t flags);

/* Replaces *out with the text of a value, in which numbers have the fewest digits that preserve all of them: 1e-06
 * stays short. */
gd_status gd_json_put_short(gd_buf *out, const json_t *value, size_t flags, gd_error *err);

/* An integer in min..max; a float with an integer value is refused, as Transformers would fail on it later. */
gd_status gd_json_int(int64_t *out, const json_t *object, const char *key, int64_t min, int64_t max, const char *path,
                      gd_error *err);

/* An integer or a real, finite. */
gd_status gd_json_number(double *out, const json_t *object, const char *key, const char *path, gd_error *err);

#endif
