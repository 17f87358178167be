/* record.h - what a line of an input says: one text, a pair of a chosen and a rejected one, or answers to a prompt.
 *
 * A line of JSON is one of
 *     {"text": T}                           T
 *     {"prompt": P, "response": A}          P and A joined as they are
 *     {"chosen": C, "rejected": R}          C, R; with a "prompt", it goes before both
 *     {"prompt": P, "responses": [A, B]}    P before each
 *     {"chosen": [A], "rejected": [B, C]}   A, B, C as such responses; with a "prompt", it goes before each
 * Other fields (ids, sources) don't matter.  Fields of two kinds in one line are refused: nobody can know which
 * one is meant.  null counts as absent.  In plain text each line is a text. */
#ifndef GD_DATA_RECORD_H
#define GD_DATA_RECORD_H

#include "guerdon.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum gd_record_kind { GD_RECORD_TEXT, GD_RECORD_PAIR, GD_RECORD_ANSWERS } gd_record_kind;

typedef struct gd_record {
    uint64_t index;   /* of the item, from 0: lines that are not blank */
    uint64_t line;    /* in the file, from 1 */
    char *problem;    /* what is wrong with the line, one sentence that names it; NULL when it is fine */
    gd_record_kind kind;
    size_t count;     /* of texts: 1; 2: chosen, rejected; any number of answers; 0: there is a problem */
    gd_text *texts;   /* UTF-8, checked; may be empty, may hold NUL characters; point into storage or the object */
    char *storage;
    json_t *object;   /* the line's fields; NULL in plain text and where the line is no object */
    size_t length;    /* bytes of the line, without its end */
    char *raw;        /* the line itself when the reader was told to keep it; else NULL */
} gd_record;

/* Frees what the record holds; one that is all zero is fine. */
void gd_record_free(gd_record *record);

/* Frees the texts and what they were made from, which may be large; what the line was like stays. */
void gd_record_drop_texts(gd_record *record);

/* "chosen: ", "rejected: " or "responses[3]: " for one of several texts, else "": to begin a sentence about it. */
enum { GD_TEXT_NAME_ROOM = 40 };
const char *gd_record_text_name(gd_record_kind kind, size_t which, char room[GD_TEXT_NAME_ROOM]);

/* Reads one line; record->index and line say which.  A bad line is a record with a problem and GD_OK: only a lack of
 * memory fails. */
gd_status gd_record_parse(gd_record *record, const char *line, size_t len, gd_format format, gd_error *err);

/* The records of a file, in order. */
typedef struct gd_records gd_records;

/* path as in gd_stream_open(). */
gd_status gd_records_open(gd_records **out, const char *path, gd_format format, gd_error *err);

/* From now on records have their `raw`. */
void gd_records_keep_raw(gd_records *records);

/* The next record, freed by the caller; *more is false at the end.  Fails when the file cannot be read on. */
gd_status gd_records_next(gd_records *records, gd_record *record, bool *more, gd_error *err);

void gd_records_close(gd_records *records);

/* As gd_reader_bytes_done() and gd_reader_bytes_total(). */
uint64_t gd_records_bytes_done(const gd_records *records);
uint64_t gd_records_bytes_total(const gd_records *records);

#endif
