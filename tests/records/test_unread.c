/* test_unread.c - values in fields that nobody reads do no harm; the same values are refused where they are read.
 *
 * What passes is what Python's json.loads() accepts: NaN, Infinity, numbers of any size, half of a surrogate pair, a
 * name that appears twice. */
#include "tests/records/temp.h"

#include "base/mem.h"
#include "data/record.h"

#define WANTED "; expected a string or a conversation"

static const struct value {
    const char *json, *problem; /* of a text of this value; NULL: none */
} values[] = {
    { "NaN", "the field \"text\" is NaN" WANTED },
    { "Infinity", "the field \"text\" is Infinity" WANTED },
    { "-Infinity", "the field \"text\" is -Infinity" WANTED },
    { "1e400", "the field \"text\" is a number too large for 64 bits" WANTED },
    { "-1e400", "the field \"text\" is a number too large for 64 bits" WANTED },
    { "12345678901234567890123", "the field \"text\" is a number" WANTED },
    { "1E-400", "the field \"text\" is a number" WANTED },
    { "\"\\ud83d\"", "the field \"text\" is a string with half of a surrogate pair" WANTED },
    { "\"a \\ude00 b\"", "the field \"text\" is a string with half of a surrogate pair" WANTED },
    { "\"\\ud83d\\u0041\"", "the field \"text\" is a string with half of a surrogate pair" WANTED },
    { "\"\\ud83d\\ud83d\\ude00\"", "the field \"text\" is a string with half of a surrogate pair" WANTED },
    { "\"\\ud83d\\n\"", "the field \"text\" is a string with half of a surrogate pair" WANTED },
    { "\"\\ud83d\\ude00\"", NULL },
    { "\"\\u0000\"", NULL },
    { "[NaN]", "message 0 of the field \"text\" is NaN; expected an object with a role and a content" },
    { "{\"a\":1,\"a\":2}", "the field \"a\" appears twice" },
    { "{\"\\ud83d\":1}", "the name of a field has half of a surrogate pair" },
    { "{\"a\\u0000\":1}", "the name of a field has a NUL character" },
    { "{\"\":\"NaN\"}", "the field \"text\" is an object" WANTED },
    { "{\"\":1}", "the field \"text\" is an object" WANTED },
};

static char *read_problem(const char *line)
{
    const char *path = temp_write("x.jsonl", line, strlen(line));
    gd_records *records;
    gd_record record;
    char *problem;
    bool more;

    assert_ok(gd_records_open(&records, &(gd_entries_options){ .inputs = &path, .count = 1 }, test_err));
    assert_ok(gd_records_next(records, &record, &more, test_err));
    assert_true(more);
    problem = record.problem ? strdup(record.problem) : NULL;
    if (!problem)
        assert_int_equal(record.count, 1);
    gd_record_free(&record);
    gd_records_close(records);
    return problem;
}

static void they_pass_where_nobody_reads(void **state)
{
    static const char *const places[][2] = { { "{\"x\":", ",\"text\":\"a\"}" },
                                             { "{\"text\":\"a\",\"x\":", "}" },
                                             { "{\"text\":\"a\",\"x\":{\"text\":[1,", ",{}]}}" } };
    char line[300];

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (size_t k = 0; k < 3; k++) {
            char *problem;

            (void)snprintf(line, sizeof line, "%s%s%s", places[k][0], values[i].json, places[k][1]);
            problem = read_problem(line);
            if (problem)
                fail_msg("%s: %s", line, problem);
        }
    }
}

static void they_are_refused_where_they_are_read(void **state)
{
    char line[300], wanted[300];

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char *problem;

        (void)snprintf(line, sizeof line, "{\"text\":%s}", values[i].json);
        (void)snprintf(wanted, sizeof wanted, "line 1: %s", values[i].problem ? values[i].problem : "");
        problem = read_problem(line);
        if (!problem != !values[i].problem || (problem && strcmp(problem, wanted) != 0))
            fail_msg("%s: is %s, wanted %s", line, problem ? problem : "right", wanted);
        free(problem);
    }
}

/* Deeper than any stack, and more values than memory has room for. */
static void large_fields_are_skipped(void **state)
{
    const size_t deep = 7000000, room = (size_t)15 << 20;
    char *line = malloc(room + 100), *p = line;
    static const char *const parts[] = { "{},", "[],", "1,", "\"\"," };

    (void)state;
    assert_non_null(line);
    p += sprintf(p, "{\"text\":\"a\",\"x\":");
    memset(p, '[', deep);
    memset(p + deep, ']', deep);
    (void)strcpy(p + 2 * deep, "}");
    assert_null(read_problem(line));
    for (size_t i = 0; i < 4; i++) {
        const size_t len = strlen(parts[i]);
        char *end = p;

        *end++ = '[';
        while ((size_t)(end - line) < room) {
            memcpy(end, parts[i], len);
            end += len;
        }
        (void)strcpy(end - 1, "]}");
        assert_null(read_problem(line));
    }
    free(line);
}

/* The same in a field that is read. */
static void large_fields_are_refused(void **state)
{
    const size_t room = (size_t)15 << 20;
    char *line = malloc(room + 100), *end = line, *problem;

    (void)state;
    assert_non_null(line);
    end += sprintf(end, "{\"prompt\":\"a\",\"responses\":[");
    while ((size_t)(end - line) < room) {
        memcpy(end, "\"\",", 3);
        end += 3;
    }
    (void)strcpy(end - 1, "]}");
    problem = read_problem(line);
    assert_string_equal(problem, "line 1: so many values that they would take more than 48 MiB of memory");
    free(problem);
    free(line);
}

static void a_field_of_ours_is_read_once(void **state)
{
    char *problem;

    (void)state;
    problem = read_problem("{\"text\":\"a\",\"\\u0074ext\":\"b\"}");
    assert_string_equal(problem, "line 1: the field \"text\" appears twice");
    free(problem);
    assert_null(read_problem("{\"x\":1,\"text\":\"a\",\"x\":2}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_pass_where_nobody_reads), cmocka_unit_test(they_are_refused_where_they_are_read),
        cmocka_unit_test(large_fields_are_skipped),     cmocka_unit_test(large_fields_are_refused),
        cmocka_unit_test(a_field_of_ours_is_read_once),
    };

    return cmocka_run_group_tests_name("records: fields that nobody reads", tests, temp_begin, temp_end);
}
