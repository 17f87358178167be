/* entries.h - the items of one or several inputs: of JSON lines, a JSON array, CSV, TSV or text.
 *
 * Each item comes as an object of fields.  A bad one comes with a sentence in its place, and the rest of the file
 * is done; only a file that can't be opened or read on, and a lack of memory, are failures. doc/formats.md says
 * what is read. */
#ifndef GD_DATA_ENTRIES_H
#define GD_DATA_ENTRIES_H

#include "guerdon.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct gd_entries_options {
    const char *const *inputs; /* [count] paths, patterns as of glob(7), or "-" for standard input */
    size_t count;
    gd_format format;   /* of all of them */
    const char *fields; /* NULL, or "text=instruction,chosen=good": ours = the input's; see entries_fields.h */
} gd_entries_options;

typedef struct gd_entry {
    uint64_t index;      /* from 0, over all inputs */
    uint64_t line;       /* where it begins in its file, from 1 */
    const char *name;    /* of the input when there are several, else NULL; good until the entries are closed */
    const char *raw;     /* its bytes in the file, without what ends it; not terminated; may hold line breaks unless
                            it is a line; good until the next call */
    size_t raw_len;      /* bytes; 0 when it is longer than 16 MiB, or a fault of an array's brackets */
    json_t *object;      /* of a CSV row: every field a string; of text: {"text": ...}; numbers are reals; NULL with a
                            problem */
    gd_error fault;      /* GD_OK, or what its format found wrong, without the place */
    uint64_t fault_line; /* 0: the line where it begins */
    char *problem;       /* NULL, or the fault with its line, and its file when there are several */
} gd_entry;

/* Frees what the row holds; one that is all zero is fine. */
void gd_entry_free(gd_entry *entry);

/* "line 7", or "b.jsonl, line 7" when there are several inputs: to begin a sentence about the row. */
#define GD_ENTRY_PLACE_ROOM 200
const char *gd_entry_place(const gd_entry *entry, char place[GD_ENTRY_PLACE_ROOM]);

typedef struct gd_entries gd_entries;

/* Finds the inputs, and opens the first one; of the others, those that are files are looked at as well: one that
 * isn't there, or whose header is another one than the first's, shall not come up after hours.
 *
 * @return GD_OK; GD_EUSAGE (a pattern without a file, fields that the header doesn't have, inputs that don't go
 *         together) or what gd_stream_open() says */
gd_status gd_entries_open(gd_entries **out, const gd_entries_options *options, gd_error *err);

/* The next item, freed by the caller, also when it has a problem; *more is false at the end. */
gd_status gd_entries_next(gd_entries *entries, gd_entry *entry, bool *more, gd_error *err);

void gd_entries_close(gd_entries *entries);

/* The paths that were found, in the order of reading. */
const char *const *gd_entries_inputs(const gd_entries *entries, size_t *count);

/* What the first input is written in, never GD_FORMAT_AUTO: the others are written in the same, but for JSON, where
 * lines and arrays may come together. */
gd_format gd_entries_format(const gd_entries *entries);

/* The header of CSV and TSV as it is in the file, without its line break, NUL-terminated; else NULL. */
const char *gd_entries_header(const gd_entries *entries);

/* What the input calls the field that we call `ours`: for a sentence about it. */
const char *gd_entries_source_name(const gd_entries *entries, const char *ours);

/* For a progress bar, over all inputs: bytes behind the last item, and bytes that there are, 0 when nobody knows. */
uint64_t gd_entries_bytes_done(const gd_entries *entries);
uint64_t gd_entries_bytes_total(const gd_entries *entries);

#endif
