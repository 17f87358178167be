/* pieces.c - cuts an input into pieces of bounded length. */
#include "data/pieces.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

enum { CHUNK = 65536, LINE_BREAK = 2 };

struct gd_pieces {
    gd_stream *stream;
    bool end;           /* of the stream */
    size_t at, len;     /* chunk[at..len) is still to be read */
    size_t held_at;     /* held from here on is to be read before that */
    gd_buf held;        /* bytes given back by gd_pieces_again() */
    gd_buf carry;       /* the beginning of a piece that spans portions */
    uint64_t line;      /* of the next byte */
    uint64_t last_line; /* of the last piece's beginning */
    char chunk[CHUNK];
};

static size_t take_line(void *state, const char *p, size_t len, bool *done)
{
    const char *lf = memchr(p, '\n', len);

    (void)state;
    *done = lf != NULL;
    return lf ? (size_t)(lf - p) + 1 : len;
}

const gd_cutter gd_cut_lines = { take_line, NULL };

/* Reads once into the free part of chunk[]. */
static gd_status fill(gd_pieces *p, gd_error *err)
{
    size_t got;
    gd_status rc;

    if (p->at == p->len)
        p->at = p->len = 0;
    rc = gd_stream_read(p->stream, (unsigned char *)p->chunk + p->len, CHUNK - p->len, &got, err);
    if (rc)
        return rc;
    p->end = got == 0;
    p->len += got;
    return GD_OK;
}

/* Whether more bytes are needed to know if the text begins with a byte order mark. No more are read than that: a fault
 * after a short first portion must not be reported before the lines in it. */
static bool may_be_mark(const gd_pieces *p)
{
    const unsigned char first = p->len ? (unsigned char)p->chunk[0] : 0xef;

    return p->len < 3 && (first == 0xef || (first >= 0xfe && p->len < 2));
}

static gd_status skip_mark(gd_pieces *p, gd_error *err)
{
    gd_status rc = GD_OK;

    while (!rc && !p->end && may_be_mark(p))
        rc = fill(p, err);
    if (rc)
        return rc;
    if (p->len >= 2 && (memcmp(p->chunk, "\xff\xfe", 2) == 0 || memcmp(p->chunk, "\xfe\xff", 2) == 0))
        return gd_fail(err, GD_EFORMAT, "%s: the text is UTF-16; expected UTF-8", gd_stream_name(p->stream));
    if (p->len >= 3 && memcmp(p->chunk, "\xef\xbb\xbf", 3) == 0)
        p->at = 3;
    return GD_OK;
}

gd_status gd_pieces_open(gd_pieces **out, const char *path, gd_pause pause, gd_error *err)
{
    gd_pieces *p = gd_alloc_zero(1, sizeof *p);
    gd_status rc;

    *out = NULL;
    if (!p)
        return gd_fail_memory(err, sizeof *p);
    p->line = 1;
    rc = gd_stream_open(&p->stream, path, pause, err);
    if (!rc)
        rc = skip_mark(p, err);
    if (rc)
        gd_pieces_close(p);
    else
        *out = p;
    return rc;
}

void gd_pieces_close(gd_pieces *p)
{
    if (!p)
        return;
    gd_stream_close(p->stream);
    gd_buf_free(&p->held);
    gd_buf_free(&p->carry);
    gd_free(p);
}

/* The next portion of bytes; empty only at the end. */
static gd_status portion(gd_pieces *p, const char **from, size_t *len, gd_error *err)
{
    gd_status rc = GD_OK;

    if (p->held_at < p->held.len) {
        *from = p->held.data + p->held_at;
        *len = p->held.len - p->held_at;
        return GD_OK;
    }
    if (p->at == p->len && !p->end)
        rc = fill(p, err);
    *from = p->chunk + p->at;
    *len = p->len - p->at;
    return rc;
}

static void advance(gd_pieces *p, const char *from, size_t len)
{
    for (const char *lf = from, *end = from + len; (lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL; lf++)
        p->line++;
    if (p->held_at < p->held.len)
        p->held_at += len;
    else
        p->at += len;
}

gd_status gd_pieces_next(gd_pieces *p, gd_cutter cutter, gd_piece *piece, bool *more, gd_error *err)
{
    const size_t most = GD_ITEM_MAX + LINE_BREAK;
    bool done = false;

    *piece = (gd_piece){ .line = p->line };
    p->last_line = p->line;
    gd_buf_clear(&p->carry);
    if (p->held_at == p->held.len) {
        gd_buf_free(&p->held);
        p->held_at = 0;
    }
    while (!done && p->carry.len <= most) {
        const char *from;
        size_t len, room = most + 1 - p->carry.len;
        gd_status rc = portion(p, &from, &len, err);

        if (rc)
            return rc;
        if (len == 0)
            break;
        len = cutter.take(cutter.state, from, len < room ? len : room, &done);
        if (done && p->carry.len == 0) /* the usual case: no copy */
            *piece = (gd_piece){ .data = from, .len = len, .line = p->line, .ended = true };
        else
            gd_buf_bytes(&p->carry, from, len);
        if (p->carry.failed)
            return gd_fail_memory(err, p->carry.len);
        advance(p, from, len);
    }
    *more = done || p->carry.len > 0;
    if (!piece->data)
        *piece = (gd_piece){ p->carry.data, p->carry.len, piece->line, done, p->carry.len > most };
    return GD_OK;
}

gd_status gd_pieces_skip(gd_pieces *p, gd_cutter cutter, gd_error *err)
{
    bool done = false;

    gd_buf_free(&p->carry); /* up to 32 MiB, after a piece that is too long */
    while (!done) {
        const char *from;
        size_t len;
        gd_status rc = portion(p, &from, &len, err);

        if (rc || len == 0)
            return rc;
        advance(p, from, cutter.take(cutter.state, from, len, &done));
    }
    return GD_OK;
}

void gd_pieces_again(gd_pieces *p)
{
    const char *lf = p->carry.len ? memchr(p->carry.data, '\n', p->carry.len) : NULL;

    assert(lf && p->held_at == p->held.len); /* held bytes are shorter than the longest piece, so all were taken */
    if (!lf)
        return;
    gd_buf_free(&p->held);
    p->held = p->carry;
    p->held_at = (size_t)(lf - p->carry.data) + 1;
    p->carry = (gd_buf){ 0 };
    p->line = p->last_line + 1;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

gd_status gd_pieces_peek(gd_pieces *p, int *byte, gd_error *err)
{
    for (;;) {
        const char *from;
        size_t len, n = 0;
        gd_status rc = portion(p, &from, &len, err);

        *byte = -1;
        if (rc || len == 0)
            return rc;
        while (n < len && is_blank(from[n]))
            n++;
        if (n < len)
            *byte = (unsigned char)from[n];
        advance(p, from, n);
        if (n < len)
            return GD_OK;
    }
}

void gd_pieces_drop(gd_pieces *p)
{
    if (p->held_at < p->held.len)
        p->held_at++;
    else
        p->at++;
}

gd_status gd_pieces_first(gd_pieces *p, const char **line, size_t *len, bool *more, gd_error *err)
{
    size_t n = p->at;

    for (;;) {
        const char *lf;
        gd_status rc;

        while (n < p->len && is_blank(p->chunk[n]))
            n++;
        lf = memchr(p->chunk + n, '\n', p->len - n);
        *line = p->chunk + n;
        *len = lf ? (size_t)(lf - *line) : p->len - n;
        *more = lf && (lf + 1 < p->chunk + p->len || !p->end);
        if (lf || p->end || p->len == CHUNK || (n < p->len && p->chunk[n] == '['))
            return GD_OK;
        if (p->at == p->len)
            n = 0; /* fill() starts over at 0 */
        rc = fill(p, err);
        if (rc)
            return rc;
    }
}

void gd_pieces_on_pause(gd_pieces *p, gd_pause pause) { gd_stream_on_pause(p->stream, pause); }
uint64_t gd_pieces_line(const gd_pieces *p) { return p->line; }
const char *gd_pieces_name(const gd_pieces *p) { return gd_stream_name(p->stream); }

uint64_t gd_pieces_bytes_done(const gd_pieces *p)
{
    const uint64_t done = gd_stream_done(p->stream);

    return gd_stream_packed(p->stream) ? done : done - (p->len - p->at) - (p->held.len - p->held_at);
}

uint64_t gd_pieces_bytes_total(const gd_pieces *p) { return gd_stream_total(p->stream); }
