/* fields.h - reads a JSON result, and fails if it or one of its fields is missing. */
#ifndef GD_TESTS_FIELDS_H
#define GD_TESTS_FIELDS_H

#include "tests/check.h"

#include <jansson.h>

/* The value of a text, which names no member twice. */
static inline json_t *parsed(const char *text)
{
    json_error_t at;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &at);

    if (!root)
        fail_msg("not JSON: %s: \"%.200s\"", at.text, text);
    return root;
}

/* A field of any type. */
static inline const json_t *field(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        fail_msg("there is no \"%s\"", key);
    return value;
}

/* An object or a list. */
static inline const json_t *part(const json_t *object, const char *key)
{
    const json_t *value = field(object, key);

    if (!json_is_object(value) && !json_is_array(value))
        fail_msg("\"%s\" is neither an object nor a list", key);
    return value;
}

static inline double real(const json_t *object, const char *key)
{
    const json_t *value = field(object, key);

    if (!json_is_number(value))
        fail_msg("\"%s\" is not a number", key);
    return json_number_value(value);
}

#endif
