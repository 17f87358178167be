/* test_entries_truth.c - random files (tests/data/rows, made by make_rows.py) are read as Python's csv and json do. */
#include "tests/records/entries_seen.h"

#include "base/mem.h"

/* Every field of every row is read. */
static size_t all_names(const char **names, size_t room, const json_t *const *expected, size_t count)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        const char *name;
        json_t *value;

        json_object_foreach(json_object_get(expected[i], "object"), name, value) {
            size_t known = 0;

            while (known < n && strcmp(names[known], name) != 0)
                known++;
            assert_true(known < room);
            names[known] = name;
            n += known == n;
        }
    }
    return n;
}

/* Checks the rows of a file; returns their number. */
static size_t compare_rows(const char *name, const json_t *const *expected, size_t count)
{
    char path[512];
    const char *input = test_data(path, sizeof path, name);
    size_t wrong = 0, seen = 0;
    bool more = true;
    gd_entries_options options = { .inputs = &input, .count = 1 };
    const char *names[200];
    gd_entries *entries;
    gd_entry entry;

    options.also = names;
    options.also_count = all_names(names, 200, expected, count);
    assert_ok(gd_entries_open(&entries, &options, test_err));
    for (;; seen++) {
        assert_ok(gd_entries_next(entries, &entry, &more, test_err));
        if (!more)
            break;
        assert_true(seen < count);
        if (entry.problem || entry.line != (uint64_t)json_number_value(json_object_get(expected[seen], "line")) ||
            !json_equal(entry.object, json_object_get(expected[seen], "object"))) {
            print_error("%s: row %zu on line %zu: %s\n", name, seen, (size_t)entry.line,
                        entry.problem ? entry.problem : "not what Python reads");
            wrong++;
        }
        gd_entry_free(&entry);
    }
    gd_entries_close(entries);
    assert_int_equal(wrong, 0);
    return seen;
}

static void rows_are_what_python_reads(void **state)
{
    static json_t *expected[1000];
    char path[512], name[64] = "";
    size_t count = 0, from = 0;
    FILE *f = fopen(test_data(path, sizeof path, "rows/expected.jsonl"), "rb");

    (void)state;
    assert_non_null(f);
    while (count < 1000 && (expected[count] = json_loadf(f, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL)) != NULL)
        count++;
    fclose(f);
    assert_int_equal(count, 280);
    for (size_t i = 0; i <= count; i++) {
        const char *file = i < count ? json_string_value(json_object_get(expected[i], "file")) : "";

        if (i == 0 || strcmp(name + 5, file) == 0) {
            (void)snprintf(name, sizeof name, "rows/%s", file);
            continue;
        }
        assert_int_equal(compare_rows(name, (const json_t *const *)expected + from, i - from), i - from);
        (void)snprintf(name, sizeof name, "rows/%s", file);
        from = i;
    }
    for (size_t i = 0; i < count; i++)
        json_decref(expected[i]);
    assert_int_equal(gd_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rows_are_what_python_reads) };

    return cmocka_run_group_tests_name("records: rows against Python", tests, NULL, NULL);
}
