/* entries_lines.c - an item a line: JSON, or text. */
#include "data/entries_source.h"

#include "base/error.h"
#include "base/utf8.h"
#include "data/reader.h"

/* The next line; *more and no fault when there is something to make of it. */
static gd_status next_line(gd_source *source, gd_source_item *item, bool *more, gd_error *err)
{
    gd_line line;
    gd_status rc = gd_line_next(source->pieces, &line, more, err);

    if (rc || !*more)
        return rc;
    *item = (gd_source_item){ .line = line.number, .raw = line.data, .len = line.len };
    return line.too_long ? gd_entry_too_long(item) : GD_OK;
}

static gd_status next_json(gd_source *source, gd_source_item *item, bool *more, gd_error *err)
{
    const gd_status rc = next_line(source, item, more, err);

    return rc || !*more || item->fault.status ? rc : gd_entry_parse_json(item, NULL, err);
}

static gd_status next_text(gd_source *source, gd_source_item *item, bool *more, gd_error *err)
{
    const gd_status rc = next_line(source, item, more, err);
    size_t good;

    if (rc || !*more || item->fault.status)
        return rc;
    good = gd_utf8_check(item->raw, item->len);
    if (good < item->len)
        return gd_entry_fault(item, "byte %zu is not UTF-8: the file must be saved as UTF-8", good + 1);
    item->object = json_object();
    if (!item->object ||
        json_object_set_new_nocheck(item->object, "text", json_stringn_nocheck(item->raw, item->len)) < 0)
        return gd_fail_memory(err, item->len);
    return GD_OK;
}

const gd_source_kind gd_source_jsonl = { .next = next_json };
const gd_source_kind gd_source_text = { .next = next_text };
