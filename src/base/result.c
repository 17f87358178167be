/* result.c - JSON that is built field by field. */
#include "base/result.h"

#include "base/error.h"
#include "base/utf8.h"

#include <math.h>
#include <string.h>

void gd_put(gd_result *out, json_t *into, const char *key, json_t *value)
{
    /* jansson's _new functions take over the value even if they fail, and refuse NULL */
    if (key ? json_object_set_new(into, key, value) : json_array_append_new(into, value))
        out->failed = true;
}

void gd_put_real(gd_result *out, json_t *into, const char *key, double value)
{
    gd_put(out, into, key, isfinite(value) ? json_real(value) : json_null());
}

void gd_put_size(gd_result *out, json_t *into, const char *key, size_t value)
{
    gd_put(out, into, key, json_integer((json_int_t)value));
}

void gd_put_text(gd_result *out, json_t *into, const char *key, const char *value)
{
    const size_t len = value ? strlen(value) : 0;

    gd_put(out, into, key, value && gd_utf8_check(value, len) == len ? json_string(value) : json_null());
}

/* Returns a borrowed reference: `into` owns the value. */
static json_t *put_container(gd_result *out, json_t *into, const char *key, json_t *value)
{
    const bool before = out->failed;

    out->failed = false;
    gd_put(out, into, key, value);
    if (out->failed)
        return NULL;
    out->failed = before;
    return value;
}

json_t *gd_put_object(gd_result *out, json_t *into, const char *key)
{
    return put_container(out, into, key, json_object());
}

json_t *gd_put_list(gd_result *out, json_t *into, const char *key)
{
    return put_container(out, into, key, json_array());
}

/* Not by json_dumps(), which loses a key when it has no memory for it. */
gd_status gd_result_text(const gd_result *out, size_t flags, char **json, gd_error *err)
{
    gd_buf text = { .failed = out->failed };

    gd_json_put(&text, out->root, flags);
    return gd_buf_take(&text, json, err);
}

const json_t *gd_get_part(const json_t *object, const char *key) { return json_object_get(object, key); }

double gd_get_real(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *gd_get_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}
