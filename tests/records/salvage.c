/* salvage.c - finds the complete part of an unfinished output file. */
#include "tests/records/salvage.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/codec.h"
#include "data/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK = 65536 };

typedef struct counter {
    gd_salvage now; /* bytes: unpacked ones, up to the last line break */
    uint64_t plain; /* bytes seen */
    size_t begun;   /* bytes in line[], of the unfinished line */
    char line[sizeof((gd_salvage *)NULL)->last];
    unsigned char chunk[CHUNK];
} counter;

static void count(counter *c, const unsigned char *p, size_t len)
{
    while (len > 0) {
        const unsigned char *lf = memchr(p, '\n', len);
        const size_t n = lf ? (size_t)(lf - p) : len;
        const size_t room = sizeof c->line - 1 - c->begun, some = n < room ? n : room;

        memcpy(c->line + c->begun, p, some);
        c->begun += some;
        c->plain += n + (lf != NULL);
        if (!lf)
            return;
        memcpy(c->now.last, c->line, c->begun);
        c->now.last[c->begun] = '\0';
        c->now.bytes = c->plain;
        c->now.lines++;
        c->begun = 0;
        p += n + 1;
        len -= n + 1;
    }
}

/* Keeps what was counted so far if both a member and a line end here. */
static void keep(gd_salvage *out, const counter *c, const gd_stream *s)
{
    const gd_stream_whole whole = gd_stream_last_whole(s);

    if (!gd_stream_packed(s)) {
        *out = c->now;
    } else if (whole.plain == c->plain && c->now.bytes == c->plain) {
        *out = c->now;
        out->bytes = whole.bytes;
    }
}

static gd_status count_all(gd_salvage *out, counter *c, gd_stream *s, gd_error *err)
{
    gd_error why = { 0 };
    size_t got = 1;
    gd_status rc = GD_OK;

    while (got) {
        rc = gd_stream_read(s, c->chunk, CHUNK, &got, &why);
        keep(out, c, s);
        if (rc)
            break;
        count(c, c->chunk, got);
        keep(out, c, s);
    }
    if (!rc || rc == GD_EFORMAT || rc == GD_EUNSUPPORTED) /* damage may look like an unsupported feature */
        return GD_OK;
    return gd_fail(err, rc, "%s", why.text);
}

/* The first bytes of a member may be too few to tell what it is. */
static gd_status check_kind(const gd_stream *s, const char *path, gd_error *err)
{
    const gd_codec *codec = gd_codec_by_suffix(path);
    const char *wanted = codec ? codec->name : "plain text", *is = gd_stream_packed(s);

    if ((!is && (!codec || gd_stream_total(s) < 4)) || (is && strcmp(is, wanted) == 0))
        return GD_OK;
    return gd_fail(err, GD_EFORMAT, "%s: by its name, the file should hold %s, but it holds %s: it can't be continued",
                   path, wanted, is ? is : "something else");
}

gd_status gd_salvage_file(gd_salvage *out, const char *path, gd_error *err)
{
    gd_stream *s = NULL;
    counter *c;
    struct stat sb;
    gd_status rc;

    *out = (gd_salvage){ 0 };
    if (stat(path, &sb) < 0 && errno == ENOENT)
        return GD_OK;
    c = gd_alloc_zero(1, sizeof *c);
    rc = c ? gd_stream_open(&s, path, err) : gd_fail_memory(err, sizeof *c);
    if (!rc)
        rc = check_kind(s, path, err);
    if (!rc)
        rc = count_all(out, c, s, err);
    gd_stream_close(s);
    gd_free(c);
    return rc;
}
