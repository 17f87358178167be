/* stream.c - the bytes of an input, unpacked when it is gzip. */
#include "data/stream.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/zmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IN_ROOM = 65536 };

struct gd_stream {
    int fd;
    bool owned;            /* close fd at the end: not standard input */
    bool packed, inflating; /* gzip; zlib has state to free */
    bool in_member;        /* between a member's first byte and its checksum */
    bool end;              /* read() said so */
    char *name;
    uint64_t taken, total; /* of the file: bytes read, bytes it has */
    size_t at, len;        /* what of in[] waits */
    z_stream z;
    unsigned char in[IN_ROOM];
};

/* Reads once into what is free at the end of in[], which starts at 0 after everything there was used. */
static gd_status fill(gd_stream *s, gd_error *err)
{
    ssize_t n;

    if (s->at == s->len)
        s->at = s->len = 0;
    do
        n = read(s->fd, s->in + s->len, IN_ROOM - s->len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return gd_fail(err, GD_EIO, "%s: %s", s->name, strerror(errno));
    s->end = n == 0;
    s->len += (size_t)n;
    s->taken += (uint64_t)n;
    return GD_OK;
}

static gd_status begin_inflate(gd_stream *s, gd_error *err)
{
    s->z.zalloc = gd_z_alloc;
    s->z.zfree = gd_z_free;
    if (inflateInit2(&s->z, 15 + 16) != Z_OK) /* 15: the largest window; 16: gzip and nothing else */
        return gd_fail_memory(err, 65536);
    s->packed = s->inflating = s->in_member = true;
    return GD_OK;
}

static gd_status look_at_magic(gd_stream *s, gd_error *err)
{
    static const struct {
        const char *magic, *name;
    } others[] = {
        { "\x28\xb5\x2f\xfd", "zstd" }, { "BZh", "bzip2" }, { "\xfd" "7zXZ", "xz" }, { "PK\x03\x04", "zip" },
        { "PAR1", "Parquet" },
    };
    gd_status rc = GD_OK;

    while (!rc && !s->end && s->len < 6)
        rc = fill(s, err);
    if (rc)
        return rc;
    if (s->len >= 2 && memcmp(s->in, "\x1f\x8b", 2) == 0)
        return begin_inflate(s, err);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const size_t n = strlen(others[i].magic);

        if (s->len >= n && memcmp(s->in, others[i].magic, n) == 0)
            return gd_fail(err, GD_EUNSUPPORTED, "%s: this is a %s file; plain lines or gzip are expected", s->name,
                           others[i].name);
    }
    return GD_OK;
}

static gd_status open_file(gd_stream *s, const char *path, gd_error *err)
{
    struct stat sb;

    s->owned = strcmp(path, "-") != 0;
    s->fd = s->owned ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (s->fd < 0 || fstat(s->fd, &sb) < 0)
        return gd_fail(err, GD_EIO, "%s: %s", s->name, strerror(errno));
    if (S_ISDIR(sb.st_mode))
        return gd_fail(err, GD_EIO, "%s: a directory, a file is expected", s->name);
    if (S_ISREG(sb.st_mode))
        s->total = (uint64_t)sb.st_size;
    return GD_OK;
}

gd_status gd_stream_open(gd_stream **out, const char *path, gd_error *err)
{
    gd_stream *s = gd_alloc_zero(1, sizeof *s);
    gd_status rc;

    *out = NULL;
    if (!s)
        return gd_fail_memory(err, sizeof *s);
    s->fd = -1;
    s->name = gd_strdup(strcmp(path, "-") ? path : "standard input");
    rc = s->name ? open_file(s, path, err) : gd_fail_memory(err, strlen(path));
    if (!rc)
        rc = look_at_magic(s, err);
    if (rc)
        gd_stream_close(s);
    else
        *out = s;
    return rc;
}

/* Between members: at the end of the file, at zeros that pad it (tapes did that), or at the next member. */
static gd_status next_member(gd_stream *s, bool *more, gd_error *err)
{
    gd_status rc = GD_OK;

    *more = false;
    for (;;) {
        while (s->at < s->len && s->in[s->at] == 0)
            s->at++;
        if (s->at < s->len || s->end)
            break;
        rc = fill(s, err);
        if (rc)
            return rc;
    }
    if (s->at == s->len)
        return GD_OK;
    if (s->in[s->at] != 0x1f)
        return gd_fail(err, GD_EFORMAT, "%s: bytes that are not gzip follow the gzip data", s->name);
    (void)inflateReset(&s->z); /* fails for a broken z_stream only */
    *more = s->in_member = true;
    return GD_OK;
}

static gd_status inflate_some(gd_stream *s, unsigned char *p, size_t room, size_t *got, gd_error *err)
{
    int code;

    s->z.next_in = s->in + s->at;
    s->z.avail_in = (uInt)(s->len - s->at);
    s->z.next_out = p;
    s->z.avail_out = (uInt)room;
    code = inflate(&s->z, Z_NO_FLUSH);
    s->at = s->len - s->z.avail_in;
    *got = room - s->z.avail_out;
    if (code == Z_STREAM_END)
        s->in_member = false;
    else if (*got > 0) /* a fault behind good bytes shows again at the next call */
        return GD_OK;
    else if (code == Z_MEM_ERROR)
        return gd_fail_memory(err, 65536);
    else if (code != Z_OK && code != Z_BUF_ERROR) /* the latter: no progress without more input */
        return gd_fail(err, GD_EFORMAT, "%s: the gzip data is damaged: %s", s->name,
                       s->z.msg ? s->z.msg : "no dictionary is expected");
    return GD_OK;
}

static gd_status read_packed(gd_stream *s, unsigned char *p, size_t room, size_t *got, gd_error *err)
{
    gd_status rc = GD_OK;
    bool more = true;

    while (!rc && *got == 0) {
        if (!s->in_member) {
            rc = next_member(s, &more, err);
            if (rc || !more)
                return rc;
        }
        if (s->at == s->len && !s->end)
            rc = fill(s, err);
        else if (s->at == s->len)
            return gd_fail(err, GD_EFORMAT, "%s: the gzip data ends in the middle: the file was cut", s->name);
        if (!rc)
            rc = inflate_some(s, p, room, got, err);
    }
    return rc;
}

gd_status gd_stream_read(gd_stream *s, unsigned char *p, size_t room, size_t *got, gd_error *err)
{
    gd_status rc = GD_OK;

    *got = 0;
    if (room > IN_ROOM)
        room = IN_ROOM;
    if (s->packed)
        return read_packed(s, p, room, got, err);
    if (s->at == s->len && !s->end)
        rc = fill(s, err);
    if (rc)
        return rc;
    *got = s->len - s->at < room ? s->len - s->at : room;
    memcpy(p, s->in + s->at, *got);
    s->at += *got;
    return GD_OK;
}

void gd_stream_close(gd_stream *s)
{
    if (!s)
        return;
    if (s->inflating)
        (void)inflateEnd(&s->z);
    if (s->owned && s->fd >= 0)
        (void)close(s->fd);
    gd_free(s->name);
    gd_free(s);
}

const char *gd_stream_name(const gd_stream *s) { return s->name; }
uint64_t gd_stream_done(const gd_stream *s) { return s->taken - (s->len - s->at); }
uint64_t gd_stream_total(const gd_stream *s) { return s->total > s->taken ? s->total : s->total ? s->taken : 0; }
int gd_stream_packed(const gd_stream *s) { return s->packed; }
