/* chat_turns.c - what does not depend on the format of a conversation: the role of a message, whether it ends with an
 * answer, and what to drop first if it is too long. */
#include "text/chat_format.h"

#include "base/error.h"

#include <string.h>

const char *const gd_chat_role_names[GD_ROLE_COUNT] = { "system", "user", "assistant", "tool" };

static gd_chat_role find_role(gd_text role)
{
    gd_chat_role r = GD_ROLE_SYSTEM;

    while (r < GD_ROLE_COUNT &&
           (role.len != strlen(gd_chat_role_names[r]) || memcmp(role.data, gd_chat_role_names[r], role.len) != 0))
        r++;
    return r;
}

gd_chat_role gd_message_role(const gd_chat_message *message) { return find_role(message->role); }
bool gd_chat_knows_role(gd_text role) { return find_role(role) != GD_ROLE_COUNT; }
bool gd_message_is(const gd_chat_message *message, gd_chat_role role) { return gd_message_role(message) == role; }

gd_status gd_chat_check_answer(const gd_chat_message *messages, size_t count, const char *field, gd_error *why)
{
    for (size_t i = 0; i < count; i++) {
        const gd_text role = messages[i].role;

        if (!gd_chat_knows_role(role))
            return gd_fail(why, GD_EFORMAT,
                           "%s: message %zu has the role \"%.*s\", but system, user or assistant is expected", field, i,
                           (int)(role.len > 40 ? 40 : role.len), role.data ? role.data : "");
    }
    if (count && gd_message_is(&messages[count - 1], GD_ROLE_ASSISTANT))
        return GD_OK;
    for (size_t i = 0; i < count; i++) {
        if (gd_message_is(&messages[i], GD_ROLE_ASSISTANT))
            return gd_fail(why, GD_EFORMAT,
                           "%s: the conversation ends with a message that is not the assistant's: end it with "
                           "the answer to score",
                           field);
    }
    return gd_fail(why, GD_EFORMAT,
                   "%s: the conversation has no assistant turn: end it with the answer to score, a message with "
                   "the role assistant",
                   field);
}

bool gd_chat_oldest_turn(const gd_chat_message *messages, size_t count, size_t *from, size_t *to)
{
    size_t keep = count, i = 0;

    while (keep > 0 && !gd_message_is(&messages[keep - 1], GD_ROLE_USER))
        keep--;
    keep = keep ? keep - 1 : count - (count > 0); /* the last user message, or the last one at all */
    while (i < keep && gd_message_is(&messages[i], GD_ROLE_SYSTEM))
        i++;
    if (i >= keep)
        return false;
    *from = i++;
    while (i < keep && !gd_message_is(&messages[i], GD_ROLE_USER) && !gd_message_is(&messages[i], GD_ROLE_SYSTEM))
        i++;
    *to = i;
    return true;
}
