/* entries_source.h - the interface between entries.c and the formats: a format fills in an entry's line, raw bytes, and
 * object or fault. */
#ifndef GD_DATA_ENTRIES_SOURCE_H
#define GD_DATA_ENTRIES_SOURCE_H

#include "data/entries.h"
#include "data/entries_fields.h"
#include "data/entries_header.h"
#include "data/pieces.h"

typedef struct gd_source gd_source;

typedef struct gd_source_kind {
    gd_status (*open)(gd_source *source, gd_error *err); /* NULL: nothing to do */
    gd_status (*next)(gd_source *source, gd_entry *entry, bool *more, gd_error *err);
    void (*close)(gd_source *source); /* NULL: nothing to do */
} gd_source_kind;

extern const gd_source_kind gd_source_jsonl, gd_source_text, gd_source_array, gd_source_csv;

/* One open input. */
struct gd_source {
    const gd_source_kind *kind;
    gd_format format; /* not GD_FORMAT_AUTO; GD_FORMAT_JSON is an array */
    gd_pieces *pieces;
    const gd_fields *fields; /* which of an item's are read */
    void *state;             /* the format's own */
};

/* An all-zero source is closed. */
gd_status gd_source_open(gd_source *source, const char *path, gd_format format, const gd_fields *fields, gd_pause pause,
                         gd_error *err);
void gd_source_close(gd_source *source);

/* Records a fault of the entry, unless it already has one; always GD_OK. */
gd_status gd_entry_fault(gd_entry *entry, const char *format, ...) __attribute__((format(printf, 2, 3)));
gd_status gd_entry_too_long(gd_entry *entry);

/* The line and the byte (from 1) of an offset into the entry; the byte is counted from the beginning of the line or, in
 * the entry's first line, of the entry. */
void gd_entry_find(const gd_entry *entry, size_t offset, uint64_t *line, size_t *byte);

/* Makes the entry's object of its raw bytes, which are JSON: of the fields that are read.  What is wrong with the bytes
 * becomes the entry's fault.  `what` names them in messages ("the element") unless entries always begin a line; else
 * NULL.  Fails only with GD_ENOMEM. */
gd_status gd_entry_parse_json(gd_entry *entry, const gd_fields *fields, const char *what, gd_error *err);

/* Whether a line ends inside an object or a list, after a bracket, a comma or a colon: the value goes over several
 * lines. */
bool gd_json_goes_on(const char *line, size_t len);

/* NULL if the input has none. */
const gd_header *gd_source_header(const gd_source *source);

#endif
