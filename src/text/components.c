/* components.c - reading the small parts of a tokenizer.json, except the normalizer and the pre-tokenizer. */
#include "text/components.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/fields.h"
#include "text/vocab.h"

#include <stdio.h>
#include <string.h>

#define NESTING 4 /* Sequences within Sequences */

gd_status gd_fields_known(const json_t *object, const char *const *names, const char *path, gd_error *err)
{
    void *at;

    if (!json_is_object(object))
        return gd_fail(err, GD_EFORMAT, "%s is expected to be an object", path);
    for (at = json_object_iter((json_t *)object); at; at = json_object_iter_next((json_t *)object, at)) {
        const char *key = json_object_iter_key(at);
        size_t i = 0;

        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i])
            return gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"%.80s\" is not known", path, key);
    }
    return GD_OK;
}

/* Appends the ids of one special token of the template. */
static gd_status special(gd_ids *ids, const json_t *tokens, const char *name, size_t size, const char *path,
                         gd_error *err)
{
    static const char *const names[] = { "id", "ids", "tokens", NULL };
    const json_t *token = json_object_get(tokens, name), *list;
    gd_status rc;

    if (!token)
        return gd_fail(err, GD_EFORMAT, "%s: the template uses \"%.80s\", which is not in special_tokens", path, name);
    rc = gd_fields_known(token, names, path, err);
    if (!rc)
        rc = gd_json_array(&list, token, "ids", path, err);
    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        const json_t *id = json_array_get(list, i);
        const json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;

        if (value < 0 || (uint64_t)value >= size)
            return gd_fail(err, GD_EFORMAT,
                           "%s: special_tokens: an id of \"%.80s\" is not one of the tokenizer's %zu ids", path, name,
                           size);
        if (!gd_grow((void **)&ids->data, &ids->room, ids->len + 1, sizeof *ids->data))
            return gd_fail_memory(err, ids->len * sizeof *ids->data);
        ids->data[ids->len++] = (uint32_t)value;
    }
    return rc;
}

/* One piece of the template: {"Sequence":{"id":"A",..}} or {"SpecialToken":{"id":..}}. */
static gd_status template_piece(gd_template *template, const json_t *piece, const json_t *tokens, bool *text,
                                size_t size, const char *path, gd_error *err)
{
    static const char *const kinds[] = { "Sequence", "SpecialToken", NULL };
    static const char *const names[] = { "id", "type_id", NULL };
    const json_t *body;
    const char *id;
    gd_status rc = gd_fields_known(piece, kinds, path, err);
    bool sequence;

    if (rc)
        return rc;
    sequence = json_object_get(piece, "Sequence") != NULL;
    rc = gd_json_object(&body, piece, sequence ? "Sequence" : "SpecialToken", path, err);
    if (!rc)
        rc = gd_fields_known(body, names, path, err);
    if (!rc)
        rc = gd_json_string(&id, body, "id", path, err);
    if (rc)
        return rc;
    if (!sequence)
        return special(*text ? &template->after : &template->before, tokens, id, size, path, err);
    if (strcmp(id, "A") != 0 || *text)
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: the template for a single text must contain the sequence \"A\" once, and no other", path);
    *text = true;
    return GD_OK;
}

static gd_status template_processing(gd_template *template, const json_t *value, size_t size, const char *path,
                                     gd_error *err)
{
    static const char *const names[] = { "type", "single", "pair", "special_tokens", NULL };
    const json_t *single, *tokens;
    bool text = false;
    gd_status rc = gd_fields_known(value, names, path, err);

    if (!rc && (template->before.len || template->after.len))
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s: a second TemplateProcessing is not supported", path);
    if (!rc)
        rc = gd_json_array(&single, value, "single", path, err);
    if (!rc)
        rc = gd_json_object(&tokens, value, "special_tokens", path, err);
    for (size_t i = 0; !rc && i < json_array_size(single); i++) {
        char where[GD_WHERE];

        (void)snprintf(where, sizeof where, "%s.single[%zu]", path, i);
        rc = template_piece(template, json_array_get(single, i), tokens, &text, size, where, err);
    }
    if (!rc && !text)
        rc = gd_fail(err, GD_EUNSUPPORTED,
                     "%s: the template for a single text must contain the sequence \"A\" once, and no other", path);
    return rc;
}

static gd_status post_processor(gd_template *template, const json_t *value, unsigned depth, size_t size,
                                const char *path, gd_error *err)
{
    static const char *const bytes_names[] = { "type", "add_prefix_space", "trim_offsets", "use_regex", NULL };
    static const char *const list_names[] = { "type", "processors", NULL };
    const json_t *list;
    const char *type;
    gd_status rc;

    if (!json_is_object(value))
        return gd_fail(err, GD_EFORMAT, "%s is expected to be an object or null", path);
    rc = gd_json_string(&type, value, "type", path, err);
    if (rc)
        return rc;
    if (!strcmp(type, "ByteLevel")) /* it changes offsets, but not ids */
        return gd_fields_known(value, bytes_names, path, err);
    if (!strcmp(type, "TemplateProcessing"))
        return template_processing(template, value, size, path, err);
    if (strcmp(type, "Sequence") != 0 || depth == NESTING)
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: the type is \"%.80s\", but only \"TemplateProcessing\", \"ByteLevel\" and a "
                       "\"Sequence\" of them are supported",
                       path, type);
    rc = gd_fields_known(value, list_names, path, err);
    if (!rc)
        rc = gd_json_array(&list, value, "processors", path, err);
    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        char where[GD_WHERE];

        (void)snprintf(where, sizeof where, "%s.processors[%zu]", path, i);
        rc = post_processor(template, json_array_get(list, i), depth + 1, size, where, err);
    }
    return rc;
}

gd_status gd_template_load(gd_template *template, const json_t *value, size_t size, const char *path, gd_error *err)
{
    char where[GD_WHERE];

    if (!value || json_is_null(value))
        return GD_OK;
    (void)snprintf(where, sizeof where, "%s: post_processor", path);
    return post_processor(template, value, 0, size, where, err);
}

/* A field that is known but not applied. */
static gd_status check_fields(const json_t *value, const char *field, const char *const *names, const char *path,
                              gd_error *err)
{
    char where[GD_WHERE];

    if (!value || json_is_null(value))
        return GD_OK;
    (void)snprintf(where, sizeof where, "%s: %s", path, field);
    return gd_fields_known(value, names, where, err);
}

gd_status gd_truncation_check(const json_t *value, const char *path, gd_error *err)
{
    static const char *const names[] = { "direction", "max_length", "strategy", "stride", NULL };

    return check_fields(value, "truncation", names, path, err);
}

gd_status gd_padding_check(const json_t *value, const char *path, gd_error *err)
{
    static const char *const names[] = { "strategy",  "direction", "pad_to_multiple_of", "pad_id", "pad_type_id",
                                         "pad_token", NULL };

    return check_fields(value, "padding", names, path, err);
}
