/* identity.c - the values that an output depends on, as the user knows them. */
#include "reward/identity.h"

#include "base/error.h"

#include <string.h>

enum { NAMES = 6 };

/* The numbers that a journal has for names: of the enums in guerdon.h, in their order. */
static const struct choice {
    const char *key, *names[NAMES];
} choices[] = {
    { "truncate", { "error", "left", "right", "drop", "oldest-turns" } },
    { "add_eos", { "never", "auto", "always" } },
    { "format", { "auto", "jsonl", "json", "csv", "tsv", "text" } },
    { "pairs", { "none", "best-worst", "best-random", "all" } },
    { "by", { "min-score", "min-margin", "top-fraction", "flip-below" } },
    { "texts", { "no", "yes" } },
    { "annotate", { "no", "yes" } },
    { "skip_unscored", { "no", "yes" } },
    { "max_length", { "not given" } },
    { "top", { "not given" } },
};

static const char *name_of(const char *key, const json_t *value)
{
    const json_int_t number = json_integer_value(value);

    if (json_is_string(value) && !*json_string_value(value))
        return "not given";
    for (size_t i = 0; json_is_integer(value) && i < sizeof choices / sizeof choices[0]; i++)
        if (!strcmp(key, choices[i].key) && number >= 0 && number < NAMES)
            return choices[i].names[number];
    return NULL;
}

int gd_identity_number(const char *key, const char *name)
{
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        for (int n = 0; !strcmp(key, choices[i].key) && n < NAMES && choices[i].names[n]; n++)
            if (!strcmp(name, choices[i].names[n]))
                return n;
    return -1;
}

void gd_identity_value(gd_buf *out, const char *key, const json_t *value)
{
    const char *name = name_of(key, value);

    if (name)
        gd_buf_str(out, name);
    else if (value && !json_is_null(value))
        gd_json_put(out, value, JSON_ENCODE_ANY | JSON_COMPACT);
    else
        gd_buf_str(out, "the default");
}

static gd_status differs(const char *path, const char *key, const json_t *was, const json_t *is, gd_error *err)
{
    gd_buf texts[2] = { { 0 }, { 0 } };

    gd_identity_value(&texts[0], key, was);
    gd_identity_value(&texts[1], key, is);
    (void)gd_fail(err, GD_EUSAGE, "%s: the run was started with another %s, %.100s; now it is %.100s", path, key,
                  gd_buf_cstr(&texts[0]) ? texts[0].data : "?", gd_buf_cstr(&texts[1]) ? texts[1].data : "?");
    gd_buf_free(&texts[0]);
    gd_buf_free(&texts[1]);
    return GD_EUSAGE;
}

static gd_status another_file(const char *path, const char *file, gd_error *err)
{
    return gd_fail(err, GD_EUSAGE,
                   "%s: the run was started with another %s; restore that file, or remove %s to start afresh", path,
                   file, path);
}

/* Fails with the first file that has changed, is gone, or is new. */
static gd_status check_files(const char *path, const json_t *was, const json_t *is, gd_error *err)
{
    const char *file;
    const json_t *digest;

    json_object_foreach((json_t *)is, file, digest)
        if (!json_equal(json_object_get(was, file), digest))
            return another_file(path, file, err);
    json_object_foreach((json_t *)was, file, digest)
        if (!json_object_get(is, file))
            return another_file(path, file, err);
    return GD_OK;
}

gd_status gd_identity_check(const json_t *then, const char *identity, const char *path, gd_error *err)
{
    json_t *now = NULL;
    const char *key;
    const json_t *value;
    gd_status rc = gd_json_parse(&now, identity, strlen(identity), path, err);

    if (rc)
        return rc;
    json_object_foreach((json_t *)now, key, value) {
        const json_t *was = json_object_get(then, key);

        if (!rc && strcmp(key, "files") == 0)
            rc = check_files(path, was, value, err);
        else if (!rc && !json_equal(was, value))
            rc = differs(path, key, was, value, err);
    }
    json_decref(now);
    return rc;
}
