/* temp.h - a test's files, in a directory of its own. */
#ifndef GD_TESTS_RECORDS_TEMP_H
#define GD_TESTS_RECORDS_TEMP_H

#include "tests/check.h"

#include <dirent.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static char temp_dir[64];

static inline int temp_begin(void **state)
{
    (void)state;
    (void)snprintf(temp_dir, sizeof temp_dir, "%s", "/tmp/guerdon-records-XXXXXX");
    return mkdtemp(temp_dir) ? 0 : -1;
}

/* The path of a file in the directory; four results may be in use at a time. */
static inline const char *temp_path(const char *name)
{
    static char paths[4][384];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", temp_dir, name);
    return path;
}

static inline int temp_end(void **state)
{
    DIR *d = opendir(temp_dir);
    const struct dirent *e;

    (void)state;
    while (d && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.')
            unlink(temp_path(e->d_name));
    if (d)
        closedir(d);
    return rmdir(temp_dir);
}

static inline const char *temp_write(const char *name, const void *data, size_t len)
{
    const char *path = temp_path(name);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* Packs data with gzip into a malloc'd block. */
static inline unsigned char *temp_gzip(const void *data, size_t len, size_t *packed)
{
    z_stream z = { 0 };
    unsigned char *out;

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    *packed = deflateBound(&z, (uLong)len);
    out = malloc(*packed);
    assert_non_null(out);
    z.next_in = (z_const Bytef *)data;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)*packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    *packed -= z.avail_out;
    (void)deflateEnd(&z);
    return out;
}

/* The same as a zstd frame, with a checksum as the zstd program writes it. */
static inline unsigned char *temp_zstd(const void *data, size_t len, size_t *packed)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    unsigned char *out = malloc(ZSTD_compressBound(len));

    assert_non_null(z);
    assert_non_null(out);
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)));
    *packed = ZSTD_compress2(z, out, ZSTD_compressBound(len), data, len);
    assert_false(ZSTD_isError(*packed));
    (void)ZSTD_freeCCtx(z);
    return out;
}

/* Both formats, to loop over. */
typedef unsigned char *temp_packer(const void *data, size_t len, size_t *packed);
static temp_packer *const temp_packers[] = { temp_gzip, temp_zstd };

/* Packs into a sequence of members that end at cuts[0], cuts[1], ..., and at the end of the data.  Such a file is read
 * in these portions, so a test can choose them. */
static inline unsigned char *temp_members(temp_packer *pack, const void *data, size_t len, const size_t *cuts,
                                          size_t count, size_t *packed)
{
    unsigned char *file = NULL;
    size_t at = 0;

    *packed = 0;
    for (size_t i = 0; i <= count; i++) {
        const size_t end = i < count ? cuts[i] : len;
        size_t n;
        unsigned char *member = pack((const char *)data + at, end - at, &n);

        file = realloc(file, *packed + n);
        assert_non_null(file);
        memcpy(file + *packed, member, n);
        *packed += n;
        at = end;
        free(member);
    }
    return file;
}

/* The bytes of a file, followed by a NUL; malloc'd. */
static inline char *temp_bytes(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *data = malloc(1 << 24);

    assert_non_null(f);
    assert_non_null(data);
    *len = fread(data, 1, (1 << 24) - 1, f);
    data[*len] = '\0';
    fclose(f);
    return data;
}

/* The same, unpacked if the file is packed. */
static inline char *temp_read(const char *path, size_t *len)
{
    char *file = temp_bytes(path, len), *data = malloc(1 << 24);
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer in = { file, *len, 0 };
    ZSTD_outBuffer out = { data, (1 << 24) - 1, 0 };
    size_t left = *len;

    assert_non_null(data);
    if (*len >= 4 && memcmp(file, "\x28\xb5\x2f\xfd", 4) == 0) {
        while (left && in.pos < in.size) {
            const size_t code = ZSTD_decompressStream(z, &out, &in);

            assert_false(ZSTD_isError(code));
            left = code ? left : in.size - in.pos;
        }
        assert_int_equal(left, 0); /* the last frame is complete */
        *len = out.pos;
    } else {
        gzFile f = gzopen(path, "rb"); /* reads plain files as they are */
        const int n = gzread(f, data, (1 << 24) - 1);

        assert_true(n >= 0);
        assert_int_equal(gzclose(f), Z_OK);
        *len = (size_t)n;
    }
    data[*len] = '\0';
    (void)ZSTD_freeDCtx(z);
    free(file);
    return data;
}

#endif
