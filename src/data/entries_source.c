/* entries_source.c - what the formats share: an open input and the faults of an item. */
#include "data/entries_source.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* JSON may be an array, or an object on each line.  One object over several lines is neither: whatever of it looks like
 * an item must not be scored. */
static gd_status look_at_json(gd_source *source, gd_error *err)
{
    const char *line;
    size_t len;
    bool more;
    gd_status rc = gd_pieces_first(source->pieces, &line, &len, &more, err);

    if (rc)
        return rc;
    if (source->format == GD_FORMAT_JSON && (len == 0 || *line != '['))
        source->format = GD_FORMAT_JSONL;
    if (source->format == GD_FORMAT_JSONL && more && gd_json_goes_on(line, len))
        return gd_fail(err, GD_EFORMAT,
                       "%s: the JSON that begins here goes over several lines; an object on each line or an array of "
                       "objects is expected (jq -c . writes an object on each line; jq .data takes out an array named "
                       "\"data\")",
                       gd_pieces_name(source->pieces));
    return GD_OK;
}

static gd_status find_kind(gd_source *source, gd_error *err)
{
    const bool json = source->format == GD_FORMAT_JSON || source->format == GD_FORMAT_JSONL;
    const gd_status rc = json ? look_at_json(source, err) : GD_OK;

    switch (source->format) {
    case GD_FORMAT_JSON: source->kind = &gd_source_array; break;
    case GD_FORMAT_CSV:
    case GD_FORMAT_TSV: source->kind = &gd_source_csv; break;
    case GD_FORMAT_TEXT: source->kind = &gd_source_text; break;
    default: source->kind = &gd_source_jsonl;
    }
    return rc;
}

gd_status gd_source_open(gd_source *source, const char *path, gd_format format, const gd_fields *fields, gd_pause pause,
                         gd_error *err)
{
    gd_status rc;

    *source = (gd_source){ .format = format, .fields = fields };
    rc = gd_pieces_open(&source->pieces, path, pause, err);
    if (!rc)
        rc = find_kind(source, err);
    if (!rc && source->kind->open)
        rc = source->kind->open(source, err);
    if (rc)
        gd_source_close(source);
    return rc;
}

void gd_source_close(gd_source *source)
{
    if (source->kind && source->kind->close)
        source->kind->close(source);
    gd_pieces_close(source->pieces);
    *source = (gd_source){ 0 };
}

gd_status gd_entry_fault(gd_entry *entry, const char *format, ...)
{
    char sentence[sizeof entry->fault.text];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    (void)gd_fail(&entry->fault, GD_EFORMAT, "%s", sentence);
    return GD_OK;
}

gd_status gd_entry_too_long(gd_entry *entry)
{
    entry->raw = "";
    entry->raw_len = 0;
    return gd_entry_fault(entry, "more than %zu bytes; an item may have at most 16 MiB", GD_ITEM_MAX);
}

void gd_entry_find(const gd_entry *entry, size_t offset, uint64_t *line, size_t *byte)
{
    const char *from = entry->raw, *end = entry->raw + offset, *lf;

    *line = entry->line;
    while ((lf = memchr(from, '\n', (size_t)(end - from))) != NULL) {
        from = lf + 1;
        ++*line;
    }
    *byte = (size_t)(end - from) + 1;
}
