/* record_columns.c - a table none of whose columns is read: one error, in place of the same one for each row. */
#include "data/record_columns.h"

#include "base/error.h"
#include "data/entries_header.h"
#include "data/record_inside.h"

#include <jansson.h>
#include <string.h>

/* Whether the header has a column that makes an item. */
static bool has_one(const gd_entries *entries, const gd_header *header)
{
    static const char *const ours[] = { "text", "messages", "prompt", "response", "responses", "chosen", "rejected" };
    bool found = false;

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        for (size_t c = 0; c < header->count; c++)
            found |= !strcmp(header->names[c], gd_entries_source_name(entries, ours[i]));
    return found;
}

/* What to do where the only column has the separators of another format; NULL: it has none. */
static const char *other_separator(const gd_header *header, bool tabs)
{
    if (header->count != 1)
        return NULL;
    if (strchr(header->names[0], ';'))
        return tabs ? "; it has semicolons, where tabs are expected" : "; it has semicolons, where commas are expected";
    if (!tabs && strchr(header->names[0], '\t'))
        return "; it has tabs, where commas are expected: --format tsv reads them";
    return tabs && strchr(header->names[0], ',') ? "; it has commas, where tabs are expected: --format csv reads them"
                                                 : NULL;
}

gd_status gd_record_check_columns(const gd_entries *entries, gd_error *err)
{
    const gd_header *header = gd_entries_columns(entries);
    const bool tabs = gd_entries_format(entries) == GD_FORMAT_TSV;
    gd_record row = { .object = json_object() };
    const gd_reading reading = { .record = &row, .entries = entries };
    char hint[GD_HINT_ROOM];
    size_t count;
    const char *path = gd_entries_inputs(entries, &count)[0];
    gd_buf names = { 0 };
    gd_status rc = GD_OK;

    for (size_t i = 0; i < header->count; i++)
        if (json_object_set_new_nocheck(row.object, header->names[i], json_true()) < 0)
            rc = gd_fail_memory(err, strlen(header->names[i]));
    gd_header_list(header, &names);
    if (!rc && !gd_buf_cstr(&names))
        rc = gd_fail_memory(err, names.len);
    if (!rc && header->count && !has_one(entries, header)) {
        const char *way = other_separator(header, tabs), *theirs = gd_record_hint(&reading, hint);

        if (!way)
            way = *theirs ? theirs : "; if yours have other names, map them, as in --fields chosen=good";
        rc = gd_fail(
            err, GD_EFORMAT,
            "%.100s: the header has no column \"text\", \"messages\", \"prompt\", \"response\", \"responses\", "
            "\"chosen\" or \"rejected\", but %.120s%s",
            strcmp(path, "-") ? path : "standard input", names.data, way);
    }
    json_decref(row.object);
    gd_buf_free(&names);
    return rc;
}
