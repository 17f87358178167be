/* added_list.c - a list of declarations of added tokens; reads the field "added_tokens" of a tokenizer.json. */
#include "text/added_list.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/fields.h"
#include "text/vocab.h"

#include <stdio.h>

void gd_added_list_free(gd_added_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        gd_free(list->entries[i].content);
    gd_free(list->entries);
    *list = (gd_added_list){ 0 };
}

gd_status gd_added_declare(gd_added_list *list, gd_added_origin origin, const json_t *content, gd_added_flags flags,
                           gd_added_entry **added, const char *where, gd_error *err)
{
    const size_t len = json_string_length(content);
    char *copy;

    *added = NULL;
    if (len == 0 && origin != GD_ADDED_FILE)
        return GD_OK;
    if (len == 0 || len > GD_ADDED_BYTES)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the content has %zu bytes, but 1 to %zu are supported", where, len,
                       GD_ADDED_BYTES);
    if (list->count == GD_ADDED_LIMIT)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: more than %zu added tokens are not supported", where, GD_ADDED_LIMIT);
    if (!gd_grow((void **)&list->entries, &list->room, list->count + 1, sizeof *list->entries))
        return gd_fail_memory(err, (list->count + 1) * sizeof *list->entries);
    copy = gd_strndup(json_string_value(content), len);
    if (!copy)
        return gd_fail_memory(err, len);
    list->entries[list->count] = (gd_added_entry){ .content = copy,
                                                   .len = len,
                                                   .flags = flags,
                                                   .origin = origin,
                                                   .id = -1 };
    *added = &list->entries[list->count++];
    return GD_OK;
}

/* A flag that may be missing outside of tokenizer.json. */
static gd_status read_flag(bool *flag, const json_t *object, const char *key, bool required, const char *where,
                           gd_error *err)
{
    return required || json_object_get(object, key) ? gd_json_bool(flag, object, key, where, err) : GD_OK;
}

static gd_status read_flags(gd_added_flags *flags, const json_t *object, bool required, const char *where,
                            gd_error *err)
{
    gd_status rc = read_flag(&flags->single_word, object, "single_word", required, where, err);

    if (!rc)
        rc = read_flag(&flags->lstrip, object, "lstrip", required, where, err);
    if (!rc)
        rc = read_flag(&flags->rstrip, object, "rstrip", required, where, err);
    if (!rc)
        rc = read_flag(&flags->special, object, "special", required, where, err);
    flags->normalized = !flags->special;
    return rc ? rc : read_flag(&flags->normalized, object, "normalized", required, where, err);
}

gd_status gd_added_declare_object(gd_added_list *list, gd_added_origin origin, const json_t *object,
                                  gd_added_entry **added, const char *where, gd_error *err)
{
    static const char *const names[] = { "content",    "single_word", "lstrip", "rstrip",
                                         "normalized", "special",     "id",     NULL };
    static const char *const elsewhere[] = { "content",    "single_word", "lstrip", "rstrip",
                                             "normalized", "special",     "__type", NULL };
    const json_t *content;
    gd_added_flags flags = { 0 };
    gd_status rc = gd_fields_known(object, origin == GD_ADDED_FILE ? names : elsewhere, where, err);

    if (!rc)
        rc = read_flags(&flags, object, origin == GD_ADDED_FILE, where, err);
    if (rc)
        return rc;
    content = json_object_get(object, "content");
    if (!json_is_string(content))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"content\" is expected to be a string", where);
    return gd_added_declare(list, origin, content, flags, added, where, err);
}

gd_status gd_added_list_file(gd_added_list *list, const json_t *tokens, const char *path, gd_error *err)
{
    gd_status rc = GD_OK;

    if (!tokens || json_is_null(tokens))
        return GD_OK;
    if (!json_is_array(tokens))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"added_tokens\" is expected to be a list", path);
    for (size_t i = 0; i < json_array_size(tokens) && !rc; i++) {
        const json_t *item = json_array_get(tokens, i);
        gd_added_entry *entry;
        char where[GD_WHERE];
        int64_t id;

        (void)snprintf(where, sizeof where, "%s: added_tokens[%zu]", path, i);
        rc = gd_added_declare_object(list, GD_ADDED_FILE, item, &entry, where, err);
        if (!rc)
            rc = gd_json_int(&id, item, "id", 0, GD_ID_LIMIT - 1, where, err);
        if (!rc)
            entry->id = id;
    }
    list->files = list->count;
    return rc;
}
