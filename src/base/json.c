/* json.c - getting values from JSON, with errors that name the file and the field. */
#include "base/json.h"

#include "base/error.h"
#include "base/file.h"
#include "base/jscan.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

gd_status gd_json_parse(json_t **out, const char *text, size_t len, const char *name, gd_error *err)
{
    gd_jscan js = { .text = text, .len = len, .path = name, .err = err };
    const size_t good = gd_utf8_check(text, len);
    gd_status rc;

    *out = NULL;
    if (good < len)
        return gd_fail(err, GD_EFORMAT, "%s: not valid UTF-8 at byte %zu", name, good + 1);
    rc = gd_jscan_tree(&js, out);
    if (!rc)
        rc = gd_jscan_end(&js);
    if (rc) {
        json_decref(*out);
        *out = NULL;
    }
    gd_jscan_free(&js);
    return rc;
}

gd_status gd_json_load(json_t **out, const char *path, size_t limit, gd_error *err)
{
    char *text;
    size_t len;
    gd_status rc;

    *out = NULL;
    rc = gd_file_read(&text, &len, path, limit, err);
    if (rc)
        return rc;
    rc = gd_json_parse(out, text, len, path, err);
    gd_free(text);
    return rc;
}

bool gd_json_nothing(const json_t *v)
{
    return json_is_null(v) || json_is_false(v) || (json_is_number(v) && json_number_value(v) == 0) ||
           (json_is_string(v) && json_string_length(v) == 0) || (json_is_array(v) && json_array_size(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0);
}

bool gd_json_has(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return value && !json_is_null(value);
}

const char *gd_json_type_name(const json_t *value)
{
    if (gd_json_odd(value))
        return gd_json_odd(value);
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a real number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    default: return "null";
    }
}

static gd_status get(const json_t **out, const json_t *object, const char *key, const char *wanted, const char *path,
                     gd_error *err)
{
    *out = json_object_get(object, key);
    if (!*out)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is missing, but %s is expected", path, key, wanted);
    return GD_OK;
}

static gd_status wrong_type(const json_t *value, const char *key, const char *wanted, const char *path, gd_error *err)
{
    return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %s, but %s is expected", path, key,
                   gd_json_type_name(value), wanted);
}

gd_status gd_json_object(const json_t **out, const json_t *object, const char *key, const char *path, gd_error *err)
{
    gd_status rc = get(out, object, key, "an object", path, err);

    return rc || (json_is_object(*out) && !gd_json_odd(*out)) ? rc : wrong_type(*out, key, "an object", path, err);
}

gd_status gd_json_array(const json_t **out, const json_t *object, const char *key, const char *path, gd_error *err)
{
    gd_status rc = get(out, object, key, "a list", path, err);

    return rc || json_is_array(*out) ? rc : wrong_type(*out, key, "a list", path, err);
}

gd_status gd_json_string(const char **out, const json_t *object, const char *key, const char *path, gd_error *err)
{
    const json_t *value;
    gd_status rc = get(&value, object, key, "a string", path, err);

    if (rc)
        return rc;
    if (!json_is_string(value))
        return wrong_type(value, key, "a string", path, err);
    *out = json_string_value(value);
    if (strlen(*out) != json_string_length(value))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" contains a NUL character", path, key);
    return GD_OK;
}

gd_status gd_json_bool(bool *out, const json_t *object, const char *key, const char *path, gd_error *err)
{
    const json_t *value;
    gd_status rc = get(&value, object, key, "true or false", path, err);

    if (rc)
        return rc;
    if (!json_is_boolean(value))
        return wrong_type(value, key, "true or false", path, err);
    *out = json_is_true(value);
    return GD_OK;
}

static int append(const char *bytes, size_t len, void *out)
{
    gd_buf_bytes(out, bytes, len);
    return 0;
}

void gd_json_put(gd_buf *out, const json_t *value, size_t flags)
{
    if (json_dump_callback(value, append, out, flags))
        out->failed = true;
}

gd_status gd_json_put_short(gd_buf *out, const json_t *value, size_t flags, gd_error *err)
{
    bool same = false;

    for (size_t digits = 15; digits <= 17 && !same; digits++) {
        json_t *again;
        gd_status rc;

        gd_buf_clear(out);
        gd_json_put(out, value, flags | JSON_REAL_PRECISION(digits));
        if (!gd_buf_cstr(out))
            return gd_fail_memory(err, out->len + 4096);
        rc = gd_json_parse(&again, out->data, out->len, "the text", err);
        if (rc)
            return rc;
        same = json_equal((json_t *)value, again);
        json_decref(again);
    }
    return GD_OK;
}

gd_status gd_json_int(int64_t *out, const json_t *object, const char *key, int64_t min, int64_t max, const char *path,
                      gd_error *err)
{
    const json_t *value;
    gd_status rc = get(&value, object, key, "an integer", path, err);

    if (rc)
        return rc;
    if (!json_is_integer(value))
        return wrong_type(value, key, "an integer", path, err);
    *out = json_integer_value(value);
    if (*out < min || *out > max)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"%s\" is %" PRId64 ", but %" PRId64 " to %" PRId64 " is expected", path, key,
                       *out, min, max);
    return GD_OK;
}

gd_status gd_json_number(double *out, const json_t *object, const char *key, const char *path, gd_error *err)
{
    const json_t *value;
    gd_status rc = get(&value, object, key, "a number", path, err);

    if (rc)
        return rc;
    if (!json_is_number(value))
        return wrong_type(value, key, "a number", path, err);
    *out = json_number_value(value);
    if (!isfinite(*out))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is not a finite number", path, key);
    return GD_OK;
}
