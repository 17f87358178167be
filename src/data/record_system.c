/* record_system.c - a field "system" beside the others, as in Orca's pairs: what the system says at the beginning. */
#include "data/record_inside.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/find.h"

#include <string.h>

static const gd_text role = { "system", 6 };

static bool same(gd_text a, gd_text b) { return a.len == b.len && gd_record_starts(a, b); }

/* `before`: the text in front of it has it. */
static bool has_it(const gd_record_text *text, bool before, gd_text system)
{
    bool found = false;

    if (!text->messages)
        return before || gd_holds(text->text, system);
    for (size_t i = 0; i < text->message_count; i++)
        found |= same(text->messages[i].role, role) && same(text->messages[i].content, system);
    return found;
}

/* Puts it in front of a conversation, as the system's turn. */
static gd_status put_turn(const gd_reading *r, gd_record_text *text, gd_text system)
{
    gd_chat_message *messages = gd_alloc(text->message_count + 1, sizeof *messages);

    if (!messages)
        return gd_fail_memory(r->err, (text->message_count + 1) * sizeof *messages);
    messages[0] = (gd_chat_message){ role, system, NULL };
    memcpy(messages + 1, text->messages, text->message_count * sizeof *messages);
    gd_free(text->messages);
    text->messages = messages;
    text->message_count++;
    return GD_OK;
}

static gd_status fit(const gd_reading *r, gd_record_text *text, bool before, gd_text system)
{
    const char *name = gd_reading_name(r, "system");

    if (has_it(text, before, system))
        return GD_OK;
    if (!text->messages)
        return gd_fail(r->why, GD_EFORMAT,
                       "the field \"%s\" is not in the texts beside it, and would be lost; --turns on makes it the "
                       "system's turn, and --fields system=_ scores the texts without it",
                       name);
    if (same(text->messages[0].role, role))
        return gd_fail(r->why, GD_EFORMAT,
                       "the field \"%s\" is not the system message of the conversation beside it; --fields system=_ "
                       "leaves the field out",
                       name);
    return put_turn(r, text, system);
}

/* A field by another name that seems to hold it. */
static gd_status check_alias(const gd_reading *r)
{
    const char *theirs = gd_record_lost_system(r);
    const json_t *value = theirs ? json_object_get(r->record->object, theirs) : NULL;
    const gd_text system = { json_string_value(value), json_string_length(value) };
    const bool before = value && gd_record_before_holds(r->record, system);
    gd_status rc = GD_OK;

    for (size_t i = 0; value && !rc && i < r->record->count; i++)
        if (!has_it(&r->record->texts[i], before, system))
            rc = gd_fail(r->why, GD_EFORMAT,
                         "the field \"%s\" is not in the texts beside it; --fields system=%s takes it as the system's "
                         "turn, and --fields system=_ scores the texts without it",
                         theirs, theirs);
    return rc;
}

gd_status gd_record_put_system(const gd_reading *r)
{
    const json_t *value = json_object_get(r->record->object, "system");
    const gd_text system = { json_string_value(value), json_string_length(value) };
    bool before;
    gd_status rc = GD_OK;

    if (!r->record->object) /* an item in memory has no fields */
        return GD_OK;
    if (gd_reading_nothing(value))
        return check_alias(r);
    if (!json_is_string(value))
        return gd_fail(r->why, GD_EFORMAT,
                       "the field \"%s\" is %s; expected a string, what the system says; --fields system=_ leaves it "
                       "out",
                       gd_reading_name(r, "system"), gd_reading_type(value));
    before = gd_record_before_holds(r->record, system);
    for (size_t i = 0; !rc && i < r->record->count; i++)
        rc = fit(r, &r->record->texts[i], before, system);
    return rc;
}
