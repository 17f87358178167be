/* record_part.c - a prompt or an answer: a text or a conversation. */
#include "data/record_inside.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

#define JSON "expected JSON, as json.dumps() writes it"

const char *gd_reading_name(const gd_reading *r, const char *ours)
{
    return r->entries ? gd_entries_source_name(r->entries, ours) : ours;
}

bool gd_reading_table(const gd_reading *r)
{
    const gd_format format = r->entries ? gd_entries_format(r->entries) : GD_FORMAT_AUTO;

    return format == GD_FORMAT_CSV || format == GD_FORMAT_TSV;
}

/* To the user, integers and reals are both numbers. */
const char *gd_reading_type(const json_t *value)
{
    return json_is_number(value) ? "a number" : gd_json_type_name(value);
}

gd_status gd_record_part_read(gd_record_part *part, const gd_reading *r, const char *name, const json_t *value)
{
    const size_t count = json_is_object(value) ? 1 : json_array_size(value);
    gd_chat_message *messages;
    gd_status rc = GD_OK;

    *part = (gd_record_part){ .name = name };
    if (json_is_string(value)) {
        part->text = (gd_text){ json_string_value(value), json_string_length(value) };
        return GD_OK;
    }
    if (!json_is_array(value) && !gd_json_has(value, "role") && !gd_json_has(value, "from"))
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is %s; expected a string or a conversation", name,
                       gd_reading_type(value));
    if (!count)
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is an empty list; expected a conversation", name);
    part->messages = messages = gd_alloc(count, sizeof *messages);
    if (!messages)
        return gd_fail_memory(r->err, count * sizeof *messages);
    while (!rc && part->count < count) {
        const size_t i = part->count++;

        rc = gd_record_message(&messages[i], r, name, i, json_is_object(value) ? value : json_array_get(value, i));
    }
    return rc;
}

void gd_record_part_free(gd_record_part *part) { gd_free((void *)part->messages); }

/* ---- conversations in cells of a table ---- */

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    return p;
}

/* Whether a text begins like an object, or a list of objects, with its keys in `quote`s; *key is the first key. */
static bool begins_like_objects(const char *text, char quote, const char **key, bool *list)
{
    const char *p = skip_blanks(text);

    *list = *p == '[';
    if (*list)
        p = skip_blanks(p + 1);
    if (*p++ != '{')
        return false;
    *key = skip_blanks(p);
    return *(*key)++ == quote;
}

/* Whether it also begins like a message: the first key is one of a message. */
static bool begins_like_messages(const char *text, char quote, bool *list)
{
    static const char *const keys[] = { "role", "content", "from", "value" };
    const char *p;

    if (!begins_like_objects(text, quote, &p, list))
        return false;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const size_t len = strlen(keys[i]);

        if (!strncmp(p, keys[i], len) && p[len] == quote)
            return *skip_blanks(p + len + 1) == ':';
    }
    return false;
}

/* As Python prints a list of messages, or one. */
static bool is_python(const char *text)
{
    const char *key;
    bool list;

    return begins_like_objects(text, '\'', &key, &list) &&
           ((list && begins_like_messages(text, '\'', &list)) || (strstr(text, "'role'") && strstr(text, "'content'")));
}

static bool is_message(const json_t *value)
{
    return (json_object_get(value, "role") && json_object_get(value, "content")) ||
           (json_object_get(value, "from") && json_object_get(value, "value"));
}

/* *out is the list of answers in a cell, if it is one, else NULL: what it must be is said later. */
static gd_status read_answers(json_t **out, const gd_reading *r, const char *name, const json_t *cell)
{
    gd_error fault = { 0 };
    const gd_status rc = gd_json_parse(out, json_string_value(cell), json_string_length(cell), name, &fault);

    return rc == GD_ENOMEM ? gd_fail(r->err, rc, "%s", fault.text) : GD_OK;
}

/* *out is the conversation in a cell, or NULL if it is a text. */
static gd_status read_cell(json_t **out, const gd_reading *r, const char *name, const json_t *cell)
{
    const char *text = json_string_value(cell);
    gd_error fault = { 0 };
    const char *key;
    bool list, like;
    gd_status rc;

    *out = NULL;
    if (is_python(text))
        return gd_fail(r->why, GD_EFORMAT, "the column \"%s\" holds a conversation as Python prints it; " JSON, name);
    if (!begins_like_objects(text, '"', &key, &list))
        return GD_OK;
    like = begins_like_messages(text, '"', &list);
    rc = gd_json_parse(out, text, json_string_length(cell), name, &fault);
    if (rc == GD_ENOMEM)
        return gd_fail(r->err, rc, "%s", fault.text);
    if (rc && list && like)
        return gd_fail(r->why, GD_EFORMAT,
                       "the column \"%s\" begins like a conversation, but is not valid JSON: %.200s", name, fault.text);
    if (!is_message(list ? json_array_get(*out, 0) : *out)) {
        json_decref(*out);
        *out = NULL;
    }
    return GD_OK;
}

/* ---- lists of answers in cells ---- */

static bool is_answer(const json_t *value)
{
    return json_is_string(value) || is_message(value) || is_message(json_array_get(value, 0));
}

/* As Python or numpy prints a list of texts or of conversations. */
static bool is_python_list(const json_t *cell)
{
    const char *text = skip_blanks(json_string_value(cell)), *end = text + strlen(text);
    bool list = *text == '[';

    while (end > text && strchr(" \t\r\n", end[-1]))
        end--;
    if (!list || end - text < 4 || end[-1] != ']')
        return false;
    text = skip_blanks(text + 1);
    if (*text == '[')
        return is_python(text);
    return strchr("'\"", *text) && strchr("'\"", end[-2]);
}

/* The cell of one side of a pair, which may be a list; code may be one, too. */
struct side {
    const char *name; /* of the column */
    json_t *list;     /* NULL: the cell is not a list in JSON */
    bool begins;      /* with a bracket, as a list */
    bool python;      /* it is no JSON, but a list of answers as Python prints it */
    bool near;        /* an element is an answer, or an object that holds one */
    size_t good;      /* the number of answers before the first element that is none */
    gd_error fault;   /* why it is not JSON */
};

static gd_status read_side(struct side *side, const gd_reading *r, const char *key)
{
    const json_t *cell = json_object_get(r->record->object, key);
    gd_status rc;

    *side = (struct side){ .name = gd_reading_name(r, key) };
    side->begins = json_is_string(cell) && *skip_blanks(json_string_value(cell)) == '[';
    if (!side->begins)
        return GD_OK;
    rc = gd_json_parse(&side->list, json_string_value(cell), json_string_length(cell), side->name, &side->fault);
    if (rc == GD_ENOMEM)
        return gd_fail(r->err, rc, "%s", side->fault.text);
    side->python = rc && is_python_list(cell);
    for (size_t i = 0; i < json_array_size(side->list); i++) {
        const json_t *element = json_array_get(side->list, i);

        side->good += side->good == i && is_answer(element);
        side->near |= is_answer(element) || gd_answer_inside(element) != element;
    }
    return GD_OK;
}

static bool has_answers(const struct side *side)
{
    return side->list && side->near && side->good == json_array_size(side->list);
}

static bool is_empty(const struct side *side) { return side->list && !json_array_size(side->list); }

/* Whether two cells must both be lists of answers.  One that happens to be a list, such as code, may be a text beside
 * any text, and so may what was extracted beside an empty list. */
static bool must_be_answers(const struct side *a, const struct side *b)
{
    if (!a->begins || !b->begins || is_empty(a) || is_empty(b))
        return false;
    return has_answers(a) || has_answers(b) || ((a->python || a->near) && (b->python || b->near));
}

/* A fault unless the side holds a list of answers. */
static gd_status check_side(const gd_reading *r, const struct side *side, const char *other)
{
    const json_t *element = json_array_get(side->list, side->good);

    if (has_answers(side))
        return GD_OK;
    if (side->python)
        return gd_fail(r->why, GD_EFORMAT, "the column \"%s\" holds a list of answers as Python prints it; " JSON,
                       side->name);
    if (!side->list)
        return gd_fail(r->why, GD_EFORMAT,
                       "the column \"%s\" begins like a list of answers, which \"%s\" is, but is not valid JSON: "
                       "%.200s; in JSONL, a string that begins so is a text",
                       side->name, other, side->fault.text);
    return gd_fail(
        r->why, GD_EFORMAT,
        "the columns \"%s\" and \"%s\" hold lists of answers, but element %zu of the first is %s; expected a "
        "string or a conversation; in JSONL, a string that begins so is a text",
        side->name, other, side->good, gd_reading_type(element));
}

/* Where both sides of a pair are lists of answers, as in RewardBench 2, they are read. */
static gd_status read_sides(const gd_reading *r)
{
    static const char *const keys[] = { "chosen", "rejected" };
    struct side sides[2] = { { 0 }, { 0 } };
    bool both;
    gd_status rc = read_side(&sides[0], r, keys[0]);

    if (!rc)
        rc = read_side(&sides[1], r, keys[1]);
    both = must_be_answers(&sides[0], &sides[1]);
    for (size_t i = 0; !rc && both && i < 2; i++)
        rc = check_side(r, &sides[i], sides[1 - i].name);
    for (size_t i = 0; !rc && both && i < 2; i++)
        if (json_object_set_nocheck(r->record->object, keys[i], sides[i].list) < 0)
            rc = gd_fail_memory(r->err, json_array_size(sides[i].list));
    json_decref(sides[0].list);
    json_decref(sides[1].list);
    return rc;
}

gd_status gd_record_cells(const gd_reading *r)
{
    static const char *const ours[] = { "responses", "messages", "prompt", "response", "chosen", "rejected", "text" };
    gd_status rc = GD_OK;

    if (!gd_reading_table(r))
        return GD_OK;
    for (size_t i = 0; !rc && i < sizeof ours / sizeof ours[0]; i++) {
        const json_t *cell = json_object_get(r->record->object, ours[i]);
        json_t *value = NULL;

        if (json_is_string(cell))
            rc = (i ? read_cell : read_answers)(&value, r, gd_reading_name(r, ours[i]), cell);
        if (value && json_object_set_new_nocheck(r->record->object, ours[i], value) < 0)
            rc = gd_fail_memory(r->err, json_string_length(cell));
    }
    return rc ? rc : read_sides(r);
}
