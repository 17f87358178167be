/* test_entries_csv.c - CSV as in RFC 4180, and the errors for files that deviate from it. */
#include "tests/records/entries_seen.h"

#include "base/mem.h"

#define RULE "; a field that holds a comma, a quote or a line break must be in quotes\n"
#define AFTER(column) "the column \"" column "\" has text after its closing quote\n"
#define OPEN(column) "the quote that opens the column \"" column "\" is never closed"
#define BELOW "; the lines after it are read as separate rows\n"
#define CR(column) "the column \"" column "\" has a CR outside quotes that does not end a line\n"
#define UTF8 ": the file must be saved as UTF-8"

/* The RFC's own examples (section 2), with a header. */
static const rows_case rfc[] = {
    { "a.csv", "a,b,c\r\naaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", 0,
      "2 {\"a\":\"aaa\",\"b\":\"bbb\",\"c\":\"ccc\"}\n3 {\"a\":\"zzz\",\"b\":\"yyy\",\"c\":\"xxx\"}\n" },
    { "a.csv", "a,b,c\r\naaa,bbb,ccc\r\nzzz,yyy,xxx", 0,
      "2 {\"a\":\"aaa\",\"b\":\"bbb\",\"c\":\"ccc\"}\n3 {\"a\":\"zzz\",\"b\":\"yyy\",\"c\":\"xxx\"}\n" },
    { "a.csv", "a,b,c\r\n\"aaa\",\"bbb\",\"ccc\"\r\nzzz,yyy,xxx", 0,
      "2 {\"a\":\"aaa\",\"b\":\"bbb\",\"c\":\"ccc\"}\n3 {\"a\":\"zzz\",\"b\":\"yyy\",\"c\":\"xxx\"}\n" },
    { "a.csv", "a,b,c\r\n\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx", 0,
      "2 {\"a\":\"aaa\",\"b\":\"b\\r\\nbb\",\"c\":\"ccc\"}\n4 {\"a\":\"zzz\",\"b\":\"yyy\",\"c\":\"xxx\"}\n" },
    { "a.csv", "a,b,c\r\n\"aaa\",\"b\"\"bb\",\"ccc\"\r\n", 0, "2 {\"a\":\"aaa\",\"b\":\"b\\\"bb\",\"c\":\"ccc\"}\n" },
};

static const rows_case good[] = {
    { "a.csv", "a\nx\n", 0, "2 {\"a\":\"x\"}\n" },
    { "a.csv", "a", 0, "" },
    { "a.csv", "a\r\n", 0, "" },
    { "a.csv",
      "\xef\xbb\xbf"
      "a,b\n1,2\n",
      0, "2 {\"a\":\"1\",\"b\":\"2\"}\n" },
    { "a.csv", "\xef\xbb\xbf\"a\",b\n1,2\n", 0, "2 {\"a\":\"1\",\"b\":\"2\"}\n" },
    { "a.csv", "\n\na,b\n\n1,2\n\r\n\n3,4\n\n", 0, "5 {\"a\":\"1\",\"b\":\"2\"}\n8 {\"a\":\"3\",\"b\":\"4\"}\n" },
    { "a.csv", "a\n\"\"\n\n \n\t\n", 0, "2 {\"a\":\"\"}\n4 {\"a\":\" \"}\n5 {\"a\":\"\\t\"}\n" },
    { "a.csv", "a,b,c\n,,\n\"\",,\"\"\n", 0,
      "2 {\"a\":\"\",\"b\":\"\",\"c\":\"\"}\n3 {\"a\":\"\",\"b\":\"\",\"c\":\"\"}\n" },
    { "a.csv", "a,b\n\"\"\"\",\"\"\"\"\"\"\n", 0, "2 {\"a\":\"\\\"\",\"b\":\"\\\"\\\"\"}\n" },
    { "a.csv", "a,b\n\"x,y\", \"z\n", 0,
      "2 {\"a\":\"x,y\",\"b\":\" \\\"z\"}\n" }, /* a quote inside a field is an ordinary character */
    { "a.csv", "a,b\n5\" disk,x\"\"y\n", 0, "2 {\"a\":\"5\\\" disk\",\"b\":\"x\\\"\\\"y\"}\n" },
    { "a.csv", "a\n\"1\n\n2\"\n3\n", 0, "2 {\"a\":\"1\\n\\n2\"}\n5 {\"a\":\"3\"}\n" },
    { "a.csv", "a\n\"x\r\"\r\n", 0, "2 {\"a\":\"x\\r\"}\n" }, /* a CR in quotes is kept */
    { "a.csv", "a\nx\r", 0, "2 {\"a\":\"x\"}\n" },
    { "a.csv", "\"a\nb\",\"c\"\"d\"\n1,2\n", 0, "3 {\"a\\nb\":\"1\",\"c\\\"d\":\"2\"}\n" },
    { "a.csv", "a,b\nx\0y,\"\0\"\n", 12, "2 {\"a\":\"x\\u0000y\",\"b\":\"\\u0000\"}\n" },
    { "a.csv", "messages\n\"[{\"\"role\"\":\"\"user\"\"}]\"\n", 0,
      "2 {\"messages\":\"[{\\\"role\\\":\\\"user\\\"}]\"}\n" }, /* a list stays a string */
    { "A.CSV", "a;b\n1;2\n", 0, "2 {\"a;b\":\"1;2\"}\n" },
    { "a.tsv", "a\tb\n1\t2,3\n\"x\ty\"\t\"z\n\"\n", 0,
      "2 {\"a\":\"1\",\"b\":\"2,3\"}\n3 {\"a\":\"x\\ty\",\"b\":\"z\\n\"}\n" },
    { "a.tsv", "a\tb\n\t\n", 0, "2 {\"a\":\"\",\"b\":\"\"}\n" },
};

static const rows_case bad[] = {
    /* counts */
    { "a.csv", "a,b\n1\n1,2,3\n1,2\n", 0,
      "2 ! line 2: 1 field, but the header has 2 columns" RULE "3 ! line 3: 3 fields, but the header has 2 columns" RULE
      "4 {\"a\":\"1\",\"b\":\"2\"}\n" },
    { "a.csv", "a\n1,\n2\n", 0, "2 ! line 2: 2 fields, but the header has 1 column" RULE "3 {\"a\":\"2\"}\n" },
    { "a.tsv", "a\n1\t\n", 0,
      "2 ! line 2: 2 fields, but the header has 1 column; a field that holds a tab, a quote or a line break must be in "
      "quotes\n" },
    /* quotes */
    { "a.csv", "a,b\n1,\"x\"y\n2,z\n", 0, "2 ! line 2: " AFTER("b") "3 {\"a\":\"2\",\"b\":\"z\"}\n" },
    { "a.csv", "a\n\"x\"\"\" \n2\n", 0, "2 ! line 2: " AFTER("a") "3 {\"a\":\"2\"}\n" },
    { "a.csv", "a\n1,\"x\"y\n", 0, "2 ! line 2: field 2 has text after its closing quote\n" },
    { "a.csv", "a\n\"x\n\"y,\"z\"\n2\n", 0, "2 ! line 2: " AFTER("a") "4 {\"a\":\"2\"}\n" }, /* line 3 is part of it */
    { "a.csv", "a,b\n1,\"x\n2,y\n3,z", 0,
      "2 ! line 2: " OPEN("b") BELOW "3 {\"a\":\"2\",\"b\":\"y\"}\n4 {\"a\":\"3\",\"b\":\"z\"}\n" },
    { "a.csv", "a,b\n1,\"x\n2,\"\"\n3,y", 0,
      "2 ! line 2: " OPEN("b") BELOW "3 {\"a\":\"2\",\"b\":\"\"}\n4 {\"a\":\"3\",\"b\":\"y\"}\n" },
    { "a.csv", "a\n\"", 0, "2 ! line 2: " OPEN("a") "\n" },
    { "a.csv", "a\n1,\"\r\n2", 0, "2 ! line 2: a quote is opened and never closed" BELOW "3 {\"a\":\"2\"}\n" },
    /* line breaks */
    { "a.csv", "a,b\nx\ry,2\n3,4\r\r\n", 0, "2 ! line 2: " CR("a") "3 ! line 3: " CR("b") },
    /* characters */
    { "a.csv", "a,b\n1,caf\xe9\n2,x\n", 0,
      "2 ! line 2: byte 6 is not UTF-8, in the column \"b\"" UTF8 "\n3 {\"a\":\"2\",\"b\":\"x\"}\n" },
    { "a.csv", "a,b\n\"1\n2\n\",\"x\n\xc3\"\n", 0, "2 ! line 5: byte 1 is not UTF-8, in the column \"b\"" UTF8 "\n" },
    { "a.csv", "a\n1,\xff\n", 0, "2 ! line 2: byte 3 is not UTF-8" UTF8 "\n" },
    { "a.csv", "a\n\xff\n", 0, "2 ! line 2: byte 1 is not UTF-8, in the column \"a\"" UTF8 "\n" },
};

#define EMPTY ": the file is empty; expected a line that names the columns"
#define NAMELESS \
    " of the header has no name; every column must have one (pandas writes its index like this; use index=False)"

static const rows_case refused[] = {
    { "a.csv", "", 0, EMPTY },
    { "a.csv", "\xef\xbb\xbf\r\n\n", 0, EMPTY },
    { "a.csv", ",text\n0,x\n", 0, ", line 1: column 1" NAMELESS },
    { "a.csv", "\n\na,b,\n", 0, ", line 3: column 3" NAMELESS },
    { "a.csv", "a,b,\"a\"\n", 0, ", line 1: the header has two columns \"a\"" },
    { "a.csv", "a,\"b\"c\n", 0, ", line 1: column 2 of the header has text after its closing quote" },
    { "a.csv", "a,b\r1,2\r3,4\r", 0,
      ", line 1: column 2 of the header has a CR outside quotes that does not end a line" },
    { "a.csv", "a,\"b\n1,2\n", 0, ", line 1: the header: a quote is opened and never closed" },
    { "a.csv", "a,\"b", 0, ", line 1: the header: a quote is opened and never closed" },
    { "a.csv", "a,\xe9\n1,2\n", 0, ", line 1: byte 3 of the header is not UTF-8" UTF8 },
    { "a.csv", "a,b\0c\n1,2\n", 10, ", line 1: column 2 of the header has a NUL character in its name" },
    { "a.csv",
      "\xff\xfe"
      "a\0",
      4, ": the text is UTF-16; expected UTF-8" },
};

static void the_examples_of_the_rfc_are_read(void **state)
{
    (void)state;
    rows_expect(rfc, sizeof rfc / sizeof rfc[0]);
}

static void common_extensions_are_read(void **state)
{
    (void)state;
    rows_expect(good, sizeof good / sizeof good[0]);
}

static void bad_rows_get_their_message(void **state)
{
    (void)state;
    rows_expect(bad, sizeof bad / sizeof bad[0]);
    assert_int_equal(gd_mem_live(), 0);
}

static void bad_headers_are_refused(void **state)
{
    (void)state;
    rows_expect_refusal(refused, sizeof refused / sizeof refused[0], GD_EFORMAT);
    assert_int_equal(gd_mem_live(), 0);
}

/* The header and the raw text of the rows, joined, are the file except for line breaks. */
static void raw_rows_are_the_bytes_of_the_file(void **state)
{
    static const char file[] = "\xef\xbb\xbf\"a\",b\r\n1,\"x\ny\"\r\n\"\"\"\",\n3,\"q\"r\n4,\"open\n5,6";
    static const char wanted[] = "2 {\"a\":\"1\",\"b\":\"x\\ny\"}\n  <1,\"x\ny\">\n"
                                 "4 {\"a\":\"\\\"\",\"b\":\"\"}\n  <\"\"\"\",>\n"
                                 "5 ! line 5: " AFTER("b") "  <3,\"q\"r>\n"
                                                           "6 ! line 6: " OPEN("b") BELOW
        "  <4,\"open>\n"
        "7 {\"a\":\"5\",\"b\":\"6\"}\n  <5,6>\n";
    const char *path = temp_write("a.csv", file, sizeof file - 1);
    const gd_entries_options options = { .inputs = &path, .count = 1 };
    gd_entries *entries;
    char *seen;

    (void)state;
    assert_ok(rows_seen(&options, true, &seen, test_err));
    assert_string_equal(seen, wanted);
    free(seen);
    assert_ok(gd_entries_open(&entries, &options, test_err));
    assert_string_equal(gd_entries_header(entries), "\"a\",b");
    assert_int_equal(gd_entries_format(entries), GD_FORMAT_CSV);
    gd_entries_close(entries);
}

/* Each row but the last opens a quote that is never closed; the time must not be quadratic in the number of rows. */
static void quotes_that_are_never_closed_cost_no_more_than_lines(void **state)
{
    enum { ROWS = 200000 };
    static const char row[] = "x,\"\"y\"\"\n";
    char *file = malloc(ROWS * (sizeof row - 1) + 100);
    const char *path;
    size_t len = (size_t)sprintf(file, "a,b\n1,\"\n");
    bool more = true;
    gd_entries *entries;

    (void)state;
    for (size_t i = 0; i < ROWS; i++, len += sizeof row - 1)
        memcpy(file + len, row, sizeof row - 1);
    path = temp_write("a.csv", file, len);
    free(file);
    assert_ok(gd_entries_open(&entries, &(gd_entries_options){ .inputs = &path, .count = 1 }, test_err));
    for (uint64_t i = 0; i <= ROWS; i++) {
        gd_entry r;

        assert_ok(gd_entries_next(entries, &r, &more, test_err));
        assert_true(more);
        assert_int_equal(r.line, 2 + i);
        gd_entry_free(&r);
    }
    gd_entries_close(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_examples_of_the_rfc_are_read, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(common_extensions_are_read, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(bad_rows_get_their_message, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(bad_headers_are_refused, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(raw_rows_are_the_bytes_of_the_file, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(quotes_that_are_never_closed_cost_no_more_than_lines, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("records: CSV", tests, NULL, NULL);
}
