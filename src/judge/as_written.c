/* as_written.c - the prompt and the answers of a record as the input has them. */
#include "judge/as_written.h"

#include "base/error.h"
#include "base/json_span.h"
#include "base/mem.h"

#include <string.h>

/* The field that we call `ours`. */
static gd_text field(const gd_records *records, const gd_record *row, const char *ours)
{
    const gd_text line = { row->raw, row->length };
    gd_text value = { NULL, 0 };

    if (!json_object_get(row->object, ours) || !gd_json_span_value(line, gd_records_source_name(records, ours), &value))
        return (gd_text){ NULL, 0 };
    return value;
}

gd_text gd_as_written_inside(const json_t *answer, gd_text raw)
{
    const json_t *wanted = gd_answer_inside(answer);
    const char *key;
    json_t *value;

    if (wanted == answer || !raw.data)
        return raw;
    json_object_foreach((json_t *)answer, key, value)
        if (value == wanted && gd_json_span_value(raw, key, &raw))
            return raw;
    return (gd_text){ NULL, 0 };
}

static void find_in_row(gd_as_written *written, const gd_records *records, const gd_record *record, size_t which)
{
    static const char *const names[] = { "response", "messages", "text" };
    gd_text raw = { NULL, 0 };

    for (size_t i = 0; !raw.data && i < sizeof names / sizeof names[0]; i++)
        raw = field(records, &record->rows[which], names[i]);
    written->answers[which] = raw;
}

static size_t find_in_list(gd_as_written *written, gd_text list, size_t first)
{
    gd_text raw;

    for (; first < written->count && gd_json_span_item(&list, &raw); first++)
        written->answers[first] = raw;
    return first;
}

/* A carriage return between the parts of a value would look like the end of a line. */
static bool is_one_line(const gd_record *row) { return row->raw && !memchr(row->raw, '\r', row->length); }

gd_status gd_as_written_find(gd_as_written *written, const gd_records *records, const gd_record *record, size_t count,
                             gd_error *err)
{
    const gd_format format = gd_records_format(records);
    const gd_record *first = record->row_count ? &record->rows[0] : record;
    const bool json = format != GD_FORMAT_CSV && format != GD_FORMAT_TSV && format != GD_FORMAT_TEXT;
    size_t found;

    if (!gd_grow((void **)&written->answers, &written->room, count, sizeof *written->answers))
        return gd_fail_memory(err, count * sizeof *written->answers);
    written->count = count;
    written->prompt = (gd_text){ NULL, 0 };
    for (size_t i = 0; i < count; i++)
        written->answers[i] = (gd_text){ NULL, 0 };
    if (!json || !is_one_line(first))
        return GD_OK;
    written->prompt = field(records, first, "prompt");
    for (size_t i = 0; i < record->row_count; i++)
        if (is_one_line(&record->rows[i]))
            find_in_row(written, records, record, i);
    if (record->row_count)
        return GD_OK;
    found = find_in_list(written, field(records, record, "responses"), 0);
    if (!found)
        found = find_in_list(written, field(records, record, "chosen"), 0);
    (void)find_in_list(written, field(records, record, "rejected"), found);
    return GD_OK;
}

gd_text gd_as_written_answer(const gd_as_written *written, size_t which)
{
    return written && which < written->count ? written->answers[which] : (gd_text){ NULL, 0 };
}

void gd_as_written_free(gd_as_written *written)
{
    gd_free(written->answers);
    *written = (gd_as_written){ 0 };
}
