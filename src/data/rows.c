/* rows.c - the items of one or more inputs. */
#include "data/rows.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/codec.h"
#include "data/rows_fields.h"
#include "data/rows_inputs.h"
#include "data/rows_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct gd_rows {
    gd_inputs inputs;
    gd_fields fields;
    gd_format wanted; /* GD_FORMAT_AUTO: by the name of each input */
    gd_format format; /* of the first input */
    gd_header header; /* of the first input */
    gd_source source;
    bool open;      /* whether source is open */
    size_t at;      /* the input being read, or the next one */
    uint64_t index; /* of the next row */
    uint64_t done;  /* bytes of the inputs before */
    uint64_t total; /* of all inputs, as far as known beforehand */
    bool total_known;
};

void gd_row_free(gd_row *row)
{
    json_decref(row->object);
    gd_free(row->problem);
    *row = (gd_row){ 0 };
}

/* Shortens a long path at its beginning; the end says more. */
static void write_place(char place[GD_ROW_PLACE_ROOM], const char *name, uint64_t line)
{
    const size_t len = name ? strlen(name) : 0, most = GD_ROW_PLACE_ROOM - 40;

    if (!name)
        (void)snprintf(place, GD_ROW_PLACE_ROOM, "line %" PRIu64, line);
    else if (len <= most)
        (void)snprintf(place, GD_ROW_PLACE_ROOM, "%s, line %" PRIu64, name, line);
    else
        (void)snprintf(place, GD_ROW_PLACE_ROOM, "...%s, line %" PRIu64, name + len - most, line);
}

const char *gd_row_place(const gd_row *row, char place[GD_ROW_PLACE_ROOM])
{
    write_place(place, row->name, row->line);
    return place;
}

/* Finds the format by the end of the path, without .gz or .zst. */
static gd_format format_of(const char *path)
{
    static const struct {
        const char *suffix;
        gd_format format;
    } suffixes[] = { { ".jsonl", GD_FORMAT_JSONL }, { ".ndjson", GD_FORMAT_JSONL }, { ".json", GD_FORMAT_JSON },
                     { ".csv", GD_FORMAT_CSV },     { ".tsv", GD_FORMAT_TSV },      { ".txt", GD_FORMAT_TEXT } };
    const gd_codec *codec = gd_codec_by_suffix(path);
    const size_t len = strlen(path) - (codec ? strlen(codec->suffix) : 0);

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        const size_t n = strlen(suffixes[i].suffix);

        if (len >= n && strncasecmp(path + len - n, suffixes[i].suffix, n) == 0)
            return suffixes[i].format;
    }
    return GD_FORMAT_JSON;
}

static const char *name_of(gd_format format)
{
    static const char *const names[] = { "", "JSON", "JSON", "CSV", "TSV", "text" };

    return names[format];
}

/* Checks that each mapped field is a column, if there are columns. */
static gd_status check_fields(const gd_rows *rows, const char *name, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < rows->fields.count; i++) {
        const char *theirs = rows->fields.map[i].theirs;

        if (rows->header.count)
            rc = gd_header_find(&rows->header, name, theirs, err);
        else if (rows->format == GD_FORMAT_TEXT && strcmp(theirs, "text") != 0)
            rc = gd_fail(err, GD_EUSAGE, "%s: there is no column \"%s\" in plain text, which has only \"text\"", name,
                         theirs);
    }
    return rc;
}

/* Checks that an input is of the same kind as the first one. */
static gd_status compare_with_first(gd_rows *rows, const gd_source *source, gd_error *err)
{
    const char *name = gd_pieces_name(source->pieces), *first = rows->inputs.paths[0];
    const gd_header *header = gd_source_header(source);

    if (strcmp(first, "-") == 0)
        first = "standard input";
    if (strcmp(name_of(source->format), name_of(rows->format)) != 0)
        return gd_fail(err, GD_EUSAGE, "%s: this is %s, but %s is %s; all inputs must be of one kind", name,
                       name_of(source->format), first, name_of(rows->format));
    return header ? gd_header_compare(header, name, &rows->header, first, err) : GD_OK;
}

static gd_status keep_first(gd_rows *rows, const gd_source *source, gd_error *err)
{
    const char *name = gd_pieces_name(source->pieces);
    const gd_header *header = gd_source_header(source);
    gd_status rc = GD_OK;

    rows->format = source->format;
    if (header) {
        const gd_text raw = { header->raw, strlen(header->raw) };

        rc = gd_header_parse(&rows->header, raw, rows->format == GD_FORMAT_TSV ? '\t' : ',',
                             (gd_header_place){ name, 1 }, err);
    }
    return rc ? rc : check_fields(rows, name, err);
}

static gd_status open_input(gd_rows *rows, size_t which, gd_source *source, gd_error *err)
{
    const char *path = rows->inputs.paths[which];
    gd_status rc = gd_source_open(source, path, rows->wanted ? rows->wanted : format_of(path), err);

    if (rc)
        return rc;
    rc = which ? compare_with_first(rows, source, err) : keep_first(rows, source, err);
    if (rc)
        gd_source_close(source);
    return rc;
}

/* Checks the inputs after the first, if they can be opened twice. */
static gd_status look_at_others(gd_rows *rows, gd_error *err)
{
    rows->total = gd_pieces_bytes_total(rows->source.pieces);
    rows->total_known = rows->total > 0;
    for (size_t i = 1; i < rows->inputs.count; i++) {
        const char *path = rows->inputs.paths[i];
        gd_source source;
        struct stat sb;
        gd_status rc;

        if (strcmp(path, "-") == 0 || (stat(path, &sb) == 0 && !S_ISREG(sb.st_mode) && !S_ISDIR(sb.st_mode))) {
            rows->total_known = false;
            continue;
        }
        rc = open_input(rows, i, &source, err);
        if (rc)
            return rc;
        rows->total += gd_pieces_bytes_total(source.pieces);
        gd_source_close(&source);
    }
    return GD_OK;
}

gd_status gd_rows_open(gd_rows **out, const gd_rows_options *options, gd_error *err)
{
    gd_rows *rows = gd_alloc_zero(1, sizeof *rows);
    gd_status rc;

    *out = NULL;
    if (!rows)
        return gd_fail_memory(err, sizeof *rows);
    rows->wanted = options->format;
    rc = gd_fields_parse(&rows->fields, options->fields, err);
    if (!rc)
        rc = gd_inputs_find(&rows->inputs, options->inputs, options->count, err);
    if (!rc)
        rc = open_input(rows, 0, &rows->source, err);
    rows->open = !rc;
    if (!rc)
        rc = look_at_others(rows, err);
    if (rc)
        gd_rows_close(rows);
    else
        *out = rows;
    return rc;
}

/* The next item of the next input that has one. */
static gd_status next_item(gd_rows *rows, gd_source_item *item, bool *more, gd_error *err)
{
    for (;;) {
        gd_status rc;

        *more = false;
        *item = (gd_source_item){ 0 };
        if (!rows->open && rows->at == rows->inputs.count)
            return GD_OK;
        if (!rows->open) {
            rc = open_input(rows, rows->at, &rows->source, err);
            if (rc)
                return rc;
            rows->open = true;
        }
        rc = rows->source.kind->next(&rows->source, item, more, err);
        if (rc || *more)
            return rc;
        rows->done += gd_pieces_bytes_total(rows->source.pieces) ? gd_pieces_bytes_total(rows->source.pieces)
                                                                 : gd_pieces_bytes_done(rows->source.pieces);
        gd_source_close(&rows->source);
        rows->open = false;
        rows->at++;
    }
}

static gd_status set_problem(gd_row *row, const gd_source_item *item, gd_error *err)
{
    char place[GD_ROW_PLACE_ROOM];
    gd_error whole = { 0 };

    write_place(place, row->name, item->fault_line ? item->fault_line : item->line);
    (void)gd_fail(&whole, GD_EFORMAT, "%s: %s", place, item->fault.text);
    row->problem = gd_strdup(whole.text);
    return row->problem ? GD_OK : gd_fail_memory(err, strlen(whole.text));
}

gd_status gd_rows_next(gd_rows *rows, gd_row *row, bool *more, gd_error *err)
{
    gd_source_item item;
    gd_status rc = next_item(rows, &item, more, err);

    *row = (gd_row){ 0 };
    if (!rc && *more) {
        *row = (gd_row){ .index = rows->index++, .line = item.line, .raw = item.raw, .raw_len = item.len };
        row->object = item.object;
        item.object = NULL;
        if (rows->inputs.count > 1)
            row->name = rows->inputs.paths[rows->at];
        if (row->name && strcmp(row->name, "-") == 0)
            row->name = "standard input";
        if (item.fault.status)
            rc = set_problem(row, &item, err);
        else if (!gd_fields_rename(&rows->fields, row->object))
            rc = gd_fail_memory(err, item.len);
    }
    json_decref(item.object);
    if (rc) {
        gd_row_free(row);
        *more = false;
    }
    return rc;
}

void gd_rows_close(gd_rows *rows)
{
    if (!rows)
        return;
    gd_source_close(&rows->source);
    gd_header_free(&rows->header);
    gd_inputs_free(&rows->inputs);
    gd_fields_free(&rows->fields);
    gd_free(rows);
}

const char *const *gd_rows_inputs(const gd_rows *rows, size_t *count)
{
    *count = rows->inputs.count;
    return (const char *const *)rows->inputs.paths;
}

gd_format gd_rows_format(const gd_rows *rows) { return rows->format; }
const char *gd_rows_header(const gd_rows *rows) { return rows->header.raw; }
const char *gd_rows_source_name(const gd_rows *rows, const char *ours) { return gd_fields_theirs(&rows->fields, ours); }

uint64_t gd_rows_bytes_done(const gd_rows *rows)
{
    return rows->done + (rows->open ? gd_pieces_bytes_done(rows->source.pieces) : 0);
}

uint64_t gd_rows_bytes_total(const gd_rows *rows) { return rows->total_known ? rows->total : 0; }
