/* record_hint.c - what fields with other common names may mean: for messages, never to guess a score. */
#include "data/record_inside.h"

#include "base/json.h"
#include "data/entries_fields.h"

#include <stdio.h>
#include <string.h>

static bool is_mapped(const gd_reading *r, const char *ours) { return strcmp(gd_reading_name(r, ours), ours) != 0; }

const char *gd_record_hint(const gd_reading *r, char room[GD_HINT_ROOM])
{
    const json_t *object = r->record->object;
    const char *last = "";
    size_t len = 0;

    room[0] = '\0';
    for (size_t i = 0; i < GD_FIELD_ALIASES; i++) {
        if (!gd_json_has(object, gd_field_aliases[i].theirs) || gd_json_has(object, gd_field_aliases[i].ours) ||
            is_mapped(r, gd_field_aliases[i].ours) || !strcmp(last, gd_field_aliases[i].ours))
            continue;
        last = gd_field_aliases[i].ours;
        len += (size_t)snprintf(room + len, GD_HINT_ROOM - len, "%s%s=%s", len ? "," : "; perhaps --fields ", last,
                                gd_field_aliases[i].theirs);
        if (len >= GD_HINT_ROOM)
            break;
    }
    return room;
}

/* Whether a value is or begins with answers that don't contain the question. */
static bool lacks(const json_t *answers, const char *question)
{
    const json_t *one = json_is_array(answers) ? json_array_get(answers, 0) : answers;

    return json_is_string(one) && !strstr(json_string_value(one), question);
}

const char *gd_record_lost_question(const gd_reading *r)
{
    const json_t *object = r->record->object;

    for (size_t i = 0; i < GD_FIELD_QUESTIONS && !is_mapped(r, "prompt"); i++) {
        const char *question = json_string_value(json_object_get(object, gd_field_aliases[i].theirs));

        if (question && *question &&
            (lacks(json_object_get(object, "chosen"), question) ||
             lacks(json_object_get(object, "rejected"), question)))
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
