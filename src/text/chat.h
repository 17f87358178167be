/* chat.h - conversations become text, as the chat templates of Transformers make it.
 *
 * A format says what stands before and behind the messages of each role, and has a few habits: a system message of
 * its own, blanks cut off, roles in turns. It is a small YAML file (doc/chat-formats.md). There is no template
 * engine: a checkpoint's template is recognised, never run. The built-in formats give the text of
 * apply_chat_template(messages, tokenize=False), byte for byte, and fail where the template does. They also fail
 * where a template would lose a message in silence: a role that it skips, a conversation without messages. What a
 * format loses nevertheless, since its models are used to that, is said by gd_chat_note().
 *
 * When gd_chat_has_tokens() says so, the text has all its special tokens in it, BOS too if the model wants one. Its
 * ids are those of apply_chat_template(tokenize=True) when it goes through gd_tokenize_bare(), which adds none, and
 * when no EOS is appended. The text of hh, in contrast, is like any other text.
 *
 * A content is not searched for special tokens: one that holds "<|im_end|>" ends its own turn, as in Transformers.
 *
 * Many threads may share one format. */
#ifndef GD_TEXT_CHAT_H
#define GD_TEXT_CHAT_H

#include "base/buf.h"
#include "guerdon.h"

#include <stdbool.h>

typedef struct gd_chat gd_chat;

/* `format` is the name of a built-in one, a path that ends in .yaml or .yml, or "auto": the format that the chat
 * template in model_dir asks for (chat_auto.c says where it is, and how strict this is); model_dir is where the
 * tokenizer is, and may be NULL but for auto. *out is NULL on failure.
 * GD_EUSAGE (no such name), GD_EIO, GD_EFORMAT (a broken file), GD_EUNSUPPORTED (a template that isn't recognised:
 * the sentence says what to pass), GD_ENOMEM. */
gd_status gd_chat_open(gd_chat **out, const char *format, const char *model_dir, gd_error *err);

/* NULL is fine. */
void gd_chat_close(gd_chat *chat);

const char *gd_chat_name(const gd_chat *chat);

/* What a user of the format should know, a sentence; NULL when there is nothing. */
const char *gd_chat_note(const gd_chat *chat);

/* Whether the text has its special tokens in it: see above. */
bool gd_chat_has_tokens(const gd_chat *chat);

/* Appends the conversation's text to *out; nothing on GD_EFORMAT.  Roles are system, user and assistant.
 * GD_EFORMAT (the sentence says which message has which role, and what was expected), GD_ENOMEM. */
gd_status gd_chat_render(const gd_chat *chat, const gd_message *messages, size_t count, gd_buf *out, gd_error *why);

/* A reward is that of an answer: fails with GD_EFORMAT unless the last message is the assistant's.  `field` (such as
 * "chosen") begins the sentence. */
gd_status gd_chat_check_answer(const gd_message *messages, size_t count, const char *field, gd_error *why);

/* The messages that go first when a conversation is too long, *from up to *to: those of its oldest turn, which is
 * the first message that is no system message, and what follows up to the next one that is a user's or a system
 * message.  False when nothing may go: system messages stay, and so do the last user message and what follows it. */
bool gd_chat_oldest_turn(const gd_message *messages, size_t count, size_t *from, size_t *to);

/* The formats that the library carries; text NULL ends the list. */
typedef struct gd_chat_builtin {
    const char *name, *file, *text; /* "llama3", "built-in llama3.yaml" */
    size_t len;
} gd_chat_builtin;
extern const gd_chat_builtin gd_chat_builtins[];

#endif
