/* reader.c - the lines of an input. */
#include "data/reader.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/stream.h"

#include <string.h>

enum {
    CHUNK = 65536,
    SLACK = 4 /* a byte order mark and a CR may come on top of GD_LINE_MAX */
};

struct gd_reader {
    gd_stream *stream;
    size_t at, len;  /* what of chunk[] waits */
    gd_buf carry;    /* the beginning of a line that does not lie in one chunk */
    uint64_t number; /* of the last line */
    unsigned char chunk[CHUNK];
};

gd_status gd_reader_open(gd_reader **out, const char *path, gd_error *err)
{
    gd_reader *r = gd_alloc_zero(1, sizeof *r);
    gd_status rc;

    *out = NULL;
    if (!r)
        return gd_fail_memory(err, sizeof *r);
    rc = gd_stream_open(&r->stream, path, err);
    if (rc)
        gd_reader_close(r);
    else
        *out = r;
    return rc;
}

/* Adds to the carry what may still matter of a line that is too long. */
static bool carry(gd_reader *r, size_t bytes)
{
    const size_t limit = GD_LINE_MAX + SLACK + 1;
    const size_t room = r->carry.len < limit ? limit - r->carry.len : 0;

    gd_buf_bytes(&r->carry, r->chunk + r->at, bytes < room ? bytes : room);
    r->at += bytes;
    return !r->carry.failed;
}

/* One line as it is in the file, with *more false when there is none left. */
static gd_status raw_line(gd_reader *r, gd_line *line, bool *more, gd_error *err)
{
    bool begun = false;

    gd_buf_clear(&r->carry);
    for (;;) {
        const unsigned char *from = r->chunk + r->at, *lf = NULL;
        size_t bytes;
        gd_status rc;

        if (r->at < r->len)
            lf = memchr(from, '\n', r->len - r->at);
        bytes = lf ? (size_t)(lf - from) : r->len - r->at;
        *more = begun || bytes || lf;
        if (lf && !begun) { /* the usual case: no copy */
            r->at += bytes + 1;
            *line = (gd_line){ (const char *)from, bytes, ++r->number, false };
            return GD_OK;
        }
        begun = *more;
        if (!carry(r, bytes))
            return gd_fail_memory(err, r->carry.len);
        r->at += lf != NULL;
        if (!lf) {
            rc = gd_stream_read(r->stream, r->chunk, CHUNK, &r->len, err);
            r->at = 0;
            if (rc)
                return rc;
        }
        if (lf || r->len == 0) {
            r->number += *more;
            *line = (gd_line){ r->carry.data, r->carry.len, r->number, false };
            return GD_OK;
        }
    }
}

static bool is_blank(const gd_line *line)
{
    for (size_t i = 0; i < line->len; i++)
        if (line->data[i] != ' ' && line->data[i] != '\t')
            return false;
    return true;
}

static gd_status skip_mark(const gd_reader *r, gd_line *line, gd_error *err)
{
    if (line->len >= 2 && (memcmp(line->data, "\xff\xfe", 2) == 0 || memcmp(line->data, "\xfe\xff", 2) == 0))
        return gd_fail(err, GD_EFORMAT, "%s: the text is UTF-16, UTF-8 is expected", gd_stream_name(r->stream));
    if (line->len >= 3 && memcmp(line->data, "\xef\xbb\xbf", 3) == 0) {
        line->data += 3;
        line->len -= 3;
    }
    return GD_OK;
}

gd_status gd_reader_next(gd_reader *r, gd_line *line, bool *more, gd_error *err)
{
    gd_status rc;

    do {
        rc = raw_line(r, line, more, err);
        if (!rc && *more && line->number == 1)
            rc = skip_mark(r, line, err);
        if (rc || !*more) {
            *more = false;
            return rc;
        }
        if (line->len > 0 && line->data[line->len - 1] == '\r')
            line->len--;
        line->too_long = line->len > GD_LINE_MAX;
    } while (is_blank(line));
    if (line->too_long) {
        line->data = NULL;
        gd_buf_free(&r->carry);
    }
    return GD_OK;
}

void gd_reader_close(gd_reader *r)
{
    if (!r)
        return;
    gd_stream_close(r->stream);
    gd_buf_free(&r->carry);
    gd_free(r);
}

uint64_t gd_reader_bytes_done(const gd_reader *r)
{
    const uint64_t done = gd_stream_done(r->stream);

    return gd_stream_packed(r->stream) ? done : done - (r->len - r->at);
}

uint64_t gd_reader_bytes_total(const gd_reader *r) { return gd_stream_total(r->stream); }
