/* entries_array.c - the elements of a JSON array, one at a time.
 *
 * An element is anything between two commas outside of strings and brackets. If it is not JSON, the next
 * one is still found.  Where brackets don't match, a closing one closes the innermost of its own kind,
 * or else the innermost of all. */
#include "data/entries_source.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

enum { DEEPEST = 4096 }; /* depth to which kinds of brackets are recorded */

struct array {
    enum { BEGIN, ELEMENT, SEPARATOR, TAIL, DONE } where; /* what comes next */
    bool in_string, escaped;
    size_t depth;
    unsigned char is_list[DEEPEST / 8]; /* one bit per open bracket */
};

static void open_bracket(struct array *a, bool list)
{
    unsigned char *byte = &a->is_list[a->depth / 8 % sizeof a->is_list];
    const unsigned char bit = (unsigned char)(1u << a->depth % 8);

    if (a->depth++ < DEEPEST)
        *byte = (unsigned char)(list ? *byte | bit : *byte & ~bit);
}

static void close_bracket(struct array *a, bool list)
{
    size_t d = a->depth;

    if (d <= DEEPEST)
        while (d > 0 && (a->is_list[(d - 1) / 8] >> (d - 1) % 8 & 1) != list)
            d--;
    if (d > 0)
        a->depth = d - 1;
    else if (a->depth > 0)
        a->depth--;
}

/* A gd_cutter's take: cuts before the comma or the bracket that ends an element. */
static size_t take(void *state, const char *p, size_t len, bool *done)
{
    struct array *a = state;

    *done = false;
    for (size_t i = 0; i < len; i++) {
        const char c = p[i];

        if (a->in_string) {
            if (c == '"' && !a->escaped)
                a->in_string = false;
            a->escaped = c == '\\' && !a->escaped;
        } else if (c == '"') {
            a->in_string = true;
        } else if (a->depth == 0 && (c == ',' || c == ']')) {
            *done = true;
            return i;
        } else if (c == '{' || c == '[') {
            open_bracket(a, c == '[');
        } else if (c == '}' || c == ']') {
            close_bracket(a, c == ']');
        }
    }
    return len;
}

static gd_status open_array(gd_source *source, gd_error *err)
{
    source->state = gd_alloc_zero(1, sizeof(struct array));
    return source->state ? GD_OK : gd_fail_memory(err, sizeof(struct array));
}

static void close_array(gd_source *source) { gd_free(source->state); }

static size_t without_blanks(const char *p, size_t len)
{
    while (len > 0 && memchr(" \t\r\n", p[len - 1], 4))
        len--;
    return len;
}

static gd_status next_element(gd_source *source, gd_entry *entry, gd_error *err)
{
    struct array *a = source->state;
    const gd_cutter cutter = { take, a };
    gd_piece piece;
    bool more;
    gd_status rc;

    a->depth = 0;
    a->in_string = a->escaped = false;
    a->where = SEPARATOR;
    rc = gd_pieces_next(source->pieces, cutter, &piece, &more, err);
    if (rc)
        return rc;
    *entry = (gd_entry){ .line = piece.line, .raw = piece.data, .raw_len = without_blanks(piece.data, piece.len) };
    if (piece.too_long || entry->raw_len > GD_ITEM_MAX) {
        (void)gd_entry_too_long(entry);
        return piece.ended ? GD_OK : gd_pieces_skip(source->pieces, cutter, err);
    }
    rc = gd_entry_parse_json(entry, source->fields, "the element", err);
    if (rc || piece.ended || !entry->fault.status)
        return rc;
    a->where = DONE; /* one error is enough */
    entry->fault = (gd_error){ 0 };
    entry->fault_line = 0;
    return gd_entry_fault(entry,
                          "the file ends inside the element that begins here: a quote or a bracket is not closed, "
                          "or the file was truncated");
}

/* Takes brackets and commas up to the next element or the end of the array; *byte is what comes next. */
static gd_status take_separators(gd_source *source, int *byte, gd_error *err)
{
    struct array *a = source->state;
    gd_status rc = gd_pieces_peek(source->pieces, byte, err);

    if (!rc && (a->where == BEGIN || (a->where == SEPARATOR && *byte == ','))) {
        const bool begins = a->where == BEGIN;

        gd_pieces_drop(source->pieces);
        rc = gd_pieces_peek(source->pieces, byte, err);
        a->where = begins && *byte == ']' ? SEPARATOR : ELEMENT;
    }
    if (!rc && a->where == SEPARATOR && *byte == ']') {
        gd_pieces_drop(source->pieces);
        a->where = TAIL;
        rc = gd_pieces_peek(source->pieces, byte, err);
    }
    return rc;
}

/* A fault of the array itself becomes an item of its own. */
static gd_status no_element(gd_source *source, gd_entry *entry, int byte)
{
    struct array *a = source->state;
    const char *sentence = "something follows the end of the array; a file can only hold one array";

    *entry = (gd_entry){ .line = gd_pieces_line(source->pieces), .raw = "" };
    if (a->where == TAIL || byte < 0) {
        if (a->where != TAIL)
            sentence = "the file ends inside the array: ']' is expected; was the file truncated?";
        a->where = DONE;
    } else {
        sentence = byte == ',' ? "an element is missing before ','" : "an element is missing after ','";
        a->where = SEPARATOR; /* it is still to be read */
    }
    return gd_entry_fault(entry, "%s", sentence);
}

static gd_status next(gd_source *source, gd_entry *entry, bool *more, gd_error *err)
{
    struct array *a = source->state;
    int byte;
    gd_status rc = take_separators(source, &byte, err);

    *more = !rc && a->where != DONE && (a->where != TAIL || byte >= 0);
    if (!*more)
        return rc;
    if (a->where == ELEMENT && byte >= 0 && byte != ',' && byte != ']')
        return next_element(source, entry, err);
    return no_element(source, entry, byte);
}

const gd_source_kind gd_source_array = { open_array, next, close_array };
