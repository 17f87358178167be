/* check.h - included by every cmocka test, with a few helpers. Tests run in the build directory, and find tests/data
 * through `srcdir` in the environment, which automake sets. */
#ifndef GD_TESTS_CHECK_H
#define GD_TESTS_CHECK_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guerdon.h"

/* 1 under a sanitizer, where memory and time are not those of a normal run. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* The path of a file below tests/data, in the caller's buffer. */
static inline const char *test_data(char *path, size_t room, const char *name)
{
    const char *srcdir = getenv("srcdir");

    (void)snprintf(path, room, "%s/tests/data/%s", srcdir ? srcdir : ".", name);
    return path;
}

/* A test's own files are in TMPDIR, and are removed by the test: tests/tidy.sh checks. */
enum { TEST_PATH = 256 };

static inline char *test_template(char path[TEST_PATH])
{
    const char *dir = getenv("TMPDIR");
    const int len = snprintf(path, TEST_PATH, "%s/guerdon-XXXXXX", dir && *dir ? dir : "/tmp");

    assert_in_range(len, 1, TEST_PATH - 1);
    return path;
}

/* Makes an empty file, and gives its path. */
static inline char *test_file(char path[TEST_PATH])
{
    assert_int_equal(close(mkstemp(test_template(path))), 0);
    return path;
}

/* Makes an empty directory, and gives its path. */
static inline char *test_dir(char path[TEST_PATH])
{
    assert_non_null(mkdtemp(test_template(path)));
    return path;
}

static inline bool test_has_dir(const char *path)
{
    struct stat sb;

    return stat(path, &sb) == 0 && S_ISDIR(sb.st_mode);
}

static inline int test_drop(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
    (void)sb;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* Removes a directory with everything in it. Returns 0 unless it can't. */
static inline int test_remove(const char *dir) { return nftw(dir, test_drop, 16, FTW_DEPTH | FTW_PHYS); }

/* Fails with both texts, of which assert_non_null(strstr()) shows neither. */
static inline void assert_contains(const char *text, const char *wanted)
{
    if (!strstr(text, wanted))
        fail_msg("\"%s\" does not contain \"%s\"", text, wanted);
}

/* The least that a run over a file needs. */
static inline gd_file_options from_to(const char *input, const char *output, gd_format format)
{
    return (
        gd_file_options){ .struct_size = sizeof(gd_file_options), .input = input, .output = output, .format = format };
}

/* Fails with the library's own sentence: assert_ok(gd_pool_open(&pool, 2, test_err)). */
#define assert_ok(call)                                \
    do {                                               \
        gd_error test_err[1] = { { GD_OK, "" } };      \
        if ((call) != GD_OK)                           \
            fail_msg("%s: %s", #call, test_err->text); \
    } while (0)

#endif
