/* record_read.c - makes texts of an item's fields. */
#include "data/record_read.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* A record that is being read. */
struct reading {
    gd_record *record;
    const gd_entries *entries;
    gd_error *why, *err;
};

static const char *theirs(const struct reading *r, const char *key)
{
    return r->entries ? gd_entries_source_name(r->entries, key) : key;
}

static bool is_there(const json_t *object, const char *key) { return json_object_get(object, key) != NULL; }

/* To the user, integers and reals are both numbers. */
static const char *type_of(const json_t *value)
{
    return json_is_number(value) ? "a number" : gd_json_type_name(value);
}

/* A prompt or an answer, as it is in the object. `name` is its field. */
struct part {
    const char *name;
    const json_t *value; /* a string or a list; NULL: none */
};

static gd_status check_part(const struct reading *r, struct part part)
{
    if (json_is_string(part.value) || json_is_array(part.value))
        return GD_OK;
    return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is %s; expected a string or a conversation", part.name,
                   type_of(part.value));
}

static gd_status get_part(const struct reading *r, struct part *part, const char *key)
{
    *part = (struct part){ theirs(r, key), json_object_get(r->record->object, key) };
    if (!part->value)
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is missing", part->name);
    return check_part(r, *part);
}

static gd_status make_texts(const struct reading *r, size_t count)
{
    r->record->texts = gd_alloc_zero(count, sizeof *r->record->texts);
    if (!r->record->texts)
        return gd_fail_memory(r->err, count * sizeof *r->record->texts);
    r->record->count = count;
    return GD_OK;
}

/* ---- conversations ---- */

/* {"role": "user", "content": ".."}; other keys are ignored. */
static gd_status read_message(const struct reading *r, gd_message *message, struct part list, size_t index)
{
    const json_t *value = json_array_get(list.value, index);
    const char *const keys[] = { "role", "content" };
    gd_text *const texts[] = { &message->role, &message->content };

    if (!json_is_object(value) || gd_json_odd(value))
        return gd_fail(r->why, GD_EFORMAT,
                       "message %zu of the field \"%s\" is %s; expected an object with a role and a content", index,
                       list.name, type_of(value));
    for (size_t i = 0; i < 2; i++) {
        const json_t *text = json_object_get(value, keys[i]);

        if (!json_is_string(text))
            return gd_fail(r->why, GD_EFORMAT, "message %zu of the field \"%s\": its %s is %s; expected a string",
                           index, list.name, keys[i], text ? type_of(text) : "missing");
        *texts[i] = (gd_text){ json_string_value(text), json_string_length(text) };
    }
    return GD_OK;
}

/* Appends the messages of a list; a text becomes the assistant's message. */
static gd_status add_messages(const struct reading *r, gd_record_text *to, struct part part)
{
    gd_status rc = GD_OK;

    if (json_is_string(part.value)) {
        to->messages[to->message_count++] = (gd_message){ { "assistant", 9 },
                                                          { json_string_value(part.value),
                                                            json_string_length(part.value) } };
        return GD_OK;
    }
    for (size_t i = 0; !rc && i < json_array_size(part.value); i++)
        rc = read_message(r, &to->messages[to->message_count++], part, i);
    return rc;
}

static size_t messages_of(struct part part) { return json_is_string(part.value) ? 1 : json_array_size(part.value); }

static gd_status read_conversation(const struct reading *r, gd_record_text *to, struct part prompt, struct part answer)
{
    const size_t count = (prompt.value ? messages_of(prompt) : 0) + messages_of(answer);
    gd_status rc = GD_OK;

    if (prompt.value && json_is_string(prompt.value))
        return gd_fail(r->why, GD_EFORMAT,
                       "the field \"%s\" is a text and \"%s\" a conversation; both must be of one kind", prompt.name,
                       answer.name);
    for (size_t i = 0; i < 2; i++) {
        const struct part part = i ? answer : prompt;

        if (json_is_array(part.value) && json_array_size(part.value) == 0)
            return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is an empty list; expected a conversation", part.name);
    }
    to->messages = gd_alloc(count, sizeof *to->messages);
    if (!to->messages)
        return gd_fail_memory(r->err, count * sizeof *to->messages);
    if (prompt.value)
        rc = add_messages(r, to, prompt);
    if (!rc)
        rc = add_messages(r, to, answer);
    return rc ? rc : gd_chat_check_answer(to->messages, to->message_count, answer.name, r->why);
}

/* ---- one text ---- */

static gd_status read_text(const struct reading *r, size_t which, struct part prompt, struct part answer)
{
    gd_record_text *to = &r->record->texts[which];

    if (json_is_array(answer.value) || (prompt.value && json_is_array(prompt.value)))
        return read_conversation(r, to, prompt, answer);
    to->text = (gd_text){ json_string_value(answer.value), json_string_length(answer.value) };
    return GD_OK;
}

/* ---- the kinds of record ---- */

static const struct kind {
    const char *first, *second; /* `first` is the field that names the kind */
    bool takes_prompt, needs_prompt;
    gd_record_kind kind;
} kinds[] = {
    { "text", NULL, false, false, GD_RECORD_TEXT },       { "messages", NULL, false, false, GD_RECORD_TEXT },
    { "response", NULL, true, true, GD_RECORD_TEXT },     { "chosen", "rejected", true, false, GD_RECORD_PAIR },
    { "responses", NULL, true, true, GD_RECORD_ANSWERS },
};
enum { KINDS = sizeof kinds / sizeof kinds[0], RESPONSE = 2 };

/* The one kind whose fields the object has, or NULL with a message in *why. */
static const struct kind *find_kind(const struct reading *r)
{
    const json_t *object = r->record->object;
    const struct kind *found = NULL;
    const char *name = NULL;

    for (size_t i = 0; i < KINDS; i++) {
        const struct kind *k = &kinds[i];
        const char *has = gd_json_has(object, k->first) ? k->first : NULL;

        if (!has && k->second && gd_json_has(object, k->second))
            has = k->second;
        if (has && found) {
            gd_fail(r->why, GD_EFORMAT, "the fields \"%s\" and \"%s\" don't go together", theirs(r, name),
                    theirs(r, has));
            return NULL;
        }
        if (has) {
            found = k;
            name = has;
        }
    }
    if (!found && gd_json_has(object, "prompt"))
        found = &kinds[RESPONSE]; /* which reports that "response" is missing */
    for (size_t i = 0; !found && i < KINDS; i++)
        if (is_there(object, kinds[i].first))
            found = &kinds[i]; /* which reports that it is null */
    if (!found)
        gd_fail(r->why, GD_EFORMAT,
                "no \"text\", no \"messages\", no \"prompt\" with \"response\" or \"responses\", and no \"chosen\" "
                "with \"rejected\"; use --fields if yours have other names");
    return found;
}

/* Checks a list of answers: it must have at least one. */
static gd_status check_list(const struct reading *r, const char *key, size_t *count)
{
    const json_t *list = json_object_get(r->record->object, key);

    *count = json_array_size(list);
    if (!list)
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is missing", theirs(r, key));
    if (!json_is_array(list))
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is %s; expected a list of answers", theirs(r, key),
                       type_of(list));
    if (*count == 0)
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is empty; expected answers", theirs(r, key));
    return GD_OK;
}

/* An object must have said which of its members is the answer. */
static gd_status check_answer(const struct reading *r, struct part answer)
{
    if (!json_is_object(answer.value) || gd_json_has(answer.value, "role") || gd_json_has(answer.value, "from"))
        return GD_OK;
    return gd_fail(r->why, GD_EFORMAT,
                   "the field \"%s\" is an object with none or several of text, content, response, completion, output, "
                   "answer, generated_text and message; expected one of them",
                   answer.name);
}

/* Reads the answers of a list into the texts from `first` on. */
static gd_status read_list(const struct reading *r, size_t first, struct part prompt, const char *key)
{
    const json_t *list = json_object_get(r->record->object, key);
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        char name[GD_TEXT_NAME_ROOM + 64];
        const struct part answer = { name, gd_answer_inside(json_array_get(list, i)) };

        (void)snprintf(name, sizeof name, "%.64s[%zu]", theirs(r, key), i);
        rc = check_answer(r, answer);
        if (!rc)
            rc = check_part(r, answer);
        if (!rc)
            rc = read_text(r, first + i, prompt, answer);
    }
    return rc;
}

/* Reads the answers of one list, or of two, one after the other; `second` may be NULL. */
static gd_status read_answers(const struct reading *r, struct part prompt, const char *first, const char *second)
{
    size_t count, more = 0;
    gd_status rc = check_list(r, first, &count);

    if (!rc && second)
        rc = check_list(r, second, &more);
    r->record->kind = GD_RECORD_ANSWERS;
    if (!rc)
        rc = make_texts(r, count + more);
    if (!rc)
        rc = read_list(r, 0, prompt, first);
    return rc || !second ? rc : read_list(r, count, prompt, second);
}

/* Whether a pair's field holds several answers, as in RewardBench 2; a conversation is a list of objects instead. */
static bool is_list_of_texts(const json_t *object, const char *key)
{
    return json_is_string(json_array_get(json_object_get(object, key), 0));
}

static gd_status read_kind(const struct reading *r, const struct kind *kind, struct part prompt)
{
    const json_t *object = r->record->object;
    struct part part;
    gd_status rc;

    if (kind->kind == GD_RECORD_ANSWERS)
        return read_answers(r, prompt, kind->first, NULL);
    if (kind->second && (is_list_of_texts(object, kind->first) || is_list_of_texts(object, kind->second)))
        return read_answers(r, prompt, kind->first, kind->second);
    rc = make_texts(r, kind->second ? 2 : 1);
    for (size_t i = 0; !rc && i < r->record->count; i++) {
        rc = get_part(r, &part, i ? kind->second : kind->first);
        if (!rc)
            rc = read_text(r, i, prompt, part);
    }
    return rc;
}

gd_status gd_record_read(gd_record *record, const gd_entries *entries, gd_error *why, gd_error *err)
{
    const struct reading r = { record, entries, why, err };
    const struct kind *kind = find_kind(&r);
    struct part prompt = { 0 };
    gd_status rc = GD_OK;

    if (!kind)
        return GD_EFORMAT;
    if (gd_json_has(record->object, "prompt") && !kind->takes_prompt)
        return gd_fail(why, GD_EFORMAT, "the fields \"%s\" and \"%s\" don't go together", theirs(&r, kind->first),
                       theirs(&r, "prompt"));
    if (kind->needs_prompt || gd_json_has(record->object, "prompt"))
        rc = get_part(&r, &prompt, "prompt");
    record->kind = kind->kind;
    if (!rc)
        rc = read_kind(&r, kind, prompt);
    if (rc || !json_string_length(prompt.value)) /* no prompt, an empty one, or a conversation */
        return rc;
    gd_record_put_before(record, (gd_text){ json_string_value(prompt.value), json_string_length(prompt.value) });
    return GD_OK;
}
