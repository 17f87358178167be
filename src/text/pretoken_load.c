/* pretoken_load.c - reads the field "pre_tokenizer" of a tokenizer.json. */
#include "text/pretoken.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/fields.h"

#include <stdio.h>
#include <string.h>

#define NESTING 4 /* Sequences within Sequences */

struct reader {
    gd_pretoken *pretoken;
    bool byte_level; /* was seen: it turns characters into bytes, so nothing may follow it */
    gd_error *err;
};

static gd_status add_stage(struct reader *r, gd_stage stage, const char *path)
{
    if (r->pretoken->count == GD_STAGE_LIMIT)
        return gd_fail(r->err, GD_EUNSUPPORTED, "%s: more than %d pre-tokenizers are not supported", path,
                       GD_STAGE_LIMIT);
    r->pretoken->stages[r->pretoken->count++] = stage;
    return GD_OK;
}

/* A boolean that may be missing. */
static gd_status flag(bool *value, bool missing, const json_t *object, const char *key, const char *path, gd_error *err)
{
    *value = missing;
    return json_object_get(object, key) ? gd_json_bool(value, object, key, path, err) : GD_OK;
}

static gd_status byte_level(struct reader *r, const json_t *value, const char *path)
{
    static const char *const names[] = { "type", "add_prefix_space", "trim_offsets", "use_regex", NULL };
    const gd_stage prefix = { .kind = GD_STAGE_PREFIX };
    const gd_stage gpt2 = { .kind = GD_STAGE_SCAN, .scan = gd_scan_gpt2 };
    bool add_prefix_space, use_regex;
    gd_status rc = gd_fields_known(value, names, path, r->err);

    if (!rc)
        rc = gd_json_bool(&add_prefix_space, value, "add_prefix_space", path, r->err);
    if (!rc)
        rc = flag(&use_regex, true, value, "use_regex", path, r->err);
    if (!rc && add_prefix_space)
        rc = add_stage(r, prefix, path);
    if (!rc && use_regex)
        rc = add_stage(r, gpt2, path);
    r->byte_level = true;
    return rc;
}

static gd_status digits(struct reader *r, const json_t *value, const char *path)
{
    static const char *const names[] = { "type", "individual_digits", NULL };
    gd_stage stage = { .kind = GD_STAGE_NUMERIC };
    bool individual;
    gd_status rc = gd_fields_known(value, names, path, r->err);

    if (!rc)
        rc = gd_json_bool(&individual, value, "individual_digits", path, r->err);
    if (rc)
        return rc;
    stage.behavior = individual ? GD_ISOLATED : GD_CONTIGUOUS;
    return add_stage(r, stage, path);
}

static gd_status pattern(gd_stage *stage, const json_t *value, const char *path, gd_error *err)
{
    static const char *const names[] = { "Regex", "String", NULL };
    const json_t *object, *regex, *string;
    gd_status rc = gd_json_object(&object, value, "pattern", path, err);

    if (!rc)
        rc = gd_fields_known(object, names, path, err);
    if (rc)
        return rc;
    regex = json_object_get(object, "Regex");
    string = json_object_get(object, "String");
    if (json_object_size(object) != 1 || !json_is_string(regex ? regex : string))
        return gd_fail(err, GD_EFORMAT, "%s: the pattern is expected to be one string, a \"Regex\" or a \"String\"",
                       path);
    if (string) {
        stage->kind = GD_STAGE_STRING;
        stage->string_len = json_string_length(string);
        if (stage->string_len == 0)
            return gd_fail(err, GD_EUNSUPPORTED, "%s: an empty pattern is not supported", path);
        stage->string = gd_strndup(json_string_value(string), stage->string_len);
        return stage->string ? GD_OK : gd_fail_memory(err, stage->string_len);
    }
    stage->kind = GD_STAGE_SCAN;
    stage->scan = gd_scan_for(json_string_value(regex));
    if (stage->scan && strlen(json_string_value(regex)) == json_string_length(regex))
        return GD_OK;
    stage->kind = GD_STAGE_REGEX;
    return gd_regex_open(&stage->regex, json_string_value(regex), json_string_length(regex), path, err);
}

static gd_status split(struct reader *r, const json_t *value, const char *path)
{
    static const char *const names[] = { "type", "pattern", "behavior", "invert", NULL };
    static const char *const behaviors[] = { "Isolated", "Removed", "Contiguous", "MergedWithPrevious",
                                             "MergedWithNext" };
    gd_stage stage = { .kind = GD_STAGE_SCAN };
    const char *behavior;
    size_t i = 0;
    gd_status rc = gd_fields_known(value, names, path, r->err);

    if (!rc)
        rc = gd_json_string(&behavior, value, "behavior", path, r->err);
    if (!rc)
        rc = gd_json_bool(&stage.invert, value, "invert", path, r->err);
    if (rc)
        return rc;
    while (i < 5 && strcmp(behaviors[i], behavior) != 0)
        i++;
    if (i == 5)
        return gd_fail(r->err, GD_EUNSUPPORTED, "%s: the behavior \"%.80s\" is not known", path, behavior);
    stage.behavior = (gd_behavior)i;
    rc = pattern(&stage, value, path, r->err);
    if (!rc)
        rc = add_stage(r, stage, path);
    if (rc) {
        gd_free(stage.string);
        gd_regex_close(stage.regex);
    }
    return rc;
}

static gd_status one(struct reader *r, const json_t *value, unsigned depth, const char *path)
{
    static const char *const names[] = { "type", "pretokenizers", NULL };
    const json_t *list;
    const char *type;
    gd_status rc;

    if (!json_is_object(value))
        return gd_fail(r->err, GD_EFORMAT, "%s is expected to be an object", path);
    rc = gd_json_string(&type, value, "type", path, r->err);
    if (rc)
        return rc;
    if (r->byte_level)
        return gd_fail(r->err, GD_EUNSUPPORTED,
                       "%s: the type is \"%.80s\", but nothing is supported after \"ByteLevel\"", path, type);
    if (!strcmp(type, "ByteLevel"))
        return byte_level(r, value, path);
    if (!strcmp(type, "Digits"))
        return digits(r, value, path);
    if (!strcmp(type, "Split"))
        return split(r, value, path);
    if (strcmp(type, "Sequence") != 0 || depth == NESTING)
        return gd_fail(r->err, GD_EUNSUPPORTED,
                       "%s: the type is \"%.80s\", but only \"Split\", \"Digits\", \"ByteLevel\" and a "
                       "\"Sequence\" of them are supported",
                       path, type);
    rc = gd_fields_known(value, names, path, r->err);
    if (!rc)
        rc = gd_json_array(&list, value, "pretokenizers", path, r->err);
    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        char where[GD_WHERE];

        (void)snprintf(where, sizeof where, "%s.pretokenizers[%zu]", path, i);
        rc = one(r, json_array_get(list, i), depth + 1, where);
    }
    return rc;
}

gd_status gd_pretoken_load(gd_pretoken *pretoken, const json_t *value, const char *path, gd_error *err)
{
    struct reader r = { pretoken, false, err };
    char where[GD_WHERE];
    gd_status rc = GD_OK;

    (void)snprintf(where, sizeof where, "%s: pre_tokenizer", path);
    if (value && !json_is_null(value))
        rc = one(&r, value, 0, where);
    if (!rc && !r.byte_level)
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s has no \"ByteLevel\": only byte-level tokenizers are supported", where);
    return rc;
}
