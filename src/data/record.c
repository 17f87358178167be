/* record.c - the records of an input. */
#include "data/record.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/record_columns.h"
#include "data/record_read.h"
#include "data/entries.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *gd_record_text_name(gd_record_kind kind, size_t which, char room[GD_TEXT_NAME_ROOM])
{
    if (kind == GD_RECORD_TEXT)
        return "";
    if (kind == GD_RECORD_PAIR)
        return which ? "rejected: " : "chosen: ";
    (void)snprintf(room, GD_TEXT_NAME_ROOM, "responses[%zu]: ", which);
    return room;
}

const char *gd_record_sentence(const gd_record *record, const char *why, char room[GD_SENTENCE_ROOM])
{
    const gd_entry entry = { .name = record->name, .line = record->line, .argument = record->argument };
    char place[GD_ENTRY_PLACE_ROOM];

    if (record->line)
        (void)snprintf(room, GD_SENTENCE_ROOM, "%s: %s", gd_entry_place(&entry, place), why);
    else
        (void)snprintf(room, GD_SENTENCE_ROOM, "%s", why);
    return room;
}

void gd_record_put_before(gd_record *record, gd_text prompt)
{
    for (size_t i = 0; i < record->count; i++)
        record->texts[i].before = prompt;
}

void gd_record_drop_texts(gd_record *record)
{
    for (size_t i = 0; record->texts && i < record->count; i++)
        gd_free(record->texts[i].messages);
    gd_free(record->texts);
    gd_free(record->storage);
    record->texts = NULL;
    record->storage = NULL;
    record->count = 0;
    for (size_t i = 0; i < record->row_count; i++)
        gd_record_drop_texts(&record->rows[i]);
}

void gd_record_drop_fields(gd_record *record)
{
    json_decref(record->object);
    record->object = NULL;
    for (size_t i = 0; i < record->row_count; i++)
        gd_record_drop_fields(&record->rows[i]);
}

void gd_record_free(gd_record *record)
{
    gd_record_drop_texts(record);
    gd_free(record->problem);
    gd_free(record->raw);
    gd_free(record->kept);
    json_decref(record->object);
    for (size_t i = 0; i < record->row_count; i++)
        gd_record_free(&record->rows[i]);
    gd_free(record->rows);
    *record = (gd_record){ 0 };
}

const json_t *gd_answer_inside(const json_t *answer)
{
    static const char *const names[] = { "text",   "content", "response",       "completion",
                                         "output", "answer",  "generated_text", "message" };
    const json_t *inside = NULL;

    if (!json_is_object(answer) || gd_json_has(answer, "role") || gd_json_has(answer, "from"))
        return answer;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!gd_json_has(answer, names[i]))
            continue;
        if (inside)
            return answer;
        inside = json_object_get(answer, names[i]);
    }
    return inside ? inside : answer;
}

const json_t *gd_record_answer(const json_t *object, size_t which)
{
    const json_t *responses = json_object_get(object, "responses");
    const json_t *chosen = json_object_get(object, "chosen");
    const size_t better = json_array_size(chosen);

    if (json_is_array(responses))
        return json_array_get(responses, which);
    return which < better ? json_array_get(chosen, which)
                          : json_array_get(json_object_get(object, "rejected"), which - better);
}

struct gd_records {
    gd_entries *entries;
    bool keep_raw, turns, either;
    uint64_t digest;     /* of the items so far */
    const gd_keep *keep; /* or NULL */
};

gd_status gd_records_open(gd_records **out, const gd_entries_options *options, gd_error *err)
{
    gd_records *records = gd_alloc_zero(1, sizeof *records);
    gd_status rc;

    *out = NULL;
    if (!records)
        return gd_fail_memory(err, sizeof *records);
    rc = gd_entries_open(&records->entries, options, err);
    if (!rc)
        rc = gd_record_check_columns(records->entries, err);
    if (rc) {
        gd_records_close(records);
        return rc;
    }
    if (gd_entries_header(records->entries))
        records->digest = gd_digest(0, gd_entries_header(records->entries),
                                    strlen(gd_entries_header(records->entries)));
    *out = records;
    return GD_OK;
}

void gd_records_keep_raw(gd_records *records) { records->keep_raw = true; }
void gd_records_make_turns(gd_records *records) { records->turns = true; }
void gd_records_read_either(gd_records *records) { records->either = true; }

gd_status gd_records_keep(gd_records *records, const gd_keep *keep, gd_error *err)
{
    records->keep = keep->count ? keep : NULL;
    return gd_keep_check(keep, records->entries, err);
}

static gd_status set_problem(gd_record *record, const char *why, gd_error *err)
{
    char sentence[GD_SENTENCE_ROOM];

    record->problem = gd_strdup(gd_record_sentence(record, why, sentence));
    return record->problem ? GD_OK : gd_fail_memory(err, strlen(sentence));
}

/* Finds the record's texts; a fault of the item becomes its problem. */
static gd_status read_texts(const gd_records *records, gd_record *record, gd_error *err)
{
    gd_error why = { 0 }, other = { 0 };
    gd_status rc = gd_record_read(&(gd_reading){ record, records->entries, records->turns, &why, err });

    if (!why.status)
        return rc;
    gd_record_drop_texts(record);
    if (records->either) {
        rc = gd_record_read(&(gd_reading){ record, records->entries, !records->turns, &other, err });
        if (!other.status)
            return rc;
        gd_record_drop_texts(record);
    }
    return set_problem(record, why.text, err);
}

/* An array element may span lines, but the output is one line per item.  Line breaks in JSON are only layout: inside a
 * string they are escaped. */
static void put_on_one_line(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\n' || text[i] == '\r')
            text[i] = ' ';
}

static gd_status take_kept(const gd_records *records, gd_record *record, const gd_entry *entry, gd_error *err)
{
    gd_error why = { 0 };
    const gd_status rc = gd_keep_take(&record->kept, records->keep, records->entries, entry, &why, err);

    record->keep = rc ? NULL : records->keep;
    return rc || !why.status || record->problem ? rc : set_problem(record, why.text, err);
}

/* Moves the row's contents into the record. */
static gd_status take_row(gd_records *records, gd_record *record, gd_entry *entry, gd_error *err)
{
    gd_status rc = GD_OK;

    records->digest = gd_digest(records->digest ^ entry->line, entry->raw, entry->raw ? entry->raw_len : 0);
    *record = (gd_record){ .index = entry->index,
                           .line = entry->line,
                           .name = entry->name,
                           .argument = entry->argument,
                           .length = entry->raw_len,
                           .digest = records->digest,
                           .object = entry->object,
                           .problem = entry->problem };
    entry->object = NULL;
    entry->problem = NULL;
    if (records->keep_raw && entry->raw) {
        record->raw = gd_strndup(entry->raw, entry->raw_len);
        if (!record->raw)
            return gd_fail_memory(err, entry->raw_len);
        if (gd_entries_format(records->entries) == GD_FORMAT_JSON)
            put_on_one_line(record->raw, entry->raw_len);
    }
    if (records->keep)
        rc = take_kept(records, record, entry, err);
    return rc || record->problem ? rc : read_texts(records, record, err);
}

gd_status gd_records_next(gd_records *records, gd_record *record, bool *more, gd_error *err)
{
    gd_entry entry = { 0 };
    gd_status rc = gd_entries_next(records->entries, &entry, more, err);

    *record = (gd_record){ 0 };
    if (!rc && *more)
        rc = take_row(records, record, &entry, err);
    gd_entry_free(&entry);
    if (rc)
        gd_record_free(record);
    *more &= !rc;
    return rc;
}

void gd_records_close(gd_records *records)
{
    if (!records)
        return;
    gd_entries_close(records->entries);
    gd_free(records);
}

gd_status gd_records_read_again(const gd_records *records, gd_record *record, gd_error *err)
{
    gd_status rc = record->row_count ? GD_OK : read_texts(records, record, err);

    for (size_t i = 0; !rc && i < record->row_count; i++)
        rc = read_texts(records, &record->rows[i], err);
    return rc;
}

const char *const *gd_records_inputs(const gd_records *records, size_t *count)
{
    return gd_entries_inputs(records->entries, count);
}

const char *gd_records_source_name(const gd_records *records, const char *ours)
{
    return gd_entries_source_name(records->entries, ours);
}

const char *gd_records_header(const gd_records *records) { return gd_entries_header(records->entries); }
uint64_t gd_records_bytes_done(const gd_records *records) { return gd_entries_bytes_done(records->entries); }
void gd_records_on_pause(gd_records *records, gd_pause pause) { gd_entries_on_pause(records->entries, pause); }
gd_format gd_records_format(const gd_records *records) { return gd_entries_format(records->entries); }
uint64_t gd_records_bytes_total(const gd_records *records) { return gd_entries_bytes_total(records->entries); }
