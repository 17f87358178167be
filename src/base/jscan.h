/* jscan.h - walking through JSON text without building a tree; it reads all JSON that Guerdon reads.
 *
 * A tokenizer.json contains a few hundred thousand strings, and a tree of them takes a third of a second to make.  So
 * the two long fields (vocab and merges) are read directly into their tables, and only the rest becomes a tree.  In an
 * item of an input, the fields that are not read are only skipped.
 *
 * The grammar is that of RFC 8259.  Values that are skipped may also be what Python's json module writes beyond it:
 * NaN, Infinity, -Infinity, and an escaped half of a surrogate pair.  Nothing is recursive. */
#ifndef GD_BASE_JSCAN_H
#define GD_BASE_JSCAN_H

#include "base/buf.h"
#include "guerdon.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A piece of the text: one value. A missing field has len 0. */
typedef struct gd_jspan {
    size_t at, len;
} gd_jspan;

#define GD_JSCAN_KNOWN 8

typedef struct gd_jscan {
    const char *text; /* well-formed UTF-8, checked by the caller */
    size_t len, at;   /* of the whole file, so that errors give positions in the file */
    const char *path; /* begins every message; NULL: messages begin without a name */
    gd_error *err;
    size_t tree_most;               /* bytes of memory, roughly, that trees may take; 0: any number */
    const char *expected;           /* after a fault of the grammar: what is expected at `at`; else NULL */
    bool in_string;                 /* after a fault: whether it is inside a string */
    bool odd;                       /* the last string had half of a surrogate pair, which became U+FFFD */
    size_t tree_used;               /* by the trees so far */
    gd_buf unescaped, open;         /* gd_jscan_free() */
    gd_jspan known[GD_JSCAN_KNOWN]; /* long values that were skipped already */
    size_t known_count;
} gd_jscan;

void gd_jscan_free(gd_jscan *js);

/* Steps into an object or a list: open is '{' or '['. `what` names the value in the message. */
gd_status gd_jscan_enter(gd_jscan *js, char open, const char *what);

/* Steps to the next member or item, over the comma; *more is false when the value has ended (and was left).
 * `first` is true for the first call after gd_jscan_enter(). */
gd_status gd_jscan_next(gd_jscan *js, char open, bool first, bool *more);

/* A string: *s points into the text, or into js->unescaped until the next call.  Half of a pair is refused. */
gd_status gd_jscan_string(gd_jscan *js, const char **s, size_t *len, const char *what);

/* The name of a member, and the colon after it.  Sets js->odd. */
gd_status gd_jscan_key(gd_jscan *js, const char **s, size_t *len);

/* An integer in 0..max. */
gd_status gd_jscan_natural(gd_jscan *js, uint64_t *value, uint64_t max, const char *what);

/* Checks any value, however deeply nested, and steps over it. */
gd_status gd_jscan_skip(gd_jscan *js, gd_jspan *span);

/* Any value as a tree, json_decref'd by the caller; its objects have no duplicate keys and its depth is limited.  An
 * integer beyond 64 bits becomes a real; gd_json_odd() knows what JSON itself can't express. */
gd_status gd_jscan_tree(gd_jscan *js, json_t **out);

/* Checks that nothing follows. */
gd_status gd_jscan_end(gd_jscan *js);

/* The type by the next character: '{', '[', '"', 't' for true and false, 'n' for null, '0' for a number. */
char gd_jscan_peek(gd_jscan *js);

/* A whole object: finds the value of each of the n named fields. Other fields and duplicates are refused; `where` is ""
 * or the name of the object for the message, followed by ": ". */
gd_status gd_jscan_fields(gd_jscan *js, const char *const *names, size_t n, gd_jspan *spans, const char *where);

/* ---- for json_tree.c ---- */

/* Reports that something else is expected here. */
gd_status gd_jscan_fail(gd_jscan *js, const char *expected);

/* A string, with js->odd set instead of an error. */
gd_status gd_jscan_loose_string(gd_jscan *js, const char **s, size_t *len);

/* Checks a number and steps over it; or NaN and its like, of which *odd is the name; else *odd is NULL. */
gd_status gd_jscan_number(gd_jscan *js, gd_jspan *span, const char **odd);

#endif
