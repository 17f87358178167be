/* entries_source.h - the interface between rows.c and the formats. */
#ifndef GD_DATA_ENTRIES_SOURCE_H
#define GD_DATA_ENTRIES_SOURCE_H

#include "data/pieces.h"
#include "data/entries.h"
#include "data/entries_header.h"

/* An item as its format reads it. */
typedef struct gd_source_item {
    uint64_t line;
    const char *raw;
    size_t len;
    json_t *object;      /* NULL if there is a fault */
    gd_error fault;      /* status GD_OK: none; the text doesn't name the line */
    uint64_t fault_line; /* 0: the item's line */
} gd_source_item;

typedef struct gd_source gd_source;

typedef struct gd_source_kind {
    gd_status (*open)(gd_source *source, gd_error *err); /* NULL: nothing to do */
    gd_status (*next)(gd_source *source, gd_source_item *item, bool *more, gd_error *err);
    void (*close)(gd_source *source); /* NULL: nothing to do */
} gd_source_kind;

extern const gd_source_kind gd_source_jsonl, gd_source_text, gd_source_array, gd_source_csv;

/* One open input. */
struct gd_source {
    const gd_source_kind *kind;
    gd_format format; /* not GD_FORMAT_AUTO; GD_FORMAT_JSON is an array */
    gd_pieces *pieces;
    void *state; /* the format's own */
};

/* An all-zero source is closed. */
gd_status gd_source_open(gd_source *source, const char *path, gd_format format, gd_error *err);
void gd_source_close(gd_source *source);

/* Records a fault of the item, unless it already has one; always GD_OK. */
gd_status gd_entry_fault(gd_source_item *item, const char *format, ...) __attribute__((format(printf, 2, 3)));
gd_status gd_entry_too_long(gd_source_item *item);

/* The line and the byte (from 1) of an offset into the item; the byte is counted from the beginning of the line or, in
 * the item's first line, of the item. */
void gd_entry_find(const gd_source_item *item, size_t offset, uint64_t *line, size_t *byte);

/* Parses the item's raw text, which is JSON, into its object; a fault of the text becomes the item's.  `what` names the
 * text in messages ("the element") if items don't always begin a line; else NULL.  Fails only if out of memory. */
gd_status gd_entry_parse_json(gd_source_item *item, const char *what, gd_error *err);

/* NULL if the input has none. */
const gd_header *gd_source_header(const gd_source *source);

#endif
