/* record_read.c - makes texts of an item's fields. */
#include "data/record_read.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/entries_fields.h"

#include <stdio.h>
#include <string.h>

/* ---- which kind of item it is ---- */

static const struct kind {
    const char *first, *second; /* `first` is the field that names the kind */
    const char *without;        /* for --fields: leaves these fields out */
    bool takes_prompt, needs_prompt;
    gd_record_kind kind;
} kinds[] = {
    { "text", NULL, "text=_", false, false, GD_RECORD_TEXT },
    { "messages", NULL, "messages=_", false, false, GD_RECORD_TEXT },
    { "response", NULL, "response=_", true, true, GD_RECORD_TEXT },
    { "chosen", "rejected", "chosen=_,rejected=_", true, false, GD_RECORD_PAIR },
    { "responses", NULL, "responses=_", true, true, GD_RECORD_ANSWERS },
};
enum { KINDS = sizeof kinds / sizeof kinds[0], TEXT = 0, MESSAGES, RESPONSE };

/* What of a kind the object has; NULL: nothing. */
static const char *has_kind(const json_t *object, const struct kind *k)
{
    if (gd_json_has(object, k->first))
        return k->first;
    return k->second && gd_json_has(object, k->second) ? k->second : NULL;
}

static gd_status two_kinds(const gd_reading *r, const struct kind *a, const struct kind *b)
{
    const json_t *object = r->record->object;

    return gd_fail(r->why, GD_EFORMAT,
                   "the fields \"%s\" and \"%s\" don't go together; --fields %s leaves the first out, --fields %s the "
                   "second",
                   gd_reading_name(r, has_kind(object, a)), gd_reading_name(r, has_kind(object, b)), a->without,
                   b->without);
}

/* For an object with no field of ours, or only null ones. */
static const struct kind *no_kind(const gd_reading *r)
{
    char hint[GD_HINT_ROOM];

    for (size_t i = 0; i < KINDS; i++)
        if (json_object_get(r->record->object, kinds[i].first))
            return &kinds[i]; /* which reports that it is null */
    gd_fail(r->why, GD_EFORMAT,
            "no \"text\", no \"messages\", no \"prompt\" with \"response\" or \"responses\", and no \"chosen\" with "
            "\"rejected\"; use --fields if yours have other names%s",
            gd_record_hint(r, hint));
    return NULL;
}

/* The one kind whose fields the object has, or NULL with a message in *why.  Messages may stand beside another kind,
 * whose conversations they then repeat. */
static const struct kind *find_kind(const gd_reading *r, bool *beside)
{
    const json_t *object = r->record->object;
    const struct kind *found = NULL;

    for (size_t i = 0; i < KINDS; i++) {
        if (!has_kind(object, &kinds[i]))
            continue;
        if (found == &kinds[MESSAGES]) {
            *beside = true;
        } else if (found) {
            (void)two_kinds(r, found, &kinds[i]);
            return NULL;
        }
        found = &kinds[i];
    }
    if (!found && gd_json_has(object, "prompt"))
        found = &kinds[RESPONSE]; /* which reports that "response" is missing */
    return found ? found : no_kind(r);
}

/* ---- the answers ---- */

static gd_status make_texts(const gd_reading *r, size_t count)
{
    r->record->texts = gd_alloc_zero(count, sizeof *r->record->texts);
    if (!r->record->texts)
        return gd_fail_memory(r->err, count * sizeof *r->record->texts);
    r->record->count = count;
    return GD_OK;
}

static gd_status missing(const gd_reading *r, const char *key)
{
    const char *name = gd_reading_name(r, key);
    char hint[GD_HINT_ROOM];

    if (!strcmp(name, GD_FIELD_NONE))
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is needed, but --fields leaves it out", key);
    if (!strcmp(key, "prompt") && gd_json_has(r->record->object, "messages"))
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is missing; --fields prompt=%s takes \"%s\" as the prompt",
                       name, gd_reading_name(r, "messages"), gd_reading_name(r, "messages"));
    return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is missing%s", name, gd_record_hint(r, hint));
}

/* What the answers of an item need to know of each other. */
struct answers {
    gd_record_part prompt;
    bool before; /* the prompt must still be put before them */
};

static gd_status read_answer(const gd_reading *r, struct answers *all, size_t which, const char *name,
                             const json_t *value)
{
    gd_record_part part = { 0 };
    gd_status rc = gd_record_part_read(&part, r, name, value);

    if (!rc)
        rc = gd_record_fit(r, &r->record->texts[which], &all->prompt, &part, &all->before);
    gd_record_part_free(&part);
    return rc;
}

static gd_status read_field(const gd_reading *r, struct answers *all, size_t which, const char *key)
{
    const json_t *value = json_object_get(r->record->object, key);

    return value ? read_answer(r, all, which, gd_reading_name(r, key), value) : missing(r, key);
}

/* Checks a list of answers: it must have at least one. */
static gd_status check_list(const gd_reading *r, const char *key, size_t *count)
{
    const json_t *list = json_object_get(r->record->object, key);

    *count = json_array_size(list);
    if (!list)
        return missing(r, key);
    if (!json_is_array(list))
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is %s; expected a list of answers%s",
                       gd_reading_name(r, key), gd_reading_type(list),
                       gd_reading_table(r) ? " in JSON, as json.dumps() writes it" : "");
    if (*count == 0)
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is empty; expected answers", gd_reading_name(r, key));
    return GD_OK;
}

/* An object must have said which of its members is the answer. */
static gd_status check_answer(const gd_reading *r, const char *name, const json_t *answer)
{
    if (!json_is_object(answer) || gd_json_odd(answer) || gd_json_has(answer, "role") || gd_json_has(answer, "from"))
        return GD_OK;
    return gd_fail(r->why, GD_EFORMAT,
                   "the field \"%s\" is an object with none or several of text, content, response, completion, output, "
                   "answer, generated_text and message; expected one of them",
                   name);
}

/* Reads the answers of a list into the texts from `first` on. */
static gd_status read_list(const gd_reading *r, struct answers *all, size_t first, const char *key)
{
    const json_t *list = json_object_get(r->record->object, key);
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        char name[GD_TEXT_NAME_ROOM + 64];
        const json_t *answer = gd_answer_inside(json_array_get(list, i));

        (void)snprintf(name, sizeof name, "%.64s[%zu]", gd_reading_name(r, key), i);
        rc = check_answer(r, name, answer);
        if (!rc)
            rc = read_answer(r, all, first + i, name, answer);
    }
    return rc;
}

/* Reads the answers of one list, or of two, one after the other; `second` may be NULL. */
static gd_status read_lists(const gd_reading *r, struct answers *all, const char *first, const char *second)
{
    size_t count, more = 0;
    gd_status rc = check_list(r, first, &count);

    if (!rc && second)
        rc = check_list(r, second, &more);
    r->record->kind = GD_RECORD_ANSWERS;
    if (!rc)
        rc = make_texts(r, count + more);
    if (!rc)
        rc = read_list(r, all, 0, first);
    return rc || !second ? rc : read_list(r, all, count, second);
}

/* Whether a pair's field holds several answers, as in RewardBench 2; a conversation is a list of objects instead. */
static bool is_list_of_answers(const json_t *object, const char *key)
{
    const json_t *first = json_array_get(json_object_get(object, key), 0);

    return json_is_string(first) || json_is_array(first);
}

static gd_status read_kind(const gd_reading *r, const struct kind *kind, struct answers *all)
{
    const json_t *object = r->record->object;
    gd_status rc;

    r->record->kind = kind->kind;
    if (kind->kind == GD_RECORD_ANSWERS)
        return read_lists(r, all, kind->first, NULL);
    if (kind->second && (is_list_of_answers(object, kind->first) || is_list_of_answers(object, kind->second)))
        return read_lists(r, all, kind->first, kind->second);
    if (kind == &kinds[MESSAGES] && json_is_string(json_object_get(object, kind->first)))
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is a string; expected a conversation",
                       gd_reading_name(r, kind->first));
    rc = make_texts(r, kind->second ? 2 : 1);
    for (size_t i = 0; !rc && i < r->record->count; i++)
        rc = read_field(r, all, i, i ? kind->second : kind->first);
    return rc;
}

/* ---- fields that repeat others ---- */

/* A text or a conversation that is whole may have its own prompt beside it. */
static gd_status check_own_prompt(const gd_reading *r, const struct kind *kind, const gd_record_part *prompt)
{
    const gd_record_text *whole = &r->record->texts[0];
    bool own = !prompt->messages && !prompt->text.len;

    if (whole->messages && prompt->messages)
        own = gd_record_begins(whole->messages, whole->message_count, prompt->messages, prompt->count);
    else if (whole->messages)
        own |= gd_record_says(whole->messages, whole->message_count, prompt->text);
    else if (!prompt->messages)
        own |= gd_record_starts(whole->text, prompt->text);
    if (own)
        return GD_OK;
    return gd_fail(r->why, GD_EFORMAT,
                   "the field \"%s\" does not hold the \"%s\" beside it; --fields prompt=_ scores it without, if it is "
                   "whole",
                   gd_reading_name(r, kind->first), prompt->name);
}

/* Messages beside other fields must be what one of their conversations begins with, or all of it. */
static gd_status check_beside(const gd_reading *r, const struct kind *kind)
{
    const json_t *value = json_object_get(r->record->object, "messages");
    const gd_record *record = r->record;
    gd_record_part part = { 0 };
    bool found = gd_json_nothing(value);
    gd_status rc = found ? GD_OK : gd_record_part_read(&part, r, gd_reading_name(r, "messages"), value);

    for (size_t i = 0; !rc && !found && i < record->count; i++)
        found = part.messages && record->texts[i].messages &&
                gd_record_begins(record->texts[i].messages, record->texts[i].message_count, part.messages, part.count);
    if (!rc && !found)
        rc = gd_fail(r->why, GD_EFORMAT,
                     "the field \"%s\" is no beginning of the conversations of \"%s\" beside it; --fields messages=_ "
                     "leaves it out, and --fields prompt=%s takes it as the prompt",
                     part.name, gd_reading_name(r, kind->first), part.name);
    gd_record_part_free(&part);
    return rc;
}

/* ---- all together ---- */

static size_t count_conversations(const gd_record *record)
{
    size_t count = 0;

    for (size_t i = 0; i < record->count; i++)
        count += record->texts[i].messages != NULL;
    return count;
}

/* Conversations have the marks of a chat format, and texts have not: their scores can't be compared. */
static gd_status check_mixed(const gd_reading *r, const struct kind *kind)
{
    const size_t count = count_conversations(r->record);

    if (!count || count == r->record->count)
        return GD_OK;
    return gd_fail(r->why, GD_EFORMAT, "some answers of \"%s\"%s%s%s are conversations, and others texts%s",
                   gd_reading_name(r, kind->first), kind->second ? " and \"" : "",
                   kind->second ? gd_reading_name(r, kind->second) : "", kind->second ? "\"" : "",
                   !r->entries                                ? ""
                   : gd_json_has(r->record->object, "prompt") ? "; --turns on makes turns of the texts"
                                                              : ", of which no turns can be made without a \"prompt\"");
}

/* Reads the prompt of a kind, or the one beside a text that is whole. */
static gd_status read_prompt(const gd_reading *r, const struct kind *kind, gd_record_part *prompt)
{
    const json_t *value = json_object_get(r->record->object, "prompt");

    const bool needed = kind->needs_prompt && strcmp(gd_reading_name(r, "prompt"), GD_FIELD_NONE) != 0;

    if (!needed && !gd_json_has(r->record->object, "prompt"))
        return GD_OK;
    return value ? gd_record_part_read(prompt, r, gd_reading_name(r, "prompt"), value) : missing(r, "prompt");
}

/* An empty prompt, as in a table, is none. */
static gd_status check_question(const gd_reading *r, const struct kind *kind, const gd_record_part *prompt)
{
    const bool none = !prompt->messages && !prompt->text.len;
    const char *question = kind->takes_prompt && none ? gd_record_lost_question(r) : NULL;
    const char *no = prompt->name ? "an empty \"prompt\"" : "no \"prompt\"";

    if (!question)
        return GD_OK;
    if (gd_record_has_halves(r))
        return gd_fail(r->why, GD_EFORMAT,
                       "%s, but fields \"instruction\" and \"input\", the two halves of one: join them in one field; "
                       "--fields prompt=_ scores the answers without them",
                       no);
    return gd_fail(
        r->why, GD_EFORMAT,
        "%s, but a field \"%s\"; --fields prompt=%s puts it before the answers, and --fields prompt=_ scores "
        "them without it",
        no, question, question);
}

static gd_status read_all(const gd_reading *r, const struct kind *kind, bool beside, struct answers *all)
{
    struct answers alone = { 0 };
    gd_record_part *prompt = &all->prompt;
    gd_status rc = read_prompt(r, kind, prompt);

    if (!rc)
        rc = check_question(r, kind, prompt);
    if (!rc)
        rc = read_kind(r, kind, kind->takes_prompt ? all : &alone);
    if (!rc && !kind->takes_prompt && prompt->name)
        rc = check_own_prompt(r, kind, prompt);
    if (!rc && beside)
        rc = check_beside(r, kind);
    if (!rc)
        rc = check_mixed(r, kind);
    if (!rc && count_conversations(r->record))
        rc = gd_record_template_fields(r);
    if (!rc && all->before)
        rc = gd_record_put_prompt(r, prompt->text);
    if (!rc)
        rc = gd_record_check_halves(r);
    return rc ? rc : gd_record_put_system(r);
}

gd_status gd_record_read(const gd_reading *r)
{
    struct answers all = { 0 };
    bool beside = false;
    gd_status rc = gd_record_cells(r);
    const struct kind *kind = rc ? NULL : find_kind(r, &beside);

    if (kind)
        rc = read_all(r, kind, beside, &all);
    gd_record_part_free(&all.prompt);
    return rc || kind ? rc : GD_EFORMAT;
}
