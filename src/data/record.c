/* record.c - what a line of an input says. */
#include "data/record.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "data/reader.h"

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

void gd_record_drop_texts(gd_record *record)
{
    gd_free(record->texts);
    gd_free(record->storage);
    record->texts = NULL;
    record->storage = NULL;
    record->count = 0;
}

void gd_record_free(gd_record *record)
{
    gd_record_drop_texts(record);
    gd_free(record->problem);
    gd_free(record->raw);
    json_decref(record->object);
    *record = (gd_record){ 0 };
}

static bool is_there(const json_t *object, const char *key) { return json_object_get(object, key) != NULL; }

/* Integers were read as reals: both are numbers to a reader. */
static const char *type_of(const json_t *value)
{
    return json_is_number(value) ? "a number" : gd_json_type_name(value);
}

/* A string, wherever it stands: `name` is its field. */
static gd_status take_text(gd_text *out, const json_t *value, const char *name, uint64_t line, gd_error *why)
{
    if (json_is_array(value))
        return gd_fail(why, GD_EFORMAT,
                       "line %" PRIu64 ": the field \"%s\" is a list, a string is expected; "
                       "this version does not take conversations yet", line, name);
    if (!json_is_string(value))
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": the field \"%s\" is %s, a string is expected", line, name,
                       type_of(value));
    *out = (gd_text){ json_string_value(value), json_string_length(value) };
    return GD_OK;
}

static gd_status get_text(gd_text *out, const json_t *object, const char *key, uint64_t line, gd_error *why)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": the field \"%s\" is missing", line, key);
    return take_text(out, value, key, line, why);
}

static gd_status make_texts(gd_record *record, size_t count, gd_error *err)
{
    record->texts = gd_alloc(count, sizeof *record->texts);
    if (!record->texts)
        return gd_fail_memory(err, count * sizeof *record->texts);
    record->count = count;
    return GD_OK;
}

/* Puts the prompt in front of every text, all in one block of memory. */
static gd_status join(gd_record *record, gd_text prompt, gd_error *err)
{
    size_t bytes = 0;
    char *p;

    for (size_t i = 0; i < record->count; i++)
        if (!gd_add(bytes, prompt.len + record->texts[i].len, &bytes)) /* each is at most GD_LINE_MAX */
            return gd_fail_memory(err, SIZE_MAX);
    record->storage = p = gd_alloc(bytes, 1);
    if (!p)
        return gd_fail_memory(err, bytes);
    for (size_t i = 0; i < record->count; i++) {
        const gd_text part = record->texts[i];

        record->texts[i] = (gd_text){ p, prompt.len + part.len };
        memcpy(p, prompt.data, prompt.len);
        if (part.len)
            memcpy(p + prompt.len, part.data, part.len);
        p += record->texts[i].len;
    }
    return GD_OK;
}

/* The kinds of record: `first` is the field that names the kind. */
static const struct kind {
    const char *first, *second;
    bool takes_prompt, needs_prompt;
    gd_record_kind kind;
} kinds[] = {
    { "text", NULL, false, false, GD_RECORD_TEXT },
    { "response", NULL, true, true, GD_RECORD_TEXT },
    { "chosen", "rejected", true, false, GD_RECORD_PAIR },
    { "responses", NULL, true, true, GD_RECORD_ANSWERS },
};

/* The one kind whose fields are there, or NULL with a sentence in *why. */
static const struct kind *find_kind(const json_t *object, uint64_t line, gd_error *why)
{
    const struct kind *found = NULL;
    const char *name = NULL;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct kind *k = &kinds[i];
        const char *has = gd_json_has(object, k->first) ? k->first : NULL;

        if (!has && k->second && gd_json_has(object, k->second))
            has = k->second;
        if (has && found) {
            gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": the fields \"%s\" and \"%s\" don't go together", line,
                    name, has);
            return NULL;
        }
        if (has) {
            found = k;
            name = has;
        }
    }
    if (!found && gd_json_has(object, "prompt"))
        found = &kinds[1]; /* to say that "response" is missing */
    for (size_t i = 0; !found && i < sizeof kinds / sizeof kinds[0]; i++)
        if (is_there(object, kinds[i].first))
            found = &kinds[i]; /* to say that it is null */
    if (!found)
        gd_fail(why, GD_EFORMAT,
                "line %" PRIu64 ": no \"text\", no \"prompt\" with \"response\" or \"responses\", and no \"chosen\" "
                "with \"rejected\"", line);
    return found;
}

/* The list of a field has at least one element. */
static gd_status check_list(const json_t *object, const char *key, uint64_t line, gd_error *why)
{
    const json_t *list = json_object_get(object, key);

    if (!list)
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": the field \"%s\" is missing", line, key);
    if (!json_is_array(list))
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": the field \"%s\" is %s, a list of strings is expected", line,
                       key, type_of(list));
    if (json_array_size(list) == 0)
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": the field \"%s\" is empty, answers are expected", line,
                       key);
    return GD_OK;
}

/* The strings of a list, to the texts that begin at `first`. */
static gd_status take_list(gd_record *record, size_t first, const json_t *object, const char *key, gd_error *why)
{
    const json_t *list = json_object_get(object, key);
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        char name[GD_TEXT_NAME_ROOM];

        (void)snprintf(name, sizeof name, "%s[%zu]", key, i);
        rc = take_text(&record->texts[first + i], json_array_get(list, i), name, record->line, why);
    }
    return rc;
}

/* The answers of one list, or of two, one behind the other; `second` may be NULL. */
static gd_status read_answers(gd_record *record, const json_t *object, const char *first, const char *second,
                              gd_error *why, gd_error *err)
{
    const size_t count = json_array_size(json_object_get(object, first));
    gd_status rc = check_list(object, first, record->line, why);

    if (!rc && second)
        rc = check_list(object, second, record->line, why);
    record->kind = GD_RECORD_ANSWERS;
    if (!rc)
        rc = make_texts(record, count + (second ? json_array_size(json_object_get(object, second)) : 0), err);
    if (!rc)
        rc = take_list(record, 0, object, first, why);
    return rc || !second ? rc : take_list(record, count, object, second, why);
}

/* Of a pair's field: several answers, as RewardBench 2 has them, where a conversation would be a list of objects. */
static bool is_list_of_texts(const json_t *object, const char *key)
{
    return json_is_string(json_array_get(json_object_get(object, key), 0));
}

static gd_status read_kind(gd_record *record, const json_t *object, const struct kind *kind, gd_error *why,
                           gd_error *err)
{
    gd_status rc;

    if (kind->kind == GD_RECORD_ANSWERS)
        return read_answers(record, object, kind->first, NULL, why, err);
    if (kind->second && (is_list_of_texts(object, kind->first) || is_list_of_texts(object, kind->second)))
        return read_answers(record, object, kind->first, kind->second, why, err);
    rc = make_texts(record, kind->second ? 2 : 1, err);
    if (!rc)
        rc = get_text(&record->texts[0], object, kind->first, record->line, why);
    if (!rc && kind->second)
        rc = get_text(&record->texts[1], object, kind->second, record->line, why);
    return rc;
}

/* A fault of the line goes to *why, a lack of memory to *err. */
static gd_status from_object(gd_record *record, const json_t *object, gd_error *why, gd_error *err)
{
    const uint64_t line = record->line;
    const struct kind *kind;
    gd_text prompt = { NULL, 0 };
    gd_status rc = GD_OK;

    if (!json_is_object(object))
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": %s, an object is expected", line, type_of(object));
    if (gd_json_has(object, "messages"))
        return gd_fail(why, GD_EFORMAT,
                       "line %" PRIu64 ": the field \"messages\" is a conversation; "
                       "this version does not take conversations yet", line);
    kind = find_kind(object, line, why);
    if (!kind)
        return GD_EFORMAT;
    if (gd_json_has(object, "prompt") && !kind->takes_prompt)
        return gd_fail(why, GD_EFORMAT,
                       "line %" PRIu64 ": the fields \"%s\" and \"prompt\" don't go together", line, kind->first);
    if (kind->needs_prompt || gd_json_has(object, "prompt"))
        rc = get_text(&prompt, object, "prompt", line, why);
    record->kind = kind->kind;
    if (!rc)
        rc = read_kind(record, object, kind, why, err);
    return rc || !prompt.len ? rc : join(record, prompt, err);
}

static gd_status from_json(gd_record *record, const char *text, size_t len, gd_error *why, gd_error *err)
{
    json_error_t at;

    /* Integers as reals: an id of 20 digits in a field that nobody reads is no reason to refuse a line. */
    record->object = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL |
                                JSON_DECODE_INT_AS_REAL, &at);
    if (!record->object && json_error_code(&at) == json_error_out_of_memory)
        return gd_fail_memory(err, len);
    if (!record->object)
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": not valid JSON at column %d: %s", record->line,
                       at.column, at.text);
    return from_object(record, record->object, why, err);
}

/* A copy: the line is the reader's, and gone with the next one. */
static gd_status from_text(gd_record *record, const char *line, size_t len, gd_error *err)
{
    const gd_status rc = make_texts(record, 1, err);

    if (rc)
        return rc;
    record->storage = gd_strndup(line, len);
    record->texts[0] = (gd_text){ record->storage, len };
    return record->storage ? GD_OK : gd_fail_memory(err, len);
}

static gd_status from_line(gd_record *record, const char *line, size_t len, gd_format format, gd_error *why,
                           gd_error *err)
{
    const size_t good = gd_utf8_check(line, len);

    if (good < len)
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": byte %zu is not UTF-8", record->line, good + 1);
    return format == GD_FORMAT_TEXT ? from_text(record, line, len, err) : from_json(record, line, len, why, err);
}

/* Turns a fault of the line into the record's problem. */
static gd_status keep_problem(gd_record *record, const gd_error *why, gd_error *err)
{
    gd_record_drop_texts(record);
    record->problem = gd_strdup(why->text);
    return record->problem ? GD_OK : gd_fail_memory(err, strlen(why->text));
}

gd_status gd_record_parse(gd_record *record, const char *line, size_t len, gd_format format, gd_error *err)
{
    gd_error why = { 0 };
    gd_status rc = from_line(record, line, len, format, &why, err);

    if (why.status)
        rc = keep_problem(record, &why, err);
    if (rc)
        gd_record_free(record);
    return rc;
}

struct gd_records {
    gd_reader *reader;
    gd_format format;
    uint64_t count;
    bool keep_raw;
};

gd_status gd_records_open(gd_records **out, const char *path, gd_format format, gd_error *err)
{
    gd_records *records = gd_alloc_zero(1, sizeof *records);
    gd_status rc;

    *out = NULL;
    if (!records)
        return gd_fail_memory(err, sizeof *records);
    records->format = format;
    rc = gd_reader_open(&records->reader, path, err);
    if (rc)
        gd_records_close(records);
    else
        *out = records;
    return rc;
}

void gd_records_keep_raw(gd_records *records) { records->keep_raw = true; }

/* Takes in the line, which is the reader's until the next one. */
static gd_status take_line(const gd_records *records, gd_record *record, const gd_line *line, gd_error *err)
{
    gd_error why = { 0 };

    if (line->too_long) {
        gd_fail(&why, GD_EFORMAT, "line %" PRIu64 ": more than %zu bytes", line->number, GD_LINE_MAX);
        return keep_problem(record, &why, err);
    }
    record->length = line->len;
    if (records->keep_raw) {
        record->raw = gd_strndup(line->data, line->len);
        if (!record->raw)
            return gd_fail_memory(err, line->len);
    }
    return gd_record_parse(record, line->data, line->len, records->format, err);
}

gd_status gd_records_next(gd_records *records, gd_record *record, bool *more, gd_error *err)
{
    gd_line line;
    gd_status rc = gd_reader_next(records->reader, &line, more, err);

    *record = (gd_record){ 0 };
    if (rc || !*more)
        return rc;
    *record = (gd_record){ .index = records->count++, .line = line.number };
    rc = take_line(records, record, &line, err);
    if (rc)
        gd_record_free(record);
    *more = !rc;
    return rc;
}

void gd_records_close(gd_records *records)
{
    if (!records)
        return;
    gd_reader_close(records->reader);
    gd_free(records);
}

uint64_t gd_records_bytes_done(const gd_records *records) { return gd_reader_bytes_done(records->reader); }
uint64_t gd_records_bytes_total(const gd_records *records) { return gd_reader_bytes_total(records->reader); }
