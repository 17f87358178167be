/* item.c - turns an item in memory into a record. */
#include "reward/item.h"

#include "base/error.h"
#include "base/mem.h"
#include "reward/identity.h"

#include <stdio.h>
#include <string.h>

/* An item being read. */
struct reading {
    const gd_item *item;
    size_t vocab;
    gd_reading reading; /* of the record, for what items share with files */
    bool before;        /* the prompt must still be put before the parts */
};

typedef enum sort { TEXT, TALK, IDS } sort;

static const char *const sorts[] = { "a text", "a conversation", "token ids" };

static sort sort_of(const gd_part *part) { return part->messages ? TALK : part->ids ? IDS : TEXT; }

static gd_status check_kind(const struct reading *r)
{
    const gd_item *item = r->item;
    const size_t want = item->kind == GD_ITEM_PAIR ? 2 : 1;

    if (item->kind < GD_ITEM_TEXT || item->kind > GD_ITEM_RECORD)
        return gd_fail(r->reading.why, GD_EUSAGE, "kind is %d, which is not a gd_item_kind", (int)item->kind);
    if (item->kind == GD_ITEM_RECORD && (item->prompt || item->part_count))
        return gd_fail(r->reading.why, GD_EUSAGE,
                       "kind is GD_ITEM_RECORD, and part_count %zu, %s, but no parts and no prompt are expected",
                       item->part_count, item->prompt ? "with a prompt" : "without a prompt");
    if (item->kind == GD_ITEM_RECORD)
        return GD_OK;
    if (item->part_count < want || (item->part_count > want && item->kind != GD_ITEM_ANSWERS))
        return gd_fail(r->reading.why, GD_EUSAGE, "part_count is %zu, but %zu%s is expected", item->part_count, want,
                       item->kind == GD_ITEM_ANSWERS ? " or more" : "");
    if (!item->parts)
        return gd_fail(r->reading.why, GD_EUSAGE, "parts is NULL, but %zu of them are expected", item->part_count);
    return GD_OK;
}

/* An id without a row in the embedding would read past it. */
static gd_status check_ids(const struct reading *r, const gd_part *part, const char *name)
{
    for (size_t i = 0; i < part->id_count; i++)
        if (part->ids[i] >= r->vocab)
            return gd_fail(r->reading.why, GD_EFORMAT, "%sid %zu is %u, but the embedding has only %zu rows", name, i,
                           part->ids[i], r->vocab);
    return GD_OK;
}

static gd_status check_part(const struct reading *r, const gd_part *part, const char *name)
{
    if (sort_of(part) == TALK && !part->message_count)
        return gd_fail(r->reading.why, GD_EFORMAT, "%sthe conversation has no messages", name);
    return sort_of(part) == IDS ? check_ids(r, part, name) : GD_OK;
}

/* ---- joining the prompt and a part ---- */

/* The messages are copied: gd_record_part_free() frees them, whatever is returned. */
static gd_status part_of(const struct reading *r, gd_record_part *to, const gd_part *part, const char *name)
{
    gd_chat_message *messages;

    *to = (gd_record_part){ .name = name, .text = part->text };
    if (sort_of(part) != TALK)
        return GD_OK;
    messages = gd_alloc(part->message_count, sizeof *messages);
    if (!messages)
        return gd_fail_memory(r->reading.err, SIZE_MAX);
    for (size_t i = 0; i < part->message_count; i++)
        messages[i] = (gd_chat_message){ part->messages[i].role, part->messages[i].content, NULL };
    to->messages = messages;
    to->count = part->message_count;
    return GD_OK;
}

static gd_status fit(struct reading *r, gd_record_text *to, const gd_part *part, const char *name)
{
    gd_record_part answer, before = { 0 };
    gd_status rc = part_of(r, &answer, part, name);

    if (!rc && r->item->prompt)
        rc = part_of(r, &before, r->item->prompt, "prompt");
    if (!rc)
        rc = gd_record_fit(&r->reading, to, &before, &answer, &r->before);
    gd_record_part_free(&answer);
    gd_record_part_free(&before);
    return rc;
}

/* Puts the name of a part, without the colon, into `room`. */
static const char *field_of(const gd_record *record, const gd_part *part, size_t which, char room[GD_TEXT_NAME_ROOM])
{
    char colon[GD_TEXT_NAME_ROOM];

    (void)snprintf(room, GD_TEXT_NAME_ROOM, "%s", gd_record_text_name(record->kind, which, colon));
    room[strcspn(room, ":")] = '\0';
    if (!*room)
        (void)snprintf(room, GD_TEXT_NAME_ROOM, "%s", part->messages ? "messages" : "text");
    return room;
}

static gd_status read_part(struct reading *r, size_t which)
{
    const gd_part *prompt = r->item->prompt, *part = &r->item->parts[which];
    const bool ids = sort_of(part) == IDS;
    gd_record_text *to = &r->reading.record->texts[which];
    char room[GD_TEXT_NAME_ROOM], field[GD_TEXT_NAME_ROOM];
    const char *name = gd_record_text_name(r->reading.record->kind, which, room);
    const gd_status rc = check_part(r, part, name);

    if (rc)
        return rc;
    if (prompt && ids != (sort_of(prompt) == IDS))
        return gd_fail(r->reading.why, GD_EFORMAT,
                       "%sthe prompt is %s, and this is %s, but both must be of the same kind", name,
                       sorts[sort_of(prompt)], sorts[sort_of(part)]);
    if (!ids)
        return fit(r, to, part, field_of(r->reading.record, part, which, field));
    *to = (gd_record_text){ .ids = part->ids, .id_count = part->id_count };
    return GD_OK;
}

/* Puts the prompt's ids before each part's, all in one block of memory. */
static gd_status join_ids(const struct reading *r)
{
    const gd_part *prompt = r->item->prompt;
    gd_record *record = r->reading.record;
    size_t count = 0;
    uint32_t *p;

    for (size_t i = 0; i < record->count; i++)
        if (!gd_add(count, prompt->id_count, &count) || !gd_add(count, record->texts[i].id_count, &count))
            return gd_fail_memory(r->reading.err, SIZE_MAX);
    p = gd_alloc(count, sizeof *p);
    if (!p)
        return gd_fail_memory(r->reading.err, count * sizeof *p);
    record->storage = (char *)p;
    for (size_t i = 0; i < record->count; i++) {
        gd_record_text *text = &record->texts[i];

        memcpy(p, prompt->ids, prompt->id_count * sizeof *p);
        memcpy(p + prompt->id_count, text->ids, text->id_count * sizeof *p);
        text->ids = p;
        text->id_count += prompt->id_count;
        p += text->id_count;
    }
    return GD_OK;
}

static gd_status join(const struct reading *r)
{
    const gd_part *prompt = r->item->prompt;

    if (prompt && sort_of(prompt) == IDS)
        return join_ids(r);
    return prompt && r->before ? gd_record_put_prompt(&r->reading, prompt->text) : GD_OK;
}

/* ---- what it asks for ---- */

static gd_status read_truncate(gd_record_wish *wish, const char *name, gd_error *why)
{
    const int number = gd_identity_number("truncate", name);

    if (number >= 0) {
        wish->cuts = true;
        wish->truncate = (gd_truncate)number;
        return GD_OK;
    }
    return gd_fail(why, GD_EUSAGE, "truncate is \"%.40s\", but error, left, right, drop or oldest-turns is expected",
                   name);
}

static gd_status read_wish(const struct reading *r, const gd_encoder *encoder)
{
    const gd_item *item = r->item;
    gd_record_wish *wish = &r->reading.record->wish;

    if (encoder->max_length && item->max_length > encoder->max_length)
        return gd_fail(r->reading.why, GD_EUSAGE, "max_length is %zu, but the model allows at most %zu",
                       item->max_length, encoder->max_length);
    wish->max_length = item->max_length;
    wish->plain = item->plain != 0;
    wish->ids_only = item->ids_only != 0;
    wish->adapter = item->adapter;
    return item->truncate ? read_truncate(wish, item->truncate, r->reading.why) : GD_OK;
}

/* ---- all of it ---- */

static gd_status read_parts(struct reading *r)
{
    const gd_item *item = r->item;
    gd_record *record = r->reading.record;
    gd_status rc = item->prompt ? check_part(r, item->prompt, "prompt: ") : GD_OK;

    _Static_assert((int)GD_ITEM_PAIR == (int)GD_RECORD_PAIR && (int)GD_ITEM_ANSWERS == (int)GD_RECORD_ANSWERS,
                   "kinds of items and of records are the same");
    if (rc)
        return rc;
    record->kind = (gd_record_kind)item->kind;
    record->texts = gd_alloc_zero(item->part_count, sizeof *record->texts);
    if (!record->texts)
        return gd_fail_memory(r->reading.err, item->part_count * sizeof *record->texts);
    record->count = item->part_count;
    for (size_t i = 0; !rc && i < record->count; i++)
        rc = read_part(r, i);
    return rc ? rc : join(r);
}

static gd_status check_adapter(const gd_item *item, const gd_model *model, gd_error *why)
{
    if (item->adapter <= model->more_count)
        return GD_OK;
    return gd_fail(why, GD_EUSAGE, "adapter is %zu, but the model was opened with %zu more_adapters", item->adapter,
                   model->more_count);
}

gd_status gd_item_read(gd_record *record, const gd_item *item, const gd_model *model, gd_error *why, gd_error *err)
{
    const gd_encoder *encoder = gd_model_encoder(model, item->adapter <= model->more_count ? item->adapter : 0);
    const bool turns = encoder->turns == GD_TURNS_ON;
    struct reading r = { item, encoder->rows, { record, NULL, turns, why, err }, false };
    gd_status rc = check_kind(&r);

    if (!rc)
        rc = check_adapter(item, model, why);
    if (!rc)
        rc = read_wish(&r, encoder);
    if (rc)
        return rc;
    return item->kind == GD_ITEM_RECORD
               ? gd_record_parse(record, item->record, encoder->most_texts != 0, turns, why, err)
               : read_parts(&r);
}

static uint64_t part_bytes(const gd_part *part)
{
    uint64_t bytes = 0;

    if (sort_of(part) == TEXT)
        return part->text.len;
    if (sort_of(part) == IDS)
        return part->id_count * sizeof *part->ids;
    for (size_t i = 0; i < part->message_count && part->message_count <= SIZE_MAX / sizeof *part->messages; i++)
        bytes += part->messages[i].content.len;
    return bytes;
}

uint64_t gd_item_bytes(const gd_item *item)
{
    const struct reading r = { .item = item };
    uint64_t bytes;

    if (check_kind(&r) || item->part_count > SIZE_MAX / sizeof *item->parts)
        return 0;
    bytes = item->record.len + (item->prompt ? part_bytes(item->prompt) : 0);
    for (size_t i = 0; i < item->part_count; i++)
        bytes += part_bytes(&item->parts[i]);
    return bytes;
}
