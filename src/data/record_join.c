/* record_join.c - rows with one answer each, as one record: the answers to a prompt. */
#include "data/record_inside.h"

#include "base/error.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

/* The texts move; what they point to stays with the rows. */
static gd_status move_texts(gd_record *record, gd_error *err)
{
    record->texts = gd_alloc(record->row_count, sizeof *record->texts);
    if (!record->texts)
        return gd_fail_memory(err, record->row_count * sizeof *record->texts);
    for (size_t i = 0; i < record->row_count; i++) {
        gd_record *row = &record->rows[i];

        record->texts[i] = row->texts[0];
        gd_free(row->texts);
        row->texts = NULL;
        row->count = 0;
    }
    record->count = record->row_count;
    return GD_OK;
}

gd_status gd_record_join(gd_record *record, gd_record *rows, size_t count, char *problem, gd_error *err)
{
    *record = (gd_record){ .line = rows[0].line,
                           .name = rows[0].name,
                           .digest = rows[count - 1].digest,
                           .problem = problem,
                           .kind = GD_RECORD_ANSWERS,
                           .rows = rows,
                           .row_count = count };
    for (size_t i = 0; i < count; i++)
        record->length += rows[i].length;
    return problem ? GD_OK : move_texts(record, err);
}

/* ---- lines about the record ---- */

/* Adds the value of the field of each row; `which` is NULL for all of them. */
static void put_values(gd_buf *line, const gd_record *record, size_t field, const size_t *which, size_t count)
{
    const gd_keep *keep = record->rows[0].keep;

    if (!strcmp(keep->names[field], keep->names[0])) { /* the same in all rows */
        gd_buf_bytes(line, record->rows[0].kept[0].data, record->rows[0].kept[0].len);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const gd_text value = record->rows[which ? which[i] : i].kept[field];

        gd_buf_str(line, i ? "," : "[");
        gd_buf_bytes(line, value.data, value.len);
    }
    gd_buf_str(line, "]");
}

static void begin(gd_buf *line, const gd_record *record, const size_t *which, size_t count)
{
    const gd_keep *keep = record->row_count ? record->rows[0].keep : NULL;

    gd_buf_printf(line, "{\"index\":%" PRIu64, record->index);
    if (record->keep)
        gd_keep_put(line, record->keep, record->kept);
    if (!keep)
        return;
    for (size_t f = 1; f < keep->count; f++) {
        gd_buf_str(line, ",");
        gd_buf_json_string(line, keep->names[f], strlen(keep->names[f]));
        gd_buf_str(line, ":");
        put_values(line, record, f, which, count);
    }
    for (size_t i = 0; i < count; i++)
        gd_buf_printf(line, "%s%" PRIu64, i ? "," : ",\"rows\":[", record->rows[which ? which[i] : i].index);
    gd_buf_str(line, "]");
}

void gd_record_begin_line(gd_buf *line, const gd_record *record) { begin(line, record, NULL, record->row_count); }

void gd_record_begin_pair(gd_buf *line, const gd_record *record, size_t chosen, size_t rejected)
{
    begin(line, record, (const size_t[]){ chosen, rejected }, 2);
}

/* ---- its prompt and answers, as they were read ---- */

const json_t *gd_record_answer_of(const gd_record *record, size_t which)
{
    static const char *const names[] = { "response", "messages", "text" };
    const json_t *answer = NULL;

    if (!record->row_count)
        return gd_record_answer(record->object, which);
    for (size_t i = 0; !answer && i < sizeof names / sizeof names[0]; i++)
        answer = json_object_get(record->rows[which].object, names[i]);
    return answer;
}

static const json_t *shared(const gd_record *record, const char *key)
{
    return json_object_get(record->row_count ? record->rows[0].object : record->object, key);
}

const json_t *gd_record_prompt(const gd_record *record) { return shared(record, "prompt"); }

const json_t *gd_record_system(const gd_record *record)
{
    const json_t *system = shared(record, "system");

    return gd_reading_nothing(system) ? NULL : system;
}

const json_t *gd_record_tools(const gd_record *record)
{
    const json_t *tools = shared(record, "tools");

    return json_array_size(tools) ? tools : NULL;
}
