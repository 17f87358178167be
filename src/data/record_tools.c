/* record_tools.c - functions that a conversation may call, and the calls, as data sets have them: "tools" beside the
 * conversation is a list of functions, or that list as a text, and "tool_calls" in a message of the assistant a list of
 * calls. What they look like as a text is up to the chat format. */
#include "data/record_inside.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

/* Whether there is a number that may have been an integer of more than 64 bits, which templates write in full. */
static bool has_huge(const json_t *value)
{
    const char *key;
    json_t *inner;
    size_t i;

    json_array_foreach(value, i, inner)
        if (has_huge(inner))
            return true;
    json_object_foreach((json_t *)value, key, inner)
        if (has_huge(inner))
            return true;
    return json_is_real(value) && !(json_real_value(value) < 0x1p63 && json_real_value(value) >= -0x1p63);
}

static bool can_write(const json_t *value) { return !gd_json_has_odd(value) && !has_huge(value); }

/* ---- what a template is given beside the conversation ---- */

static gd_status check_field(const gd_reading *r, const char *ours)
{
    const json_t *value = json_object_get(r->record->object, ours);

    if (gd_json_odd(value))
        return gd_fail(
            r->why, GD_EFORMAT,
            "the field \"%s\" is %s, which is not JSON; expected null, or nothing; --fields %s=_ leaves it out",
            gd_reading_name(r, ours), gd_json_odd(value), ours);
    if (!strcmp(ours, "tools") || gd_reading_empty(value))
        return GD_OK;
    return gd_fail(r->why, GD_EFORMAT,
                   "the field \"%s\" is for chat templates, and no chat format can write it; --fields %s=_ scores the "
                   "conversation without it",
                   gd_reading_name(r, ours), ours);
}

/* A list that is a text, as tables and typed data sets have it, takes the place of the text. */
static gd_status parse_tools(const gd_reading *r, const json_t *text)
{
    const char *name = gd_reading_name(r, "tools");
    json_t *list = NULL;
    gd_error fault = { 0 };
    const gd_status rc = gd_json_parse(&list, json_string_value(text), json_string_length(text), name, &fault);

    if (rc == GD_ENOMEM)
        return gd_fail(r->err, rc, "%s", fault.text);
    if (rc)
        return gd_fail(r->why, GD_EFORMAT,
                       "the field \"%s\" is a text that is not JSON: %.200s; --fields tools=_ leaves it out", name,
                       fault.text);
    return json_object_set_new_nocheck(r->record->object, "tools", list) < 0
               ? gd_fail_memory(r->err, json_string_length(text))
               : GD_OK;
}

static gd_status check_tools(const gd_reading *r, const json_t *tools)
{
    const char *name = gd_reading_name(r, "tools");

    if (!json_is_array(tools))
        return gd_fail(r->why, GD_EFORMAT,
                       "the field \"%s\" is %s; expected a list of functions; --fields tools=_ leaves it out", name,
                       gd_reading_type(tools));
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);

        if (!json_is_object(tool) || !can_write(tool))
            return gd_fail(r->why, GD_EFORMAT,
                           "element %zu of the field \"%s\" is %s; expected an object that describes a function", i,
                           name,
                           can_write(tool) ? gd_reading_type(tool) : "not JSON, or has a number that is too large");
    }
    return GD_OK;
}

gd_status gd_record_template_fields(const gd_reading *r)
{
    static const char *const given[] = { "tools", "documents", "chat_template_kwargs" };
    const json_t *tools = json_object_get(r->record->object, "tools");
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < sizeof given / sizeof given[0]; i++)
        rc = check_field(r, given[i]);
    if (rc || gd_reading_empty(tools))
        return rc;
    if (json_is_string(tools))
        rc = parse_tools(r, tools);
    tools = json_object_get(r->record->object, "tools");
    if (!rc && !gd_reading_empty(tools))
        rc = check_tools(r, tools);
    for (size_t i = 0; !rc && !gd_reading_empty(tools) && i < r->record->count; i++)
        if (r->record->texts[i].messages)
            r->record->texts[i].tools = tools;
    return rc;
}

/* ---- calls ---- */

gd_status gd_record_calls(const json_t **calls, const gd_reading *r, const char *name, size_t index,
                          const json_t *message)
{
    const json_t *value = json_object_get(message, "tool_calls"), *arguments;
    gd_text called;

    *calls = NULL;
    if (gd_json_odd(value))
        return gd_fail(
            r->why, GD_EFORMAT,
            "message %zu of the field \"%s\" has \"tool_calls\", which is %s and not JSON; expected null, or "
            "nothing",
            index, name, gd_json_odd(value));
    if (gd_reading_empty(value))
        return GD_OK;
    if (!json_is_array(value))
        return gd_fail(r->why, GD_EFORMAT,
                       "message %zu of the field \"%s\" has \"tool_calls\", which is %s; expected a list of calls",
                       index, name, gd_reading_type(value));
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!gd_chat_call(json_array_get(value, i), &called, &arguments))
            return gd_fail(
                r->why, GD_EFORMAT,
                "message %zu of the field \"%s\": tool call %zu has no name and arguments in JSON, which are "
                "expected, such as {\"function\": {\"name\": \"f\", \"arguments\": {}}}",
                index, name, i);
        if (!can_write(arguments))
            return gd_fail(
                r->why, GD_EFORMAT,
                "message %zu of the field \"%s\": tool call %zu has a number that is too large; expected one of "
                "64 bits",
                index, name, i);
    }
    *calls = value;
    return GD_OK;
}
