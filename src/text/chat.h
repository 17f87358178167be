/* chat.h - turns conversations into text, as the chat templates of Transformers do.
 *
 * A format says what precedes and follows the messages of each role, and a few more things: a default system message,
 * whether whitespace is stripped, whether roles alternate. It is a small YAML file (doc/chat-formats.md). There is no
 * template engine: a checkpoint's template is recognised, never run. The built-in formats give the text of
 * apply_chat_template(messages, tokenize=False), byte for byte, and fail where the template does. They also fail
 * where a template would silently lose a message: a role that it skips, a conversation without messages. If a format
 * loses something nevertheless, because its models were trained that way, gd_chat_note() says so.
 *
 * If gd_chat_has_tokens() is true, the text contains all its special tokens, including BOS if the model needs one. Its
 * ids are those of apply_chat_template(tokenize=True) if it goes through gd_tokenize_bare(), which adds none, and no
 * EOS is appended. The text of hh, in contrast, is like any other text.
 *
 * Contents are not searched for special tokens: one that contains "<|im_end|>" ends its own turn, as in Transformers.
 *
 * Many threads may share one format. */
#ifndef GD_TEXT_CHAT_H
#define GD_TEXT_CHAT_H

#include "base/buf.h"
#include "guerdon.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct gd_chat gd_chat;

/* `format` is the name of a built-in format, which a date may follow ("llama3.2:26 Jul 2024"), a path that ends in
 * .yaml or .yml, or "auto": the format of the chat template in the directory `dir` (chat_auto.c says where it is, and
 * how strict this is). A format that writes bos_token or eos_token has those that the tokenizer files in the directory
 * `tokens` name. Both directories may be NULL except for auto. *out is NULL on failure.
 * GD_EUSAGE (no such name), GD_EIO, GD_EFORMAT (a malformed file), GD_EUNSUPPORTED (a template that isn't recognised:
 * the message says what to pass), GD_ENOMEM. */
gd_status gd_chat_open(gd_chat **out, const char *format, const char *dir, const char *tokens, gd_error *err);

/* Whether a text is "auto", or the name of a built-in format, with or without a date. */
bool gd_chat_is_builtin(const char *format);

/* NULL is fine. */
void gd_chat_close(gd_chat *chat);

const char *gd_chat_name(const gd_chat *chat);

/* For which checkpoints the format is, or NULL. */
const char *gd_chat_about(const gd_chat *chat);

/* Whether there are templates that it is recognised by; else it must be asked for. */
bool gd_chat_is_recognised(const gd_chat *chat);

/* A sentence with what a user of the format should know, or NULL. */
const char *gd_chat_note(const gd_chat *chat);

/* Whether the text contains its special tokens: see above. */
bool gd_chat_has_tokens(const gd_chat *chat);

/* A message of a conversation. */
typedef struct gd_chat_message {
    gd_text role, content;
    const json_t *calls; /* NULL, or a list of the tools that the assistant calls: gd_chat_call() reads each */
} gd_chat_message;

/* The name and the arguments of a call: {"function": {"name": "..", "arguments": ..}}, or the inner object alone. False
 * if it has not these, or holds what is not JSON. */
bool gd_chat_call(const json_t *call, gd_text *name, const json_t **arguments);

/* Appends the text of the conversation to *out; nothing on GD_EFORMAT.  Roles are system, user and assistant, and tool
 * in a format with tools.  `tools` is a list of objects that describe functions, or NULL.
 * GD_EFORMAT (the message names the role at fault, and what was expected), GD_ENOMEM. */
gd_status gd_chat_render(const gd_chat *chat, const gd_chat_message *messages, size_t count, const json_t *tools,
                         gd_buf *out, gd_error *why);

/* Whether a role is one of system, user, assistant and tool. */
bool gd_chat_knows_role(gd_text role);

/* A reward is for an answer: fails with GD_EFORMAT unless all roles are known and the last message is the
 * assistant's.  `field` (such as "chosen") begins the error message. */
gd_status gd_chat_check_answer(const gd_chat_message *messages, size_t count, const char *field, gd_error *why);

/* The messages to drop first from a conversation that is too long, *from up to *to: its oldest turn, which is the
 * first message that is not a system message, and those that follow up to the next user or system message.  False if
 * none may be dropped: system messages stay, and so do the last user message and what follows it. */
bool gd_chat_oldest_turn(const gd_chat_message *messages, size_t count, size_t *from, size_t *to);

/* The formats built into the library; the list ends with text NULL. */
typedef struct gd_chat_builtin {
    const char *name, *file, *text; /* "llama3", "built-in llama3.yaml" */
    size_t len;
} gd_chat_builtin;
extern const gd_chat_builtin gd_chat_builtins[];

/* Opens one by itself, without the tokens of a checkpoint. */
gd_status gd_chat_open_builtin(gd_chat **out, const gd_chat_builtin *builtin, gd_error *err);

#endif
