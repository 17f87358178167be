/* entries_seen.h - the entries of some inputs as one string, a line each: number, then the fields or the problem. */
#ifndef GD_TESTS_RECORDS_ROWS_SEEN_H
#define GD_TESTS_RECORDS_ROWS_SEEN_H

#include "tests/records/temp.h"

#include "data/entries.h"

#include <inttypes.h>

/* Checks what must be true of any row, and prints its fields as JSON, sorted. */
static inline void entries_show(FILE *to, const gd_entry *entry, bool raw)
{
    char *fields = NULL;

    assert_true((entry->object != NULL) != (entry->problem != NULL));
    assert_true(entry->line > 0);
    assert_non_null(entry->raw);
    if (entry->object) {
        assert_true(json_is_object(entry->object));
        fields = json_dumps(entry->object, JSON_COMPACT | JSON_SORT_KEYS);
        assert_non_null(fields);
    }
    (void)fprintf(to, "%" PRIu64 " %s%s\n", entry->line, entry->problem ? "! " : "", fields ? fields : entry->problem);
    if (raw)
        (void)fprintf(to, "  <%.*s>\n", (int)entry->raw_len, entry->raw);
    free(fields);
}

/* Returns a malloc'd string, on failure with the rows seen so far; `raw` adds the raw text below each row. */
static inline gd_status rows_seen(const gd_entries_options *options, bool raw, char **seen, gd_error *err)
{
    size_t len;
    FILE *to = open_memstream(seen, &len);
    static const char *const also[] = { "a",    "b",    "c",     "d",     "n",           "x", "y",   "a;b",
                                        "a\nb", "c\"d", "a,b\\", "[{},x", "instruction", "q", "good" };
    gd_entries_options all = *options;
    gd_entries *entries = NULL;
    uint64_t index = 0;
    bool more = true;
    gd_status rc;

    all.also = also;
    all.also_count = sizeof also / sizeof also[0];
    rc = gd_entries_open(&entries, &all, err);

    assert_int_equal(rc == GD_OK, entries != NULL);
    while (!rc && more) {
        gd_entry entry;

        rc = gd_entries_next(entries, &entry, &more, err);
        assert_true(!rc || !more);
        if (rc || !more)
            break;
        assert_int_equal(entry.index, index++);
        entries_show(to, &entry, raw);
        gd_entry_free(&entry);
    }
    if (!rc && gd_entries_bytes_total(entries))
        assert_int_equal(gd_entries_bytes_done(entries), gd_entries_bytes_total(entries));
    gd_entries_close(entries);
    assert_int_equal(fclose(to), 0);
    return rc;
}

/* The same for one file with that name and these bytes. */
static inline gd_status rows_of(const char *name, const void *bytes, size_t len, char **seen, gd_error *err)
{
    const char *path = temp_write(name, bytes, len);

    return rows_seen(&(gd_entries_options){ .inputs = &path, .count = 1 }, false, seen, err);
}

typedef struct rows_case {
    const char *name, *file;
    size_t len; /* 0: up to the NUL */
    const char *wanted;
} rows_case;

static inline void rows_expect(const rows_case *cases, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        const rows_case *c = &cases[i];
        gd_error err = { 0 };
        char *seen;
        const gd_status rc = rows_of(c->name, c->file, c->len ? c->len : strlen(c->file), &seen, &err);

        if (rc || strcmp(seen, c->wanted) != 0) {
            print_error("%s, case %zu (%s):\n  is\n%s%s\n  wanted\n%s", c->name, i, c->file, seen, err.text, c->wanted);
            wrong++;
        }
        free(seen);
    }
    assert_int_equal(wrong, 0);
}

/* Files that cannot be opened: the message is the path, then `wanted`. */
static inline void rows_expect_refusal(const rows_case *cases, size_t count, gd_status status)
{
    for (size_t i = 0; i < count; i++) {
        const rows_case *c = &cases[i];
        gd_error err = { 0 };
        char wanted[512], *seen;

        assert_int_equal(rows_of(c->name, c->file, c->len ? c->len : strlen(c->file), &seen, &err), status);
        assert_string_equal(seen, "");
        (void)snprintf(wanted, sizeof wanted, "%s%s", temp_path(c->name), c->wanted);
        assert_string_equal(err.text, wanted);
        free(seen);
    }
}

#endif
