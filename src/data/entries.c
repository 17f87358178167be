/* entries.c - the items of one or more inputs. */
#include "data/entries.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/codec.h"
#include "data/entries_fields.h"
#include "data/entries_inputs.h"
#include "data/entries_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct gd_entries {
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
    bool arguments;
    gd_pause pause;
};

void gd_entry_free(gd_entry *entry)
{
    json_decref(entry->object);
    gd_free(entry->problem);
    *entry = (gd_entry){ 0 };
}

/* The place of the entry, but with `line`. Shortens a long path at its beginning; the end says more. */
static void write_place(char place[GD_ENTRY_PLACE_ROOM], const gd_entry *entry, uint64_t line)
{
    const char *name = entry->name;
    const size_t len = name ? strlen(name) : 0, most = GD_ENTRY_PLACE_ROOM - 40;

    if (entry->argument)
        (void)snprintf(place, GD_ENTRY_PLACE_ROOM, "text %" PRIu64, line - 1);
    else if (!name)
        (void)snprintf(place, GD_ENTRY_PLACE_ROOM, "line %" PRIu64, line);
    else if (len <= most)
        (void)snprintf(place, GD_ENTRY_PLACE_ROOM, "%s, line %" PRIu64, name, line);
    else
        (void)snprintf(place, GD_ENTRY_PLACE_ROOM, "...%s, line %" PRIu64, name + len - most, line);
}

const char *gd_entry_place(const gd_entry *entry, char place[GD_ENTRY_PLACE_ROOM])
{
    write_place(place, entry, entry->line);
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
static gd_status check_fields(const gd_entries *entries, const char *name, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < entries->fields.count; i++) {
        const char *theirs = entries->fields.map[i].theirs;

        if (!strcmp(theirs, GD_FIELD_NONE))
            continue;
        if (entries->header.count)
            rc = gd_header_find(&entries->header, name, theirs, err);
        else if (entries->format == GD_FORMAT_TEXT && strcmp(theirs, "text") != 0)
            rc = gd_fail(err, GD_EUSAGE, "%s: there is no column \"%s\" in plain text, which has only \"text\"", name,
                         theirs);
    }
    return rc;
}

/* Checks that an input is of the same kind as the first one. */
static gd_status compare_with_first(gd_entries *entries, const gd_source *source, gd_error *err)
{
    const char *name = gd_pieces_name(source->pieces), *first = entries->inputs.paths[0];
    const gd_header *header = gd_source_header(source);

    if (strcmp(first, "-") == 0)
        first = "standard input";
    if (strcmp(name_of(source->format), name_of(entries->format)) != 0)
        return gd_fail(err, GD_EUSAGE, "%s: this is %s, but %s is %s; all inputs must be of one kind", name,
                       name_of(source->format), first, name_of(entries->format));
    return header ? gd_header_compare(header, name, &entries->header, first, err) : GD_OK;
}

static gd_status keep_first(gd_entries *entries, const gd_source *source, gd_error *err)
{
    const char *name = gd_pieces_name(source->pieces);
    const gd_header *header = gd_source_header(source);
    gd_status rc = GD_OK;

    entries->format = source->format;
    if (header) {
        const gd_text raw = { header->raw, strlen(header->raw) };

        rc = gd_header_parse(&entries->header, raw, entries->format == GD_FORMAT_TSV ? '\t' : ',',
                             (gd_header_place){ name, 1 }, err);
    }
    return rc ? rc : check_fields(entries, name, err);
}

static gd_status open_input(gd_entries *entries, size_t which, gd_source *source, gd_error *err)
{
    const char *path = entries->inputs.paths[which];
    gd_status rc = gd_source_open(source, path, entries->wanted ? entries->wanted : format_of(path), &entries->fields,
                                  entries->pause, err);

    if (rc)
        return rc;
    rc = which ? compare_with_first(entries, source, err) : keep_first(entries, source, err);
    if (rc)
        gd_source_close(source);
    return rc;
}

/* False for what can't be read twice.  What isn't there is reported when it is opened. */
static bool is_file(const char *path)
{
    struct stat sb;

    return strcmp(path, "-") != 0 && (stat(path, &sb) < 0 || S_ISREG(sb.st_mode) || S_ISDIR(sb.st_mode));
}

/* Checks the inputs after the first, if they can be opened twice. */
static gd_status look_at_others(gd_entries *entries, gd_error *err)
{
    entries->total = gd_pieces_bytes_total(entries->source.pieces);
    entries->total_known = entries->total > 0;
    for (size_t i = 1; i < entries->inputs.count; i++) {
        const char *path = entries->inputs.paths[i];
        gd_source source;
        gd_status rc;

        if (!is_file(path)) {
            entries->total_known = false;
            continue;
        }
        rc = open_input(entries, i, &source, err);
        if (rc)
            return rc;
        entries->total += gd_pieces_bytes_total(source.pieces);
        gd_source_close(&source);
    }
    return GD_OK;
}

static gd_status check_format(gd_format format, gd_error *err)
{
    if ((unsigned)format > GD_FORMAT_TEXT)
        return gd_fail(err, GD_EUSAGE, "format is %d, which is not a gd_format", (int)format);
    return GD_OK;
}

gd_status gd_entries_open(gd_entries **out, const gd_entries_options *options, gd_error *err)
{
    gd_entries *entries = gd_alloc_zero(1, sizeof *entries);
    gd_status rc;

    *out = NULL;
    if (!entries)
        return gd_fail_memory(err, sizeof *entries);
    entries->wanted = options->format;
    entries->pause = options->pause;
    rc = check_format(options->format, err);
    if (!rc)
        rc = gd_fields_parse(&entries->fields, options->fields, err);
    entries->fields.also = options->also;
    entries->fields.also_count = options->also_count;
    entries->fields.frugal = options->frugal;
    entries->arguments = options->arguments;
    if (!rc)
        rc = gd_inputs_find(&entries->inputs, options->inputs, options->count, err);
    if (!rc)
        rc = open_input(entries, 0, &entries->source, err);
    entries->open = !rc;
    if (!rc)
        rc = look_at_others(entries, err);
    if (rc)
        gd_entries_close(entries);
    else
        *out = entries;
    return rc;
}

/* Opening a named pipe waits for its writer. */
static gd_status open_next(gd_entries *entries, gd_error *err)
{
    gd_status rc = GD_OK;

    if (entries->pause.work && !is_file(entries->inputs.paths[entries->at]))
        rc = entries->pause.work(entries->pause.context, err);
    if (!rc)
        rc = open_input(entries, entries->at, &entries->source, err);
    if (rc)
        return rc;
    gd_pieces_on_pause(entries->source.pieces, entries->pause);
    entries->open = true;
    return GD_OK;
}

/* The next entry of the next input that has one. */
static gd_status next_entry(gd_entries *entries, gd_entry *entry, bool *more, gd_error *err)
{
    for (;;) {
        gd_status rc;

        *more = false;
        *entry = (gd_entry){ 0 };
        if (!entries->open && entries->at == entries->inputs.count)
            return GD_OK;
        rc = entries->open ? GD_OK : open_next(entries, err);
        if (rc)
            return rc;
        rc = entries->source.kind->next(&entries->source, entry, more, err);
        if (rc || *more)
            return rc;
        entries->done += gd_pieces_bytes_total(entries->source.pieces) ? gd_pieces_bytes_total(entries->source.pieces)
                                                                       : gd_pieces_bytes_done(entries->source.pieces);
        gd_source_close(&entries->source);
        entries->open = false;
        entries->at++;
    }
}

static gd_status set_problem(gd_entry *entry, gd_error *err)
{
    char place[GD_ENTRY_PLACE_ROOM];
    gd_error whole = { 0 };

    write_place(place, entry, entry->fault_line ? entry->fault_line : entry->line);
    (void)gd_fail(&whole, GD_EFORMAT, "%s: %s", place, entry->fault.text);
    entry->problem = gd_strdup(whole.text);
    return entry->problem ? GD_OK : gd_fail_memory(err, strlen(whole.text));
}

/* What only the inputs together know of an entry. */
static gd_status finish(gd_entries *entries, gd_entry *entry, gd_error *err)
{
    entry->index = entries->index++;
    entry->argument = entries->arguments;
    if (entries->inputs.count > 1)
        entry->name = entries->inputs.paths[entries->at];
    if (entry->name && strcmp(entry->name, "-") == 0)
        entry->name = "standard input";
    if (entry->fault.status)
        return set_problem(entry, err);
    return gd_fields_rename(&entries->fields, entry->object) ? GD_OK : gd_fail_memory(err, entry->raw_len);
}

gd_status gd_entries_next(gd_entries *entries, gd_entry *entry, bool *more, gd_error *err)
{
    gd_status rc = next_entry(entries, entry, more, err);

    if (!rc && *more)
        rc = finish(entries, entry, err);
    if (rc) {
        gd_entry_free(entry);
        *more = false;
    }
    return rc;
}

void gd_entries_on_pause(gd_entries *entries, gd_pause pause)
{
    entries->pause = pause;
    if (entries->open)
        gd_pieces_on_pause(entries->source.pieces, pause);
}

void gd_entries_close(gd_entries *entries)
{
    if (!entries)
        return;
    gd_source_close(&entries->source);
    gd_header_free(&entries->header);
    gd_inputs_free(&entries->inputs);
    gd_fields_free(&entries->fields);
    gd_free(entries);
}

const char *const *gd_entries_inputs(const gd_entries *entries, size_t *count)
{
    *count = entries->inputs.count;
    return (const char *const *)entries->inputs.paths;
}

gd_format gd_entries_format(const gd_entries *entries) { return entries->format; }
const char *gd_entries_header(const gd_entries *entries) { return entries->header.raw; }
const gd_header *gd_entries_columns(const gd_entries *entries) { return &entries->header; }
const char *gd_entries_source_name(const gd_entries *entries, const char *ours)
{
    return gd_fields_theirs(&entries->fields, ours);
}

uint64_t gd_entries_bytes_done(const gd_entries *entries)
{
    return entries->done + (entries->open ? gd_pieces_bytes_done(entries->source.pieces) : 0);
}

uint64_t gd_entries_bytes_total(const gd_entries *entries) { return entries->total_known ? entries->total : 0; }
