/* entries_lines.c - one item per line: JSON or text. */
#include "data/entries_source.h"

#include "base/error.h"
#include "base/utf8.h"
#include "data/reader.h"

/* Reads the next line; it can be used if *more is true and the item has no fault. */
static gd_status next_line(gd_source *source, gd_entry *entry, bool *more, gd_error *err)
{
    gd_line line;
    gd_status rc = gd_line_next(source->pieces, &line, more, err);

    if (rc || !*more)
        return rc;
    *entry = (gd_entry){ .line = line.number, .raw = line.data, .raw_len = line.len };
    return line.too_long ? gd_entry_too_long(entry) : GD_OK;
}

static gd_status next_json(gd_source *source, gd_entry *entry, bool *more, gd_error *err)
{
    const gd_status rc = next_line(source, entry, more, err);

    return rc || !*more || entry->fault.status ? rc : gd_entry_parse_json(entry, source->fields, NULL, err);
}

static gd_status next_text(gd_source *source, gd_entry *entry, bool *more, gd_error *err)
{
    const gd_status rc = next_line(source, entry, more, err);
    size_t good;

    if (rc || !*more || entry->fault.status)
        return rc;
    good = gd_utf8_check(entry->raw, entry->raw_len);
    if (good < entry->raw_len)
        return gd_entry_fault(entry, "byte %zu is not UTF-8: the file must be saved as UTF-8", good + 1);
    entry->object = json_object();
    if (!entry->object ||
        json_object_set_new_nocheck(entry->object, "text", json_stringn_nocheck(entry->raw, entry->raw_len)) < 0)
        return gd_fail_memory(err, entry->raw_len);
    return GD_OK;
}

const gd_source_kind gd_source_jsonl = { .next = next_json };
const gd_source_kind gd_source_text = { .next = next_text };
