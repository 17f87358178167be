/* test_entries_json.c - JSON lines, JSON arrays and plain text. */
#include "tests/records/entries_seen.h"

#include "base/mem.h"

#define UTF8 ": the file must be saved as UTF-8\n"
#define CUT "the file ends inside the array: ']' is expected; was the file truncated?\n"
#define INSIDE                                                                                            \
    "the file ends inside the element that begins here: a quote or a bracket is not closed, or the file " \
    "was truncated\n"
#define FOLLOWS "something follows the end of the array; a file can only hold one array\n"

static const rows_case lines[] = {
    { "a.jsonl", "", 0, "" },
    { "a.jsonl", "\n \t\n\r\n", 0, "" },
    { "a.jsonl", "\xef\xbb\xbf{\"text\":\"a\"}\r\n\n{\"n\":12345678901234567890}\n{}", 0,
      "1 {\"text\":\"a\"}\n3 {\"n\":1.2345678901234567e19}\n4 {}\n" },
    { "a.ndjson", " {\"a\":[1,{\"b\":\"\\u0000\"}]} \n", 0, "1 {\"a\":[1,{\"b\":\"\\u0000\"}]}\n" },
    { "a.jsonl", "[{\"a\":1}]\n7\n\"x\"\nnull\n", 0,
      "1 ! line 1: a list; expected an object\n2 ! line 2: a number; expected an object\n"
      "3 ! line 3: a string; expected an object\n4 ! line 4: null; expected an object\n" },
    { "a.jsonl", "{\"a\":1\n{\"a\":1}x\n{\"a\":1,\"a\":2}\n{\"a\":2}", 0,
      "1 ! line 1: not valid JSON: it ends at column 7, where ',' or '}' is expected\n"
      "2 ! line 2: not valid JSON at column 8: the end of the text is expected\n"
      "3 ! line 3: the field \"a\" appears twice\n4 {\"a\":2}\n" },
    { "a.jsonl", "{\"a\":\"x\0\"}\n{\"b\":1}", 18,
      "1 ! line 1: not valid JSON at column 8: an escape sequence for a control character is expected\n2 {\"b\":1}\n" },
    /* which byte, and in which field */
    { "a.jsonl", "{\"text\":\"caf\xe9\"}", 0, "1 ! line 1: byte 13 is not UTF-8, in the field \"text\"" UTF8 },
    { "a.jsonl", "{\"a\":{\"x\":1},\"b\":[\"c\",{\"d\":\"\xff\"}]}", 0,
      "1 ! line 1: byte 29 is not UTF-8, in the field \"b\"" UTF8 },
    { "a.jsonl", "{\"a\":\"\\\"},\\\\\",\"b\\\"\":\"\xff\"}", 0,
      "1 ! line 1: byte 22 is not UTF-8, in the field \"b\\\"\"" UTF8 },
    { "a.jsonl", "{\"\xff\":1}", 0, "1 ! line 1: byte 3 is not UTF-8" UTF8 },
    { "a.jsonl", "{\"a\":1,\xff", 0, "1 ! line 1: byte 8 is not UTF-8" UTF8 },
    { "a.jsonl", "\xff", 0, "1 ! line 1: byte 1 is not UTF-8" UTF8 },
    { "a.jsonl", "[\"a\",\"\xff\"]", 0, "1 ! line 1: byte 7 is not UTF-8" UTF8 },
    { "a.jsonl", "{\"a\":\"\xe2\x82", 0, "1 ! line 1: byte 7 is not UTF-8, in the field \"a\"" UTF8 },
};

static const rows_case arrays[] = {
    { "a.json", "[]", 0, "" },
    { "a.json", " \n[ \n ] \n", 0, "" },
    { "a.json", "\xef\xbb\xbf[{\"a\":1}]", 0, "1 {\"a\":1}\n" },
    { "a.json", "[{\"a\":1},{\"a\":2}]", 0, "1 {\"a\":1}\n1 {\"a\":2}\n" },
    { "a.json", "[\n  {\n    \"a\": \"x\\ny\"\n  }\n  ,\n\n  {}\r\n]\n", 0, "2 {\"a\":\"x\\ny\"}\n7 {}\n" },
    { "a.json", "[{\"a\":\"],[{\\\"\\\\\"},{\"b\":[[],[{}]]}]", 0,
      "1 {\"a\":\"],[{\\\"\\\\\"}\n1 {\"b\":[[],[{}]]}\n" },
    { "a.json", "[[{}],[[]], 1 ,\"x\",null]", 0,
      "1 ! line 1: a list; expected an object\n1 ! line 1: a list; expected an object\n"
      "1 ! line 1: a number; expected an object\n1 ! line 1: a string; expected an object\n"
      "1 ! line 1: null; expected an object\n" },
    /* a bad element: the next one is found */
    { "a.json", "[{\"a\":},\n{\"b\":1}]", 0,
      "1 ! line 1: not valid JSON at column 6 of the element: a value is expected\n"
      "2 {\"b\":1}\n" },
    { "a.json", "[\n {\n \"a\":\n x},{\"b\":1}]", 0,
      "2 ! line 4: not valid JSON at column 2: a value is expected\n4 {\"b\":1}\n" },
    { "a.json", "[{}{},{}]", 0,
      "1 ! line 1: not valid JSON at column 3 of the element: the end of the text is expected\n1 {}\n" },
    { "a.json", "[{\"a\":\"x\ny\"},{}]", 0,
      "1 ! line 1: not valid JSON at column 8 of the element: an escape sequence for a control character is "
      "expected\n2 {}\n" },
    { "a.json", "[{\"a\":[1},{\"b\":2]},{\"c\":[{3},4]},{}]", 0,
      "1 ! line 1: not valid JSON at column 8 of the element: ',' or ']' is expected\n"
      "1 ! line 1: not valid JSON at column 7 of the element: ',' or '}' is expected\n"
      "1 ! line 1: not valid JSON at column 8 of the element: a field's name in quotes is expected\n1 {}\n" },
    { "a.json", "[{\"a\":1},}{\"b\":2},{}]", 0,
      "1 {\"a\":1}\n1 ! line 1: not valid JSON at column 1 of the element: a value is expected\n1 {}\n" },
    { "a.json", "[{\"a\":1,\"a\":2},{\"a\":\"\xff\"},\n{\n\"b\":\"\xff\"}]", 0,
      "1 ! line 1: the field \"a\" appears twice\n"
      "1 ! line 1: byte 7 of the element is not UTF-8, in the field \"a\"" UTF8
      "2 ! line 3: byte 6 is not UTF-8, in the field \"b\"" UTF8 },
    /* commas */
    { "a.json", "[{},]", 0, "1 {}\n1 ! line 1: an element is missing after ','\n" },
    { "a.json", "[,\n{}]", 0, "1 ! line 1: an element is missing before ','\n2 {}\n" },
    { "a.json", "[{},\n,{}]", 0, "1 {}\n2 ! line 2: an element is missing before ','\n2 {}\n" },
    { "a.json", "[,]", 0,
      "1 ! line 1: an element is missing before ','\n1 ! line 1: an element is missing after ','\n" },
    /* the end */
    { "a.json", "[", 0, "1 ! line 1: " CUT },
    { "a.json", "[{},\n", 0, "1 {}\n2 ! line 2: " CUT },
    { "a.json", "[{}\n", 0, "1 {}\n2 ! line 2: " CUT },
    { "a.json", "[{}\n,{\"a\":\n\"b", 0, "1 {}\n2 ! line 2: " INSIDE },
    { "a.json", "[{}\n,{\"a\":1]", 0, "1 {}\n2 ! line 2: " INSIDE },
    { "a.json", "[{\"a\":1,{\"b\":2},{\"c\":3}]\n", 0, "1 ! line 1: " INSIDE },
    { "a.json", "[{}] x", 0, "1 {}\n1 ! line 1: " FOLLOWS },
    { "a.json", "[{}]\n[{}]\n", 0, "1 {}\n2 ! line 2: " FOLLOWS },
    { "a.json", "[]]", 0, "1 ! line 1: " FOLLOWS },
    { "a.json", "[],", 0, "1 ! line 1: " FOLLOWS },
};

static const rows_case texts[] = {
    { "a.txt",
      "\xef\xbb\xbf"
      "a b\r\n\n \n {\"text\":1} \nx\0y\n",
      27, "1 {\"text\":\"a b\"}\n4 {\"text\":\" {\\\"text\\\":1} \"}\n5 {\"text\":\"x\\u0000y\"}\n" },
    { "a.txt", "abc\xff\nd", 0, "1 ! line 1: byte 4 is not UTF-8" UTF8 "2 {\"text\":\"d\"}\n" },
    { "a.txt", "[1]\n\"a\",b\n", 0, "1 {\"text\":\"[1]\"}\n2 {\"text\":\"\\\"a\\\",b\"}\n" },
};

/* By the name or, if that says nothing, by the first byte that is not a blank. */
static const rows_case formats[] = {
    { "x.json", "{\"a\":1}\n{\"a\":2}\n", 0, "1 {\"a\":1}\n2 {\"a\":2}\n" },
    { "x.json", "\n \n[\n{\"a\":1}]\n", 0, "4 {\"a\":1}\n" },
    { "x.json", "", 0, "" },
    { "x.json", " \n ", 0, "" },
    { "x", "[{\"a\":1}]", 0, "1 {\"a\":1}\n" },
    { "x", "\n\n{\"a\":1}", 0, "3 {\"a\":1}\n" },
    { "x.data", "a,b\n", 0,
      "1 ! line 1: not valid JSON at column 1: a value is expected (is it another format? --format text, csv or "
      "tsv)\n" },
    { "x.Jsonl", "[]\n", 0, "1 ! line 1: a list; expected an object\n" },
    { "csv", "[]", 0, "" },
    { "x.csv.gz", "a\nb\n", 0, "2 {\"a\":\"b\"}\n" }, /* only the bytes tell whether a file is packed */
    { "x.tsv.zst", "a\tb\n1\t2\n", 0, "2 {\"a\":\"1\",\"b\":\"2\"}\n" },
    { "x.csv.bak", "{}", 0, "1 {}\n" },
    { "x.gz", "{}", 0, "1 {}\n" },
};

#define ROWS_TEST(name, cases)                              \
    static void name(void **state)                          \
    {                                                       \
        (void)state;                                        \
        rows_expect(cases, sizeof cases / sizeof cases[0]); \
        assert_int_equal(gd_mem_live(), 0);                 \
    }

ROWS_TEST(each_line_is_an_item, lines)
ROWS_TEST(each_element_of_an_array_is_an_item, arrays)
ROWS_TEST(each_line_of_text_is_an_item, texts)
ROWS_TEST(formats_are_told_by_names, formats)

static void a_format_can_be_asked_for(void **state)
{
    static const struct {
        gd_format format;
        const char *wanted;
    } cases[] = {
        { GD_FORMAT_AUTO, "1 {\"text\":\"[{},\"}\n2 {\"text\":\"{}]\"}\n" },
        { GD_FORMAT_TEXT, "1 {\"text\":\"[{},\"}\n2 {\"text\":\"{}]\"}\n" },
        { GD_FORMAT_JSON, "1 {}\n2 {}\n" },
        { GD_FORMAT_JSONL, "1 ! line 1: a list; expected an object\n" },
        { GD_FORMAT_CSV, "2 ! line 2: 1 field, but the header has 2 columns; a field that holds a comma, a quote or a "
                         "line break must be in quotes\n" },
        { GD_FORMAT_TSV, "2 {\"[{},x\":\"{}]\"}\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bool table = cases[i].format == GD_FORMAT_CSV || cases[i].format == GD_FORMAT_TSV;
        const char *file = table ? "[{},x\n{}]\n" : cases[i].format == GD_FORMAT_JSONL ? "[{},{}]\n" : "[{},\n{}]\n";
        const char *path = temp_write("a.txt", file, strlen(file));
        char *seen;

        assert_ok(rows_seen(&(gd_entries_options){ .inputs = &path, .count = 1, .format = cases[i].format }, false,
                            &seen, test_err));
        assert_string_equal(seen, cases[i].wanted);
        free(seen);
    }
}

/* Not even the element that looks like an item is read. */
static void an_object_over_lines_is_refused(void **state)
{
#define OVER_LINES                                                                                                    \
    ": the JSON that begins here goes over several lines; an object on each line or an array of objects is expected " \
    "(jq -c . writes an object on each line; jq .data takes out an array named \"data\")"
    static const rows_case cases[] = {
        { "a.json", "{\n \"data\": [\n  {\"text\":\"a\"},\n  {\"text\":\"b\"}\n ]\n}\n", 0, OVER_LINES },
        { "a.json", "{\"data\":[\n{\"text\":\"a\"}\n]}", 0, OVER_LINES },
        { "a.jsonl", "{\n\"text\": \"a\"\n}\n{\n\"text\": \"b\"\n}\n", 0, OVER_LINES },
        { "a.json", "\n  \n\t{ \r\n\"text\": \"a\"\r\n}", 0, OVER_LINES },
        { "a.json", "\xef\xbb\xbf{\n\"text\":\"a\"}", 0, OVER_LINES },
        { "a.json", "{\"text\":\"a\",\n\"id\":\n1}", 0, OVER_LINES },
        { "a.json", "{\"text\":\n\"a\"}", 0, OVER_LINES },
        { "a.jsonl", "[\n{\"text\":\"a\"}\n]", 0, OVER_LINES },
    };

    (void)state;
    rows_expect_refusal(cases, sizeof cases / sizeof cases[0], GD_EFORMAT);
}

/* What only looks like it is an item with a problem, or a good one. */
static void a_bad_first_line_is_an_item(void **state)
{
    static const rows_case cases[] = {
        { "a.jsonl", "{\"text\":\"a,\n{\"text\":\"b\"}", 0,
          "1 ! line 1: not valid JSON: it ends at column 12, where the end of a string is expected\n2 "
          "{\"text\":\"b\"}\n" },
        { "a.jsonl", "{\"text\":\"a\"\n{\"text\":\"b\"}", 0,
          "1 ! line 1: not valid JSON: it ends at column 12, where ',' or '}' is expected\n2 {\"text\":\"b\"}\n" },
        { "a.jsonl", "{\"text\":\"a\",", 0,
          "1 ! line 1: not valid JSON: it ends at column 13, where a field's name in quotes is expected\n" },
        { "a.jsonl", "{\"text\":\"{\"}\n{\"text\":\n", 0,
          "1 {\"text\":\"{\"}\n2 ! line 2: not valid JSON: it ends at column 9, where a value is expected\n" },
        { "a.json", "{", 0,
          "1 ! line 1: not valid JSON: it ends at column 2, where a field's name in quotes is expected\n" },
    };

    (void)state;
    rows_expect(cases, sizeof cases / sizeof cases[0]);
}

static void raw_elements_are_the_bytes_of_the_file(void **state)
{
    static const char file[] = "[ {\"a\":1 } ,\n{\n} , x y ,]";
    const char *path = temp_write("a.json", file, sizeof file - 1);
    char *seen;

    (void)state;
    assert_ok(rows_seen(&(gd_entries_options){ .inputs = &path, .count = 1 }, true, &seen, test_err));
    assert_string_equal(seen, "1 {\"a\":1}\n  <{\"a\":1 }>\n2 {}\n  <{\n}>\n"
                              "3 ! line 3: not valid JSON at column 1 of the element: a value is expected\n  <x y>\n"
                              "3 ! line 3: an element is missing after ','\n  <>\n");
    free(seen);
}

/* Deeper than the JSON library's limit, and than the recorded kinds of brackets. */
static void depth_bombs_are_one_bad_element(void **state)
{
    static const size_t depths[] = { 513, 2100, 4095, 4096, 4097, 100000 };

    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        const size_t n = depths[i];
        char *file = malloc(2 * n + 100), *seen;
        size_t len = (size_t)sprintf(file, "[{\"a\":");

        memset(file + len, '[', n);
        memset(file + len + n, ']', n);
        len += 2 * n;
        len += (size_t)sprintf(file + len, "},\n{\"b\":1}]");
        assert_ok(rows_of("a.json", file, len, &seen, test_err));
        assert_non_null(strstr(seen, "nested deeper than 512 levels"));
        assert_non_null(strstr(seen, "\n2 {\"b\":1}\n"));
        free(seen);
        free(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_line_is_an_item, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(each_element_of_an_array_is_an_item, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(each_line_of_text_is_an_item, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(formats_are_told_by_names, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_format_can_be_asked_for, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(an_object_over_lines_is_refused, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_bad_first_line_is_an_item, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(raw_elements_are_the_bytes_of_the_file, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(depth_bombs_are_one_bad_element, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("records: JSON and text", tests, NULL, NULL);
}
