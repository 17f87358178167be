/* chat_format.h - a chat format in memory: made by chat_load.c, used by the other chat*.c. */
#ifndef GD_TEXT_CHAT_FORMAT_H
#define GD_TEXT_CHAT_FORMAT_H

#include "base/yaml.h"
#include "text/chat.h"

typedef enum gd_chat_role { GD_ROLE_SYSTEM, GD_ROLE_USER, GD_ROLE_ASSISTANT, GD_ROLE_COUNT } gd_chat_role;

extern const char *const gd_chat_role_names[GD_ROLE_COUNT];

/* The role of a message; GD_ROLE_COUNT if it is none of them. */
gd_chat_role gd_message_role(const gd_message *message);
bool gd_message_is(const gd_message *message, gd_chat_role role);

/* What is written before and after a message. */
typedef struct gd_chat_turn {
    bool known; /* false: the format has no such message */
    bool trim;  /* strip whitespace from both ends of the content */
    const char *before, *after;
} gd_chat_turn;

/* Where a system message at the beginning goes. */
typedef enum gd_chat_join {
    GD_JOIN_NO,         /* it is a separate turn */
    GD_JOIN_FIRST_USER, /* into the first user message */
    GD_JOIN_FINAL_USER  /* into the last message if that is the user's; else it's lost, as in the template */
} gd_chat_join;

struct gd_chat {
    gd_yaml *doc; /* owns all text */
    const char *name, *note, *start;
    gd_chat_turn turns[GD_ROLE_COUNT];
    gd_chat_turn opening;       /* a system message at the beginning, or the default one */
    const char *default_system; /* NULL: none */
    gd_chat_join join;
    const char *joint;             /* between the system message and the user's */
    bool by_tokenizer;             /* the tokenizer adds the special tokens */
    bool alternating;              /* user, assistant, user, ... */
    bool thinking;                 /* <think> is handled as in Qwen3's template */
    const char *bos, *eos;         /* what the template's bos_token and eos_token must be; NULL: unused */
    const gd_yaml_node *templates; /* list of SHA-256, or NULL */
    const gd_yaml_node *unlike;    /* mapping from SHA-256 to a reason, or NULL */
};

/* Reads and checks text; `name` (a path) begins every message.  *out is NULL on failure. */
gd_status gd_chat_parse(gd_chat **out, const char *text, size_t len, const char *name, gd_error *err);

/* The built-in format for the template in `dir`, with the tokens that the files in `tokens` name. */
gd_status gd_chat_recognise(gd_chat **out, const char *dir, const char *tokens, gd_error *err);

/* "hh, chatml, ...": for messages. */
#define GD_CHAT_MOST_NAMES 400
void gd_chat_list_names(char *text, size_t room);

#endif
