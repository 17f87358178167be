/* chat_format.h - a chat format in memory: made by chat_load.c, used by the other chat*.c. */
#ifndef GD_TEXT_CHAT_FORMAT_H
#define GD_TEXT_CHAT_FORMAT_H

#include "base/arena.h"
#include "base/yaml.h"
#include "text/chat.h"

#include <jansson.h>

typedef enum gd_chat_role { GD_ROLE_SYSTEM, GD_ROLE_USER, GD_ROLE_ASSISTANT, GD_ROLE_TOOL, GD_ROLE_COUNT } gd_chat_role;

extern const char *const gd_chat_role_names[GD_ROLE_COUNT];

/* The role of a message; GD_ROLE_COUNT if it is none of them. */
gd_chat_role gd_message_role(const gd_chat_message *message);
bool gd_message_is(const gd_chat_message *message, gd_chat_role role);

/* What is written before and after a message. */
typedef struct gd_chat_turn {
    bool known;      /* false: the format has no such message */
    bool trim;       /* strip whitespace from both ends of the content */
    bool skip_empty; /* a message without content is not written */
    const char *before, *after;
    const char *after_last; /* after the last message; NULL: as after any other */
} gd_chat_turn;

/* Where a system message at the beginning goes. */
typedef enum gd_chat_join {
    GD_JOIN_NO,         /* it is a separate turn */
    GD_JOIN_FIRST_USER, /* into the first user message */
    GD_JOIN_FINAL_USER  /* into the last message if that is the user's; else it's lost, as in the template */
} gd_chat_join;

/* How the thoughts of a model are handled, which a few templates do in ways of their own. */
typedef enum gd_chat_thinking { GD_THINK_QWEN3, GD_THINK_SMOLLM3, GD_THINK_NO } gd_chat_thinking;

/* How functions, their calls and what they return are written. */
typedef enum gd_chat_tools { GD_TOOLS_QWEN2_5, GD_TOOLS_QWEN3, GD_TOOLS_LLAMA3_1, GD_TOOLS_NO } gd_chat_tools;

/* What {bos_token}, {eos_token} and {date} stand for in the texts of a format. */
typedef enum gd_chat_value { GD_CHAT_BOS, GD_CHAT_EOS, GD_CHAT_DATE, GD_CHAT_VALUES } gd_chat_value;

extern const char *const gd_chat_value_names[GD_CHAT_VALUES];

struct gd_chat {
    gd_yaml *doc;                                  /* owns all text, */
    gd_arena texts;                                /* but for what has such values */
    const char *name, *about, *note, *start, *end; /* about, note: may be NULL */
    gd_chat_turn turns[GD_ROLE_COUNT];
    gd_chat_turn opening;       /* a system message at the beginning, or the default one */
    const char *default_system; /* NULL: none */
    gd_chat_join join;
    const char *joint; /* between the system message and the user's */
    bool by_tokenizer; /* the tokenizer adds the special tokens */
    bool alternating;  /* user, assistant, user, ... */
    gd_chat_thinking thinking;
    gd_chat_tools tools;
    const char *values[GD_CHAT_VALUES]; /* NULL: the format has no such value; an empty date: none is known */
    const char *bos, *eos;              /* what the template's bos_token and eos_token must be; NULL: unused */
    const gd_yaml_node *templates;      /* list of SHA-256, or NULL */
    const gd_yaml_node *unlike;         /* mapping from SHA-256 to a reason, or NULL */
};

/* Reads and checks text; `name` (a path) begins every message.  `values` takes the place of those that the format has
 * itself; it may be NULL, and so may each of them.  *out is NULL on failure. */
gd_status gd_chat_parse(gd_chat **out, const char *text, size_t len, const char *name,
                        const char *const values[GD_CHAT_VALUES], gd_error *err);

/* Puts the values into all texts of the format.  Fails for a value that no text has. */
gd_status gd_chat_expand(gd_chat *chat, gd_error *err);

/* The bos_token and the eos_token of the tokenizer files in a directory. */
typedef struct gd_chat_tokens {
    json_t *config, *map;               /* tokenizer_config.json and special_tokens_map.json; NULL: not there */
    const char *values[GD_CHAT_VALUES]; /* NULL: there is none */
} gd_chat_tokens;

/* gd_chat_tokens_free() frees it, whatever is returned. */
gd_status gd_chat_tokens_read(gd_chat_tokens *tokens, const char *dir, gd_error *err);
void gd_chat_tokens_free(gd_chat_tokens *tokens);

/* The object in a file of a directory; *out stays NULL if there is no such file. */
gd_status gd_chat_load_json(json_t **out, const char *dir, const char *name, gd_error *err);

/* The built-in format for the template in `dir`, with the tokens that the files in `tokens` name. */
gd_status gd_chat_recognise(gd_chat **out, const char *dir, const char *tokens, gd_error *err);

/* ---- chat_tools.c ---- */

/* Fails if the format has no tools but the conversation has, or where a template would lose something. */
gd_status gd_tools_check(const gd_chat *chat, const gd_chat_message *messages, size_t count, const json_t *tools,
                         gd_error *why);

/* The system's turn with the tools; `content` is that of a system message, or NULL. */
void gd_tools_put_system(const gd_chat *chat, const gd_text *content, const json_t *tools, gd_buf *out);

/* What precedes the content of message number `i`, if the tools are written there. */
void gd_tools_put_before(const gd_chat *chat, const gd_chat_message *messages, size_t i, const json_t *tools,
                         gd_buf *out);

/* The calls of a message, after its content. */
void gd_tools_put_calls(const gd_chat *chat, const json_t *calls, bool content, gd_buf *out);

/* Message number `i`, which a tool returned. */
void gd_tools_put_result(const gd_chat *chat, const gd_chat_message *messages, size_t count, size_t i, gd_buf *out);

/* ---- chat_json.c ---- */

/* The value as json.dumps(value, ensure_ascii=False) writes it, with indent=4 or without. */
void gd_chat_put_json(gd_buf *out, const json_t *value, bool indent);
void gd_chat_put_json_text(gd_buf *out, gd_text text);

/* ---- chat_smollm3.c ---- */

/* Writes the system's turn of SmolLM3; `content` is that of a system message, or NULL.  Returns whether answers have
 * thoughts. */
bool gd_smollm3_put_system(const gd_chat *chat, const gd_text *content, gd_buf *out);
void gd_smollm3_put_answer(const gd_chat_turn *turn, gd_text content, bool thinks, gd_buf *out);

/* "hh, chatml, ...": for messages. */
#define GD_CHAT_MOST_NAMES 600
void gd_chat_list_names(char *text, size_t room);

#endif
