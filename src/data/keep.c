/* keep.c - fields of the input that are carried into the output. */
#include "data/keep.h"

#include "base/error.h"
#include "base/json_span.h"
#include "base/mem.h"
#include "data/csv.h"
#include "data/entries_fields.h"
#include "data/entries_header.h"

#include <string.h>

/* ---- the names ---- */

/* What lines of outputs have of their own. */
static const char *const ours[] = { "index", "error",  "score",  "scores", "chosen",    "rejected", "margin",
                                    "steps", "labels", "tokens", "ids",    "truncated", "ranks",    "best",
                                    "ties",  "top",    "texts",  "rows",   NULL };

static bool is_among(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (!strcmp(*names, name))
            return true;
    return false;
}

bool gd_keep_is_ours(const char *name) { return is_among(ours, name); }

/* `first` is the first of the names that are kept by their user's wish. */
static gd_status check_name(const gd_keep *keep, size_t first, const char *name, const char *const *taken,
                            gd_error *err)
{
    if (!*name)
        return gd_fail(err, GD_EUSAGE, "keep: a name is empty; expected names of fields, as in id,source");
    if (is_among(ours, name) || is_among(taken, name))
        return gd_fail(err, GD_EUSAGE,
                       "keep: \"%.100s\" is a name that lines of the output have already; give the input's field "
                       "another one",
                       name);
    for (size_t i = first; i < keep->count; i++)
        if (!strcmp(keep->names[i], name))
            return gd_fail(err, GD_EUSAGE, "keep: \"%.100s\" is given twice", name);
    return GD_OK;
}

gd_status gd_keep_add(gd_keep *keep, const char *name, gd_error *err)
{
    char *copy = gd_strdup(name);

    if (!copy || !gd_grow((void **)&keep->names, &keep->room, keep->count + 1, sizeof *keep->names)) {
        gd_free(copy);
        return gd_fail_memory(err, (keep->count + 1) * sizeof *keep->names + strlen(name));
    }
    keep->names[keep->count++] = copy;
    return GD_OK;
}

gd_status gd_keep_parse(gd_keep *keep, const char *spec, const char *const *taken, gd_error *err)
{
    const size_t first = keep->count;
    gd_status rc = GD_OK;

    while (!rc && spec) {
        char *name = gd_fields_unescaped(&spec);

        rc = name ? check_name(keep, first, name, taken, err) : gd_fail_memory(err, 1);
        if (!rc)
            rc = gd_keep_add(keep, name, err);
        gd_free(name);
        spec = *spec ? spec + 1 : NULL;
    }
    return rc;
}

void gd_keep_free(gd_keep *keep)
{
    for (size_t i = 0; i < keep->count; i++)
        gd_free(keep->names[i]);
    gd_free(keep->names);
    *keep = (gd_keep){ 0 };
}

gd_status gd_keep_check(const gd_keep *keep, const gd_entries *entries, gd_error *err)
{
    const gd_header *header = gd_entries_columns(entries);
    size_t count;
    const char *path = gd_entries_inputs(entries, &count)[0];
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < keep->count; i++) {
        if (header->count)
            rc = gd_header_find(header, path, keep->names[i], err);
        else if (gd_entries_format(entries) == GD_FORMAT_TEXT)
            rc = gd_fail(err, GD_EUSAGE, "%s: there is no field \"%s\" in plain text", path, keep->names[i]);
    }
    return rc;
}

/* ---- the values ---- */

/* Where the values are in `bytes`, which grows. */
struct taking {
    const gd_keep *keep;
    gd_buf bytes;
    size_t *at, *len; /* [keep->count] */
    gd_error *why;
};

static void begin_value(struct taking *t, size_t i) { t->at[i] = t->bytes.len; }
static void end_value(struct taking *t, size_t i) { t->len[i] = t->bytes.len - t->at[i]; }

/* Adds a value on one line: line breaks in JSON are only layout, since inside a string they are escaped. */
static void take_value(struct taking *t, size_t i, gd_text value)
{
    begin_value(t, i);
    gd_buf_bytes(&t->bytes, value.data, value.len);
    end_value(t, i);
    for (size_t k = t->at[i]; !t->bytes.failed && k < t->bytes.len; k++)
        if (t->bytes.data[k] == '\n' || t->bytes.data[k] == '\r')
            t->bytes.data[k] = ' ';
}

/* NaN and Infinity, which Python writes, are the only names with capital letters. */
static bool has_nan(gd_text value)
{
    bool quoted = false;

    for (size_t i = 0; i < value.len; i++) {
        const char c = value.data[i];

        if (!quoted && (c == 'N' || c == 'I'))
            return true;
        i += quoted && c == '\\';
        quoted ^= c == '"';
    }
    return false;
}

/* Whether a value can be kept; else says why not. */
static bool is_good(const struct taking *t, size_t i, gd_text value)
{
    const char *name = t->keep->names[i];

    if (t->len[i])
        gd_fail(t->why, GD_EFORMAT, "the field \"%.100s\" appears twice", name);
    else if (has_nan(value))
        gd_fail(t->why, GD_EFORMAT,
                "the field \"%.100s\", which is to be kept, has NaN or Infinity, which are not JSON", name);
    else
        return true;
    return false;
}

static void take_members(struct taking *t, const gd_entry *entry)
{
    gd_text rest = { entry->raw, entry->raw_len }, name, value;

    while (gd_json_span_next(&rest, &name, &value))
        for (size_t i = 0; i < t->keep->count; i++)
            if (gd_json_span_is(name, t->keep->names[i]) && is_good(t, i, value))
                take_value(t, i, value);
}

static void take_cells(struct taking *t, const gd_entry *entry, const gd_header *header, char separator)
{
    gd_csv_fields f = { .row = entry->raw, .len = entry->raw_len, .separator = separator };
    gd_buf spare = { 0 };
    gd_text cell;

    while (gd_csv_next(&f, &cell, &spare))
        for (size_t i = 0; i < t->keep->count; i++)
            if (f.count <= header->count && !strcmp(header->names[f.count - 1], t->keep->names[i])) {
                begin_value(t, i);
                gd_buf_json_string(&t->bytes, cell.data, cell.len);
                end_value(t, i);
            }
    t->bytes.failed |= spare.failed;
    gd_buf_free(&spare);
}

/* All values in one block. */
static gd_text *join(const struct taking *t)
{
    const size_t table = t->keep->count * sizeof(gd_text);
    gd_text *values = t->bytes.failed ? NULL : gd_alloc(table + t->bytes.len, 1);
    char *bytes;

    if (!values)
        return NULL;
    bytes = (char *)values + table;
    if (t->bytes.len)
        memcpy(bytes, t->bytes.data, t->bytes.len);
    for (size_t i = 0; i < t->keep->count; i++)
        values[i] = t->len[i] ? (gd_text){ bytes + t->at[i], t->len[i] } : (gd_text){ "null", 4 };
    return values;
}

gd_status gd_keep_take(gd_text **values, const gd_keep *keep, const gd_entries *entries, const gd_entry *entry,
                       gd_error *why, gd_error *err)
{
    const gd_header *header = gd_entries_columns(entries);
    struct taking t = { .keep = keep, .why = why, .at = gd_alloc_zero(2 * keep->count, sizeof *t.at) };
    gd_status rc = t.at ? GD_OK : gd_fail_memory(err, 2 * keep->count * sizeof *t.at);

    t.len = t.at + keep->count;
    gd_buf_str(&t.bytes, "");
    if (!rc && entry->fault.status == GD_OK && header->count)
        take_cells(&t, entry, header, gd_entries_format(entries) == GD_FORMAT_TSV ? '\t' : ',');
    else if (!rc && entry->fault.status == GD_OK)
        take_members(&t, entry);
    *values = rc ? NULL : join(&t);
    if (!rc && !*values)
        rc = gd_fail_memory(err, entry->raw_len);
    gd_buf_free(&t.bytes);
    gd_free(t.at);
    return rc;
}

void gd_keep_put(gd_buf *line, const gd_keep *keep, const gd_text *values)
{
    for (size_t i = 0; i < keep->count; i++) {
        gd_buf_str(line, ",");
        gd_buf_json_string(line, keep->names[i], strlen(keep->names[i]));
        gd_buf_str(line, ":");
        gd_buf_bytes(line, values[i].data, values[i].len);
    }
}
