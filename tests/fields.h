/* fields.h - reads fields of a JSON result, and fails if they are missing. */
#ifndef GD_TESTS_FIELDS_H
#define GD_TESTS_FIELDS_H

#include "tests/check.h"

#include <jansson.h>

/* A field of any type. */
static inline const json_t *field(const json_t *object, const char *key)
{
    const json_t *const value = json_object_get(object, key);

    if (!value)
        fail_msg("there is no \"%s\"", key);
    return value;
}

/* An object or a list. */
static inline const json_t *part(const json_t *object, const char *key)
{
    const json_t *const value = field(object, key);

    if (!json_is_object(value) && !json_is_array(value))
        fail_msg("\"%s\" is neither an object nor a list", key);
    return value;
}

static inline double real(const json_t *object, const char *key)
{
    const json_t *const value = field(object, key);

    if (!json_is_number(value))
        fail_msg("\"%s\" is not a number", key);
    return json_number_value(value);
}

#endif
