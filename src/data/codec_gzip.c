/* codec_gzip.c - gzip, using zlib. */
#include "data/codec.h"

#include "base/mem.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

/* 15: the largest window; 16: gzip and nothing else. */
enum { WINDOW = 15 + 16 };

struct inflater {
    z_stream z;
    bool inside; /* between a member's first byte and its checksum */
};

/* zlib's memory from gd_alloc, so that fault tests reach it. */
static voidpf z_alloc(voidpf unused, uInt count, uInt size)
{
    (void)unused;
    return gd_alloc(count, size);
}

static void z_free(voidpf unused, voidpf p)
{
    (void)unused;
    gd_free(p);
}

static bool begins(const unsigned char *p, size_t len) { return len >= 2 && memcmp(p, "\x1f\x8b", 2) == 0; }

static uInt at_most(size_t bytes) { return bytes < UINT_MAX ? (uInt)bytes : UINT_MAX; }

/* Hands zlib its input and output; afterwards, records what it used. */
static void lend(z_stream *z, const gd_codec_io *io)
{
    z->next_in = (z_const Bytef *)io->in;
    z->avail_in = at_most(io->in_left);
    z->next_out = io->out;
    z->avail_out = at_most(io->out_left);
}

static void take_back(const z_stream *z, gd_codec_io *io)
{
    io->in_left -= (size_t)(z->next_in - io->in);
    io->in = z->next_in;
    io->out_left -= (size_t)(z->next_out - io->out);
    io->out = z->next_out;
}

static void *unpack_open(void)
{
    struct inflater *s = gd_alloc_zero(1, sizeof *s);

    if (!s)
        return NULL;
    s->z.zalloc = z_alloc;
    s->z.zfree = z_free;
    if (inflateInit2(&s->z, WINDOW) == Z_OK)
        return s;
    gd_free(s);
    return NULL;
}

/* There may be zeros between members: padding, from tapes. */
static gd_unpacked next_member(struct inflater *s, gd_codec_io *io)
{
    while (io->in_left > 0 && *io->in == 0) {
        io->in++;
        io->in_left--;
    }
    if (io->in_left == 0)
        return GD_UNPACKED_BETWEEN;
    if (*io->in != 0x1f)
        return GD_UNPACKED_ALIEN;
    (void)inflateReset(&s->z); /* fails only for a broken z_stream */
    s->inside = true;
    return GD_UNPACKED_INSIDE;
}

static gd_unpacked unpack(void *state, gd_codec_io *io, const char **fault)
{
    struct inflater *s = state;
    const size_t room = io->out_left;
    int code;

    if (!s->inside) {
        const gd_unpacked what = next_member(s, io);

        if (what != GD_UNPACKED_INSIDE)
            return what;
    }
    lend(&s->z, io);
    code = inflate(&s->z, Z_NO_FLUSH);
    take_back(&s->z, io);
    if (code == Z_STREAM_END) {
        s->inside = false;
        return GD_UNPACKED_BETWEEN;
    }
    if (io->out_left < room || code == Z_OK || code == Z_BUF_ERROR) /* Z_BUF_ERROR: no progress without more input */
        return GD_UNPACKED_INSIDE; /* a fault after good bytes is reported again by the next call */
    if (code == Z_MEM_ERROR)
        return GD_UNPACKED_NO_MEMORY;
    *fault = s->z.msg ? s->z.msg : "unexpected dictionary";
    return GD_UNPACKED_DAMAGED;
}

static void unpack_close(void *state)
{
    struct inflater *s = state;

    if (!s)
        return;
    (void)inflateEnd(&s->z);
    gd_free(s);
}

static void *pack_open(void)
{
    z_stream *z = gd_alloc_zero(1, sizeof *z);

    if (!z)
        return NULL;
    z->zalloc = z_alloc;
    z->zfree = z_free;
    /* The header has no timestamp: the same bytes give the same file. */
    if (deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW, 8, Z_DEFAULT_STRATEGY) == Z_OK)
        return z;
    gd_free(z);
    return NULL;
}

static gd_packed pack(void *state, gd_codec_io *io, bool end)
{
    z_stream *z = state;
    int code;

    lend(z, io);
    code = deflate(z, end ? Z_FINISH : Z_NO_FLUSH); /* fails only for a broken z_stream */
    take_back(z, io);
    if (!end)
        return io->out_left == 0 ? GD_PACKED_MORE : GD_PACKED_ALL;
    if (code != Z_STREAM_END)
        return GD_PACKED_MORE;
    (void)deflateReset(z);
    return GD_PACKED_ALL;
}

static void pack_close(void *state)
{
    z_stream *z = state;

    if (!z)
        return;
    (void)deflateEnd(z);
    gd_free(z);
}

const gd_codec gd_codec_gzip = {
    .name = "gzip",
    .suffix = ".gz",
    .begins = begins,
    .unpack_open = unpack_open,
    .unpack = unpack,
    .unpack_close = unpack_close,
    .pack_open = pack_open,
    .pack = pack,
    .pack_close = pack_close,
};
