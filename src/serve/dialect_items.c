/* dialect_items.c - makes items of what a body has. */
#include "serve/dialect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_ROOM = 96 };

/* ---- which model ---- */

bool sv_find_adapter(const sv_exchange *x, const char *name, size_t *adapter)
{
    for (size_t i = 0; i < x->info->adapter_count; i++) {
        if (strcmp(name, x->info->adapters[i].name) != 0)
            continue;
        *adapter = i + 1;
        return true;
    }
    return false;
}

bool sv_read_model(sv_exchange *x)
{
    const char *name = NULL;

    if (!sv_name(x, "model", &name))
        return false;
    if (!name || sv_find_adapter(x, name, &x->adapter) || !x->info->adapter_count || !strcmp(name, x->info->name))
        return true;
    return sv_refuse(x, 404, "the model \"%.200s\" is not served here, but \"%.200s\" and its adapters are", name,
                     x->info->name);
}

const char *sv_model_name(const sv_exchange *x) { return x->adapter ? sv_adapter_of(x)->name : x->info->name; }

/* ---- texts and ids ---- */

bool sv_read_text(sv_exchange *x, const json_t *value, const char *name, gd_text *text)
{
    if (!json_is_string(value))
        return sv_refuse(x, 400, "%s is %s, but a string is expected", name,
                         value ? gd_json_type_name(value) : "missing");
    *text = (gd_text){ json_string_value(value), json_string_length(value) };
    return true;
}

static bool read_ids(sv_exchange *x, const json_t *list, const char *name, gd_part *part)
{
    const size_t count = json_array_size(list);
    uint32_t *ids = sv_alloc(x, count, sizeof *ids);

    if (!ids)
        return sv_refuse_memory(x);
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(list, i);

        if (!json_is_integer(id))
            return sv_refuse(x, 400, "%s[%zu] is %s, but a token id is expected", name, i, gd_json_type_name(id));
        if (json_integer_value(id) < 0 || json_integer_value(id) > UINT32_MAX)
            return sv_refuse(x, 400, "%s[%zu] is %" PRId64 ", which is no token id", name, i,
                             (int64_t)json_integer_value(id));
        ids[i] = (uint32_t)json_integer_value(id);
    }
    *part = (gd_part){ .ids = ids, .id_count = count };
    return true;
}

bool sv_read_part(sv_exchange *x, const json_t *value, const char *name, gd_part *part)
{
    *part = (gd_part){ 0 };
    if (json_is_array(value))
        return read_ids(x, value, name, part);
    if (json_is_string(value))
        return sv_read_text(x, value, name, &part->text);
    return sv_refuse(x, 400, "%s is %s, but a string or a list of token ids is expected", name,
                     value ? gd_json_type_name(value) : "missing");
}

static bool make_parts(sv_exchange *x, size_t count, const char *name, sv_parts *parts)
{
    if (count > x->info->max_items)
        return sv_refuse(x, 413, "%s has %zu elements, but at most %zu are accepted", name, count, x->info->max_items);
    parts->count = count;
    parts->parts = sv_alloc(x, count, sizeof *parts->parts);
    return parts->parts || sv_refuse_memory(x);
}

bool sv_read_elements(sv_exchange *x, const json_t *list, const char *name, sv_parts *parts)
{
    char element[NAME_ROOM];

    parts->alone = false;
    if (!make_parts(x, json_array_size(list), name, parts))
        return false;
    for (size_t i = 0; i < parts->count; i++) {
        (void)snprintf(element, sizeof element, "%.60s[%zu]", name, i);
        if (!sv_read_part(x, json_array_get(list, i), element, &parts->parts[i]))
            return false;
    }
    return true;
}

bool sv_read_parts(sv_exchange *x, const json_t *value, const char *name, sv_parts *parts)
{
    if (json_is_array(value) && !json_is_integer(json_array_get(value, 0)))
        return sv_read_elements(x, value, name, parts);
    parts->alone = true;
    return make_parts(x, 1, name, parts) && sv_read_part(x, value, name, parts->parts);
}

/* ---- items ---- */

bool sv_items_of(sv_exchange *x, const sv_parts *parts, const gd_item *like)
{
    gd_item *items = sv_items(x, parts->count);

    for (size_t i = 0; items && i < parts->count; i++) {
        items[i] = *like;
        items[i].kind = GD_ITEM_TEXT;
        items[i].parts = &parts->parts[i];
        items[i].part_count = 1;
    }
    return items != NULL;
}

bool sv_answers_to(sv_exchange *x, const gd_part *prompt, const sv_parts *parts, const gd_item *like)
{
    gd_item *item = sv_items(x, parts->count ? 1 : 0);
    gd_part *own = sv_alloc(x, 1, sizeof *own);

    if (!item)
        return false;
    if (!own)
        return sv_refuse_memory(x);
    if (!parts->count)
        return true;
    *own = *prompt;
    *item = *like;
    item->kind = GD_ITEM_ANSWERS;
    item->prompt = own;
    item->parts = parts->parts;
    item->part_count = parts->count;
    return true;
}

bool sv_question(sv_exchange *x, gd_text question, gd_part *prompt)
{
    gd_message *turn;

    *prompt = (gd_part){ .text = question };
    if (!x->info->has_chat)
        return true;
    turn = sv_alloc(x, 1, sizeof *turn);
    if (!turn)
        return sv_refuse_memory(x);
    *turn = (gd_message){ .role = { "user", 4 }, .content = question };
    *prompt = (gd_part){ .messages = turn, .message_count = 1 };
    return true;
}

bool sv_record(sv_exchange *x, const json_t *value, const char *name, gd_item *item)
{
    gd_buf text = { 0 };
    char *own = NULL;

    if (!json_is_object(value) || gd_json_odd(value))
        return sv_refuse(x, 400, "%s is %s, but an object is expected", name, gd_json_type_name(value));
    if (gd_json_has_odd(value))
        return sv_refuse(x, 400, "%s has NaN, Infinity, a number too large or half of a surrogate pair in it", name);
    if (!gd_json_put_short(&text, value, JSON_COMPACT, NULL))
        own = gd_arena_strndup(&x->memory, text.data, text.len);
    item->kind = GD_ITEM_RECORD;
    item->record = (gd_text){ own, text.len };
    gd_buf_free(&text);
    return own || sv_refuse_memory(x);
}

bool sv_read_truncation(sv_exchange *x, gd_item *like)
{
    static const char *const sides[] = { "left", "right", NULL };
    const char *side = "left";
    int64_t most = 0;

    if (!sv_whole(x, "truncate_prompt_tokens", -1, (int64_t)x->info->max_length, &most) ||
        !sv_one_of(x, "truncation_side", sides, &side))
        return false;
    if (!sv_field(x, "truncate_prompt_tokens"))
        return true;
    if (!most)
        return sv_refuse(x, 400, "the field \"truncate_prompt_tokens\" is 0, but -1 or at least 1 is expected");
    like->truncate = side;
    like->max_length = most > 0 ? (size_t)most : 0;
    return true;
}
