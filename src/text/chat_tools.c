/* chat_tools.c - functions that a model may call, its calls, and what they return, as the templates of Qwen2.5, Qwen3
 * and Llama 3.1 write them. What a template would lose is refused. */
#include "text/chat_format.h"

#include "base/error.h"
#include "base/json.h"
#include "text/strip.h"

#include <string.h>

bool gd_chat_call(const json_t *call, gd_text *name, const json_t **arguments)
{
    const json_t *inner = json_object_get(call, "function"), *function = inner ? inner : call;
    const json_t *called = json_object_get(function, "name");

    *arguments = json_object_get(function, "arguments");
    if (!json_is_string(called) || !*arguments || gd_json_has_odd(*arguments))
        return false;
    *name = (gd_text){ json_string_value(called), json_string_length(called) };
    return true;
}

/* ---- what is accepted ---- */

/* Llama's template writes one call, and nothing beside it. */
static gd_status check_llama(const gd_chat *chat, const gd_chat_message *message, size_t i, gd_error *why)
{
    if (!json_object_get(json_array_get(message->calls, 0), "function"))
        return gd_fail(why, GD_EFORMAT,
                       "message %zu has a call without a \"function\", which is expected (chat format %.80s)", i,
                       chat->name);
    if (json_array_size(message->calls) != 1)
        return gd_fail(why, GD_EFORMAT, "message %zu has %zu tool calls, but one is expected (chat format %.80s)", i,
                       json_array_size(message->calls), chat->name);
    if (gd_strip(message->content).len)
        return gd_fail(why, GD_EFORMAT,
                       "message %zu has a tool call and a content, which would be lost (chat format %.80s)", i,
                       chat->name);
    return GD_OK;
}

static gd_status check_calls(const gd_chat *chat, const gd_chat_message *message, size_t i, gd_error *why)
{
    gd_text name;
    const json_t *arguments;

    if (chat->tools == GD_TOOLS_NO)
        return gd_fail(why, GD_EFORMAT,
                       "message %zu has tool calls, which the chat format %.80s does not write: remove them, or score "
                       "the text that the template makes, as \"text\"",
                       i, chat->name);
    if (!gd_message_is(message, GD_ROLE_ASSISTANT))
        return gd_fail(why, GD_EFORMAT, "message %zu has tool calls, but only the assistant calls tools", i);
    for (size_t k = 0; k < json_array_size(message->calls); k++)
        if (!gd_chat_call(json_array_get(message->calls, k), &name, &arguments))
            return gd_fail(why, GD_EFORMAT, "message %zu: tool call %zu has no name and arguments, which are expected",
                           i, k);
    return chat->tools == GD_TOOLS_LLAMA3_1 ? check_llama(chat, message, i, why) : GD_OK;
}

gd_status gd_tools_check(const gd_chat *chat, const gd_chat_message *messages, size_t count, const json_t *tools,
                         gd_error *why)
{
    const size_t first = gd_message_is(&messages[0], GD_ROLE_SYSTEM);
    gd_status rc = GD_OK;

    if (tools && chat->tools == GD_TOOLS_NO)
        return gd_fail(
            why, GD_EFORMAT,
            "the conversation has tools, which the chat format %.80s does not write; --fields tools=_ scores "
            "it without them",
            chat->name);
    for (size_t i = 0; !rc && i < count; i++)
        if (messages[i].calls)
            rc = check_calls(chat, &messages[i], i, why);
    if (!rc && tools && chat->tools == GD_TOOLS_LLAMA3_1 &&
        (first >= count || !gd_message_is(&messages[first], GD_ROLE_USER)))
        rc = gd_fail(
            why, GD_EFORMAT,
            "tools go into the first message, which must be the user's, or follow a system message (chat format "
            "%.80s)",
            chat->name);
    return rc;
}

/* ---- the tools ---- */

static void put_tools(const json_t *tools, const char *before, const char *after, bool indent, gd_buf *out)
{
    for (size_t i = 0; i < json_array_size(tools); i++) {
        gd_buf_str(out, before);
        gd_chat_put_json(out, json_array_get(tools, i), indent);
        gd_buf_str(out, after);
    }
}

static void put_content(const gd_chat_turn *turn, gd_text content, gd_buf *out)
{
    content = turn->trim ? gd_strip(content) : content;
    gd_buf_bytes(out, content.data, content.len);
}

static void put_system_of_llama(const gd_chat *chat, gd_text content, gd_buf *out)
{
    const char *mark = chat->turns[GD_ROLE_SYSTEM].before;

    gd_buf_str(out, mark);
    gd_buf_str(out, "Environment: ipython\n");
    gd_buf_str(out, chat->opening.before + strlen(mark));
    put_content(&chat->opening, content, out);
    gd_buf_str(out, chat->opening.after);
}

static void put_system_of_qwen(const gd_chat *chat, const gd_text *content, const json_t *tools, gd_buf *out)
{
    gd_buf_str(out, chat->opening.before);
    if (content) {
        put_content(&chat->opening, *content, out);
        gd_buf_str(out, "\n\n");
    }
    gd_buf_str(out, "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided "
                    "with function signatures within <tools></tools> XML tags:\n<tools>");
    put_tools(tools, "\n", "", false, out);
    gd_buf_str(out,
               "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
               "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": "
               "<args-json-object>}\n</tool_call>");
    gd_buf_str(out, chat->opening.after);
}

void gd_tools_put_system(const gd_chat *chat, const gd_text *content, const json_t *tools, gd_buf *out)
{
    const char *ours = chat->default_system;
    const gd_text text = { ours ? ours : "", ours ? strlen(ours) : 0 };

    if (chat->tools == GD_TOOLS_LLAMA3_1)
        put_system_of_llama(chat, content ? *content : text, out);
    else
        put_system_of_qwen(chat, content ? content : ours ? &text : NULL, tools, out);
}

void gd_tools_put_before(const gd_chat *chat, const gd_chat_message *messages, size_t i, const json_t *tools,
                         gd_buf *out)
{
    if (!tools || chat->tools != GD_TOOLS_LLAMA3_1 || i != (size_t)gd_message_is(&messages[0], GD_ROLE_SYSTEM))
        return;
    gd_buf_str(out, "Given the following functions, please respond with a JSON for a function call with its proper "
                    "arguments that best answers the given prompt.\n\nRespond in the format {\"name\": function name, "
                    "\"parameters\": dictionary of argument name and its value}.Do not use variables.\n\n");
    put_tools(tools, "", "\n\n", true, out);
}

/* ---- calls and results ---- */

/* Qwen3 writes arguments that are a text as they are, the others as JSON. */
static void put_arguments(const gd_chat *chat, const json_t *arguments, gd_buf *out)
{
    if (chat->tools == GD_TOOLS_QWEN3 && json_is_string(arguments))
        gd_buf_bytes(out, json_string_value(arguments), json_string_length(arguments));
    else
        gd_chat_put_json(out, arguments, false);
}

void gd_tools_put_calls(const gd_chat *chat, const json_t *calls, bool content, gd_buf *out)
{
    const bool llama = chat->tools == GD_TOOLS_LLAMA3_1;

    for (size_t i = 0; i < json_array_size(calls); i++) {
        gd_text name = { "", 0 };
        const json_t *arguments;

        if (!gd_chat_call(json_array_get(calls, i), &name, &arguments))
            continue; /* gd_tools_check() has refused it */
        if (!llama)
            gd_buf_str(out, content || i ? "\n<tool_call>\n" : "<tool_call>\n");
        gd_buf_str(out, "{\"name\": \"");
        gd_buf_bytes(out, name.data, name.len);
        gd_buf_str(out, llama ? "\", \"parameters\": " : "\", \"arguments\": ");
        put_arguments(chat, arguments, out);
        gd_buf_str(out, llama ? "}" : "}\n</tool_call>");
    }
}

void gd_tools_put_result(const gd_chat *chat, const gd_chat_message *messages, size_t count, size_t i, gd_buf *out)
{
    const gd_chat_turn *user = &chat->turns[GD_ROLE_USER];
    const gd_text content = messages[i].content;

    if (chat->tools == GD_TOOLS_LLAMA3_1) { /* its template takes a text for a list, and so quotes it */
        gd_buf_str(out, "<|start_header_id|>ipython<|end_header_id|>\n\n");
        gd_chat_put_json_text(out, content);
        gd_buf_str(out, user->after);
        return;
    }
    gd_buf_str(out, i == 0 || !gd_message_is(&messages[i - 1], GD_ROLE_TOOL) ? user->before : "\n");
    gd_buf_str(out, "<tool_response>\n");
    gd_buf_bytes(out, content.data, content.len);
    gd_buf_str(out, "\n</tool_response>");
    if (i + 1 == count || !gd_message_is(&messages[i + 1], GD_ROLE_TOOL))
        gd_buf_str(out, user->after);
}
