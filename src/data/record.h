/* record.h - an item of an input: one text, a pair of a chosen and a rejected one, or answers to a prompt.
 *
 * Its fields are one of
 *     {"text": T}                           T
 *     {"messages": M}                       a conversation that ends with the answer
 *     {"prompt": P, "response": A}          P and A joined as they are
 *     {"chosen": C, "rejected": R}          C, R; with a "prompt", it goes before both
 *     {"prompt": P, "responses": [A, B]}    P before each
 *     {"chosen": [A], "rejected": [B, C]}   A, B, C as such responses; with a "prompt", it goes before each
 * A prompt or an answer is a text, or a conversation: a list of messages {"role": "user", "content": ".."}, or one of
 * them.  A text that answers a conversation becomes the assistant's turn; if a run makes turns, so does a text that
 * answers a text, and the prompt becomes the user's.
 *
 * A field "system" is the first turn of conversations that do not begin with a system message.
 *
 * One rule for items that say things twice, as data sets do: what the fields agree on is used once, and what they
 * contradict each other in is an error that says how to leave a field out.  So a prompt may be repeated at the start of
 * a conversation, or be the text of one of its user's messages, and "messages" may repeat a conversation.
 *
 * A field "tools", and "tool_calls" in messages of the assistant, go to the chat format, which may refuse them.  Fields
 * and keys that a chat template would read and no chat format can write (documents, reasoning_content, ..) are errors
 * unless they are empty.
 *
 * Other fields (ids, sources) are ignored, whatever they hold.  null counts as absent.  In plain
 * text each line is a text. */
#ifndef GD_DATA_RECORD_H
#define GD_DATA_RECORD_H

#include "data/entries.h"
#include "data/keep.h"
#include "guerdon.h"
#include "text/chat.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum gd_record_kind { GD_RECORD_TEXT, GD_RECORD_PAIR, GD_RECORD_ANSWERS } gd_record_kind;

/* What an item in memory asks for, where that is not what the model was opened with. */
typedef struct gd_record_wish {
    bool cuts; /* `truncate` counts */
    gd_truncate truncate;
    size_t max_length; /* 0: the model's */
    bool plain;        /* no special tokens are added to a text */
    bool ids_only;     /* it becomes ids, and is not scored */
    size_t adapter;    /* a number, as gd_item.adapter */
} gd_record_wish;

/* One of a record's texts: a text, a conversation, which has at least one message, or token ids. */
typedef struct gd_record_text {
    gd_text text;   /* UTF-8, checked if it was read; may be empty, may hold NUL characters */
    gd_text before; /* what is joined in front of it, without a separator; not copied for each of many answers */
    gd_chat_message *messages; /* NULL: not a conversation */
    size_t message_count;
    const json_t *tools; /* the functions that a conversation may call, or NULL */
    const uint32_t *ids; /* NULL: not given as ids */
    size_t id_count;
} gd_record_text;

typedef struct gd_record {
    uint64_t index;   /* of the item, from 0 */
    uint64_t line;    /* where it begins in its file, from 1; 0: it was never in one */
    const char *name; /* of its file if there are several, else NULL; valid until the records are closed */
    bool argument;    /* it is a text of a command line */
    char *problem;    /* what is wrong with it, in one sentence that names the place; NULL if nothing is */
    gd_status status; /* the kind of problem; GD_OK is the same as GD_EFORMAT here */
    gd_record_kind kind;
    size_t count;          /* of texts: 1; 2: chosen, rejected; any number of answers; 0: there is a problem */
    gd_record_text *texts; /* their bytes belong to storage or to object */
    bool joined;           /* a prompt that is a text was put before them */
    char *storage;
    json_t *object;         /* the fields, by our names; NULL if there are none */
    size_t length;          /* bytes of the item in its file */
    uint64_t digest;        /* of all items up to this one, and of where they are */
    char *raw;              /* these bytes, after gd_records_keep_raw(); else NULL */
    const gd_keep *keep;    /* after gd_records_keep(), else NULL */
    gd_text *kept;          /* [keep->count] these fields of the item, as JSON */
    struct gd_record *rows; /* [row_count] NULL, or the rows that it was made of: gd_record_join() */
    size_t row_count;
    gd_record_wish wish;
    void *owner;   /* whose it is, for who takes it; or NULL */
    uint64_t turn; /* those with a smaller one are scored before it, if they are there in time */
} gd_record;

/* Frees what the record holds; an all-zero record is fine. */
void gd_record_free(gd_record *record);

/* Frees the texts and what they were made from, which may be large, and keeps the rest. */
void gd_record_drop_texts(gd_record *record);

/* Puts a text in front of each of the record's; its bytes must last as long as theirs. */
void gd_record_put_before(gd_record *record, gd_text prompt);

/* Whether a text begins with the prompt that is put before it, of more than a word: all answers to a prompt may not. */
bool gd_record_repeats(const gd_record_text *text);
#define GD_REPEATED "all answers begin with the text of \"%.100s\", which would be there twice"

/* "line 7: " or "b.jsonl, line 7: ", and what is wrong there; for a record from no file, only the latter. */
enum { GD_SENTENCE_ROOM = 800 };
const char *gd_record_sentence(const gd_record *record, const char *why, char room[GD_SENTENCE_ROOM]);

/* "chosen: ", "rejected: " or "responses[3]: " for one of several texts, else "": to begin a sentence about it. */
enum { GD_TEXT_NAME_ROOM = 40 };
const char *gd_record_text_name(gd_record_kind kind, size_t which, char room[GD_TEXT_NAME_ROOM]);

/* Frees the fields. */
void gd_record_drop_fields(gd_record *record);

/* Makes one record of `count` rows with one text each: the answers to a prompt.  Takes ownership of the rows and of
 * their array, also on failure.  The first field that the rows keep is the one that groups them.  If there is a
 * problem, the record has no texts. */
gd_status gd_record_join(gd_record *record, gd_record *rows, size_t count, char *problem, gd_error *err);

/* Begins an output line: {"index":7, and the fields that the record keeps.  If it was made of rows, a field is a list
 * with the value of each row, except for the one that groups them, and "rows" follows, the indices of the rows. */
void gd_record_begin_line(gd_buf *line, const gd_record *record);

/* The same for a line about two of the answers. */
void gd_record_begin_pair(gd_buf *line, const gd_record *record, size_t chosen, size_t rejected);

/* The text or the conversation of an answer that is an object, such as {"response": "..", "model": ".."}: its one
 * member of the usual names.  Any other answer, and an object with none or several of them, is returned as it is. */
const json_t *gd_answer_inside(const json_t *answer);

/* Answer number `which` of a GD_RECORD_ANSWERS in its object: in responses, or in chosen and rejected. */
const json_t *gd_record_answer(const json_t *object, size_t which);

/* The same for a record, which may have been made of rows; and its prompt or NULL, and its system message, which is
 * NULL if it is empty, too. */
const json_t *gd_record_answer_of(const gd_record *record, size_t which);
const json_t *gd_record_prompt(const gd_record *record);
const json_t *gd_record_system(const gd_record *record);

/* The functions that its conversations may call, or NULL. */
const json_t *gd_record_tools(const gd_record *record);

/* The records of an input, in order. */
typedef struct gd_records gd_records;

gd_status gd_records_open(gd_records **out, const gd_entries_options *options, gd_error *err);

/* From now on `raw` is set in records. */
void gd_records_keep_raw(gd_records *records);

/* From now on records have these fields, too. GD_EUSAGE if the input has no such column. */
gd_status gd_records_keep(gd_records *records, const gd_keep *keep, gd_error *err);

/* As gd_keep_take(), of a good record whose `raw` is set. */
gd_status gd_records_take(gd_text **values, const gd_records *records, const gd_record *record, const gd_keep *keep,
                          gd_error *err);

/* From now on a prompt and an answer that are texts become turns of a conversation. */
void gd_records_make_turns(gd_records *records);

/* From now on an item is good if it can be read either with turns or without, for scores of which nobody says how their
 * texts were made. */
void gd_records_read_either(gd_records *records);

/* As gd_entries_on_pause(). */
void gd_records_on_pause(gd_records *records, gd_pause pause);

/* The next record, freed by the caller; *more is false at the end.  A bad item gives a record with a problem and GD_OK.
 * Fails when the file can't be read further, or when out of memory. */
gd_status gd_records_next(gd_records *records, gd_record *record, bool *more, gd_error *err);

/* Makes a record, which is all zero but for its index and its wishes, of an item's JSON text, as if that were a line of
 * a file; `frugal` and `turns` as for files.  What is wrong with the item is reported in *why, without a place, a lack
 * of memory in *err. */
gd_status gd_record_parse(gd_record *record, gd_text json, bool frugal, bool turns, gd_error *why, gd_error *err);

/* Makes the texts of a good record again, which were dropped, from its fields; if it was made of rows, in these. */
gd_status gd_records_read_again(const gd_records *records, gd_record *record, gd_error *err);

void gd_records_close(gd_records *records);

/* As gd_entries_format(), gd_entries_inputs(), gd_entries_source_name(), gd_entries_header(), gd_entries_bytes_done()
 * and gd_entries_bytes_total(). */
gd_format gd_records_format(const gd_records *records);
const char *const *gd_records_inputs(const gd_records *records, size_t *count);
const char *gd_records_source_name(const gd_records *records, const char *ours);
const char *gd_records_header(const gd_records *records);
uint64_t gd_records_bytes_done(const gd_records *records);
uint64_t gd_records_bytes_total(const gd_records *records);

#endif
