/* test_resume.c - an output that was interrupted, wherever that was, ends up byte for byte as if it had not been. */
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

struct job {
    uint64_t items, cut_every; /* a cut after this many items, counted from the first */
    size_t longest;
    uint32_t flushes; /* not 0: the seed of flushes and of portions; else none, and whole lines */
};

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

/* Where a run may begin again: after these bytes of the file, with this item. */
struct mark {
    uint64_t offset, item;
};

struct marks {
    struct mark at[400];
    size_t count;
};

/* Of a packed file, the cuts; of a plain one, the flushes. */
static void add_mark(struct marks *m, const gd_sink *s, uint64_t item)
{
    if (!m->count || m->at[m->count - 1].offset != gd_sink_offset(s))
        m->at[m->count++] = (struct mark){ gd_sink_offset(s), item };
}

/* Items from a mark on; `m` is NULL, or gets the marks. */
static void write_from(const struct job *j, const char *path, struct mark from, struct marks *m)
{
    char *line = malloc(j->longest + 100);
    uint32_t x = j->flushes;
    gd_sink *s;

    assert_ok(gd_sink_open_at(&s, path, NULL, 0, from.offset, test_err));
    assert_int_equal(gd_sink_offset(s), from.offset);
    for (uint64_t i = from.item; i < j->items; i++) {
        if (m)
            add_mark(m, s, i);
        write_line(s, line, make_line(line, j->longest + 100, i, j->longest), &x);
        if ((i + 1) % j->cut_every == 0)
            assert_ok(gd_sink_cut(s, test_err));
        if (m)
            assert_ok(gd_sink_flush(s, test_err));
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

static struct mark last_mark(const struct marks *m, size_t len)
{
    size_t i = m->count;

    while (m->at[--i].offset > len) /* the first one is 0 */
        ;
    return m->at[i];
}

/* The file is left with its first `len` bytes: what was whole can be read, and going on gives the whole. */
static void continue_from(const struct job *j, const struct marks *m, const char *path, const char *whole,
                          size_t whole_len, size_t len)
{
    const struct mark from = last_mark(m, len);
    char line[8192];
    uint64_t lines = 0;
    size_t text_len;
    char *text;

    temp_write(strrchr(path, '/') + 1, whole, from.offset);
    text = temp_read(path, &text_len);
    for (uint64_t i = 0; i < from.item; i++)
        lines += make_line(line, sizeof line, i, j->longest) > 0;
    assert_int_equal(lines_of(text, text_len), lines);
    assert_true(text_len == 0 || text[text_len - 1] == '\n');
    free(text);
    temp_write(strrchr(path, '/') + 1, whole, len);
    write_from(j, path, from, NULL);
    expect_bytes(path, whole, whole_len);
}

static void a_file_can_be_continued_from_anywhere(void **state)
{
    const struct job first = { .items = 36, .cut_every = 6, .longest = 80 };

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const char *path = temp_path(names[k]);
        struct marks m = { .count = 0 };
        size_t whole_len;
        char *whole;

        write_from(&first, path, (struct mark){ 0, 0 }, &m);
        whole = temp_bytes(path, &whole_len);
        assert_true(whole_len > 1000);
        for (size_t len = 0; len <= whole_len; len++) {
            struct job second = first;

            second.flushes = (uint32_t)len;
            continue_from(&second, &m, path, whole, whole_len, len);
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
        struct job j = { .items = 300, .cut_every = 100, .longest = 6000 };
        struct marks m = { .count = 0 };
        size_t len;
        char *whole;

        write_from(&j, path, (struct mark){ 0, 0 }, &m);
        whole = temp_bytes(path, &len);
        for (j.flushes = 1; j.flushes < 12; j.flushes++) {
            write_from(&j, path, (struct mark){ 0, 0 }, NULL);
            expect_bytes(path, whole, len);
        }
        for (size_t part = 0; part < 7; part++)
            continue_from(&j, &m, path, whole, len, len / 7 * part);
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
        uint64_t before;
        gd_sink *s;
        size_t len;
        char *text;

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
        text = temp_read(path, &len); /* while it is being written */
        assert_int_equal(len, sizeof line - 1);
        assert_memory_equal(text, line, len);
        free(text);
        assert_ok(gd_sink_write(s, block, sizeof block, test_err));
        assert_ok(gd_sink_cut(s, test_err));
        assert_ok(gd_sink_close(s, test_err));
        text = temp_read(path, &len);
        assert_int_equal(lines_of(text, len), 1 + sizeof block);
        free(text);
    }
}

static void files_that_hold_nothing_are_whole(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const char *path = temp_path(names[k]);
        struct stat sb;
        gd_sink *s;
        size_t len;
        char *text;

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
        expect_bytes(temp_path("out"), "abcd", 4); /* the run may still fail before it writes */
        assert_ok(gd_sink_close(s, test_err));
        expect_bytes(temp_path("out"), "abcd", len);
    }
}

/* What a file had goes with the first byte that is written, not before. */
static void a_file_keeps_what_it_has_until_it_is_written(void **state)
{
    gd_sink *s;

    (void)state;
    for (int flushed = 0; flushed < 2; flushed++) {
        temp_write("out", "abcd", 4);
        assert_ok(gd_sink_open_at(&s, temp_path("out"), NULL, 0, 2, test_err));
        assert_false(gd_sink_used(s));
        assert_ok(gd_sink_flush(s, test_err));
        assert_ok(gd_sink_write(s, "e", 1, test_err));
        assert_true(gd_sink_used(s));
        expect_bytes(temp_path("out"), "abcd", 4);
        if (flushed) {
            assert_ok(gd_sink_flush(s, test_err));
            expect_bytes(temp_path("out"), "abe", 3);
        }
        assert_true(gd_sink_take_back(s, 2));
        assert_ok(gd_sink_close(s, test_err));
        expect_bytes(temp_path("out"), "abcd", flushed ? 2 : 4);
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
    gd_error err = { 0 };
    const char *inputs[2];
    gd_sink *s;

    (void)state;
    expect_refusal(temp_path("none"), 5, GD_EIO, "/none: No such file or directory");
    expect_refusal(temp_write("short", "abcd", 4), 5, GD_EIO, "/short: the file has 4 bytes; expected at least 5");
    expect_refusal("-", 5, GD_EUSAGE, "standard output: only a regular file can be resumed");
    expect_refusal("/dev/null", 5, GD_EUSAGE, "/dev/null: only a regular file can be resumed");
    inputs[0] = temp_write("b", "a line\n", 7); /* any of the inputs */
    inputs[1] = temp_path("short");
    assert_int_equal(gd_sink_open_at(&s, temp_path("short"), inputs, 2, 2, &err), GD_EUSAGE);
    assert_non_null(strstr(err.text, "/short: the output is the input file; choose another one"));
    expect_bytes(temp_path("short"), "abcd", 4);
}

/* Two runs on one output: the second leaves it as it is. */
static void a_file_is_written_once_at_a_time(void **state)
{
    gd_sink *first, *again;

    (void)state;
    for (uint64_t offset = 0; offset < 3; offset += 2) {
        temp_write("out", "abcd", 4);
        assert_ok(gd_sink_open_at(&first, temp_path("out"), NULL, 0, 4, test_err));
        expect_refusal(temp_path("out"), offset, GD_EIO, "/out: another run is writing to this file");
        expect_bytes(temp_path("out"), "abcd", 4);
        assert_ok(gd_sink_close(first, test_err));
        assert_ok(gd_sink_open_at(&again, temp_path("out"), NULL, 0, offset, test_err));
        assert_ok(gd_sink_close(again, test_err));
    }
    assert_ok(gd_sink_open_at(&first, "/dev/null", NULL, 0, 0, test_err));
    assert_ok(gd_sink_open_at(&again, "/dev/null", NULL, 0, 0, test_err));
    assert_ok(gd_sink_close(first, test_err));
    assert_ok(gd_sink_close(again, test_err));
}

static void every_allocation_may_fail(void **state)
{
    static const char line[] = "a line\n";

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const char *path = temp_path(names[k]);
        gd_status rc = GD_ENOMEM;
        struct stat sb;
        uint64_t fault;

        write_from(&(struct job){ 10, 5, 10, 0 }, path, (struct mark){ 0, 0 }, NULL);
        assert_int_equal(stat(path, &sb), 0);
        for (fault = 1; rc; fault++) {
            gd_error err = { 0 };
            gd_sink *s = NULL;

            gd_mem_fail_from(fault);
            rc = gd_sink_open_at(&s, path, NULL, 0, (uint64_t)sb.st_size, &err);
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
        assert_true(fault > 2);
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
        cmocka_unit_test_setup_teardown(a_file_keeps_what_it_has_until_it_is_written, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(what_cannot_be_continued_is_refused, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_file_is_written_once_at_a_time, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("records: resume", tests, NULL, NULL);
}
