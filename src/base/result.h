/* result.h - JSON that is built field by field and checked once, at the end. */
#ifndef GD_BASE_RESULT_H
#define GD_BASE_RESULT_H

#include "base/json.h"

typedef struct gd_result {
    json_t *root;
    bool failed; /* an allocation failed */
} gd_result;

/* Put a field into an object, or append an element to a list (key NULL).  A number that is not finite becomes null, and
 * so does a text that is NULL or not UTF-8. `into` may be NULL after an earlier call failed. */
void gd_put(gd_result *out, json_t *into, const char *key, json_t *value); /* takes over value; NULL is a failure */
void gd_put_real(gd_result *out, json_t *into, const char *key, double value);
void gd_put_size(gd_result *out, json_t *into, const char *key, size_t value);
void gd_put_text(gd_result *out, json_t *into, const char *key, const char *value);

/* The same for a new object or list, which belongs to `into` and which the caller fills. */
json_t *gd_put_object(gd_result *out, json_t *into, const char *key);
json_t *gd_put_list(gd_result *out, json_t *into, const char *key);

/* The text, freed with gd_free; `flags` as in json_dumps(). Fails only for lack of memory, now or earlier. */
gd_status gd_result_text(const gd_result *out, size_t flags, char **json, gd_error *err);

/* Reading it back: a field that is missing or has another type gives NULL, or NaN for a number. */
const json_t *gd_get_part(const json_t *object, const char *key);
double gd_get_real(const json_t *object, const char *key);
const char *gd_get_text(const json_t *object, const char *key);

#endif
