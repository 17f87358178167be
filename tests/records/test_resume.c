/* test_resume.c - an output that was interrupted, wherever that was, ends up byte for byte as if it had not been. */
#include "tests/records/salvage.h"
#include "tests/records/temp.h"

#include "base/mem.h"
#include "data/sink.h"

#include <sys/stat.h>

static const char *const names[] = { "out", "out.gz", "out.zst" };

static uint32_t next_random(uint32_t *x) { return *x = *x * 1664525u + 1013904223u; }

/* Lines of all lengths; some items have none. */
static size_t make_line(char *line, size_t room, uint64_t item, size_t longest)
{
    uint32_t x = (uint32_t)item * 2654435761u + 1;
    const size_t len = next_random(&x) >> 8;
    size_t at;

    if (item % 7 == 3)
        return 0;
    at = (size_t)snprintf(line, room, "{\"index\":%d,\"text\":\"", (int)item);
    for (size_t i = 0; i < len % longest; i++)
        line[at++] = "abcdefgh"[next_random(&x) >> 29];
    memcpy(line + at, "\"}\n", 3);
    return at + 3;
}

typedef struct job {
    uint64_t items, cut_every; /* a cut behind so many items, counted from the first */
    size_t longest;
    uint32_t flushes; /* not 0: the seed of flushes and of portions; else none, and whole lines */
} job;

static void write_line(gd_sink *s, const char *line, size_t len, uint32_t *x)
{
    size_t at = 0;

    while (at < len) {
        const size_t some = *x ? 1 + (next_random(x) >> 8) % (len - at) : len - at;

        assert_ok(gd_sink_write(s, line + at, some, test_err));
        at += some;
    }
    if (*x && next_random(x) >> 30 == 0)
        assert_ok(gd_sink_flush(s, test_err));
}

/* Items from `from` on, behind `offset` bytes of the file. */
static void write_from(const job *j, const char *path, uint64_t offset, uint64_t from)
{
    char *line = malloc(j->longest + 100);
    uint32_t x = j->flushes;
    gd_sink *s;

    assert_ok(gd_sink_open_at(&s, path, NULL, 0, offset, test_err));
    assert_int_equal(gd_sink_offset(s), offset);
    for (uint64_t i = from; i < j->items; i++) {
        write_line(s, line, make_line(line, j->longest + 100, i, j->longest), &x);
        if ((i + 1) % j->cut_every == 0)
            assert_ok(gd_sink_cut(s, test_err));
    }
    assert_ok(gd_sink_close(s, test_err));
    free(line);
}

static void expect_bytes(const char *path, const char *wanted, size_t len)
{
    size_t n;
    char *bytes = temp_bytes(path, &n);

    assert_int_equal(n, len);
    assert_memory_equal(bytes, wanted, len);
    free(bytes);
}

static uint64_t lines_of(const char *text, size_t len)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

/* The file is left with its first `len` bytes: what is kept is right, and going on gives the whole. */
static void continue_from(const job *j, const char *path, const char *whole, size_t whole_len, size_t len)
{
    gd_salvage kept;
    uint64_t from = 0;
    char *text;
    size_t text_len;

    temp_write(strrchr(path, '/') + 1, whole, len);
    assert_ok(gd_salvage_file(&kept, path, test_err));
    assert_true(kept.bytes <= len);
    assert_memory_equal(kept.last, kept.lines ? "{\"index\":" : "", kept.lines ? 9 : 1);
    if (kept.lines)
        from = strtoull(kept.last + 9, NULL, 10) + 1;
    assert_int_equal(truncate(path, (off_t)kept.bytes), 0);
    text = temp_read(path, &text_len);
    assert_int_equal(lines_of(text, text_len), kept.lines);
    assert_true(text_len == 0 || text[text_len - 1] == '\n');
    free(text);
    temp_write(strrchr(path, '/') + 1, whole, len);
    write_from(j, path, kept.bytes, from);
    expect_bytes(path, whole, whole_len);
}

static void a_file_can_be_continued_from_anywhere(void **state)
{
    const job first = { .items = 36, .cut_every = 6, .longest = 80 };

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const char *path = temp_path(names[k]);
        size_t whole_len;
        char *whole;

        write_from(&first, path, 0, 0);
        whole = temp_bytes(path, &whole_len);
        assert_true(whole_len > 1000);
        for (size_t len = 0; len <= whole_len; len++) {
            job second = first;

            second.flushes = (uint32_t)len;
            continue_from(&second, path, whole, whole_len, len);
        }
        free(whole);
    }
}

/* Members of more than a buffer, and of exactly one; whatever is flushed, and in which portions it comes. */
static void flushes_do_not_show(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const char *path = temp_path(names[k]);
        job j = { .items = 300, .cut_every = 100, .longest = 6000 };
        size_t len;
        char *whole;

        write_from(&j, path, 0, 0);
        whole = temp_bytes(path, &len);
        for (j.flushes = 1; j.flushes < 12; j.flushes++) {
            write_from(&j, path, 0, 0);
            expect_bytes(path, whole, len);
        }
        for (size_t part = 0; part < 7; part++)
            continue_from(&j, path, whole, len, len / 7 * part);
        free(whole);
    }
}

static void what_was_cut_off_is_whole(void **state)
{
    static const char line[] = "{\"index\":0}\n";
    static char block[65536];

    (void)state;
    memset(block, '\n', sizeof block);
    for (size_t k = 0; k < 3; k++) {
        const char *path = temp_path(names[k]);
        struct stat sb;
        gd_salvage kept;
        uint64_t before;
        gd_sink *s;

        assert_ok(gd_sink_open_at(&s, path, NULL, 0, 0, test_err));
        assert_ok(gd_sink_write(s, line, sizeof line - 1, test_err));
        assert_int_equal(gd_sink_offset(s), 0);
        assert_ok(gd_sink_flush(s, test_err));
        assert_int_equal(gd_sink_offset(s), k ? 0 : sizeof line - 1);
        assert_ok(gd_sink_cut(s, test_err));
        before = gd_sink_offset(s);
        assert_ok(gd_sink_cut(s, test_err)); /* nothing new */
        assert_int_equal(gd_sink_offset(s), before);
        assert_int_equal(stat(path, &sb), 0);
        assert_int_equal(sb.st_size, before);
        assert_ok(gd_salvage_file(&kept, path, test_err)); /* while it is being written */
        assert_int_equal(kept.bytes, before);
        assert_int_equal(kept.lines, 1);
        assert_string_equal(kept.last, "{\"index\":0}");
        assert_ok(gd_sink_write(s, block, sizeof block, test_err));
        assert_ok(gd_sink_cut(s, test_err));
        assert_ok(gd_sink_close(s, test_err));
        assert_ok(gd_salvage_file(&kept, path, test_err));
        assert_int_equal(kept.lines, 1 + sizeof block);
        assert_string_equal(kept.last, "");
    }
}

static void files_that_hold_nothing_are_whole(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const char *path = temp_path(names[k]);
        gd_salvage kept = { .bytes = 7 };
        struct stat sb;
        gd_sink *s;
        size_t len;
        char *text;

        assert_ok(gd_salvage_file(&kept, path, test_err)); /* it isn't there */
        assert_int_equal(kept.bytes + kept.lines, 0);
        temp_write(names[k], "", 0);
        assert_ok(gd_salvage_file(&kept, path, test_err));
        assert_int_equal(kept.bytes + kept.lines, 0);
        assert_ok(gd_sink_open_at(&s, path, NULL, 0, 0, test_err));
        assert_ok(gd_sink_close(s, test_err));
        assert_int_equal(stat(path, &sb), 0);
        assert_int_equal(sb.st_size > 0, k > 0); /* a member without a byte */
        text = temp_read(path, &len);
        assert_int_equal(len, 0);
        free(text);
    }
}

static void what_follows_the_offset_is_cut_off(void **state)
{
    gd_sink *s;

    (void)state;
    for (size_t len = 4; len > 1; len--) {
        temp_write("out", "abcd", 4);
        assert_ok(gd_sink_open_at(&s, temp_path("out"), NULL, 0, len, test_err));
        expect_bytes(temp_path("out"), "abcd", len);
        assert_ok(gd_sink_close(s, test_err));
        expect_bytes(temp_path("out"), "abcd", len);
    }
}

static void damage_ends_what_is_whole(void **state)
{
    const job j = { .items = 40, .cut_every = 10, .longest = 100 };

    (void)state;
    for (size_t k = 1; k < 3; k++) {
        const char *path = temp_path(names[k]);
        gd_salvage first, kept;
        size_t len;
        char *whole;

        write_from(&(job){ 10, 10, 100, 0 }, path, 0, 0);
        assert_ok(gd_salvage_file(&first, path, test_err));
        assert_int_equal(first.lines, 9);
        write_from(&j, path, 0, 0);
        whole = temp_bytes(path, &len);
        for (size_t i = first.bytes; i < first.bytes + 60; i++) {
            whole[i] ^= 0x55;
            temp_write(names[k], whole, len);
            whole[i] ^= 0x55;
            assert_ok(gd_salvage_file(&kept, path, test_err));
            assert_true(kept.bytes >= first.bytes); /* the time stamp may be anything */
            if (kept.bytes < len) {
                assert_int_equal(kept.bytes, first.bytes);
                assert_int_equal(kept.lines, first.lines);
            }
        }
        free(whole);
    }
}

static void expect_refusal(const char *path, uint64_t offset, gd_status status, const char *sentence)
{
    gd_error err = { 0 };
    gd_sink *s;

    assert_int_equal(gd_sink_open_at(&s, path, NULL, 0, offset, &err), status);
    assert_null(s);
    assert_contains(err.text, sentence);
}

static void what_cannot_be_continued_is_refused(void **state)
{
    static const struct {
        const char *name, *sentence;
    } others[] = {
        { "a.gz", "by its name, the file should hold gzip, but it holds something else: it can't be continued" },
        { "a.zst", "by its name, the file should hold zstd, but it holds something else: it can't be continued" },
    };
    gd_error err = { 0 };
    gd_salvage kept;
    gd_sink *s;
    const char *inputs[2];
    unsigned char *packed;
    size_t n;

    (void)state;
    expect_refusal(temp_path("none"), 5, GD_EIO, "/none: No such file or directory");
    expect_refusal(temp_write("short", "abcd", 4), 5, GD_EIO,
                   "/short: the file has 4 bytes, at least 5 are expected to be there");
    expect_refusal("-", 5, GD_EUSAGE, "standard output: only a file can be continued");
    expect_refusal("/dev/null", 5, GD_EUSAGE, "/dev/null: only a file can be continued");
    for (size_t i = 0; i < 2; i++) {
        err = (gd_error){ 0 };
        assert_int_equal(gd_salvage_file(&kept, temp_write(others[i].name, "a line\n", 7), &err), GD_EFORMAT);
        assert_non_null(strstr(err.text, others[i].sentence));
    }
    packed = temp_gzip("a line\n", 7, &n);
    temp_write("b", packed, n);
    temp_write("c.zst", packed, n);
    free(packed);
    err = (gd_error){ 0 };
    assert_int_equal(gd_salvage_file(&kept, temp_path("b"), &err), GD_EFORMAT);
    assert_non_null(strstr(err.text, "/b: by its name, the file should hold plain text, but it holds gzip"));
    assert_int_equal(gd_salvage_file(&kept, temp_path("c.zst"), NULL), GD_EFORMAT);
    assert_int_equal(gd_salvage_file(&kept, temp_dir, NULL), GD_EIO);

    inputs[0] = temp_path("b"); /* any of the inputs */
    inputs[1] = temp_path("short");
    err = (gd_error){ 0 };
    assert_int_equal(gd_sink_open_at(&s, temp_path("short"), inputs, 2, 2, &err), GD_EUSAGE);
    assert_non_null(strstr(err.text, "/short: the output is the input file, another one is expected"));
    expect_bytes(temp_path("short"), "abcd", 4);
}

static void every_allocation_may_fail(void **state)
{
    static const char line[] = "a line\n";

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const char *path = temp_path(names[k]);
        gd_status rc = GD_ENOMEM;
        uint64_t fault;

        write_from(&(job){ 10, 5, 10, 0 }, path, 0, 0);
        for (fault = 1; rc; fault++) {
            gd_error err = { 0 };
            gd_salvage kept;
            gd_sink *s = NULL;

            gd_mem_fail_from(fault);
            rc = gd_salvage_file(&kept, path, &err);
            if (!rc)
                rc = gd_sink_open_at(&s, path, NULL, 0, kept.bytes, &err);
            for (int i = 0; !rc && i < 3; i++) {
                rc = gd_sink_write(s, line, sizeof line - 1, &err);
                rc = rc ? rc : gd_sink_cut(s, &err);
            }
            if (gd_sink_close(s, &err) && !rc)
                rc = err.status;
            gd_mem_fail_from(0);
            assert_int_equal(rc, err.status);
            assert_true(rc == GD_OK || rc == GD_ENOMEM);
            assert_int_equal(gd_mem_live(), 0);
        }
        assert_true(fault > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_can_be_continued_from_anywhere, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(flushes_do_not_show, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(what_was_cut_off_is_whole, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(files_that_hold_nothing_are_whole, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(what_follows_the_offset_is_cut_off, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(damage_ends_what_is_whole, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(what_cannot_be_continued_is_refused, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("records: resume", tests, NULL, NULL);
}
