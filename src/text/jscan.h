/* jscan.h - walking through JSON text without building a tree.
 *
 * A tokenizer.json holds a few hundred thousand strings; a tree of them takes jansson a third of a second. So
 * the two long fields (vocab and merges) are read straight into their tables, and only the short rest becomes
 * a tree. The grammar is RFC 8259's, strictly; nesting is limited; nothing is recursive. */
#ifndef GD_TEXT_JSCAN_H
#define GD_TEXT_JSCAN_H

#include "base/buf.h"
#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>

/* A piece of the text: one value. A missing field has len 0. */
typedef struct gd_jspan {
    size_t at, len;
} gd_jspan;

#define GD_JSCAN_KNOWN 8

typedef struct gd_jscan {
    const char *text; /* well-formed UTF-8: the caller has checked */
    size_t len, at;   /* of the whole file, so that errors give offsets in the file */
    const char *path; /* begins every message */
    gd_error *err;
    gd_buf unescaped;               /* gd_jscan_free() */
    gd_jspan known[GD_JSCAN_KNOWN]; /* long values that were skipped already */
    size_t known_count;
} gd_jscan;

void gd_jscan_free(gd_jscan *js);

/* Steps into an object or a list: open is '{' or '['. `what` names the value in the message. */
gd_status gd_jscan_enter(gd_jscan *js, char open, const char *what);

/* Steps to the next member or item, over the comma; *more is false when the value has ended (and was left).
 * `first` is true for the first call behind gd_jscan_enter(). */
gd_status gd_jscan_next(gd_jscan *js, char open, bool first, bool *more);

/* A string: *s points into the text, or into js->unescaped until the next call. */
gd_status gd_jscan_string(gd_jscan *js, const char **s, size_t *len, const char *what);

/* The string and the colon before a member's value. */
gd_status gd_jscan_key(gd_jscan *js, const char **s, size_t *len);

/* An integer in 0..max. */
gd_status gd_jscan_natural(gd_jscan *js, uint64_t *value, uint64_t max, const char *what);

/* Any value, checked and stepped over. */
gd_status gd_jscan_skip(gd_jscan *js, gd_jspan *span);

/* The type by the next character: '{', '[', '"', 't' for true and false, 'n' for null, '0' for a number. */
char gd_jscan_peek(gd_jscan *js);

/* A whole object: where the value of each of the n named fields is. Other fields and duplicates are refused;
 * `where` is "" or names the object in the message, with ": " behind. */
gd_status gd_jscan_fields(gd_jscan *js, const char *const *names, size_t n, gd_jspan *spans, const char *where);

#endif
