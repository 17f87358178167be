/* entries_header.c - the CSV header line. */
#include "data/entries_header.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "data/csv.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static gd_status add(gd_header *header, gd_text name, gd_error *err)
{
    char *copy;

    if (!gd_grow((void **)&header->names, &header->room, header->count + 1, sizeof *header->names))
        return gd_fail_memory(err, header->count * sizeof *header->names);
    copy = gd_strndup(name.data, name.len);
    if (!copy)
        return gd_fail_memory(err, name.len);
    header->names[header->count++] = copy;
    return GD_OK;
}

/* Checks the last name added; `seen` holds the others. */
static gd_status check(const gd_header *header, const gd_csv_fields *f, gd_text name, json_t *seen, gd_header_place at,
                       gd_error *err)
{
    const size_t column = header->count; /* counted from 1; it was already added */

    if (f->fault)
        return gd_fail(err, GD_EFORMAT, "%s, line %" PRIu64 ": column %zu of the header %s", at.path, at.line, column,
                       f->fault);
    if (name.len == 0)
        return gd_fail(err, GD_EFORMAT,
                       "%s, line %" PRIu64 ": column %zu of the header has no name; every column must have one (pandas "
                       "writes its index like this; use index=False)",
                       at.path, at.line, column);
    if (memchr(name.data, '\0', name.len))
        return gd_fail(err, GD_EFORMAT,
                       "%s, line %" PRIu64 ": column %zu of the header has a NUL character in its name", at.path,
                       at.line, column);
    if (json_object_get(seen, header->names[column - 1]))
        return gd_fail(err, GD_EFORMAT, "%s, line %" PRIu64 ": the header has two columns \"%.100s\"", at.path, at.line,
                       header->names[column - 1]);
    if (json_object_set_new_nocheck(seen, header->names[column - 1], json_true()) < 0)
        return gd_fail_memory(err, name.len);
    return GD_OK;
}

static gd_status add_all(gd_header *header, gd_text row, char separator, gd_header_place at, gd_error *err)
{
    gd_csv_fields f = { .row = row.data, .len = row.len, .separator = separator };
    json_t *seen = json_object();
    gd_buf spare = { 0 };
    gd_text name;
    gd_status rc = seen ? GD_OK : gd_fail_memory(err, row.len);

    while (!rc && gd_csv_next(&f, &name, &spare)) {
        rc = spare.failed ? gd_fail_memory(err, row.len) : add(header, name, err);
        if (!rc)
            rc = check(header, &f, name, seen, at, err);
    }
    gd_buf_free(&spare);
    json_decref(seen);
    return rc;
}

gd_status gd_header_parse(gd_header *header, gd_text row, char separator, gd_header_place place, gd_error *err)
{
    const size_t good = gd_utf8_check(row.data, row.len);
    gd_status rc;

    *header = (gd_header){ 0 };
    if (good < row.len)
        return gd_fail(err, GD_EFORMAT,
                       "%s, line %" PRIu64 ": byte %zu of the header is not UTF-8: the file must be "
                       "saved as UTF-8",
                       place.path, place.line, good + 1);
    header->raw = gd_strndup(row.data, row.len);
    rc = header->raw ? add_all(header, row, separator, place, err) : gd_fail_memory(err, row.len);
    if (rc)
        gd_header_free(header);
    return rc;
}

void gd_header_free(gd_header *header)
{
    for (size_t i = 0; i < header->count; i++)
        gd_free(header->names[i]);
    gd_free(header->names);
    gd_free(header->raw);
    *header = (gd_header){ 0 };
}

gd_status gd_header_compare(const gd_header *header, const char *path, const gd_header *first, const char *first_path,
                            gd_error *err)
{
    for (size_t i = 0; i < header->count && i < first->count; i++)
        if (strcmp(header->names[i], first->names[i]) != 0)
            return gd_fail(err, GD_EUSAGE,
                           "%s: column %zu is \"%.100s\", but \"%.100s\" in %s; all inputs must have the same columns",
                           path, i + 1, header->names[i], first->names[i], first_path);
    if (header->count == first->count)
        return GD_OK;
    return gd_fail(err, GD_EUSAGE, "%s: %zu columns, but %zu in %s; all inputs must have the same columns", path,
                   header->count, first->count, first_path);
}

void gd_header_list(const gd_header *header, gd_buf *out)
{
    for (size_t i = 0; i < header->count && out->len < 200; i++)
        gd_buf_printf(out, "%s%.100s", i ? ", " : "", header->names[i]);
}

gd_status gd_header_find(const gd_header *header, const char *path, const char *name, gd_error *err)
{
    gd_buf names = { 0 };
    gd_status rc;

    for (size_t i = 0; i < header->count; i++)
        if (strcmp(header->names[i], name) == 0)
            return GD_OK;
    gd_header_list(header, &names);
    rc = gd_buf_cstr(&names)
             ? gd_fail(err, GD_EUSAGE, "%s: there is no column \"%s\"; the header has %s", path, name, names.data)
             : gd_fail_memory(err, names.len);
    gd_buf_free(&names);
    return rc;
}
