/* test_packed.c - gzip and zstd: several members, truncated and damaged files. */
#include "tests/records/lines.h"

#include "data/stream.h"

static void members_are_joined(void **state)
{
    static const char text[] = "a\nbc\nd";
    static const size_t cuts[] = { 3, 3, 5 }; /* "a\nb", "", "c\n", "d" */
    char seen[256];

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        size_t n;
        unsigned char *file = temp_members(temp_packers[k], text, sizeof text - 1, cuts, 3, &n);

        assert_ok(read_lines(temp_write("x", file, n), seen, sizeof seen, test_err));
        assert_string_equal(seen, "1:a;2:bc;3:d;");
        free(file);
    }
}

static void gzip_may_be_padded_with_zeros(void **state)
{
    unsigned char file[4096] = { 0 }, *packed;
    char seen[256];
    size_t n;

    (void)state;
    packed = temp_gzip("a\n", 2, &n);
    memcpy(file, packed, n); /* padding, as on a tape */
    assert_ok(read_lines(temp_write("x", file, sizeof file), seen, sizeof seen, test_err));
    assert_string_equal(seen, "1:a;");
    memcpy(file + 2000, packed, n);
    assert_ok(read_lines(temp_write("x", file, sizeof file), seen, sizeof seen, test_err));
    assert_string_equal(seen, "1:a;2:a;");
    free(packed);
}

/* pzstd puts one before each frame; others put an index at the end. */
static void zstd_may_have_frames_to_skip(void **state)
{
    static const char skip[] = "\x5f\x2a\x4d\x18\x03\0\0\0\n\n\n";
    unsigned char file[4096], *packed;
    char seen[256];
    size_t n, at = 0;

    (void)state;
    packed = temp_zstd("a\nb\n", 4, &n);
    for (int i = 0; i < 2; i++) {
        memcpy(file + at, skip, 11);
        memcpy(file + at + 11, packed, n);
        at += 11 + n;
    }
    memcpy(file + at, skip, 11);
    assert_ok(read_lines(temp_write("x", file, at + 11), seen, sizeof seen, test_err));
    assert_string_equal(seen, "1:a;2:b;3:a;4:b;");
    free(packed);
}

/* Whatever byte is changed, or wherever the file is cut: either an error that names the file, or the right lines. */
static void damage_is_never_silent(void **state)
{
    static const char text[] = "first line\nsecond line\nthird line\nfirst line again\n";
    static const struct {
        const char *name;
        size_t magic; /* length of the magic number */
    } kinds[] = { { "gzip", 2 }, { "zstd", 4 } };
    char seen[1024], right[1024], wanted[128];

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        size_t n, refused = 0;
        unsigned char *packed = temp_packers[k](text, sizeof text - 1, &n);
        const char *path;

        assert_ok(read_lines(temp_write("x", packed, n), right, sizeof right, test_err));
        for (size_t cut = kinds[k].magic; cut < n; cut++) {
            gd_error err = { 0 };

            path = temp_write("cut", packed, cut);
            assert_int_equal(read_lines(path, seen, sizeof seen, &err), GD_EFORMAT);
            (void)snprintf(wanted, sizeof wanted, "%s: the %s data ends in the middle: the file was truncated", path,
                           kinds[k].name);
            assert_string_equal(err.text, wanted);
        }
        for (size_t i = kinds[k].magic; i < n; i++) {
            gd_error err = { 0 };
            gd_status rc;

            packed[i] ^= 0x55;
            path = temp_write("bad", packed, n);
            rc = read_lines(path, seen, sizeof seen, &err);
            packed[i] ^= 0x55;
            if (rc) {
                assert_true(rc == GD_EFORMAT || (k == 1 && rc == GD_EUNSUPPORTED)); /* it may need a dictionary */
                assert_non_null(strstr(err.text, path));
                refused++;
            } else {
                assert_string_equal(seen, right); /* the timestamp, for example */
            }
        }
        assert_true(refused > n / 2);
        free(packed);
    }
}

/* The lines before the fault come first, in whatever portions the library unpacks. */
static void lines_before_a_fault_are_read(void **state)
{
    char *text = malloc(1 << 20);
    size_t len = 0;

    (void)state;
    for (unsigned i = 0, x = 1; len < 900000;
         i++, x = x * 1664525u + 1013904223u) /* several blocks that compress badly */
        len += (size_t)sprintf(text + len, "%08x%08x%06u\n", x, x * 69069u, i);
    for (size_t k = 0; k < 2; k++) {
        size_t n;
        unsigned char *packed = temp_packers[k](text, len, &n);
        const size_t fault = n / 4 * 3;
        uint64_t lines = 0;
        gd_error err = { 0 };
        gd_reader *r;
        gd_line line;
        bool more = true;

        for (size_t i = 0; i < 8; i++)
            packed[fault + i] ^= 0x55;
        assert_ok(gd_reader_open(&r, temp_write("x", packed, n), (gd_pause){ 0 }, test_err));
        while (!gd_reader_next(r, &line, &more, &err) && more)
            if (++lines * 23 < (uint64_t)len / 100 * 60) /* all quarters compress equally well */
                assert_memory_equal(line.data, text + (lines - 1) * 23, 22);
        assert_int_equal(err.status, GD_EFORMAT);
        assert_true(lines * 23 > (uint64_t)len / 100 * 60);
        gd_reader_close(r);
        free(packed);
    }
    free(text);
}

/* All of a good block, wherever the reader's buffer ends. */
static void bytes_before_a_bad_block_are_read(void **state)
{
    enum { LEN = 200000, BLOCK = 131072 }; /* the second block is the rest */
    unsigned char *text = malloc(LEN), *packed, *seen = malloc(LEN);
    size_t n, got = 1, len = 0;
    gd_error err = { 0 };
    gd_stream *s;

    (void)state;
    for (uint32_t i = 0, x = 1; i < LEN; i++, x = x * 1664525u + 1013904223u)
        text[i] = (unsigned char)('a' + (x >> 28));
    packed = temp_zstd(text, LEN, &n);
    packed[n - 1000] ^= 0x55;
    assert_ok(gd_stream_open(&s, temp_write("x", packed, n), (gd_pause){ 0 }, test_err));
    for (; got; len += got)
        if (gd_stream_read(s, seen + len, len + 50000 < LEN ? 50000 : LEN - len, &got, &err))
            break;
    gd_stream_close(s);
    assert_int_equal(err.status, GD_EFORMAT);
    assert_true(len >= BLOCK);
    assert_memory_equal(seen, text, BLOCK);
    free(text);
    free(packed);
    free(seen);
}

static void garbage_after_packed_data_is_refused(void **state)
{
    unsigned char file[256];
    char seen[256];
    size_t n;

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        unsigned char *packed = temp_packers[k]("a\n", 2, &n);
        memcpy(file, packed, n);
        memcpy(file + n, "garbage", 7);
        for (size_t more = 1; more <= 7; more++) {
            gd_error err = { 0 };

            assert_int_equal(read_lines(temp_write("x", file, n + more), seen, sizeof seen, &err), GD_EFORMAT);
            assert_non_null(strstr(err.text, k ? "/x: bytes that are not zstd follow the zstd data"
                                               : "/x: bytes that are not gzip follow the gzip data"));
            assert_string_equal(seen, "1:a;");
        }
        free(packed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(members_are_joined, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(gzip_may_be_padded_with_zeros, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(zstd_may_have_frames_to_skip, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(damage_is_never_silent, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(lines_before_a_fault_are_read, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(bytes_before_a_bad_block_are_read, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(garbage_after_packed_data_is_refused, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("records: packed", tests, NULL, NULL);
}
