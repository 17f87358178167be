/* jscan.h - walking through JSON text without building a tree.
 *
 * A tokenizer.json contains a few hundred thousand strings; jansson takes a third of a second to make a tree of them.
 * So the two long fields (vocab and merges) are read directly into their tables, and only the rest becomes a tree. The
 * grammar is strictly that of RFC 8259; nesting is limited; nothing is recursive. */
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
    const char *text; /* well-formed UTF-8, checked by the caller */
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
 * `first` is true for the first call after gd_jscan_enter(). */
gd_status gd_jscan_next(gd_jscan *js, char open, bool first, bool *more);

/* A string: *s points into the text, or into js->unescaped until the next call. */
gd_status gd_jscan_string(gd_jscan *js, const char **s, size_t *len, const char *what);

/* The name of a member, and the colon after it. */
gd_status gd_jscan_key(gd_jscan *js, const char **s, size_t *len);

/* An integer in 0..max. */
gd_status gd_jscan_natural(gd_jscan *js, uint64_t *value, uint64_t max, const char *what);

/* Checks any value and steps over it. */
gd_status gd_jscan_skip(gd_jscan *js, gd_jspan *span);

/* The type by the next character: '{', '[', '"', 't' for true and false, 'n' for null, '0' for a number. */
char gd_jscan_peek(gd_jscan *js);

/* A whole object: finds the value of each of the n named fields. Other fields and duplicates are refused; `where` is ""
 * or the name of the object for the message, followed by ": ". */
gd_status gd_jscan_fields(gd_jscan *js, const char *const *names, size_t n, gd_jspan *spans, const char *where);

#endif
