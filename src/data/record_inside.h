/* record_inside.h - how the fields of an item become texts; shared by record_*.c, and by reward/item.c for items in
 * memory.
 *
 * The rule: what the fields of an item agree on is used once, and what they contradict each other in is an error that
 * says how to leave a field out.  Nothing that would change a text is dropped in silence. */
#ifndef GD_DATA_RECORD_INSIDE_H
#define GD_DATA_RECORD_INSIDE_H

#include "data/entries.h"
#include "data/record.h"

/* A record that is being read. */
typedef struct gd_reading {
    gd_record *record;
    const gd_entries *entries; /* for the input's names of the fields; NULL: they are ours */
    bool turns;                /* a prompt and an answer that are texts become turns of a conversation */
    gd_error *why, *err;       /* for a fault of the item; for a lack of memory */
} gd_reading;

/* The input's name of the field that we call `ours`, for messages. */
const char *gd_reading_name(const gd_reading *r, const char *ours);

/* Whether it is read from a table, whose cells are strings. */
bool gd_reading_table(const gd_reading *r);

/* What a value is, to the user. */
const char *gd_reading_type(const json_t *value);

/* ---- record_part.c: a prompt or an answer ---- */

typedef struct gd_record_part {
    const char *name; /* of its field, for messages; NULL: there is none, such as an answer without a prompt */
    gd_text text;     /* if messages is NULL */
    const gd_chat_message *messages;
    size_t count; /* of messages, at least one */
} gd_record_part;

/* Reads a text (a string), a conversation (a list of messages) or one message (an object).  The part is freed by the
 * caller, whatever is returned. */
gd_status gd_record_part_read(gd_record_part *part, const gd_reading *r, const char *name, const json_t *value);
void gd_record_part_free(gd_record_part *part);

/* Reads conversations and lists of answers that cells of a table hold as JSON text: replaces these strings in the
 * record's object.  One as Python prints it is a fault. */
gd_status gd_record_cells(const gd_reading *r);

/* ---- record_message.c: one message ---- */

/* Message number `index` of the field `name`: {"role", "content"}, or {"from", "value"} with the roles of ShareGPT. */
gd_status gd_record_message(gd_chat_message *message, const gd_reading *r, const char *name, size_t index,
                            const json_t *value);

/* Whether a value says nothing: null, an empty text, or lists and objects of nothing else. */
bool gd_reading_nothing(const json_t *value);

/* Whether a template that reads the value would write nothing of it: nor of "[]", a list that became a text. */
bool gd_reading_empty(const json_t *value);

/* ---- record_tools.c: functions, and their calls ---- */

/* Gives the field "tools" to the record's conversations.  A fault if it is no list of functions, or if the item has
 * another field that a chat template would be given, and which no chat format writes. */
gd_status gd_record_template_fields(const gd_reading *r);

/* The tool_calls of message number `index` of the field `name`; *calls is NULL without any. */
gd_status gd_record_calls(const json_t **calls, const gd_reading *r, const char *name, size_t index,
                          const json_t *message);

/* ---- record_fit.c: how a prompt and an answer go together ---- */

/* Makes a text of them: a conversation, or the answer alone; then *before becomes true if the prompt, a text, still has
 * to be put before it. */
gd_status gd_record_fit(const gd_reading *r, gd_record_text *to, const gd_record_part *prompt,
                        const gd_record_part *answer, bool *before);

/* Puts a prompt before all texts that are not conversations; a fault if two or more texts, and all, repeat it. */
gd_status gd_record_put_prompt(const gd_reading *r, gd_text prompt);

/* Whether a conversation begins with these messages; whether its user says this text somewhere; whether a text begins
 * with another. */
bool gd_record_begins(const gd_chat_message *all, size_t count, const gd_chat_message *first, size_t first_count);
bool gd_record_says(const gd_chat_message *all, size_t count, gd_text text);
bool gd_record_starts(gd_text text, gd_text with);

/* Whether the text that is put before the texts of the record holds this one. */
bool gd_record_before_holds(const gd_record *record, gd_text part);

/* ---- record_system.c: what the system says ---- */

/* Makes the field "system" the first turn of each conversation of the record, unless it is there already.  A fault if
 * it is not in a text, or contradicts a conversation. */
gd_status gd_record_put_system(const gd_reading *r);

/* ---- record_hint.c: what the input's fields may mean ---- */

/* "; --fields prompt=question,response=answer?" for fields with other common names whose ours are absent; else "". */
enum { GD_HINT_ROOM = 240 };
const char *gd_record_hint(const gd_reading *r, char room[GD_HINT_ROOM]);

/* A field that seems to hold the question of answers that have no prompt; NULL: none. */
const char *gd_record_lost_question(const gd_reading *r);

/* Alpaca's rows have a prompt in two halves: "instruction", and "input", which is often empty.  Whether both are there,
 * and neither is taken as the prompt. */
bool gd_record_has_halves(const gd_reading *r);

/* A fault if one of them is the prompt, and the other is not in the texts. */
gd_status gd_record_check_halves(const gd_reading *r);

/* A field that seems to hold what the system says, if there is no "system"; NULL: none. */
const char *gd_record_lost_system(const gd_reading *r);

#endif
