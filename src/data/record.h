/* record.h - what a line of an input says: one text, or a pair of a chosen and a rejected one.
 *
 * A line of JSON is one of
 *     {"text": T}                           T
 *     {"prompt": P, "response": A}          P and A joined as they are
 *     {"chosen": C, "rejected": R}          C, R; with a "prompt", it goes before both
 * Other fields (ids, sources) don't matter.  Fields of two kinds in one line are refused: nobody can know which
 * one is meant.  null counts as absent.  In plain text each line is a text. */
#ifndef GD_DATA_RECORD_H
#define GD_DATA_RECORD_H

#include "guerdon.h"

#include <stdbool.h>

typedef struct gd_record {
    uint64_t index;   /* of the item, from 0: lines that are not blank */
    uint64_t line;    /* in the file, from 1 */
    char *problem;    /* what is wrong with the line, one sentence that names it; NULL when it is fine */
    size_t count;     /* 1: a text; 2: chosen, rejected; 0: there is a problem */
    gd_text texts[2]; /* UTF-8, checked; may be empty, may hold NUL characters; point into storage */
    char *storage;
} gd_record;

/* Frees what the record holds; one that is all zero is fine. */
void gd_record_free(gd_record *record);

/* "chosen: " or "rejected: " for a text of a pair, else "": to begin a sentence about it. */
const char *gd_record_text_name(const gd_record *record, size_t which);

/* Reads one line (of `number` in the file).  A bad line is a record with a problem and GD_OK: only a lack of
 * memory fails. */
gd_status gd_record_parse(gd_record *record, const char *line, size_t len, uint64_t index, uint64_t number,
                          gd_format format, gd_error *err);

/* The records of a file, in order. */
typedef struct gd_records gd_records;

/* path as in gd_stream_open(). */
gd_status gd_records_open(gd_records **out, const char *path, gd_format format, gd_error *err);

/* The next record, freed by the caller; *more is false at the end.  Fails when the file cannot be read on. */
gd_status gd_records_next(gd_records *records, gd_record *record, bool *more, gd_error *err);

void gd_records_close(gd_records *records);

/* As gd_reader_bytes_done() and gd_reader_bytes_total(). */
uint64_t gd_records_bytes_done(const gd_records *records);
uint64_t gd_records_bytes_total(const gd_records *records);

#endif
