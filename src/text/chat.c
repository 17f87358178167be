/* chat.c - turns a conversation into text. */
#include "text/chat.h"

#include "base/error.h"
#include "base/mem.h"
#include "text/chat_format.h"
#include "text/strip.h"

#include <string.h>

void gd_chat_close(gd_chat *chat)
{
    if (chat) {
        gd_yaml_free(chat->doc);
        gd_arena_free(&chat->texts);
    }
    gd_free(chat);
}

const char *gd_chat_name(const gd_chat *chat) { return chat->name; }
const char *gd_chat_about(const gd_chat *chat) { return chat->about; }
const char *gd_chat_note(const gd_chat *chat) { return chat->note; }
bool gd_chat_is_recognised(const gd_chat *chat) { return chat->templates && chat->templates->count; }
bool gd_chat_has_tokens(const gd_chat *chat) { return !chat->by_tokenizer; }

/* ---- what a format accepts ---- */

static gd_status fail_role(const gd_chat *chat, const gd_chat_message *messages, size_t i, gd_error *why,
                           const char *expected)
{
    const gd_text role = messages[i].role;

    return gd_fail(why, GD_EFORMAT, "message %zu has the role \"%.*s\", but %s (chat format %.80s)", i,
                   (int)(role.len > 40 ? 40 : role.len), role.data ? role.data : "", expected, chat->name);
}

static gd_status check_system(const gd_chat *chat, const gd_chat_message *messages, size_t i, gd_error *why)
{
    const bool anywhere = chat->turns[GD_ROLE_SYSTEM].known && !chat->alternating;

    if (anywhere || (i == 0 && (chat->opening.known || chat->join)))
        return GD_OK;
    if (chat->opening.known || chat->join)
        return fail_role(chat, messages, i, why, "only the first message may be a system message");
    return fail_role(chat, messages, i, why,
                     "system messages are not supported: put the text into the first user message");
}

static bool has_user(const gd_chat_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gd_message_is(&messages[i], GD_ROLE_USER))
            return true;
    }
    return false;
}

static gd_status check(const gd_chat *chat, const gd_chat_message *messages, size_t count, gd_error *why)
{
    size_t turn = 0; /* user and assistant messages so far */

    if (!count)
        return gd_fail(why, GD_EFORMAT, "the conversation has no messages");
    for (size_t i = 0; i < count; i++) {
        const gd_chat_role role = gd_message_role(&messages[i]);
        gd_status rc = GD_OK;

        if (role == GD_ROLE_COUNT || (role == GD_ROLE_TOOL && chat->tools == GD_TOOLS_NO))
            rc = fail_role(chat, messages, i, why, "system, user or assistant is expected");
        else if (role == GD_ROLE_SYSTEM)
            rc = check_system(chat, messages, i, why);
        else if (chat->alternating && (role == GD_ROLE_USER) != (turn % 2 == 0))
            rc = fail_role(chat, messages, i, why,
                           turn % 2 ? "assistant is expected: user and assistant take turns"
                                    : "user is expected: user and assistant take turns");
        if (rc)
            return rc;
        turn += role != GD_ROLE_SYSTEM;
    }
    if (chat->join && gd_message_is(&messages[0], GD_ROLE_SYSTEM) && !has_user(messages, count))
        return gd_fail(why, GD_EFORMAT,
                       "a system message goes into a user message, but there is none (chat format %.80s)", chat->name);
    return GD_OK;
}

/* ---- Qwen3's thoughts ---- */

static bool begins(gd_text text, const char *with)
{
    return text.len >= strlen(with) && !memcmp(text.data, with, strlen(with));
}

static bool ends(gd_text text, const char *with)
{
    return text.len >= strlen(with) && !memcmp(text.data + text.len - strlen(with), with, strlen(with));
}

/* The last question: a user message that is not the response of a tool. Without one, the last message. */
static size_t last_question(const gd_chat_message *messages, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        if (gd_message_is(&messages[i], GD_ROLE_USER) &&
            !(begins(messages[i].content, "<tool_response>") && ends(messages[i].content, "</tool_response>")))
            return i;
    }
    return count - 1;
}

/* Splits an answer into what follows the last </think>, and the thoughts before the first one. */
static void split_thoughts(gd_text *content, gd_text *thoughts)
{
    const char open[] = "<think>", close[] = "</think>";
    const gd_text all = *content;
    size_t first, last, at;

    *thoughts = (gd_text){ all.data, 0 };
    if (!gd_find_first(all, close, &first) || !gd_find_last(all, close, &last))
        return;
    *thoughts = gd_strip_newlines_after((gd_text){ all.data, first });
    if (gd_find_last(*thoughts, open, &at)) {
        at += sizeof open - 1;
        *thoughts = (gd_text){ thoughts->data + at, thoughts->len - at };
    }
    *thoughts = gd_strip_newlines_before(*thoughts);
    last += sizeof close - 1;
    *content = gd_strip_newlines_before((gd_text){ all.data + last, all.len - last });
}

/* The thoughts of an answer are dropped, except after the last question; the last message gets an empty block if it
 * has none. */
static void put_answer(const gd_chat *chat, const gd_chat_message *answer, bool current, bool last, gd_buf *out)
{
    const gd_chat_turn *turn = &chat->turns[GD_ROLE_ASSISTANT];
    gd_text content = answer->content, thoughts;
    bool any;

    split_thoughts(&content, &thoughts);
    any = content.len > 0;
    gd_buf_str(out, turn->before);
    if (current && (last || thoughts.len)) {
        content = gd_strip_newlines_before(content);
        gd_buf_str(out, "<think>\n");
        gd_buf_bytes(out, thoughts.data, thoughts.len);
        gd_buf_str(out, "\n</think>\n\n");
    }
    gd_buf_bytes(out, content.data, content.len);
    gd_tools_put_calls(chat, answer->calls, any, out);
    gd_buf_str(out, turn->after);
}

/* ---- writing ---- */

/* A conversation that is being written. */
struct writing {
    const gd_chat *chat;
    const gd_chat_message *messages;
    size_t count;
    const json_t *tools;
    size_t joined;   /* the message that a system message at the beginning goes into; 0: none */
    size_t question; /* Qwen3's: answers after it may have thoughts */
    bool thinks;     /* SmolLM3's: answers have thoughts */
    gd_buf *out;
};

/* Message number `i`; the default system message has the number after the last. */
static void put_turn(const struct writing *w, const gd_chat_turn *turn, size_t i, gd_text content)
{
    if (turn->skip_empty && !content.len)
        return;
    gd_buf_str(w->out, turn->before);
    if (w->joined && i == w->joined) {
        gd_buf_bytes(w->out, w->messages[0].content.data, w->messages[0].content.len);
        gd_buf_str(w->out, w->chat->joint);
    }
    if (i < w->count)
        gd_tools_put_before(w->chat, w->messages, i, w->tools, w->out);
    if (turn->trim)
        content = gd_strip(content);
    gd_buf_bytes(w->out, content.data, content.len);
    if (i < w->count)
        gd_tools_put_calls(w->chat, w->messages[i].calls, content.len > 0, w->out);
    gd_buf_str(w->out, i + 1 == w->count && turn->after_last ? turn->after_last : turn->after);
}

static void put_message(const struct writing *w, size_t i)
{
    const gd_chat_role role = gd_message_role(&w->messages[i]);
    const gd_chat_turn *turn = &w->chat->turns[role];
    const gd_text content = w->messages[i].content;

    if (role == GD_ROLE_TOOL)
        gd_tools_put_result(w->chat, w->messages, w->count, i, w->out);
    else if (w->chat->thinking == GD_THINK_QWEN3 && role == GD_ROLE_ASSISTANT)
        put_answer(w->chat, &w->messages[i], i > w->question, i + 1 == w->count, w->out);
    else if (w->chat->thinking == GD_THINK_SMOLLM3 && role == GD_ROLE_ASSISTANT)
        gd_smollm3_put_answer(turn, content, w->thinks, w->out);
    else
        put_turn(w, turn, i, content);
}

/* The message that a system message at the beginning goes into; 0: none. */
static size_t joined_message(const gd_chat *chat, const gd_chat_message *messages, size_t count)
{
    size_t i = 1;

    if (!chat->join || !gd_message_is(&messages[0], GD_ROLE_SYSTEM))
        return 0;
    if (chat->join == GD_JOIN_FINAL_USER)
        return gd_message_is(&messages[count - 1], GD_ROLE_USER) ? count - 1 : 0;
    while (!gd_message_is(&messages[i], GD_ROLE_USER)) /* check() has seen one */
        i++;
    return i;
}

/* Writes a system message at the beginning, or the default one; returns the number of messages used up, 0 or 1. */
static size_t put_opening(struct writing *w)
{
    const gd_chat *chat = w->chat;
    const bool system = gd_message_is(&w->messages[0], GD_ROLE_SYSTEM);
    const char *ours = chat->default_system;

    if (w->tools)
        gd_tools_put_system(chat, system ? &w->messages[0].content : NULL, w->tools, w->out);
    else if (chat->thinking == GD_THINK_SMOLLM3)
        w->thinks = gd_smollm3_put_system(chat, system ? &w->messages[0].content : NULL, w->out);
    else if (system && chat->opening.known)
        put_turn(w, &chat->opening, 0, w->messages[0].content);
    else if (!system && ours)
        put_turn(w, &chat->opening, w->count, (gd_text){ ours, strlen(ours) });
    return system && (chat->opening.known || chat->join);
}

gd_status gd_chat_render(const gd_chat *chat, const gd_chat_message *messages, size_t count, const json_t *tools,
                         gd_buf *out, gd_error *why)
{
    struct writing w = { .chat = chat, .messages = messages, .count = count, .tools = tools, .out = out };
    gd_status rc = check(chat, messages, count, why);

    if (!rc)
        rc = gd_tools_check(chat, messages, count, tools, why);
    if (rc)
        return rc;
    w.joined = joined_message(chat, messages, count);
    w.question = chat->thinking == GD_THINK_QWEN3 ? last_question(messages, count) : 0;
    gd_buf_str(out, chat->start);
    for (size_t i = put_opening(&w); i < count; i++)
        put_message(&w, i);
    gd_buf_str(out, chat->end);
    return out->failed ? gd_fail_memory(why, out->len) : GD_OK;
}
