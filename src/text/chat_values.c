/* chat_values.c - puts values into the texts of a chat format: {bos_token} and {eos_token} are the checkpoint's, and
 * {date} is given by who chooses the format. A name in braces that the format gives no value is text like any other. */
#include "text/chat_format.h"

#include "base/buf.h"
#include "base/error.h"

#include <string.h>

const char *const gd_chat_value_names[GD_CHAT_VALUES] = { "bos_token", "eos_token", "date" };

/* The value whose name in braces a text begins with; GD_CHAT_VALUES: none. */
static gd_chat_value value_at(const gd_chat *chat, const char *text)
{
    gd_chat_value v = GD_CHAT_BOS;

    while (v < GD_CHAT_VALUES) {
        const size_t len = strlen(gd_chat_value_names[v]);

        if (chat->values[v] && text[0] == '{' && !strncmp(text + 1, gd_chat_value_names[v], len) &&
            text[1 + len] == '}')
            break;
        v++;
    }
    return v;
}

static gd_status expand(gd_chat *chat, const char **text, bool used[GD_CHAT_VALUES], gd_error *err)
{
    gd_buf out = { 0 };
    const char *own;

    if (!*text || !strchr(*text, '{'))
        return GD_OK;
    for (const char *p = *text; *p;) {
        const gd_chat_value v = value_at(chat, p);

        if (v == GD_CHAT_VALUES) {
            gd_buf_bytes(&out, p++, 1);
        } else {
            gd_buf_str(&out, chat->values[v]);
            p += strlen(gd_chat_value_names[v]) + 2;
            used[v] = true;
        }
    }
    own = out.failed ? NULL : gd_arena_strndup(&chat->texts, out.data, out.len);
    gd_buf_free(&out);
    if (!own)
        return gd_fail_memory(err, strlen(*text));
    *text = own;
    return GD_OK;
}

static gd_status expand_turn(gd_chat *chat, gd_chat_turn *turn, bool used[GD_CHAT_VALUES], gd_error *err)
{
    gd_status rc = expand(chat, &turn->before, used, err);

    if (!rc)
        rc = expand(chat, &turn->after, used, err);
    return rc ? rc : expand(chat, &turn->after_last, used, err);
}

gd_status gd_chat_expand(gd_chat *chat, gd_error *err)
{
    const char **const texts[] = { &chat->start, &chat->end, &chat->joint, &chat->default_system, &chat->note };
    bool used[GD_CHAT_VALUES] = { false };
    gd_status rc = expand_turn(chat, &chat->opening, used, err);

    for (gd_chat_role r = GD_ROLE_SYSTEM; !rc && r < GD_ROLE_COUNT; r++)
        rc = expand_turn(chat, &chat->turns[r], used, err);
    for (size_t i = 0; !rc && i < sizeof texts / sizeof texts[0]; i++)
        rc = expand(chat, texts[i], used, err);
    used[GD_CHAT_DATE] |= chat->thinking == GD_THINK_SMOLLM3;
    for (gd_chat_value v = GD_CHAT_BOS; !rc && v < GD_CHAT_VALUES; v++) {
        const gd_yaml_node *key = gd_yaml_get(gd_yaml_root(chat->doc), gd_chat_value_names[v]);

        if (chat->values[v] && !used[v])
            rc = gd_yaml_fail(chat->doc, key, err, GD_EFORMAT, "%s is given, but no text has {%s}",
                              gd_chat_value_names[v], gd_chat_value_names[v]);
    }
    return rc;
}
