/* test_lines.c - the texts of a line, and the full error message of each bad one. */
#include "tests/records/temp.h"

#include "base/mem.h"
#include "data/record.h"

#include <jansson.h>

struct bad_line {
    const char *name, *line;
    size_t len; /* 0: up to the NUL */
    const char *problem;
};

#define NOTHING                                                                                                  \
    "line 7: no \"text\", no \"messages\", no \"prompt\" with \"response\" or \"responses\", and no \"chosen\" " \
    "with \"rejected\"; use --fields if yours have other names"

static const struct bad_line bad_lines[] = {
    /* not the right fields */
    { "empty object", "{}", 0, NOTHING },
    { "other fields only", "{\"id\":1,\"score\":2}", 0, NOTHING },
    { "wrong case", "{\"Text\":\"a\"}", 0, NOTHING },
    { "field inside", "{\"data\":{\"text\":\"a\"}}", 0, NOTHING },
    { "rejected missing", "{\"chosen\":\"a\"}", 0, "line 7: the field \"rejected\" is missing" },
    { "chosen missing", "{\"rejected\":\"a\"}", 0, "line 7: the field \"chosen\" is missing" },
    { "chosen missing, prompt present", "{\"prompt\":\"p\",\"rejected\":\"a\"}", 0,
      "line 7: the field \"chosen\" is missing" },
    { "response missing", "{\"prompt\":\"a\"}", 0, "line 7: the field \"response\" is missing" },
    { "prompt missing", "{\"response\":\"a\"}", 0, "line 7: the field \"prompt\" is missing" },
    /* fields of two kinds */
    { "text and chosen", "{\"text\":\"a\",\"chosen\":\"b\",\"rejected\":\"c\"}", 0,
      "line 7: the fields \"text\" and \"chosen\" don't go together; --fields text=_ leaves the first out, --fields "
      "chosen=_,rejected=_ the second" },
    { "text and rejected", "{\"text\":\"a\",\"rejected\":\"c\"}", 0,
      "line 7: the fields \"text\" and \"rejected\" don't go together; --fields text=_ leaves the first out, --fields "
      "chosen=_,rejected=_ the second" },
    { "text and response", "{\"text\":\"a\",\"response\":\"b\"}", 0,
      "line 7: the fields \"text\" and \"response\" don't go together; --fields text=_ leaves the first out, --fields "
      "response=_ the second" },
    { "text and prompt", "{\"prompt\":\"p\",\"text\":\"a\"}", 0,
      "line 7: the field \"text\" does not hold the \"prompt\" beside it; --fields prompt=_ scores it without, if it "
      "is whole" },
    { "response and pair", "{\"prompt\":\"p\",\"response\":\"a\",\"chosen\":\"b\",\"rejected\":\"c\"}", 0,
      "line 7: the fields \"response\" and \"chosen\" don't go together; --fields response=_ leaves the first out, "
      "--fields chosen=_,rejected=_ the second" },
    { "messages", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", 0,
      "line 7: messages: the conversation has no assistant turn: end it with the answer to score, a message with the "
      "role assistant" },
    { "no messages", "{\"messages\":[]}", 0,
      "line 7: the field \"messages\" is an empty list; expected a conversation" },
    { "messages and text", "{\"text\":\"a\",\"messages\":[]}", 0,
      "line 7: the fields \"text\" and \"messages\" don't go together; --fields text=_ leaves the first out, --fields "
      "messages=_ the second" },
    /* wrong types */
    { "text is an integer", "{\"text\":5}", 0,
      "line 7: the field \"text\" is a number; expected a string or a conversation" },
    { "text is a real", "{\"text\":5.5}", 0,
      "line 7: the field \"text\" is a number; expected a string or a conversation" },
    { "text is true", "{\"text\":true}", 0,
      "line 7: the field \"text\" is true or false; expected a string or a conversation" },
    { "text is null", "{\"text\":null}", 0, "line 7: the field \"text\" is null; expected a string or a conversation" },
    { "text is an object", "{\"text\":{}}", 0,
      "line 7: the field \"text\" is an object; expected a string or a conversation" },
    { "text is a list", "{\"text\":[\"a\"]}", 0,
      "line 7: message 0 of the field \"text\" is a string; expected an object with a role and a content" },
    { "chosen is a list", "{\"chosen\":[{\"role\":\"user\"}],\"rejected\":[]}", 0,
      "line 7: message 0 of the field \"chosen\": its content is missing; expected a string" },
    { "rejected is null", "{\"chosen\":\"a\",\"rejected\":null}", 0,
      "line 7: the field \"rejected\" is null; expected a string or a conversation" },
    { "rejected is a number", "{\"chosen\":\"a\",\"rejected\":1}", 0,
      "line 7: the field \"rejected\" is a number; expected a string or a conversation" },
    { "prompt is a list", "{\"prompt\":[],\"chosen\":\"a\",\"rejected\":\"b\"}", 0,
      "line 7: the field \"prompt\" is an empty list; expected a conversation" },
    { "prompt is null", "{\"prompt\":null,\"response\":\"a\"}", 0,
      "line 7: the field \"prompt\" is null; expected a string or a conversation" },
    { "response is null", "{\"prompt\":\"a\",\"response\":null}", 0,
      "line 7: the field \"response\" is null; expected a string or a conversation" },
    { "no answers", "{\"prompt\":\"a\",\"responses\":[]}", 0,
      "line 7: the field \"responses\" is empty; expected answers" },
    { "answers are a string", "{\"prompt\":\"a\",\"responses\":\"b\"}", 0,
      "line 7: the field \"responses\" is a string; expected a list of answers" },
    { "an answer is a number", "{\"prompt\":\"a\",\"responses\":[\"b\",7]}", 0,
      "line 7: the field \"responses[1]\" is a number; expected a string or a conversation" },
    { "answers without a prompt", "{\"responses\":[\"b\"]}", 0, "line 7: the field \"prompt\" is missing" },
    { "answers and a pair", "{\"prompt\":\"a\",\"responses\":[\"b\"],\"chosen\":\"c\"}", 0,
      "line 7: the fields \"chosen\" and \"responses\" don't go together; --fields chosen=_,rejected=_ leaves the "
      "first out, --fields responses=_ the second" },
    { "answers of a pair and a text", "{\"chosen\":[\"a\"],\"rejected\":\"b\"}", 0,
      "line 7: the field \"rejected\" is a string; expected a list of answers" },
    { "answers of one side of a pair only", "{\"rejected\":[\"b\"]}", 0, "line 7: the field \"chosen\" is missing" },
    { "no answers of a pair", "{\"chosen\":[\"a\"],\"rejected\":[]}", 0,
      "line 7: the field \"rejected\" is empty; expected answers" },
    { "an answer of a pair is a list", "{\"chosen\":[\"a\",[]],\"rejected\":[\"b\"]}", 0,
      "line 7: the field \"chosen[1]\" is an empty list; expected a conversation" },
    /* not an object */
    { "a list", "[\"a\",\"b\"]", 0, "line 7: a list; expected an object" },
    { "a string", "\"a\"", 0, "line 7: a string; expected an object" },
    { "a number", "12", 0, "line 7: a number; expected an object" },
    { "null", "null", 0, "line 7: null; expected an object" },
    { "true", "true", 0, "line 7: true or false; expected an object" },
    /* not JSON */
    { "plain text", "Human: hello", 0, "line 7: not valid JSON at column 1: a value is expected" },
    { "cut in a string", "{\"text\":\"abc", 0,
      "line 7: not valid JSON: it ends at column 13, where the end of a string is expected" },
    { "cut after a value", "{\"text\":\"abc\"", 0,
      "line 7: not valid JSON: it ends at column 14, where ',' or '}' is expected" },
    { "two objects", "{\"text\":\"a\"}{\"text\":\"b\"}", 0,
      "line 7: not valid JSON at column 13: the end of the text is expected" },
    { "a comma after the object", "{\"text\":\"a\"},", 0,
      "line 7: not valid JSON at column 13: the end of the text is expected" },
    { "trailing comma", "{\"text\":\"a\",}", 0,
      "line 7: not valid JSON at column 13: a field's name in quotes is expected" },
    { "single quotes", "{'text':'a'}", 0, "line 7: not valid JSON at column 2: a field's name in quotes is expected" },
    { "a comment", "{\"text\":\"a\"} // b", 0, "line 7: not valid JSON at column 14: the end of the text is expected" },
    { "NaN", "{\"text\":NaN,\"x\":1}", 0, "line 7: the field \"text\" is NaN; expected a string or a conversation" },
    { "Infinity", "{\"text\":[-Infinity]}", 0,
      "line 7: message 0 of the field \"text\" is -Infinity; expected an object with a role and a content" },
    { "not quite NaN", "{\"text\":\"a\",\"x\":Nan}", 0, "line 7: not valid JSON at column 17: a value is expected" },
    { "an unread field cut short", "{\"text\":\"a\",\"x\":[1,{\"y\":", 0,
      "line 7: not valid JSON: it ends at column 25, where a value is expected" },
    { "an unread field with a bad escape", "{\"text\":\"a\",\"x\":\"\\ud8\"}", 0,
      "line 7: not valid JSON at column 22: a hexadecimal digit is expected" },
    { "an unread field with crossed brackets", "{\"text\":\"a\",\"x\":[{\"y\":1]}}", 0,
      "line 7: not valid JSON at column 24: ',' or '}' is expected" },
    { "a tab in a string", "{\"text\":\"a\tb\"}", 0,
      "line 7: not valid JSON at column 11: an escape sequence for a control character is expected" },
    { "a bad escape", "{\"text\":\"a\\x\"}", 0, "line 7: not valid JSON at column 12: an escape sequence is expected" },
    { "duplicate key", "{\"text\":\"a\",\"text\":\"b\"}", 0, "line 7: the field \"text\" appears twice" },
    { "duplicate after unescaping", "{\"text\":\"a\",\"\\u0074ext\":\"b\"}", 0,
      "line 7: the field \"text\" appears twice" },
    { "lone high surrogate", "{\"text\":\"\\ud800\"}", 0,
      "line 7: the field \"text\" is a string with half of a surrogate pair; expected a string or a conversation" },
    { "lone low surrogate", "{\"text\":\"\\udc00\"}", 0,
      "line 7: the field \"text\" is a string with half of a surrogate pair; expected a string or a conversation" },
    { "surrogates in the wrong order", "{\"text\":\"\\udc00\\ud800\"}", 0,
      "line 7: the field \"text\" is a string with half of a surrogate pair; expected a string or a conversation" },
    { "NUL in a key", "{\"text\":[{\"a\\u0000b\":1}]}", 0, "line 7: the name of a field has a NUL character" },
    { "a real that is too large", "{\"text\":1e400}", 0,
      "line 7: the field \"text\" is a number too large for 64 bits; expected a string or a conversation" },
    { "leading zero", "{\"text\":\"a\",\"x\":01}", 0,
      "line 7: not valid JSON at column 18: a number without leading zeros is expected" },
    /* bytes */
    { "a raw NUL", "{\"text\":\"a\0b\"}", 14,
      "line 7: not valid JSON at column 11: an escape sequence for a control character is expected" },
    { "NULs after the object", "{\"text\":\"a\"}\0\0", 14,
      "line 7: not valid JSON at column 13: the end of the text is expected" },
    { "Latin-1", "{\"text\":\"caf\xe9\"}", 0,
      "line 7: byte 13 is not UTF-8, in the field \"text\": the file must be saved as UTF-8" },
    { "an overlong slash", "{\"text\":\"\xc0\xaf\"}", 0,
      "line 7: byte 10 is not UTF-8, in the field \"text\": the file must be saved as UTF-8" },
    { "an encoded surrogate", "{\"text\":\"\xed\xa0\x80\"}", 0,
      "line 7: byte 10 is not UTF-8, in the field \"text\": the file must be saved as UTF-8" },
    { "past U+10FFFF", "{\"text\":\"\xf4\x90\x80\x80\"}", 0,
      "line 7: byte 10 is not UTF-8, in the field \"text\": the file must be saved as UTF-8" },
    { "a character cut in the middle", "{\"text\":\"\xe2\x82", 0,
      "line 7: byte 10 is not UTF-8, in the field \"text\": the file must be saved as UTF-8" },
    { "bad UTF-8 in an unused field", "{\"text\":\"a\",\"id\":\"\xff\"}", 0,
      "line 7: byte 19 is not UTF-8, in the field \"id\": the file must be saved as UTF-8" },
    { "a byte order mark inside the file", "\xef\xbb\xbf{\"text\":\"a\"}", 0,
      "line 7: not valid JSON at column 1: a value is expected" },
};

/* Reads the line as line 7 of its file and item 3. */
static gd_status parse(gd_record *r, const char *line, size_t len, gd_format format, gd_error *err)
{
    static const char before[] = "{\"text\":\"a\"}\n{\"text\":\"a\"}\n\n{\"text\":\"a\"}\n\n\n";
    char *file = malloc(sizeof before + len);
    gd_records *records = NULL;
    bool more = true;
    gd_status rc;

    assert_non_null(file);
    memcpy(file, before, sizeof before - 1);
    memcpy(file + sizeof before - 1, line, len);
    rc = gd_records_open(&records,
                         &(gd_entries_options){
                             .inputs = &(const char *){ temp_write("x", file, sizeof before - 1 + len) },
                             .count = 1,
                             .format = format },
                         err);
    *r = (gd_record){ 0 };
    for (size_t i = 0; !rc && more && i < 4; i++) {
        gd_record_free(r);
        rc = gd_records_next(records, r, &more, err);
    }
    gd_records_close(records);
    free(file);
    return rc;
}

static void bad_lines_get_their_message(void **state)
{
    const size_t count = sizeof bad_lines / sizeof bad_lines[0];
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct bad_line *c = &bad_lines[i];
        gd_record r;

        assert_ok(parse(&r, c->line, c->len ? c->len : strlen(c->line), GD_FORMAT_JSONL, test_err));
        if (!r.problem || strcmp(r.problem, c->problem) != 0 || r.count != 0 || r.index != 3 || r.line != 7) {
            print_error("%s:\n  is     %s\n  wanted %s\n", c->name, r.problem ? r.problem : "(none)", c->problem);
            wrong++;
        }
        gd_record_free(&r);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(gd_mem_live(), 0);
}

static void depth_bombs_are_refused(void **state)
{
    static const char *const openings[] = { "[", "{\"a\":", "{\"text\":[" };
    static const char *const messages[] = { "it ends at column 100001, where a value",
                                            "it ends at column 500001, where a value",
                                            "nested deeper than 512 levels" };
    char *line = malloc(1000000);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const size_t n = strlen(openings[i]);
        gd_record r;

        for (size_t k = 0; k < 100000; k++)
            memcpy(line + k * n, openings[i], n);
        assert_ok(parse(&r, line, 100000 * n, GD_FORMAT_JSONL, test_err));
        assert_non_null(r.problem);
        assert_non_null(strstr(r.problem, messages[i]));
        gd_record_free(&r);
    }
    free(line);
}

/* Compared by length, since they may hold NULs. */
static const struct good_line {
    const char *line, *first;
    size_t first_len;
    const char *second; /* NULL: one text */
} good_lines[] = {
    { "{\"text\":\"a b\"}", "a b", 3, NULL },
    { "{\"text\":\"\"}", "", 0, NULL },
    { "  {\"text\":\"a\"}  ", "a", 1, NULL },
    { "{\"text\":\"a\\u0000b\"}", "a\0b", 3, NULL },
    { "{\"text\":\"\\ud83d\\ude00\"}", "\xf0\x9f\x98\x80", 4, NULL },
    { "{\"text\":\"\xe2\x82\xac\\n\\\"\"}", "\xe2\x82\xac\n\"", 5, NULL },
    { "{\"prompt\":\"Human: \",\"response\":\" hi\"}", "Human:  hi", 10, NULL },
    { "{\"response\":\"b\",\"prompt\":\"\"}", "b", 1, NULL },
    { "{\"prompt\":\"a\",\"response\":\"\"}", "a", 1, NULL },
    { "{\"chosen\":\"good\",\"rejected\":\"bad\"}", "good", 4, "bad" },
    { "{\"rejected\":\"bad\",\"prompt\":\"p \",\"chosen\":\"good\"}", "p good", 6, "p bad" },
    { "{\"chosen\":\"a\",\"rejected\":\"a\"}", "a", 1, "a" },
    { "{\"chosen\":\"\",\"rejected\":\"\"}", "", 0, "" },
    { "{\"chosen\":\"a\",\"rejected\":\"b\",\"prompt\":null,\"text\":null,\"messages\":null}", "a", 1, "b" },
    { "{\"prompt\":\"p \",\"responses\":[\"good\",\"bad\"]}", "p good", 6, "p bad" },
    { "{\"prompt\":\"\",\"responses\":[\"a\",\"\"]}", "a", 1, "" },
    { "{\"prompt\":\"p \",\"chosen\":[\"good\"],\"rejected\":[\"bad\"]}", "p good", 6, "p bad" },
    { "{\"chosen\":[\"a\"],\"rejected\":[\"b\"],\"id\":\"ref:1\",\"num_correct\":1}", "a", 1, "b" },
    { "{\"text\":\"a\",\"chosen\":null,\"rejected\":null,\"response\":null}", "a", 1, NULL },
    { "{\"id\":18446744073709551615,\"x\":[1,{\"text\":\"no\"}],\"text\":\"a\",\"y\":1e3}", "a", 1, NULL },
};

/* A text with what precedes it. */
static void check_text(const gd_record_text *have, const char *want, size_t len)
{
    const size_t before = have->before.len;

    assert_int_equal(before + have->text.len, len);
    assert_memory_equal(before ? have->before.data : want, want, before);
    assert_memory_equal(have->text.data, want + before, have->text.len);
}

static void good_lines_give_their_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_lines / sizeof good_lines[0]; i++) {
        const struct good_line *c = &good_lines[i];
        gd_record r;

        assert_ok(parse(&r, c->line, strlen(c->line), GD_FORMAT_JSONL, test_err));
        if (r.problem)
            fail_msg("%s: %s", c->line, r.problem);
        assert_int_equal(r.count, c->second ? 2 : 1);
        check_text(&r.texts[0], c->first, c->first_len);
        if (c->second)
            check_text(&r.texts[1], c->second, strlen(c->second));
        gd_record_free(&r);
    }
}

static void a_line_of_text_is_a_text(void **state)
{
    gd_record r;

    (void)state;
    assert_ok(parse(&r, " {\"text\":1}\0", 12, GD_FORMAT_TEXT, test_err));
    assert_null(r.problem);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.texts[0].text.len, 12);
    assert_memory_equal(r.texts[0].text.data, " {\"text\":1}\0", 12);
    gd_record_free(&r);
    assert_ok(parse(&r, "abc\xff", 4, GD_FORMAT_TEXT, test_err));
    assert_string_equal(r.problem, "line 7: byte 4 is not UTF-8: the file must be saved as UTF-8");
    gd_record_free(&r);
}

static void *counted_alloc(size_t bytes) { return gd_alloc(bytes, 1); }

/* Lets each allocation fail in turn, including those of the JSON library. */
static void lack_of_memory_is_not_a_bad_line(void **state)
{
    static const char *const lines[] = {
        "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\",\"id\":[1,2,{}]}",
        "{\"chosen\":\"a\"}",
        "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\",\"c\"]}",
        "{\"prompt\":\"p\",\"chosen\":[\"a\",\"b\"],\"rejected\":[\"c\"]}",
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"messages\":[],\"chosen\":\"a\",\"rejected\":\"b\"}",
    };
    json_malloc_t old_malloc;
    json_free_t old_free;
    uint64_t faults = 0;

    (void)state;
    json_get_alloc_funcs(&old_malloc, &old_free);
    json_set_alloc_funcs(counted_alloc, gd_free);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        gd_status rc = GD_ENOMEM;

        for (uint64_t n = 1; rc; n++, faults++) {
            gd_error err = { 0 };
            gd_record r;

            gd_mem_fail_from(n);
            rc = parse(&r, lines[i], strlen(lines[i]), GD_FORMAT_JSONL, &err);
            gd_mem_fail_from(0);
            assert_int_equal(rc, err.status);
            assert_true(rc == GD_OK || rc == GD_ENOMEM);
            assert_int_equal(r.problem != NULL, rc == GD_OK && i == 1);
            gd_record_free(&r);
            assert_int_equal(gd_mem_live(), 0);
        }
    }
    json_set_alloc_funcs(old_malloc, old_free);
    assert_true(faults > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_lines_get_their_message),      cmocka_unit_test(depth_bombs_are_refused),
        cmocka_unit_test(good_lines_give_their_texts),      cmocka_unit_test(a_line_of_text_is_a_text),
        cmocka_unit_test(lack_of_memory_is_not_a_bad_line),
    };

    return cmocka_run_group_tests_name("records: lines", tests, temp_begin, temp_end);
}
