/* unpack.c - reads gzip and zstd, to compare what is in them: a run that failed may have ended a member early. */
#include "tests/faults/unpack.h"

#include "tests/check.h"

#include <zlib.h>
#include <zstd.h>

enum { ROOM = 1 << 16 }; /* the outputs are small */

static bool ends_in(const char *name, const char *ending)
{
    const size_t len = strlen(name), more = strlen(ending);

    return len >= more && !strcmp(name + len - more, ending);
}

bool fault_is_packed(const char *name) { return ends_in(name, ".gz") || ends_in(name, ".zst"); }

static size_t unpack_gzip(char *out, const char *bytes, size_t len)
{
    z_stream z = { .next_in = (unsigned char *)bytes,
                   .avail_in = (unsigned)len,
                   .next_out = (unsigned char *)out,
                   .avail_out = ROOM };
    int rc;

    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    do {
        rc = inflate(&z, Z_SYNC_FLUSH);
        if (rc == Z_STREAM_END)
            (void)inflateReset(&z);
    } while (rc == Z_STREAM_END && z.avail_in);
    (void)inflateEnd(&z);
    return ROOM - z.avail_out;
}

static size_t unpack_zstd(char *out, const char *bytes, size_t len)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer in = { bytes, len, 0 };
    ZSTD_outBuffer unpacked = { out, ROOM, 0 };

    assert_non_null(context);
    while (in.pos < in.size && !ZSTD_isError(ZSTD_decompressStream(context, &unpacked, &in)))
        ;
    (void)ZSTD_freeDCtx(context);
    return unpacked.pos;
}

char *fault_unpack(const char *name, const char *bytes, size_t len, size_t *unpacked)
{
    char *out = malloc(ROOM);

    assert_non_null(out);
    *unpacked = ends_in(name, ".gz") ? unpack_gzip(out, bytes, len) : unpack_zstd(out, bytes, len);
    assert_true(*unpacked < ROOM);
    return out;
}
