/* entries_csv.c - rows of CSV and TSV.
 *
 * A quote that is opened and never closed would swallow the rest of the file.  When a row ends so, at the end of
 * the file or at 16 MiB, the line where it begins is given up alone, and reading goes on with the line behind it. */
#include "data/entries_source.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "data/csv.h"

#include <string.h>

typedef struct table {
    gd_header header;
    gd_buf spare; /* fields without their doubled quotes */
    char separator;
} table;

const gd_header *gd_source_header(const gd_source *source)
{
    const table *t = source->kind == &gd_source_csv ? source->state : NULL;

    return t ? &t->header : NULL;
}

static void without_line_break(gd_source_item *item)
{
    if (item->len > 0 && item->raw[item->len - 1] == '\n')
        item->len--;
    if (item->len > 0 && item->raw[item->len - 1] == '\r')
        item->len--;
}

/* The last column that a part of a row reaches into, as far as the header has it. */
static const char *last_column(table *t, const char *row, size_t len)
{
    gd_csv_fields f = { .row = row, .len = len, .separator = t->separator };
    gd_text text;

    while (gd_csv_next(&f, &text, &t->spare))
        ;
    return f.count > 0 && f.count <= t->header.count ? t->header.names[f.count - 1] : NULL;
}

static gd_status not_closed(table *t, gd_source_item *item, bool again)
{
    const char *column = last_column(t, item->raw, item->len);
    const char *rest = again && t->header.count ? "; the lines below it are read as rows of their own" : "";

    if (!column)
        return gd_entry_fault(item, "a quote is opened and never closed%s", rest);
    return gd_entry_fault(item, "the quote that opens the column \"%.100s\" is never closed%s", column, rest);
}

/* What to do about a row without an end. */
static gd_status give_up(gd_source *source, gd_source_item *item, bool in_quotes, bool too_long, gd_error *err)
{
    const char *lf = in_quotes ? memchr(item->raw, '\n', item->len) : NULL;

    if (too_long && !lf) {
        (void)gd_entry_too_long(item);
        return gd_pieces_skip(source->pieces, gd_cut_lines, err);
    }
    (void)not_closed(source->state, item, lf != NULL);
    if (!lf)
        return GD_OK;
    item->len = (size_t)(lf - item->raw) + 1;
    without_line_break(item);
    gd_pieces_again(source->pieces);
    return GD_OK;
}

/* The next row that has a byte besides its line break. */
static gd_status next_row(gd_source *source, gd_source_item *item, bool *more, gd_error *err)
{
    const table *t = source->state;

    do {
        gd_csv_scan scan = { .separator = t->separator };
        gd_piece piece;
        gd_status rc = gd_pieces_next(source->pieces, (gd_cutter){ gd_csv_take, &scan }, &piece, more, err);

        if (rc || !*more)
            return rc;
        *item = (gd_source_item){ .line = piece.line, .raw = piece.data, .len = piece.len };
        if (!piece.ended && (piece.too_long || scan.where == GD_CSV_QUOTED))
            return give_up(source, item, scan.where == GD_CSV_QUOTED, piece.too_long, err);
        without_line_break(item);
        if (item->len > GD_ITEM_MAX)
            return gd_entry_too_long(item);
    } while (item->len == 0);
    return GD_OK;
}

static gd_status open_table(gd_source *source, gd_error *err)
{
    table *t = source->state = gd_alloc_zero(1, sizeof *t);
    const char *path = gd_pieces_name(source->pieces);
    gd_source_item item;
    bool more;
    gd_status rc;

    if (!t)
        return gd_fail_memory(err, sizeof *t);
    t->separator = source->format == GD_FORMAT_TSV ? '\t' : ',';
    rc = next_row(source, &item, &more, err);
    if (rc)
        return rc;
    if (!more)
        return gd_fail(err, GD_EFORMAT, "%s: the file is empty; a line that names the columns is expected", path);
    if (item.fault.status)
        return gd_fail(err, GD_EFORMAT, "%s, line %llu: the header: %s", path, (unsigned long long)item.line,
                       item.fault.text);
    return gd_header_parse(&t->header, (gd_text){ item.raw, item.len }, t->separator,
                           (gd_header_place){ path, item.line }, err);
}

static void close_table(gd_source *source)
{
    table *t = source->state;

    if (!t)
        return;
    gd_header_free(&t->header);
    gd_buf_free(&t->spare);
    gd_free(t);
}

static gd_status not_utf8(table *t, gd_source_item *item, size_t offset)
{
    const char *column = last_column(t, item->raw, offset + 1);
    size_t byte;

    gd_entry_find(item, offset, &item->fault_line, &byte);
    if (!column)
        return gd_entry_fault(item, "byte %zu is not UTF-8: the file must be saved as UTF-8", byte);
    return gd_entry_fault(item, "byte %zu is not UTF-8, in the column \"%.100s\": the file must be saved as UTF-8",
                          byte, column);
}

/* The row's fields, each under its column's name. */
static gd_status set_fields(table *t, gd_source_item *item, gd_error *err)
{
    gd_csv_fields f = { .row = item->raw, .len = item->len, .separator = t->separator };
    gd_text text;

    while (gd_csv_next(&f, &text, &t->spare)) {
        const char *name = f.count <= t->header.count ? t->header.names[f.count - 1] : NULL;

        if (t->spare.failed)
            return gd_fail_memory(err, item->len);
        if (f.fault)
            return name ? gd_entry_fault(item, "the column \"%.100s\" %s", name, f.fault)
                        : gd_entry_fault(item, "field %zu %s", f.count, f.fault);
        if (name && json_object_set_new_nocheck(item->object, name, json_stringn_nocheck(text.data, text.len)) < 0)
            return gd_fail_memory(err, item->len);
    }
    if (f.count == t->header.count)
        return GD_OK;
    return gd_entry_fault(item,
                          "%zu field%s, but the header has %zu column%s; a field that holds a %s, a quote or a "
                          "line break stands in quotes",
                          f.count, f.count == 1 ? "" : "s", t->header.count, t->header.count == 1 ? "" : "s",
                          t->separator == ',' ? "comma" : "tab");
}

static gd_status next(gd_source *source, gd_source_item *item, bool *more, gd_error *err)
{
    table *t = source->state;
    gd_status rc = next_row(source, item, more, err);
    size_t good;

    if (rc || !*more || item->fault.status)
        return rc;
    good = gd_utf8_check(item->raw, item->len);
    if (good < item->len)
        return not_utf8(t, item, good);
    item->object = json_object();
    rc = item->object ? set_fields(t, item, err) : gd_fail_memory(err, item->len);
    if (item->fault.status) {
        json_decref(item->object);
        item->object = NULL;
    }
    return rc;
}

const gd_source_kind gd_source_csv = { open_table, next, close_table };
