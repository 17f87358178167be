/* record_hint.c - what fields with other common names may mean: for messages, never to guess a score. */
#include "data/record_inside.h"

#include "base/error.h"
#include "base/json.h"
#include "data/entries_fields.h"
#include "data/find.h"

#include <stdio.h>
#include <string.h>

static bool is_mapped(const gd_reading *r, const char *ours) { return strcmp(gd_reading_name(r, ours), ours) != 0; }

static const char *const halves[] = { "instruction", "input" };

static gd_text filled(const gd_reading *r, const char *name)
{
    const json_t *value = json_object_get(r->record->object, name);

    return (gd_text){ json_string_value(value), json_string_length(value) };
}

bool gd_record_has_halves(const gd_reading *r)
{
    return !is_mapped(r, "prompt") && filled(r, halves[0]).len && filled(r, halves[1]).len;
}

gd_status gd_record_check_halves(const gd_reading *r)
{
    const char *prompt = gd_reading_name(r, "prompt");
    const bool second = !strcmp(prompt, halves[1]);
    const gd_text half = filled(r, halves[!second]);
    bool before;
    gd_status rc = GD_OK;

    if ((!second && strcmp(prompt, halves[0]) != 0) || !half.len)
        return GD_OK;
    before = gd_record_before_holds(r->record, half);
    for (size_t i = 0; !rc && i < r->record->count; i++) {
        const gd_record_text *text = &r->record->texts[i];
        bool found = before || gd_holds(text->text, half);

        for (size_t m = 0; text->messages && m < text->message_count; m++)
            found |= gd_holds(text->messages[m].content, half);
        if (!found)
            rc = gd_fail(r->why, GD_EFORMAT,
                         "the field \"%s\" is the other half of the prompt in \"%s\", and would be lost; join the two "
                         "in one field, or remove it",
                         halves[!second], prompt);
    }
    return rc;
}

const char *gd_record_hint(const gd_reading *r, char room[GD_HINT_ROOM])
{
    const json_t *object = r->record->object;
    const bool two = !gd_json_has(object, "prompt") && gd_record_has_halves(r);
    const char *last = two ? "prompt" : "", *sep = "; perhaps --fields ";
    size_t len = 0;

    room[0] = '\0';
    if (two)
        len = (size_t)snprintf(room, GD_HINT_ROOM,
                               "; \"%s\" and \"%s\" are two halves of a prompt: join them in one field", halves[0],
                               halves[1]);
    for (size_t i = 0; i < GD_FIELD_ALIASES; i++) {
        if (!gd_json_has(object, gd_field_aliases[i].theirs) || gd_json_has(object, gd_field_aliases[i].ours) ||
            is_mapped(r, gd_field_aliases[i].ours) || !strcmp(last, gd_field_aliases[i].ours))
            continue;
        last = gd_field_aliases[i].ours;
        len += (size_t)snprintf(room + len, GD_HINT_ROOM - len, "%s%s=%s", sep, last, gd_field_aliases[i].theirs);
        sep = ",";
        if (len >= GD_HINT_ROOM)
            break;
    }
    return room;
}

static bool is_user(const json_t *message)
{
    const char *role = json_string_value(json_object_get(message, gd_json_has(message, "role") ? "role" : "from"));

    return role && (!strcmp(role, "user") || !strcmp(role, "human"));
}

/* Whether a value is or begins with an answer without the question: a text that does not contain it, or messages none
 * of which is the user's.  `question` is NULL where it is not a text, but messages. */
static bool lacks(const json_t *answers, const char *question)
{
    const json_t *one = json_is_array(answers) ? json_array_get(answers, 0) : answers;
    bool asked = is_user(answers);

    if (json_is_string(one))
        return question && !strstr(json_string_value(one), question);
    if (!json_is_object(one))
        return json_is_array(one) && lacks(one, question);
    for (size_t i = 0; i < json_array_size(answers); i++)
        asked |= is_user(json_array_get(answers, i));
    return !asked && (gd_json_has(one, "role") || gd_json_has(one, "from"));
}

const char *gd_record_lost_question(const gd_reading *r)
{
    static const char *const answers[] = { "chosen", "rejected", "response", "responses" };
    const json_t *object = r->record->object;

    for (size_t i = 0; i < GD_FIELD_ALIASES && !is_mapped(r, "prompt"); i++) {
        const json_t *value = json_object_get(object, gd_field_aliases[i].theirs);
        const char *question = json_string_value(value);
        const bool may = i < GD_FIELD_QUESTIONS || !strcmp(gd_field_aliases[i].ours, "messages"),
                   asks = may && (question ? *question : json_is_true(value)); /* true: no text; see read_field() */

        for (size_t k = 0; asks && k < sizeof answers / sizeof answers[0]; k++)
            if (lacks(json_object_get(object, answers[k]), question))
                return gd_field_aliases[i].theirs;
    }
    return NULL;
}

const char *gd_record_lost_system(const gd_reading *r)
{
    for (size_t i = 0; i < GD_FIELD_ALIASES && !is_mapped(r, "system"); i++)
        if (!strcmp(gd_field_aliases[i].ours, "system") &&
            json_string_length(json_object_get(r->record->object, gd_field_aliases[i].theirs)))
            return gd_field_aliases[i].theirs;
    return NULL;
}
