/* entries_csv.c - CSV and TSV rows.
 *
 * A quote that is never closed would swallow the rest of the file.  So when a row reaches the end of the file or 16 MiB
 * inside quotes, only the line where it begins is given up, and reading continues with the line after it. */
#include "data/entries_source.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "data/csv.h"

#include <string.h>

struct table {
    gd_header header;
    gd_buf spare; /* holds fields whose doubled quotes were removed */
    char separator;
};

const gd_header *gd_source_header(const gd_source *source)
{
    const struct table *t = source->kind == &gd_source_csv ? source->state : NULL;

    return t ? &t->header : NULL;
}

static void without_line_break(gd_entry *entry)
{
    if (entry->raw_len > 0 && entry->raw[entry->raw_len - 1] == '\n')
        entry->raw_len--;
    if (entry->raw_len > 0 && entry->raw[entry->raw_len - 1] == '\r')
        entry->raw_len--;
}

/* The column that the given beginning of a row ends in; NULL if the header doesn't have it. */
static const char *last_column(struct table *t, const char *row, size_t len)
{
    gd_csv_fields f = { .row = row, .len = len, .separator = t->separator };
    gd_text text;

    while (gd_csv_next(&f, &text, &t->spare))
        ;
    return f.count > 0 && f.count <= t->header.count ? t->header.names[f.count - 1] : NULL;
}

static gd_status not_closed(struct table *t, gd_entry *entry, bool again)
{
    const char *column = last_column(t, entry->raw, entry->raw_len);
    const char *rest = again && t->header.count ? "; the lines after it are read as separate rows" : "";

    if (!column)
        return gd_entry_fault(entry, "a quote is opened and never closed%s", rest);
    return gd_entry_fault(entry, "the quote that opens the column \"%.100s\" is never closed%s", column, rest);
}

/* Handles a row that has no end. */
static gd_status give_up(gd_source *source, gd_entry *entry, bool in_quotes, bool too_long, gd_error *err)
{
    const char *lf = in_quotes ? memchr(entry->raw, '\n', entry->raw_len) : NULL;

    if (too_long && !lf) {
        (void)gd_entry_too_long(entry);
        return gd_pieces_skip(source->pieces, gd_cut_lines, err);
    }
    (void)not_closed(source->state, entry, lf != NULL);
    if (!lf)
        return GD_OK;
    entry->raw_len = (size_t)(lf - entry->raw) + 1;
    without_line_break(entry);
    gd_pieces_again(source->pieces);
    return GD_OK;
}

/* The next row that is not just a line break. */
static gd_status next_row(gd_source *source, gd_entry *entry, bool *more, gd_error *err)
{
    const struct table *t = source->state;

    do {
        gd_csv_scan scan = { .separator = t->separator };
        gd_piece piece;
        gd_status rc = gd_pieces_next(source->pieces, (gd_cutter){ gd_csv_take, &scan }, &piece, more, err);

        if (rc || !*more)
            return rc;
        *entry = (gd_entry){ .line = piece.line, .raw = piece.data, .raw_len = piece.len };
        if (!piece.ended && (piece.too_long || scan.where == GD_CSV_QUOTED))
            return give_up(source, entry, scan.where == GD_CSV_QUOTED, piece.too_long, err);
        without_line_break(entry);
        if (entry->raw_len > GD_ITEM_MAX)
            return gd_entry_too_long(entry);
    } while (entry->raw_len == 0);
    return GD_OK;
}

static gd_status open_table(gd_source *source, gd_error *err)
{
    struct table *t = source->state = gd_alloc_zero(1, sizeof *t);
    const char *path = gd_pieces_name(source->pieces);
    gd_entry entry;
    bool more;
    gd_status rc;

    if (!t)
        return gd_fail_memory(err, sizeof *t);
    t->separator = source->format == GD_FORMAT_TSV ? '\t' : ',';
    rc = next_row(source, &entry, &more, err);
    if (rc)
        return rc;
    if (!more)
        return gd_fail(err, GD_EFORMAT, "%s: the file is empty; expected a line that names the columns", path);
    if (entry.fault.status)
        return gd_fail(err, GD_EFORMAT, "%s, line %llu: the header: %s", path, (unsigned long long)entry.line,
                       entry.fault.text);
    return gd_header_parse(&t->header, (gd_text){ entry.raw, entry.raw_len }, t->separator,
                           (gd_header_place){ path, entry.line }, err);
}

static void close_table(gd_source *source)
{
    struct table *t = source->state;

    if (!t)
        return;
    gd_header_free(&t->header);
    gd_buf_free(&t->spare);
    gd_free(t);
}

static gd_status not_utf8(struct table *t, gd_entry *entry, size_t offset)
{
    const char *column = last_column(t, entry->raw, offset + 1);
    size_t byte;

    gd_entry_find(entry, offset, &entry->fault_line, &byte);
    if (!column)
        return gd_entry_fault(entry, "byte %zu is not UTF-8: the file must be saved as UTF-8", byte);
    return gd_entry_fault(entry, "byte %zu is not UTF-8, in the column \"%.100s\": the file must be saved as UTF-8",
                          byte, column);
}

/* Makes an object of the row's fields that are read, by column name. */
static gd_status set_fields(const gd_source *source, gd_entry *entry, gd_error *err)
{
    struct table *t = source->state;
    gd_csv_fields f = { .row = entry->raw, .len = entry->raw_len, .separator = t->separator };
    gd_text text;

    while (gd_csv_next(&f, &text, &t->spare)) {
        const char *name = f.count <= t->header.count ? t->header.names[f.count - 1] : NULL;

        if (t->spare.failed)
            return gd_fail_memory(err, entry->raw_len);
        if (f.fault)
            return name ? gd_entry_fault(entry, "the column \"%.100s\" %s", name, f.fault)
                        : gd_entry_fault(entry, "field %zu %s", f.count, f.fault);
        if (name && gd_fields_use(source->fields, name, strlen(name)) &&
            json_object_set_new_nocheck(entry->object, name, json_stringn_nocheck(text.data, text.len)) < 0)
            return gd_fail_memory(err, entry->raw_len);
    }
    if (f.count == t->header.count)
        return GD_OK;
    return gd_entry_fault(entry,
                          "%zu field%s, but the header has %zu column%s; a field that holds a %s, a quote or a "
                          "line break must be in quotes",
                          f.count, f.count == 1 ? "" : "s", t->header.count, t->header.count == 1 ? "" : "s",
                          t->separator == ',' ? "comma" : "tab");
}

static gd_status next(gd_source *source, gd_entry *entry, bool *more, gd_error *err)
{
    struct table *t = source->state;
    gd_status rc = next_row(source, entry, more, err);
    size_t good;

    if (rc || !*more || entry->fault.status)
        return rc;
    good = gd_utf8_check(entry->raw, entry->raw_len);
    if (good < entry->raw_len)
        return not_utf8(t, entry, good);
    entry->object = json_object();
    rc = entry->object ? set_fields(source, entry, err) : gd_fail_memory(err, entry->raw_len);
    if (entry->fault.status) {
        json_decref(entry->object);
        entry->object = NULL;
    }
    return rc;
}

const gd_source_kind gd_source_csv = { open_table, next, close_table };
