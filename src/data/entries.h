/* entries.h - the items of one or more inputs: JSON lines, a JSON array, CSV, TSV or text.
 *
 * Each item becomes an object of fields, a bad item a message instead, and reading continues; only a file that can't be
 * opened or read further, and a lack of memory, are failures. doc/formats.md describes the formats. */
#ifndef GD_DATA_ENTRIES_H
#define GD_DATA_ENTRIES_H

#include "data/stream.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct gd_entries_options {
    const char *const *inputs; /* [count] paths, patterns as of glob(7), or "-" for standard input */
    size_t count;
    gd_format format;        /* of all inputs */
    const char *fields;      /* NULL, or "text=instruction,chosen=good": ours = the input's; see entries_fields.h */
    const char *const *also; /* [also_count] the input's names of other fields that are read; kept until the end */
    size_t also_count;
    bool frugal;    /* memory is limited: items with too many values for their length have a problem */
    bool arguments; /* the lines of the input are texts of a command line, and messages call them so */
    gd_pause pause; /* as in gd_entries_on_pause(), while the first input is opened */
} gd_entries_options;

typedef struct gd_entry {
    uint64_t index;      /* from 0, over all inputs */
    uint64_t line;       /* where it begins in its file, from 1 */
    bool argument;       /* the line is a text of the command line */
    const char *name;    /* of the input if there are several, else NULL; valid until the entries are closed */
    const char *raw;     /* its bytes in the file, without its end; not terminated; may hold line breaks unless it is a
                            line; valid until the next call */
    size_t raw_len;      /* bytes; 0 if it is longer than 16 MiB, or stands for a fault of an array's brackets */
    json_t *object;      /* the fields that are read; of a CSV row: strings; of text: {"text": ...}; NULL if there is a
                            problem */
    gd_error fault;      /* GD_OK, or what its format found wrong; the text doesn't name the line */
    uint64_t fault_line; /* 0: the entry's line */
    char *problem;       /* NULL, or the fault with its line, and its file if there are several */
} gd_entry;

/* Frees what the entry holds; an all-zero entry is fine. */
void gd_entry_free(gd_entry *entry);

/* "line 7", or "b.jsonl, line 7" if there are several inputs, or "text 6" of the command line, where texts count from 0
 * as in the output: to begin a message about the entry. */
#define GD_ENTRY_PLACE_ROOM 200
const char *gd_entry_place(const gd_entry *entry, char place[GD_ENTRY_PLACE_ROOM]);

typedef struct gd_entries gd_entries;

/* Finds the inputs and opens the first one.  The others, if they are files, are checked too: a missing file, or one
 * whose header differs from the first's, must not surface hours into a run.
 *
 * @return GD_OK; GD_EUSAGE (a pattern without a file, fields that the header doesn't have, inputs that don't go
 *         together) or what gd_stream_open() says */
gd_status gd_entries_open(gd_entries **out, const gd_entries_options *options, gd_error *err);

/* From now on, as gd_stream_on_pause() for every input; also before an input other than a regular file is opened. */
void gd_entries_on_pause(gd_entries *entries, gd_pause pause);

/* The next item, freed by the caller, even if it has a problem; *more is false at the end. */
gd_status gd_entries_next(gd_entries *entries, gd_entry *entry, bool *more, gd_error *err);

void gd_entries_close(gd_entries *entries);

/* The paths found, in the order of reading. */
const char *const *gd_entries_inputs(const gd_entries *entries, size_t *count);

/* The format of the first input, never GD_FORMAT_AUTO.  The others have the same one, except that JSON lines and arrays
 * may be mixed. */
gd_format gd_entries_format(const gd_entries *entries);

/* The header of CSV and TSV as it is in the file, without its line break, NUL-terminated; NULL for other formats. */
const char *gd_entries_header(const gd_entries *entries);

/* The same with the names of the columns; without columns for other formats. */
const struct gd_header *gd_entries_columns(const gd_entries *entries);

/* The input's name of the field that we call `ours`, for messages. */
const char *gd_entries_source_name(const gd_entries *entries, const char *ours);

/* For a progress bar, over all inputs: bytes up to the end of the last item, and bytes in all, 0 if unknown. */
uint64_t gd_entries_bytes_done(const gd_entries *entries);
uint64_t gd_entries_bytes_total(const gd_entries *entries);

#endif
