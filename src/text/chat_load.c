/* chat_load.c - reads a chat format: its keys, and which of them may be combined. doc/chat-formats.md explains them. */
#include "text/chat_format.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sha256.h"

#include <stdio.h>
#include <string.h>

#define MOST_NAME 64

struct reader {
    gd_chat *chat;
    const gd_yaml *doc;
    gd_error *err;
};

/* The keys of a mapping must be among names[], of which the first `needed` are required; their values go to out[]. */
static gd_status read_map(const struct reader *r, const gd_yaml_node *map, const char *what, const char *const *names,
                          size_t needed, size_t count, const gd_yaml_node **out)
{
    gd_status rc = gd_yaml_expect(r->doc, map, GD_YAML_MAP, what, r->err);

    if (rc)
        return rc;
    for (const gd_yaml_node *k = map->child; k; k = k->next->next) {
        size_t i = 0;

        while (i < count && strcmp(k->text, names[i]) != 0)
            i++;
        if (i == count)
            return gd_yaml_fail(r->doc, k, r->err, GD_EFORMAT, "%s does not take the key \"%.80s\"", what, k->text);
        out[i] = k->next;
    }
    for (size_t i = 0; i < needed; i++) {
        if (!out[i])
            return gd_yaml_fail(r->doc, map, r->err, GD_EFORMAT, "%s lacks the key \"%s\"", what, names[i]);
    }
    return GD_OK;
}

/* A text; *out is unchanged if the key is absent. */
static gd_status read_text(const struct reader *r, const gd_yaml_node *node, const char *what, const char **out)
{
    gd_status rc = node ? gd_yaml_expect(r->doc, node, GD_YAML_SCALAR, what, r->err) : GD_OK;

    if (!rc && node)
        *out = node->text;
    return rc;
}

/* One of `count` words: *out becomes its number, and is unchanged if the key is absent. */
static gd_status read_word(const struct reader *r, const gd_yaml_node *node, const char *what, const char *const *words,
                           size_t count, size_t *out)
{
    const char *text = NULL;
    gd_status rc = read_text(r, node, what, &text);

    if (rc || !text)
        return rc;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(text, words[i])) {
            *out = i;
            return GD_OK;
        }
    }
    return gd_yaml_fail(r->doc, node, r->err, GD_EFORMAT, "%s is \"%.80s\", but %s%s%s%s%s is expected", what, text,
                        words[0], count > 2 ? ", " : "", count > 2 ? words[1] : "", count > 1 ? " or " : "",
                        count > 1 ? words[count - 1] : "");
}

static gd_status read_turn(const struct reader *r, const gd_yaml_node *map, const char *what, gd_chat_turn *turn)
{
    static const char *const names[] = { "before", "after", "after_last", "trim", "skip_empty" };
    enum { BEFORE, AFTER, AFTER_LAST, TRIM, SKIP, COUNT };
    const gd_yaml_node *keys[COUNT] = { NULL };
    gd_status rc;

    if (!map)
        return GD_OK;
    rc = read_map(r, map, what, names, AFTER_LAST, COUNT, keys);
    if (!rc)
        rc = read_text(r, keys[BEFORE], "before", &turn->before);
    if (!rc)
        rc = read_text(r, keys[AFTER], "after", &turn->after);
    if (!rc)
        rc = read_text(r, keys[AFTER_LAST], "after_last", &turn->after_last);
    if (!rc && keys[TRIM])
        rc = gd_yaml_bool(&turn->trim, r->doc, keys[TRIM], "trim", r->err);
    if (!rc && keys[SKIP])
        rc = gd_yaml_bool(&turn->skip_empty, r->doc, keys[SKIP], "skip_empty", r->err);
    turn->known = true;
    return rc;
}

static gd_status read_turns(const struct reader *r, const gd_yaml_node *map)
{
    static const char *const names[] = { "user", "assistant", "system" };
    static const gd_chat_role roles[] = { GD_ROLE_USER, GD_ROLE_ASSISTANT, GD_ROLE_SYSTEM };
    enum { COUNT = sizeof roles / sizeof roles[0] };
    const gd_yaml_node *keys[COUNT] = { NULL };
    gd_status rc = read_map(r, map, "turns", names, 2, COUNT, keys);

    for (size_t i = 0; !rc && i < COUNT; i++)
        rc = read_turn(r, keys[i], names[i], &r->chat->turns[roles[i]]);
    return rc;
}

static gd_status read_join(const struct reader *r, const gd_yaml_node *map)
{
    static const char *const names[] = { "into", "between" }, *const into[] = { "first_user", "final_user" };
    const gd_yaml_node *keys[2] = { NULL };
    size_t where = 0;
    gd_status rc;

    if (!map)
        return GD_OK;
    rc = read_map(r, map, "join_system", names, 2, 2, keys);
    if (!rc)
        rc = read_word(r, keys[0], "into", into, 2, &where);
    if (!rc)
        rc = read_text(r, keys[1], "between", &r->chat->joint);
    r->chat->join = where ? GD_JOIN_FINAL_USER : GD_JOIN_FIRST_USER;
    if (!rc && r->chat->opening.known)
        rc = gd_yaml_fail(r->doc, map, r->err, GD_EFORMAT,
                          "join_system cannot be combined with system or opening_system");
    return rc;
}

static gd_status check_hash(const struct reader *r, const gd_yaml_node *node)
{
    gd_status rc = gd_yaml_expect(r->doc, node, GD_YAML_SCALAR, "a template", r->err);

    if (!rc && (strlen(node->text) != GD_SHA256_DIGITS || strspn(node->text, "0123456789abcdef") != GD_SHA256_DIGITS))
        rc = gd_yaml_fail(r->doc, node, r->err, GD_EFORMAT,
                          "a template is \"%.80s\", but the %d hexadecimal digits of its SHA-256 are expected",
                          node->text, GD_SHA256_DIGITS);
    return rc;
}

static gd_status read_recognises(const struct reader *r, const gd_yaml_node *map)
{
    static const char *const names[] = { "templates", "bos_token", "eos_token", "unlike" };
    enum { TEMPLATES, BOS, EOS, UNLIKE, COUNT };
    const gd_yaml_node *keys[COUNT] = { NULL };
    gd_status rc;

    if (!map)
        return GD_OK;
    rc = read_map(r, map, "recognises", names, 1, COUNT, keys);
    if (!rc)
        rc = gd_yaml_expect(r->doc, keys[TEMPLATES], GD_YAML_LIST, "templates", r->err);
    for (const gd_yaml_node *t = rc ? NULL : keys[TEMPLATES]->child; !rc && t; t = t->next)
        rc = check_hash(r, t);
    if (!rc && keys[UNLIKE])
        rc = gd_yaml_expect(r->doc, keys[UNLIKE], GD_YAML_MAP, "unlike", r->err);
    for (const gd_yaml_node *k = rc || !keys[UNLIKE] ? NULL : keys[UNLIKE]->child; !rc && k; k = k->next->next) {
        rc = check_hash(r, k);
        if (!rc)
            rc = gd_yaml_expect(r->doc, k->next, GD_YAML_SCALAR, "a reason", r->err);
    }
    if (!rc)
        rc = read_text(r, keys[BOS], "bos_token", &r->chat->bos);
    if (!rc)
        rc = read_text(r, keys[EOS], "eos_token", &r->chat->eos);
    r->chat->templates = keys[TEMPLATES];
    r->chat->unlike = keys[UNLIKE];
    return rc;
}

static gd_status read_name(const struct reader *r, const gd_yaml_node *node)
{
    const size_t len = node->text ? strlen(node->text) : 0;
    gd_status rc = read_text(r, node, "name", &r->chat->name);

    if (!rc && (!len || len > MOST_NAME ||
                strspn(node->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.-") != len))
        rc = gd_yaml_fail(r->doc, node, r->err, GD_EFORMAT,
                          "name is \"%.80s\", but letters, digits, dots, _ and - are expected, at most %d", node->text,
                          MOST_NAME);
    return rc;
}

enum {
    FORMAT,
    NAME,
    TURNS,
    ABOUT,
    NOTE,
    TOKENS,
    START,
    END,
    OPENING,
    DEFAULT,
    JOIN,
    ORDER,
    THINKING,
    TOOLS,
    RECOGNISES,
    VALUES,
    KEYS = VALUES + GD_CHAT_VALUES
};

static gd_status check_thinking(const struct reader *r, const gd_yaml_node *node)
{
    const gd_chat *chat = r->chat;
    const gd_chat_turn *answer = &chat->turns[GD_ROLE_ASSISTANT];

    if (answer->trim || answer->after_last || answer->skip_empty)
        return gd_yaml_fail(r->doc, node, r->err, GD_EFORMAT,
                            "thinking cannot be combined with trim, after_last or skip_empty of the assistant");
    if (chat->thinking != GD_THINK_SMOLLM3)
        return GD_OK;
    if (!chat->values[GD_CHAT_DATE] || !chat->opening.known)
        return gd_yaml_fail(r->doc, node, r->err, GD_EFORMAT,
                            "the thinking of smollm3 requires opening_system and date");
    if (chat->default_system || chat->turns[GD_ROLE_SYSTEM].known)
        return gd_yaml_fail(r->doc, node, r->err, GD_EFORMAT,
                            "the thinking of smollm3 cannot be combined with default_system, or with system in turns");
    return GD_OK;
}

/* With tools, the system's turn, the user's and the assistant's are written in parts. */
static gd_status check_tools(const struct reader *r, const gd_yaml_node *node)
{
    const gd_chat *chat = r->chat;
    const gd_chat_turn *user = &chat->turns[GD_ROLE_USER], *answer = &chat->turns[GD_ROLE_ASSISTANT];
    const char *system = chat->turns[GD_ROLE_SYSTEM].before;

    if (!chat->opening.known || !system)
        return gd_yaml_fail(r->doc, node, r->err, GD_EFORMAT, "tools require system in turns");
    if (chat->alternating || chat->thinking == GD_THINK_SMOLLM3 || user->after_last || answer->after_last ||
        user->skip_empty || answer->skip_empty || chat->opening.skip_empty)
        return gd_yaml_fail(r->doc, node, r->err, GD_EFORMAT,
                            "tools cannot be combined with order: alternating, the thinking of smollm3, after_last or "
                            "skip_empty");
    if (chat->tools == GD_TOOLS_LLAMA3_1 &&
        (strncmp(chat->opening.before, system, strlen(system)) != 0 || !answer->trim))
        return gd_yaml_fail(
            r->doc, node, r->err, GD_EFORMAT,
            "the tools of llama3.1 require an opening_system that begins like system in turns, and trim "
            "of the assistant");
    return GD_OK;
}

static gd_status read_habits(const struct reader *r, const gd_yaml_node *const *keys)
{
    static const char *const tokens[] = { "in_text", "by_tokenizer" }, *const orders[] = { "any", "alternating" };
    static const char *const thinkings[] = { "qwen3", "smollm3" };
    static const char *const toolings[] = { "qwen2.5", "qwen3", "llama3.1" };
    size_t token = 0, order = 0, thinking = GD_THINK_NO;
    gd_chat *chat = r->chat;
    gd_status rc = read_word(r, keys[TOKENS], "special_tokens", tokens, 2, &token);
    size_t tooling = GD_TOOLS_NO;

    if (!rc)
        rc = read_word(r, keys[ORDER], "order", orders, 2, &order);
    if (!rc)
        rc = read_word(r, keys[THINKING], "thinking", thinkings, 2, &thinking);
    if (!rc)
        rc = read_word(r, keys[TOOLS], "tools", toolings, 3, &tooling);
    chat->tools = (gd_chat_tools)tooling;
    chat->by_tokenizer = token == 1;
    chat->alternating = order == 1;
    chat->thinking = (gd_chat_thinking)thinking;
    if (!rc && chat->thinking != GD_THINK_NO)
        rc = check_thinking(r, keys[THINKING]);
    return rc || chat->tools == GD_TOOLS_NO ? rc : check_tools(r, keys[TOOLS]);
}

/* Values that are given take the place of the format's own. */
static gd_status read_values(const struct reader *r, const gd_yaml_node *const *keys, const char *const *given)
{
    const char **values = r->chat->values;
    gd_status rc = GD_OK;

    for (size_t v = 0; !rc && v < GD_CHAT_VALUES; v++) {
        rc = read_text(r, keys[VALUES + v], gd_chat_value_names[v], &values[v]);
        if (rc || !values[v] || !given || !given[v])
            continue;
        values[v] = gd_arena_strndup(&r->chat->texts, given[v], strlen(given[v]));
        if (!values[v])
            rc = gd_fail_memory(r->err, strlen(given[v]));
    }
    return rc;
}

static gd_status read_system(const struct reader *r, const gd_yaml_node *const *keys)
{
    gd_chat *chat = r->chat;
    gd_status rc;

    chat->opening = chat->turns[GD_ROLE_SYSTEM];
    if (keys[OPENING])
        chat->opening = (gd_chat_turn){ 0 };
    rc = read_turn(r, keys[OPENING], "opening_system", &chat->opening);
    if (!rc)
        rc = read_text(r, keys[DEFAULT], "default_system", &chat->default_system);
    if (!rc && chat->default_system && !chat->opening.known)
        rc = gd_yaml_fail(r->doc, keys[DEFAULT], r->err, GD_EFORMAT,
                          "default_system requires system in turns, or opening_system");
    return rc ? rc : read_join(r, keys[JOIN]);
}

static gd_status read_top(const struct reader *r, const char *const *given)
{
    static const char *const names[KEYS] = {
        "format",   "name",  "turns",          "about",          "note",        "special_tokens",
        "start",    "end",   "opening_system", "default_system", "join_system", "order",
        "thinking", "tools", "recognises",     "bos_token",      "eos_token",   "date"
    };
    const gd_yaml_node *keys[KEYS] = { NULL };
    const char *format = NULL;
    gd_status rc = read_map(r, gd_yaml_root(r->doc), "a chat format", names, ABOUT, KEYS, keys);

    if (!rc)
        rc = read_text(r, keys[FORMAT], "format", &format);
    if (!rc && strcmp(format, "guerdon-chat/1") != 0)
        rc = gd_yaml_fail(r->doc, keys[FORMAT], r->err, GD_EUNSUPPORTED,
                          "format is \"%.80s\", but guerdon-chat/1 is expected", format);
    if (!rc)
        rc = read_name(r, keys[NAME]);
    if (!rc)
        rc = read_text(r, keys[ABOUT], "about", &r->chat->about);
    if (!rc)
        rc = read_text(r, keys[NOTE], "note", &r->chat->note);
    if (!rc)
        rc = read_text(r, keys[START], "start", &r->chat->start);
    if (!rc)
        rc = read_text(r, keys[END], "end", &r->chat->end);
    if (!rc)
        rc = read_values(r, keys, given);
    if (!rc)
        rc = read_turns(r, keys[TURNS]);
    if (!rc)
        rc = read_system(r, keys);
    if (!rc)
        rc = read_habits(r, keys);
    if (!rc)
        rc = read_recognises(r, keys[RECOGNISES]);
    return rc ? rc : gd_chat_expand(r->chat, r->err);
}

gd_status gd_chat_parse(gd_chat **out, const char *text, size_t len, const char *name,
                        const char *const values[GD_CHAT_VALUES], gd_error *err)
{
    gd_chat *chat = gd_alloc_zero(1, sizeof *chat);
    struct reader r = { chat, NULL, err };
    gd_status rc;

    *out = NULL;
    if (!chat)
        return gd_fail_memory(err, sizeof *chat);
    chat->start = chat->end = chat->joint = "";
    chat->thinking = GD_THINK_NO;
    chat->tools = GD_TOOLS_NO;
    rc = gd_yaml_parse(&chat->doc, text, len, name, err);
    r.doc = chat->doc;
    if (!rc)
        rc = read_top(&r, values);
    if (!rc) {
        *out = chat;
        chat = NULL;
    }
    gd_chat_close(chat);
    return rc;
}
