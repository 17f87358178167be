/* temp.h - files of a test, in a directory of their own. */
#ifndef GD_TESTS_RECORDS_TEMP_H
#define GD_TESTS_RECORDS_TEMP_H

#include "tests/check.h"

#include <dirent.h>
#include <unistd.h>
#include <zlib.h>

static char temp_dir[64];

static inline int temp_begin(void **state)
{
    (void)state;
    (void)snprintf(temp_dir, sizeof temp_dir, "%s", "/tmp/guerdon-records-XXXXXX");
    return mkdtemp(temp_dir) ? 0 : -1;
}

/* The path of a file in the directory; four may be in use at a time. */
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

/* Packs into a malloc'd block. */
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

/* A whole file, unpacked when it is gzip, with a NUL behind; malloc'd. */
static inline char *temp_read(const char *path, size_t *len)
{
    gzFile f = gzopen(path, "rb"); /* reads plain files as they are */
    char *data = malloc(1 << 24);
    int n;

    assert_non_null(f);
    assert_non_null(data);
    n = gzread(f, data, (1 << 24) - 1);
    assert_true(n >= 0);
    data[n] = '\0';
    *len = (size_t)n;
    gzclose(f);
    return data;
}

#endif
