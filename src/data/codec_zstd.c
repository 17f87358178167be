/* codec_zstd.c - zstd. */
#if HAVE_ZSTD_MEMORY
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_customMem */
#endif
#include "data/codec.h"

#include "base/mem.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    WINDOW_LOG = 27, /* 128 MiB, the default limit of `zstd -d`; a frame may claim 2 TiB */
    BEGIN = 5        /* bytes needed to read the size of a frame's header */
};

#if HAVE_ZSTD_MEMORY
static void *zstd_alloc(void *unused, size_t bytes)
{
    (void)unused;
    return gd_alloc(bytes, 1);
}

static void zstd_free(void *unused, void *p)
{
    (void)unused;
    gd_free(p);
}

static const ZSTD_customMem memory = { zstd_alloc, zstd_free, NULL };

static ZSTD_DCtx *new_unpacker(void) { return ZSTD_createDCtx_advanced(memory); }
static ZSTD_CCtx *new_packer(void) { return ZSTD_createCCtx_advanced(memory); }
#else
static ZSTD_DCtx *new_unpacker(void) { return ZSTD_createDCtx(); }
static ZSTD_CCtx *new_packer(void) { return ZSTD_createCCtx(); }
#endif

struct unpacker {
    ZSTD_DCtx *context;
    size_t wanted;      /* bytes that the context expects next */
    bool inside;        /* a frame */
    gd_unpacked failed; /* not INSIDE: the result of every further call */
    const char *fault;
};

/* True for data frames and for skippable frames, which parallel compressors put first; compares at most `len` bytes. */
static bool may_begin(const unsigned char *p, size_t len)
{
    const size_t n = len < 4 ? len : 4;

    return memcmp(p, "\x28\xb5\x2f\xfd", n) == 0 ||
           ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", n - 1) == 0);
}

static bool begins(const unsigned char *p, size_t len) { return len >= 4 && may_begin(p, len); }

static void unpack_close(void *state)
{
    struct unpacker *s = state;

    if (!s)
        return;
    (void)ZSTD_freeDCtx(s->context);
    gd_free(s);
}

static void *unpack_open(void)
{
    struct unpacker *s = gd_alloc_zero(1, sizeof *s);

    if (!s)
        return NULL;
    s->wanted = BEGIN;
    s->context = new_unpacker();
    if (s->context && !ZSTD_isError(ZSTD_DCtx_setParameter(s->context, ZSTD_d_windowLogMax, WINDOW_LOG)))
        return s;
    unpack_close(s);
    return NULL;
}

static gd_unpacked fail(struct unpacker *s, size_t code)
{
    s->fault = ZSTD_getErrorName(code);
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation: s->failed = GD_UNPACKED_NO_MEMORY; break;
    case ZSTD_error_prefix_unknown: s->failed = GD_UNPACKED_ALIEN; break;
    case ZSTD_error_frameParameter_windowTooLarge:
        s->failed = GD_UNPACKED_REFUSED;
        s->fault = "needs more than 128 MiB to decompress; compress it again without --long";
        break;
    case ZSTD_error_dictionary_wrong:
        s->failed = GD_UNPACKED_REFUSED;
        s->fault = "was compressed with a dictionary; compress it again without -D";
        break;
    default: s->failed = GD_UNPACKED_DAMAGED;
    }
    return s->failed;
}

/* The context gets only what it expects next, one block at a time: an error loses all output of its call, and must not
 * take the good blocks before it along. */
static gd_unpacked unpack(void *state, gd_codec_io *io, const char **fault)
{
    struct unpacker *s = state;
    ZSTD_inBuffer in = { io->in, io->in_left < s->wanted ? io->in_left : s->wanted, 0 };
    ZSTD_outBuffer out = { io->out, io->out_left, 0 };
    size_t code;

    *fault = s->fault;
    if (s->failed != GD_UNPACKED_INSIDE)
        return s->failed;
    if (!s->inside && io->in_left == 0)
        return GD_UNPACKED_BETWEEN;
    if (!s->inside && !may_begin(io->in, io->in_left)) /* older versions wait for a fifth byte */
        return GD_UNPACKED_ALIEN;
    s->inside = true;
    code = ZSTD_decompressStream(s->context, &out, &in);
    if (ZSTD_isError(code)) {
        const gd_unpacked what = fail(s, code);

        *fault = s->fault;
        return what;
    }
    io->in += in.pos;
    io->in_left -= in.pos;
    io->out += out.pos;
    io->out_left -= out.pos;
    s->wanted = code ? code : BEGIN;
    s->inside = code != 0;
    return s->inside ? GD_UNPACKED_INSIDE : GD_UNPACKED_BETWEEN;
}

/* One context per frame: older versions of zstd don't promise the same bytes from a used one. */
struct packer {
    ZSTD_CCtx *context; /* NULL between frames */
};

static void *pack_open(void) { return gd_alloc_zero(1, sizeof(struct packer)); }

static void end_frame(struct packer *s)
{
    (void)ZSTD_freeCCtx(s->context);
    s->context = NULL;
}

static gd_packed pack(void *state, gd_codec_io *io, bool end)
{
    struct packer *s = state;
    ZSTD_inBuffer in = { io->in, io->in_left, 0 };
    ZSTD_outBuffer out = { io->out, io->out_left, 0 };
    size_t code;

    if (!s->context) {
        s->context = new_packer();
        if (!s->context || ZSTD_isError(ZSTD_CCtx_setParameter(s->context, ZSTD_c_checksumFlag, 1)))
            return GD_PACKED_NO_MEMORY;
    }
    code = ZSTD_compressStream2(s->context, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(code)) /* the only possible failure */
        return GD_PACKED_NO_MEMORY;
    io->in += in.pos;
    io->in_left -= in.pos;
    io->out += out.pos;
    io->out_left -= out.pos;
    if (end ? code > 0 : io->in_left > 0 || io->out_left == 0)
        return GD_PACKED_MORE;
    if (end)
        end_frame(s);
    return GD_PACKED_ALL;
}

static void pack_close(void *state)
{
    struct packer *s = state;

    if (!s)
        return;
    end_frame(s);
    gd_free(s);
}

const gd_codec gd_codec_zstd = {
    .name = "zstd",
    .suffix = ".zst",
    .begins = begins,
    .unpack_open = unpack_open,
    .unpack = unpack,
    .unpack_close = unpack_close,
    .pack_open = pack_open,
    .pack = pack,
    .pack_close = pack_close,
};
