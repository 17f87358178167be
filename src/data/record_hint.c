/* record_hint.c - what fields with other common names may mean: for messages, never to guess a score. */
#include "data/record_inside.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

/* Names that data sets use. */
static const struct name {
    const char *theirs, *ours;
} names[] = {
    { "instruction", "prompt" },
    { "question", "prompt" },
    { "query", "prompt" },
    { "input", "prompt" },
    { "completion", "response" },
    { "output", "response" },
    { "answer", "response" },
    { "reply", "response" },
    { "completions", "responses" },
    { "answers", "responses" },
    { "candidates", "responses" },
    { "conversations", "messages" },
    { "conversation", "messages" },
    { "dialogue", "messages" },
    { "response_j", "chosen" },
    { "response_k", "rejected" },
    { "preferred", "chosen" },
    { "dispreferred", "rejected" },
    { "chosen_response", "chosen" },
    { "rejected_response", "rejected" },
    { "better", "chosen" },
    { "worse", "rejected" },
    { "win", "chosen" },
    { "lose", "rejected" },
};
enum { NAMES = sizeof names / sizeof names[0], QUESTIONS = 4 };

static bool is_mapped(const gd_reading *r, const char *ours) { return strcmp(gd_reading_name(r, ours), ours) != 0; }

const char *gd_record_hint(const gd_reading *r, char room[GD_HINT_ROOM])
{
    const json_t *object = r->record->object;
    const char *last = "";
    size_t len = 0;

    room[0] = '\0';
    for (size_t i = 0; i < NAMES; i++) {
        if (!gd_json_has(object, names[i].theirs) || gd_json_has(object, names[i].ours) ||
            is_mapped(r, names[i].ours) || !strcmp(last, names[i].ours))
            continue;
        last = names[i].ours;
        len += (size_t)snprintf(room + len, GD_HINT_ROOM - len, "%s%s=%s", len ? "," : "; perhaps --fields ", last,
                                names[i].theirs);
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

    for (size_t i = 0; i < QUESTIONS && !is_mapped(r, "prompt"); i++) {
        const char *question = json_string_value(json_object_get(object, names[i].theirs));

        if (question && *question && lacks(json_object_get(object, "chosen"), question) &&
            lacks(json_object_get(object, "rejected"), question))
            return names[i].theirs;
    }
    return NULL;
}
