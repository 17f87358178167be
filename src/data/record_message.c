/* record_message.c - one message of a conversation, in the forms that data sets have. */
#include "data/record_inside.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

/* A message's keys: OpenAI's, which chat templates read, and ShareGPT's. */
static const struct form {
    const char *role, *content;
} forms[] = { { "role", "content" }, { "from", "value" } };

/* ---- what would be lost ---- */

/* null, or made of nothing else, as a table fills up the fields that other rows have. */
static bool is_hollow(const json_t *value)
{
    const char *key;
    json_t *inner;
    size_t i;

    json_array_foreach(value, i, inner)
        if (!is_hollow(inner))
            return false;
    json_object_foreach((json_t *)value, key, inner)
        if (!is_hollow(inner))
            return false;
    return json_is_array(value) || json_is_object(value) || json_is_null(value);
}

/* A list or an object that was written as a text. */
static bool is_empty_text(const json_t *value)
{
    static const char *const empty[] = { "[]", "{}", "null" };
    bool found = false;

    for (size_t i = 0; json_is_string(value) && i < sizeof empty / sizeof empty[0]; i++)
        found |= strcmp(json_string_value(value), empty[i]) == 0;
    return found;
}

bool gd_reading_nothing(const json_t *value) { return !value || gd_json_nothing(value) || is_hollow(value); }

bool gd_reading_empty(const json_t *value) { return gd_reading_nothing(value) || is_empty_text(value); }

static gd_status check_keys(const gd_reading *r, const char *name, size_t index, const json_t *message, bool tool)
{
    static const char *const read[] = { "function_call", "reasoning_content", "reasoning", "thinking", "tool_call_id" };
    const size_t count = sizeof read / sizeof read[0] - tool; /* what a tool returns may say which call it is of */

    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(message, read[i]);

        if (gd_json_odd(value))
            return gd_fail(r->why, GD_EFORMAT,
                           "message %zu of the field \"%s\" has \"%s\", which is %s and not JSON; expected null, or "
                           "nothing",
                           index, name, read[i], gd_json_odd(value));
        if (!gd_reading_empty(value))
            return gd_fail(r->why, GD_EFORMAT,
                           "message %zu of the field \"%s\" has \"%s\", which chat templates read, and no chat format "
                           "can write; remove it, or score the text that the template makes, as \"text\"",
                           index, name, read[i]);
    }
    return GD_OK;
}

/* ---- content ---- */

/* The text of a content that is a list of parts, of which there must be one.  With several, programs disagree about
 * what stands between them. */
static gd_status read_parts(gd_text *to, const gd_reading *r, const char *name, size_t index, const json_t *list)
{
    const json_t *text = NULL;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *part = json_array_get(list, i), *type = json_object_get(part, "type");

        if (!json_is_string(type))
            return gd_fail(r->why, GD_EFORMAT,
                           "message %zu of the field \"%s\": part %zu of its content is %s; expected an object with a "
                           "type",
                           index, name, i, json_is_object(part) ? "without a type" : gd_reading_type(part));
        if (strcmp(json_string_value(type), "text") != 0)
            return gd_fail(r->why, GD_EFORMAT,
                           "message %zu of the field \"%s\": part %zu of its content has the type \"%.40s\"; expected "
                           "\"text\"",
                           index, name, i, json_string_value(type));
        text = json_object_get(part, "text");
    }
    if (json_array_size(list) != 1)
        return gd_fail(r->why, GD_EFORMAT,
                       "message %zu of the field \"%s\": its content has %zu parts; expected one, since templates join "
                       "several in different ways",
                       index, name, json_array_size(list));
    if (!json_is_string(text))
        return gd_fail(r->why, GD_EFORMAT,
                       "message %zu of the field \"%s\": the text of its content is %s; expected a string", index, name,
                       text ? gd_reading_type(text) : "missing");
    *to = (gd_text){ json_string_value(text), json_string_length(text) };
    return GD_OK;
}

static gd_status read_string(gd_text *to, const gd_reading *r, const char *name, size_t index, const json_t *message,
                             const char *key)
{
    const json_t *text = json_object_get(message, key);

    if (!json_is_string(text))
        return gd_fail(r->why, GD_EFORMAT, "message %zu of the field \"%s\": its %s is %s; expected a string", index,
                       name, key, text ? gd_reading_type(text) : "missing");
    *to = (gd_text){ json_string_value(text), json_string_length(text) };
    return GD_OK;
}

/* ---- role ---- */

/* ShareGPT's names of the roles. */
static void translate(gd_text *role)
{
    static const struct {
        const char *theirs, *ours;
    } names[] = { { "human", "user" }, { "gpt", "assistant" } };

    for (size_t i = 0; i < 2; i++)
        if (role->len == strlen(names[i].theirs) && !memcmp(role->data, names[i].theirs, role->len))
            *role = (gd_text){ names[i].ours, strlen(names[i].ours) };
}

static bool is_text(const json_t *value, gd_text text)
{
    return json_string_length(value) == text.len && !memcmp(json_string_value(value), text.data, text.len);
}

static bool is_tool(gd_text role) { return role.len == 4 && !memcmp(role.data, "tool", 4); }

/* ShareGPT's rows have texts with what tools return in a notation of their own. */
static gd_status check_role(const gd_reading *r, const char *name, size_t index, gd_text role, bool sharegpt)
{
    if (gd_chat_knows_role(role) && !(sharegpt && is_tool(role)))
        return GD_OK;
    return gd_fail(r->why, GD_EFORMAT,
                   "message %zu of the field \"%s\" has the role \"%.*s\", but %ssystem, user or assistant is expected",
                   index, name, (int)(role.len > 40 ? 40 : role.len), role.data, sharegpt ? "human, gpt, " : "");
}

/* A message in both forms must say the same twice, or one half of it.  A "from" alone that is no role, and a
 * "value" that is no text, may be a source and a reward. */
static gd_status check_forms(const gd_reading *r, const char *name, size_t index, const gd_chat_message *message,
                             const json_t *value)
{
    const json_t *from = json_object_get(value, "from"), *said = json_object_get(value, "value");
    gd_text role = { json_string_value(from), json_string_length(from) };
    bool same = true;

    if (role.len)
        translate(&role);
    if (!json_string_length(said) && !(role.len && gd_chat_knows_role(role)))
        return GD_OK;
    if (role.len)
        same = role.len == message->role.len && !memcmp(role.data, message->role.data, role.len);
    if (json_is_string(said) && (role.len || json_string_length(said)))
        same = same && is_text(said, message->content);
    if (same)
        return GD_OK;
    return gd_fail(r->why, GD_EFORMAT,
                   "message %zu of the field \"%s\" has a role and a content, and also from and value, which say "
                   "something else; expected one of the two forms",
                   index, name);
}

gd_status gd_record_message(gd_chat_message *message, const gd_reading *r, const char *name, size_t index,
                            const json_t *value)
{
    const bool sharegpt = !gd_json_has(value, "role") && !gd_json_has(value, "content") && gd_json_has(value, "from");
    const struct form *form = &forms[sharegpt];
    const json_t *content = json_object_get(value, form->content);
    gd_status rc;

    if (!json_is_object(value) || gd_json_odd(value))
        return gd_fail(r->why, GD_EFORMAT,
                       "message %zu of the field \"%s\" is %s; expected an object with a role and a content", index,
                       name, gd_reading_type(value));
    rc = read_string(&message->role, r, name, index, value, form->role);
    if (!rc && sharegpt)
        translate(&message->role);
    if (!rc)
        rc = check_role(r, name, index, message->role, sharegpt);
    if (!rc)
        rc = check_keys(r, name, index, value, is_tool(message->role));
    if (!rc)
        rc = gd_record_calls(&message->calls, r, name, index, value);
    if (!rc && message->calls && (!content || json_is_null(content)))
        message->content = (gd_text){ "", 0 };
    else if (!rc)
        rc = json_is_array(content) ? read_parts(&message->content, r, name, index, content)
                                    : read_string(&message->content, r, name, index, value, form->content);
    return rc || sharegpt ? rc : check_forms(r, name, index, message, value);
}
