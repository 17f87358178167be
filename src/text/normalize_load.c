/* normalize_load.c - reads the field "normalizer" of a tokenizer.json. */
#include "text/normalize.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/fields.h"

#include <stdio.h>
#include <string.h>

#define NESTING 4 /* Sequences within Sequences */

static gd_status add_form(gd_normalizer *n, const json_t *value, bool compatible, const char *path, gd_error *err)
{
    static const char *const names[] = { "type", NULL };
    gd_status rc = gd_fields_known(value, names, path, err);

    if (!rc && compatible)
        rc = gd_normalizer_add(n, (gd_norm_step){ .kind = GD_NORM_COMPATIBLE }, path, err);
    return rc ? rc : gd_normalizer_add(n, (gd_norm_step){ .kind = GD_NORM_NFC }, path, err);
}

/* A copy of a string, which may be empty. */
static gd_status copy(char **out, size_t *len, const json_t *object, const char *key, const char *path, gd_error *err)
{
    const json_t *s = json_object_get(object, key);

    if (!json_is_string(s))
        return gd_fail(err, GD_EFORMAT, "%s: %s is expected to be a string", path, key);
    *len = json_string_length(s);
    *out = gd_strndup(json_string_value(s), *len);
    return *out ? GD_OK : gd_fail_memory(err, *len);
}

static gd_status add_prepend(gd_normalizer *n, const json_t *value, const char *path, gd_error *err)
{
    static const char *const names[] = { "type", "prepend", NULL };
    gd_norm_step step = { .kind = GD_NORM_PREPEND };
    gd_status rc = gd_fields_known(value, names, path, err);

    if (!rc)
        rc = copy(&step.to, &step.to_len, value, "prepend", path, err);
    return rc ? rc : gd_normalizer_add(n, step, path, err);
}

static gd_status pattern(gd_norm_step *step, const json_t *value, const char *path, gd_error *err)
{
    static const char *const names[] = { "Regex", "String", NULL };
    const json_t *object, *regex;
    gd_status rc = gd_json_object(&object, value, "pattern", path, err);

    if (!rc)
        rc = gd_fields_known(object, names, path, err);
    if (rc)
        return rc;
    if (json_object_size(object) != 1)
        return gd_fail(err, GD_EFORMAT, "%s: the pattern is expected to be one string, a \"Regex\" or a \"String\"",
                       path);
    regex = json_object_get(object, "Regex");
    rc = copy(&step->from, &step->from_len, object, regex ? "Regex" : "String", path, err);
    if (!rc && step->from_len == 0)
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s: an empty pattern is not supported", path);
    return rc || !regex ? rc : gd_regex_open(&step->regex, step->from, step->from_len, path, err);
}

static gd_status add_replace(gd_normalizer *n, const json_t *value, const char *path, gd_error *err)
{
    static const char *const names[] = { "type", "pattern", "content", NULL };
    gd_norm_step step = { .kind = GD_NORM_REPLACE };
    gd_status rc = gd_fields_known(value, names, path, err);

    if (!rc)
        rc = pattern(&step, value, path, err);
    if (!rc)
        rc = copy(&step.to, &step.to_len, value, "content", path, err);
    if (!rc)
        return gd_normalizer_add(n, step, path, err);
    gd_free(step.from);
    gd_regex_close(step.regex);
    return rc;
}

static gd_status one(gd_normalizer *n, const json_t *value, unsigned depth, const char *path, gd_error *err)
{
    static const char *const names[] = { "type", "normalizers", NULL };
    const json_t *list;
    const char *type;
    gd_status rc;

    if (!json_is_object(value))
        return gd_fail(err, GD_EFORMAT, "%s is expected to be an object or null", path);
    rc = gd_json_string(&type, value, "type", path, err);
    if (rc)
        return rc;
    if (!strcmp(type, "NFC") || !strcmp(type, "NFKC"))
        return add_form(n, value, type[2] == 'K', path, err);
    if (!strcmp(type, "Prepend"))
        return add_prepend(n, value, path, err);
    if (!strcmp(type, "Replace"))
        return add_replace(n, value, path, err);
    if (strcmp(type, "Sequence") != 0 || depth == NESTING)
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: the type is \"%.80s\", but only \"NFC\", \"NFKC\", \"Prepend\", \"Replace\" and a "
                       "\"Sequence\" of them are supported",
                       path, type);
    rc = gd_fields_known(value, names, path, err);
    if (!rc)
        rc = gd_json_array(&list, value, "normalizers", path, err);
    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        char where[GD_WHERE];

        (void)snprintf(where, sizeof where, "%s.normalizers[%zu]", path, i);
        rc = one(n, json_array_get(list, i), depth + 1, where, err);
    }
    return rc;
}

gd_status gd_normalizer_load(gd_normalizer *normalizer, const json_t *value, const char *path, gd_error *err)
{
    char where[GD_WHERE];

    if (!value || json_is_null(value))
        return GD_OK;
    (void)snprintf(where, sizeof where, "%s: normalizer", path);
    return one(normalizer, value, 0, where, err);
}
