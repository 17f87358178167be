/* test_entries_hostile.c - whatever the bytes and the portions they come in: the same rows, in bounded memory. */
#include "tests/records/entries_seen.h"

#include "base/mem.h"

#include <sys/resource.h>

/* Small files with everything in them that the end of a portion may split. */
static const struct document {
    const char *name, *text;
} documents[] = {
    { "a.jsonl", "\xef\xbb\xbf{\"text\":\"caf\xc3\xa9\"}\r\n \n{\"a\":\"x\xe9\"}\r\n[1]\n\n{\"b\":{\"c\":[1,\"]\"]}}" },
    { "a.csv", "\xef\xbb\xbf\"a\",b\r\n1,\"x \"\"y\"\"\r\nz\"\r\n\n3\n\"q\"r,s\ncaf\xc3\xa9,\r\n4,\"open\n5,\"\"\n6,"
               "7" },
    { "a.tsv", "a\tb\n\"\t\"\t\n\"1\"\"\"\t\"\n\n\"\n2\t3\t4\n" },
    { "a.json", "\xef\xbb\xbf \r\n[ {\"a\":\"\\\"],\\\\\"} ,\n\n{\"b\":[1}, {\"c\":{\"d\":[[],{}]}}\t,x,, "
                "{\"e\":\"f\ng\xff\"} ,] [" },
    { "a", "\n {\"a\":1}\n[2]\n{\"b\":\"\xf0\x9f\x98\x80\"}\n" },
    { "a.txt", "a\r\n\xef\xbb\xbf"
               "b\n\n c\rd \xf0\x9f\x98\x80\n\xff\n\xe2\x82" },
};
enum { DOCUMENTS = sizeof documents / sizeof documents[0] };

/* The rows and the final status. */
static char *see(const char *name, const void *bytes, size_t len)
{
    gd_error err = { 0 };
    char *seen, *whole;

    if (rows_of(name, bytes, len, &seen, &err) == GD_OK)
        return seen;
    whole = malloc(strlen(seen) + sizeof err.text);
    (void)sprintf(whole, "%s%s", seen, err.text);
    free(seen);
    return whole;
}

/* Chooses the portions by packing the input in members of these lengths. */
static void expect_in_portions(const char *name, const char *text, size_t len, const size_t *cuts, size_t count,
                               const char *wanted)
{
    const size_t way = len % 2;
    size_t n;
    unsigned char *packed = temp_members(temp_packers[way], text, len, cuts, count, &n);
    char *seen = see(name, packed, n);

    assert_string_equal(seen, wanted);
    free(seen);
    free(packed);
}

static void portions_do_not_matter(void **state)
{
    (void)state;
    for (size_t d = 0; d < DOCUMENTS; d++) {
        const char *text = documents[d].text;
        const size_t len = strlen(text);
        char *wanted = see(documents[d].name, text, len);
        size_t *cuts = malloc(len * sizeof *cuts);

        assert_true(strlen(wanted) > 20);
        for (size_t a = 0; a <= len; a++)
            for (size_t b = a; b <= len && b < a + 4; b++)
                expect_in_portions(documents[d].name, text, len, (size_t[]){ a, b }, 2, wanted);
        for (size_t i = 0; i + 1 < len; i++)
            cuts[i] = i + 1;
        expect_in_portions(documents[d].name, text, len, cuts, len - 1, wanted);
        free(cuts);
        free(wanted);
    }
    assert_int_equal(gd_mem_live(), 0);
}

static uint32_t next_random(uint32_t *x)
{
    *x = *x * 1664525u + 1013904223u;
    return *x >> 8;
}

/* Changes, inserts, removes and repeats bytes. */
static size_t mutate(char *text, size_t len, uint32_t *x)
{
    static const char bytes[] = "\"\"\",\t\n\n\r[]{}:\\ax1\xff\xc3\xef\0";

    for (uint32_t n = 1 + next_random(x) % 4; n > 0 && len > 4; n--) {
        const size_t at = next_random(x) % len, some = next_random(x) % (len - at), kind = next_random(x) % 4;

        if (kind == 0) {
            text[at] = bytes[next_random(x) % sizeof bytes];
        } else if (kind == 1) {
            memmove(text + at + 1, text + at, len++ - at);
            text[at] = bytes[next_random(x) % sizeof bytes];
        } else if (kind == 2) {
            memmove(text + at, text + at + 1, --len - at);
        } else {
            memmove(text + at + some, text + at, len - at);
            len += some;
        }
    }
    return len;
}

static void mutations_do_no_harm(void **state)
{
    enum { ROUNDS = 3000, ROOM = 8192 };
    static char text[ROOM];
    uint32_t x = 1;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        const struct document *d = &documents[next_random(&x) % DOCUMENTS];
        size_t len = strlen(d->text), cuts[4];
        char *wanted;

        memcpy(text, d->text, len);
        len = mutate(text, len, &x);
        assert_true(len < ROOM);
        wanted = see(d->name, text, len);
        for (size_t i = 0, from = 0; i < 4; i++)
            cuts[i] = from += next_random(&x) % (len - from + 1);
        expect_in_portions(d->name, text, len, cuts, 4, wanted);
        free(wanted);
    }
    assert_int_equal(gd_mem_live(), 0);
}

/* Writes a file with a MiB of text a hundred times between a beginning and an end, as one frame each, so that the whole
 * is never in memory. */
static const char *write_long(const char *name, const char *begin, const char *mib, const char *end)
{
    unsigned char *parts[3], *file;
    size_t n[3], len = 0;
    const char *path;

    parts[0] = temp_zstd(begin, strlen(begin), &n[0]);
    parts[1] = temp_zstd(mib, 1 << 20, &n[1]);
    parts[2] = temp_zstd(end, strlen(end), &n[2]);
    file = malloc(n[0] + 100 * n[1] + n[2]);
    assert_non_null(file);
    for (size_t i = 0; i < 102; i++) {
        const size_t part = i == 0 ? 0 : i == 101 ? 2 : 1;

        memcpy(file + len, parts[part], n[part]);
        len += n[part];
    }
    path = temp_write(name, file, len);
    for (size_t i = 0; i < 3; i++)
        free(parts[i]);
    free(file);
    return path;
}

static long peak_mib(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss / 1024;
}

#define TOO_LONG "more than 16777216 bytes; an item may have at most 16 MiB\n"

static void items_of_100_mib_are_one_problem(void **state)
{
    static const struct {
        const char *name, *begin, *end, *wanted;
        char fill;
    } cases[] = {
        { "a.jsonl", "{\"a\":1}\n{\"text\":\"", "\"}\n{\"b\":2}\n",
          "1 {\"a\":1}\n2 ! line 2: " TOO_LONG "3 {\"b\":2}\n", 'x' },
        { "a.json", "[{\"a\":1}, {\"text\":\"", "\"},\n{\"b\":2}]",
          "1 {\"a\":1}\n1 ! line 1: " TOO_LONG "2 {\"b\":2}\n", 'x' },
        { "a.json", "[{\"a\":1}, {\"text\":\"", "\"},\n{\"b\":2}]",
          "1 {\"a\":1}\n1 ! line 1: " TOO_LONG "104857602 {\"b\":2}\n", '\n' },
        { "a.json", "[{\"a\":1}, ", "\n{\"b\":2}]", "1 {\"a\":1}\n2 {\"b\":2}\n", ' ' }, /* between elements */
        { "a.csv", "a,b\n1,2\n3,", "\n5,6\n",
          "2 {\"a\":\"1\",\"b\":\"2\"}\n3 ! line 3: " TOO_LONG "4 {\"a\":\"5\",\"b\":\"6\"}\n", 'x' },
        { "a.csv", "a,b\n1,2\n3,\"", "\n5,6\n",
          "2 {\"a\":\"1\",\"b\":\"2\"}\n3 ! line 3: " TOO_LONG "4 {\"a\":\"5\",\"b\":\"6\"}\n",
          'x' }, /* a quote that is never closed */
        { "a.csv", "a,b\n1,2\n3,\"4", "\n5,6\n",
          "2 {\"a\":\"1\",\"b\":\"2\"}\n3 ! line 3: the quote that opens the column \"b\" is never closed; the lines "
          "after it are read as separate rows\n104857604 {\"a\":\"5\",\"b\":\"6\"}\n",
          '\n' },
        { "a.txt", "a\n", "\nb\n", "1 {\"text\":\"a\"}\n2 ! line 2: " TOO_LONG "3 {\"text\":\"b\"}\n", 'x' },
    };
    char *mib = malloc(1 << 20);
    const long before = peak_mib();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path;
        char *seen;

        memset(mib, cases[i].fill, 1 << 20);
        path = write_long(cases[i].name, cases[i].begin, mib, cases[i].end);
        assert_ok(rows_seen(&(gd_entries_options){ .inputs = &path, .count = 1 }, false, &seen, test_err));
        assert_string_equal(seen, cases[i].wanted);
        free(seen);
    }
    free(mib);
    if (!SANITIZED && peak_mib() - before > 72)
        fail_msg("%ld MiB more than before", peak_mib() - before);
}

/* The longest item allowed, and one byte more; in CSV, with the longest line break and the shortest. */
static void items_of_16_mib_are_read(void **state)
{
    enum { MOST = 16 << 20 };
    static const struct {
        const char *name, *begin, *end;
    } cases[] = {
        { "a.jsonl", "{\"a\":\"", "\"}" }, { "a.csv", "\"", "\"" }, { "a.csv", "", "" }, { "a.txt", "", "" },
        { "a.json", "{\"a\":\"", "\"}" },
    };
    char *file = malloc(MOST + 100);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bool csv = strstr(cases[i].name, ".csv"), array = strcmp(cases[i].name, "a.json") == 0;
        const size_t begin = strlen(cases[i].begin), end = strlen(cases[i].end);

        for (size_t more = 0; more < (i == 0 ? 4 : 2); more++) { /* up to what a line break would take */
            const size_t fill = MOST + more - begin - end;
            size_t len = (size_t)sprintf(file, "%s%s", csv ? "a\r\n" : array ? "[" : "", cases[i].begin);
            const char *path;
            gd_entries *entries;
            gd_entry entry;
            bool has;

            memset(file + len, 'x', fill);
            len += fill;
            len += (size_t)sprintf(file + len, "%s%s", cases[i].end,
                                   csv     ? (more ? "\nb\n" : "\r\nb\n")
                                   : array ? ",{\"a\":\"b\"}]"
                                           : "\r\n{\"a\":\"b\"}\n");
            path = temp_write(cases[i].name, file, len);
            assert_ok(gd_entries_open(&entries, &(gd_entries_options){ .inputs = &path, .count = 1 }, test_err));
            assert_ok(gd_entries_next(entries, &entry, &has, test_err));
            assert_int_equal(entry.problem != NULL, more > 0);
            assert_int_equal(entry.raw_len, more ? 0 : MOST);
            gd_entry_free(&entry);
            assert_ok(gd_entries_next(entries, &entry, &has, test_err));
            assert_true(has && !entry.problem);
            assert_int_equal(entry.line, csv ? 3 : array ? 1 : 2);
            gd_entry_free(&entry);
            assert_ok(gd_entries_next(entries, &entry, &has, test_err));
            assert_false(has);
            gd_entries_close(entries);
        }
    }
    free(file);
}

static void *counted_alloc(size_t bytes) { return gd_alloc(bytes, 1); }

static gd_status read_all(const gd_entries_options *options, gd_error *err)
{
    gd_entries *entries;
    bool more = true;
    gd_status rc = gd_entries_open(&entries, options, err);

    while (!rc && more) {
        gd_entry entry;

        rc = gd_entries_next(entries, &entry, &more, err);
        gd_entry_free(&entry);
    }
    gd_entries_close(entries);
    return rc;
}

/* Lets each allocation fail in turn, including those of the JSON library. */
static void every_allocation_may_fail(void **state)
{
    json_malloc_t old_malloc;
    json_free_t old_free;

    (void)state;
    json_get_alloc_funcs(&old_malloc, &old_free);
    json_set_alloc_funcs(counted_alloc, gd_free);
    for (size_t d = 0; d < DOCUMENTS; d++) {
        const char *text = documents[d].text, *inputs[2];
        gd_status rc = GD_ENOMEM;
        uint64_t fault;
        size_t n;
        unsigned char *packed = temp_members(temp_gzip, text, strlen(text), (size_t[]){ strlen(text) / 2 }, 1, &n);
        char pattern[400];

        temp_write(documents[d].name, packed, n);
        (void)snprintf(pattern, sizeof pattern, "%s/%s?", temp_dir, documents[d].name);
        pattern[strlen(pattern) - 2] = '?';
        pattern[strlen(pattern) - 1] = '\0';
        inputs[0] = temp_path(documents[d].name);
        inputs[1] = pattern;
        for (fault = 1; rc; fault++) {
            const gd_entries_options options = { .inputs = inputs,
                                                 .count = 2,
                                                 .fields = strchr(documents[d].name, 'v') ? "text=a,chosen=b"
                                                                                          : "prompt=text" };
            gd_error err = { 0 };

            gd_mem_fail_from(fault);
            rc = read_all(&options, &err);
            gd_mem_fail_from(0);
            if (rc && rc != GD_ENOMEM)
                fail_msg("%s", err.text);
            assert_int_equal(err.status, rc);
            assert_int_equal(gd_mem_live(), 0);
        }
        assert_true(fault > 20);
        free(packed);
    }
    json_set_alloc_funcs(old_malloc, old_free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(portions_do_not_matter, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(mutations_do_no_harm, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(items_of_100_mib_are_one_problem, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(items_of_16_mib_are_read, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("records: hostile rows", tests, NULL, NULL);
}
