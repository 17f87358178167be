/* files.c - a temporary directory for a test, and files in it. */
#include "tests/quant-free/files.h"

#include "tests/check.h"

#include <errno.h>

#include <sys/stat.h>
#include <unistd.h>

int dir_setup(void **state)
{
    char path[TEST_PATH];

    *state = strdup(test_dir(path));
    return *state ? 0 : -1;
}

int dir_teardown(void **state)
{
    const int rc = test_remove(*state);

    free(*state);
    return rc;
}

const char *in_dir(const char *dir, const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];

    assert_true((size_t)snprintf(path, sizeof paths[0], "%s/%s", dir, name) < sizeof paths[0]);
    return path;
}

void write_bytes(const char *dir, const char *name, const void *data, size_t len)
{
    const char *path = in_dir(dir, name);
    FILE *f;

    (void)unlink(path); /* it may be a link to a golden model's file */
    f = fopen(path, "wb");
    if (!f)
        fail_msg("%s/%s: %s", dir, name, strerror(errno));
    assert_true(len == 0 || fwrite(data, 1, len, f) == len);
    assert_int_equal(fclose(f), 0);
}

void write_text(const char *dir, const char *name, const char *text) { write_bytes(dir, name, text, strlen(text)); }

void write_st(const char *dir, const char *name, const char *header, size_t data_len)
{
    const size_t n = strlen(header);
    unsigned char *bytes = malloc(8 + n + data_len);

    assert_non_null(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(bytes + 8, header, n);
    for (size_t i = 0; i < data_len; i++)
        bytes[8 + n + i] = (unsigned char)i;
    write_bytes(dir, name, bytes, 8 + n + data_len);
    free(bytes);
}

void copy_data(const char *dir, const char *name, const char *data_name)
{
    char path[512], block[65536];
    FILE *from = fopen(test_data(path, sizeof path, data_name), "rb"), *to = fopen(in_dir(dir, name), "wb");
    size_t n;

    assert_non_null(from);
    assert_non_null(to);
    while ((n = fread(block, 1, sizeof block, from)) > 0)
        assert_int_equal(fwrite(block, 1, n, to), n);
    assert_int_equal(fclose(from), 0);
    assert_int_equal(fclose(to), 0);
}

const char *make_dir(const char *dir, const char *name)
{
    const char *path = in_dir(dir, name);

    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

void remove_file(const char *dir, const char *name) { (void)remove(in_dir(dir, name)); }

bool said(const char *id, const char *path, gd_status rc, const gd_error *err, const char *want)
{
    char all[1024];

    (void)snprintf(all, sizeof all, "%s%s%s", path ? path : "", path ? ": " : "", want);
    if (!*want) {
        if (rc)
            print_error("%s: refused: %s\n", id, err->text);
        return rc == GD_OK;
    }
    if (!rc)
        print_error("%s: accepted, but expected: %s\n", id, want);
    else if (rc != err->status || strcmp(err->text, all) != 0)
        print_error("%s: %s\n%*sexpected: %s\n", id, err->text, (int)strlen(id), "", all);
    return rc && rc == err->status && strcmp(err->text, all) == 0;
}
