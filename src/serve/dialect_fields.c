/* dialect_fields.c - reads the fields of a body. */
#include "serve/dialect.h"

#include <inttypes.h>
#include <string.h>

const json_t *sv_field(const sv_exchange *x, const char *key)
{
    return gd_json_has(x->body, key) ? json_object_get(x->body, key) : NULL;
}

static bool refuse_type(sv_exchange *x, const char *key, const json_t *value, const char *wanted)
{
    if (value)
        return sv_refuse(x, 400, "the field \"%s\" is %s, but %s is expected", key, gd_json_type_name(value), wanted);
    return sv_refuse(x, 400, "the field \"%s\" is missing, but %s is expected", key, wanted);
}

bool sv_bool(sv_exchange *x, const char *key, bool *value)
{
    const json_t *field = sv_field(x, key);

    if (field && !json_is_boolean(field))
        return refuse_type(x, key, field, "true or false");
    if (field)
        *value = json_is_true(field);
    return true;
}

bool sv_whole(sv_exchange *x, const char *key, int64_t min, int64_t max, int64_t *value)
{
    const json_t *field = sv_field(x, key);

    if (!field)
        return true;
    if (!json_is_integer(field))
        return refuse_type(x, key, field, "an integer");
    *value = json_integer_value(field);
    return (*value >= min && *value <= max) ||
           sv_refuse(x, 400, "the field \"%s\" is %" PRId64 ", but %" PRId64 " to %" PRId64 " is expected", key, *value,
                     min, max);
}

bool sv_name(sv_exchange *x, const char *key, const char **value)
{
    const json_t *field = sv_field(x, key);

    if (!field)
        return true;
    if (!json_is_string(field))
        return refuse_type(x, key, field, "a string");
    *value = json_string_value(field);
    return strlen(*value) == json_string_length(field) ||
           sv_refuse(x, 400, "the field \"%s\" contains a NUL character", key);
}

static bool refuse_choice(sv_exchange *x, const char *key, const char *const *names, const char *given)
{
    gd_buf list = { 0 };

    for (size_t i = 0; names[i]; i++)
        gd_buf_printf(&list, "%s%s", !i ? "" : names[i + 1] ? ", " : " or ", names[i]);
    (void)sv_refuse(x, 400, "the field \"%s\" is \"%.60s\", but %s is expected", key, given,
                    gd_buf_cstr(&list) ? list.data : "another value");
    gd_buf_free(&list);
    return false;
}

bool sv_one_of(sv_exchange *x, const char *key, const char *const *names, const char **value)
{
    const char *given = NULL;

    if (!sv_name(x, key, &given))
        return false;
    for (size_t i = 0; given && names[i]; i++) {
        if (strcmp(given, names[i]) != 0)
            continue;
        *value = names[i];
        return true;
    }
    return !given || refuse_choice(x, key, names, given);
}

bool sv_list(sv_exchange *x, const char *key, const json_t **list)
{
    *list = sv_field(x, key);
    if (!json_is_array(*list))
        return refuse_type(x, key, *list, "a list");
    return json_array_size(*list) <= x->info->max_items ||
           sv_refuse(x, 413, "the field \"%s\" has %zu elements, but at most %zu are accepted", key,
                     json_array_size(*list), x->info->max_items);
}

bool sv_refuse_fields(sv_exchange *x, const sv_unserved *fields)
{
    for (; fields->field; fields++) {
        const json_t *value = json_object_get(x->body, fields->field);

        if (value && !gd_json_nothing(value))
            return sv_refuse(x, 400, "the field \"%s\" can't be served: %s", fields->field, fields->reason);
    }
    return true;
}

bool sv_refuse_beside(sv_exchange *x, const char *field, const char *const *others)
{
    for (; *others; others++)
        if (strcmp(*others, field) != 0 && sv_field(x, *others))
            return sv_refuse(x, 400, "the fields \"%s\" and \"%s\" don't go together", field, *others);
    return true;
}
