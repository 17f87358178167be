/* pretoken_load.c - reads the field "pre_tokenizer" of a tokenizer.json. */
#include "text/pretoken.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/fields.h"

#include <stdio.h>
#include <string.h>

#define NESTING 4 /* Sequences within Sequences */

struct reader {
    gd_pretoken *pretoken;
    bool metaspace; /* was seen */
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

/* The same for a stage that owns something. */
static gd_status add_or_free(struct reader *r, gd_stage stage, const char *path)
{
    const gd_status rc = add_stage(r, stage, path);

    if (rc) {
        gd_free(stage.string);
        gd_regex_close(stage.regex);
    }
    return rc;
}

static gd_status copy_string(gd_stage *stage, const char *s, size_t len, gd_error *err)
{
    stage->string_len = len;
    stage->string = gd_strndup(s, len);
    return stage->string ? GD_OK : gd_fail_memory(err, len);
}

/* A boolean that may be missing. */
static gd_status flag(bool *value, bool missing, const json_t *object, const char *key, const char *path, gd_error *err)
{
    *value = missing;
    return json_object_get(object, key) ? gd_json_bool(value, object, key, path, err) : GD_OK;
}

static gd_status behavior(gd_stage *stage, const json_t *value, const char *path, gd_error *err)
{
    static const char *const names[] = { "Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext" };
    const char *name;
    size_t i = 0;
    const gd_status rc = gd_json_string(&name, value, "behavior", path, err);

    if (rc)
        return rc;
    while (i < 5 && strcmp(names[i], name) != 0)
        i++;
    if (i == 5)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the behavior \"%.80s\" is not known", path, name);
    stage->behavior = (gd_behavior)i;
    return GD_OK;
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
    r->pretoken->byte_level = true;
    return rc;
}

/* After ByteLevel, a stage sees the characters that stand for bytes. */
static gd_status after_bytes(struct reader *r, const char *path)
{
    const gd_stage stage = { .kind = GD_STAGE_BYTES };

    if (!r->pretoken->byte_level || r->pretoken->as_bytes)
        return GD_OK;
    r->pretoken->as_bytes = true;
    return add_stage(r, stage, path);
}

static gd_status prepend_scheme(gd_stage *stage, const json_t *value, const char *path, gd_error *err)
{
    static const char *const schemes[] = { "never", "first", "always" };
    const char *scheme = "always";
    bool add_prefix_space;
    gd_status rc = flag(&add_prefix_space, true, value, "add_prefix_space", path, err);
    size_t i = 0;

    if (!rc && json_object_get(value, "prepend_scheme"))
        rc = gd_json_string(&scheme, value, "prepend_scheme", path, err);
    if (rc)
        return rc;
    while (i < 3 && strcmp(schemes[i], scheme) != 0)
        i++;
    if (i == 3)
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: prepend_scheme is \"%.80s\", but only \"first\", \"always\" and \"never\" are known", path,
                       scheme);
    if (i && !add_prefix_space)
        return gd_fail(err, GD_EFORMAT, "%s: add_prefix_space is false, but prepend_scheme is \"%s\"", path, scheme);
    stage->prepend = i == 0 ? GD_PREPEND_NEVER : i == 1 ? GD_PREPEND_FIRST : GD_PREPEND_ALWAYS;
    return GD_OK;
}

static gd_status metaspace(struct reader *r, const json_t *value, const char *path)
{
    static const char *const names[] = { "type",           "replacement", "str_rep", "add_prefix_space",
                                         "prepend_scheme", "split",       NULL };
    gd_stage stage = { .kind = GD_STAGE_METASPACE };
    gd_stage cut = { .kind = GD_STAGE_STRING, .behavior = GD_MERGED_WITH_NEXT };
    const char *mark;
    bool is_split;
    gd_status rc = gd_fields_known(value, names, path, r->err);

    if (!rc && r->metaspace)
        rc = gd_fail(r->err, GD_EUNSUPPORTED, "%s: a second \"Metaspace\" is not supported", path);
    r->metaspace = true;
    if (!rc)
        rc = prepend_scheme(&stage, value, path, r->err);
    if (!rc)
        rc = flag(&is_split, true, value, "split", path, r->err);
    if (!rc)
        rc = gd_json_string(&mark, value, "replacement", path, r->err);
    if (!rc && (!*mark || gd_utf8_valid_len((const unsigned char *)mark, strlen(mark)) != strlen(mark)))
        rc = gd_fail(r->err, GD_EFORMAT, "%s: replacement is \"%.80s\", but one character is expected", path, mark);
    if (!rc)
        rc = copy_string(&stage, mark, strlen(mark), r->err);
    if (!rc)
        rc = add_or_free(r, stage, path);
    if (rc || !is_split)
        return rc;
    rc = copy_string(&cut, mark, strlen(mark), r->err);
    return rc ? rc : add_or_free(r, cut, path);
}

static gd_status punctuation(struct reader *r, const json_t *value, const char *path)
{
    static const char *const names[] = { "type", "behavior", NULL };
    gd_stage stage = { .kind = GD_STAGE_PUNCTUATION, .behavior = GD_ISOLATED };
    gd_status rc = gd_fields_known(value, names, path, r->err);

    if (!rc && json_object_get(value, "behavior"))
        rc = behavior(&stage, value, path, r->err);
    return rc ? rc : add_stage(r, stage, path);
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
        if (json_string_length(string) == 0)
            return gd_fail(err, GD_EUNSUPPORTED, "%s: an empty pattern is not supported", path);
        return copy_string(stage, json_string_value(string), json_string_length(string), err);
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
    gd_stage stage = { .kind = GD_STAGE_SCAN };
    gd_status rc = gd_fields_known(value, names, path, r->err);

    if (!rc)
        rc = behavior(&stage, value, path, r->err);
    if (!rc)
        rc = gd_json_bool(&stage.invert, value, "invert", path, r->err);
    if (!rc)
        rc = pattern(&stage, value, path, r->err);
    if (!rc)
        return add_or_free(r, stage, path);
    gd_free(stage.string);
    return rc;
}

static gd_status one(struct reader *r, const json_t *value, unsigned depth, const char *path)
{
    static const char *const names[] = { "type", "pretokenizers", NULL };
    static const struct {
        const char *type;
        bool after_bytes;
        gd_status (*read)(struct reader *r, const json_t *value, const char *path);
    } kinds[] = { { "Split", true, split },
                  { "Digits", true, digits },
                  { "Punctuation", true, punctuation },
                  { "Metaspace", false, metaspace },
                  { "ByteLevel", false, byte_level } };
    const json_t *list;
    const char *type;
    gd_status rc;

    if (!json_is_object(value))
        return gd_fail(r->err, GD_EFORMAT, "%s is expected to be an object", path);
    rc = gd_json_string(&type, value, "type", path, r->err);
    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(type, kinds[i].type) != 0)
            continue;
        if (r->pretoken->byte_level && !kinds[i].after_bytes)
            return gd_fail(r->err, GD_EUNSUPPORTED,
                           "%s: the type is \"%.80s\", but after \"ByteLevel\" only \"Split\", \"Digits\" and "
                           "\"Punctuation\" are supported",
                           path, type);
        rc = after_bytes(r, path);
        return rc ? rc : kinds[i].read(r, value, path);
    }
    if (strcmp(type, "Sequence") != 0 || depth == NESTING)
        return gd_fail(r->err, GD_EUNSUPPORTED,
                       "%s: the type is \"%.80s\", but only \"Split\", \"Digits\", \"Punctuation\", \"Metaspace\", "
                       "\"ByteLevel\" and a \"Sequence\" of them are supported",
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

    (void)snprintf(where, sizeof where, "%s: pre_tokenizer", path);
    return value && !json_is_null(value) ? one(&r, value, 0, where) : GD_OK;
}
