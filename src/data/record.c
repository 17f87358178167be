/* record.c - what a line of an input says. */
#include "data/record.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "data/reader.h"

#include <inttypes.h>
#include <string.h>

const char *gd_record_text_name(const gd_record *record, size_t which)
{
    static const char *const names[] = { "chosen: ", "rejected: " };

    return record->count > 1 ? names[which] : "";
}

void gd_record_free(gd_record *record)
{
    gd_free(record->problem);
    gd_free(record->storage);
    *record = (gd_record){ 0 };
}

static bool is_there(const json_t *object, const char *key) { return json_object_get(object, key) != NULL; }

/* Integers were read as reals: both are numbers to a reader. */
static const char *type_of(const json_t *value)
{
    return json_is_number(value) ? "a number" : gd_json_type_name(value);
}

/* A string that must be there. */
static gd_status get_text(gd_text *out, const json_t *object, const char *key, uint64_t line, gd_error *why)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": the field \"%s\" is missing", line, key);
    if (json_is_array(value))
        return gd_fail(why, GD_EFORMAT,
                       "line %" PRIu64 ": the field \"%s\" is a list, a string is expected; "
                       "this version does not take conversations yet", line, key);
    if (!json_is_string(value))
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": the field \"%s\" is %s, a string is expected", line,
                       key, type_of(value));
    *out = (gd_text){ json_string_value(value), json_string_length(value) };
    return GD_OK;
}

/* texts[i] = prompt + parts[i], in one block of memory. */
static gd_status join(gd_record *record, gd_text prompt, const gd_text *parts, size_t count, gd_error *err)
{
    size_t bytes = 0;
    char *p;

    for (size_t i = 0; i < count; i++)
        bytes += prompt.len + parts[i].len; /* no overflow: each is at most GD_LINE_MAX */
    record->storage = p = gd_alloc(bytes, 1);
    if (!p)
        return gd_fail_memory(err, bytes);
    for (size_t i = 0; i < count; i++) {
        record->texts[i] = (gd_text){ p, prompt.len + parts[i].len };
        if (prompt.len)
            memcpy(p, prompt.data, prompt.len);
        if (parts[i].len)
            memcpy(p + prompt.len, parts[i].data, parts[i].len);
        p += record->texts[i].len;
    }
    record->count = count;
    return GD_OK;
}

/* The kinds of record: `first` is the field that names the kind. */
static const struct kind {
    const char *first, *second;
    bool takes_prompt, needs_prompt;
} kinds[] = {
    { "text", NULL, false, false },
    { "response", NULL, true, true },
    { "chosen", "rejected", true, false },
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
                "line %" PRIu64
                ": no \"text\", no \"prompt\" with \"response\" and no \"chosen\" with \"rejected\"", line);
    return found;
}

/* A fault of the line goes to *why, a lack of memory to *err. */
static gd_status from_object(gd_record *record, const json_t *object, gd_error *why, gd_error *err)
{
    const uint64_t line = record->line;
    const struct kind *kind;
    gd_text prompt = { NULL, 0 }, parts[2];
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
    if (!rc)
        rc = get_text(&parts[0], object, kind->first, line, why);
    if (!rc && kind->second)
        rc = get_text(&parts[1], object, kind->second, line, why);
    return rc ? rc : join(record, prompt, parts, kind->second ? 2 : 1, err);
}

static gd_status from_json(gd_record *record, const char *text, size_t len, gd_error *why, gd_error *err)
{
    json_error_t at;
    /* Integers as reals: an id of 20 digits in a field that nobody reads is no reason to refuse a line. */
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL |
                              JSON_DECODE_INT_AS_REAL, &at);
    gd_status rc;

    if (!root && json_error_code(&at) == json_error_out_of_memory)
        return gd_fail_memory(err, len);
    if (!root)
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": not valid JSON at column %d: %s", record->line,
                       at.column, at.text);
    rc = from_object(record, root, why, err);
    json_decref(root);
    return rc;
}

static gd_status from_line(gd_record *record, const char *line, size_t len, gd_format format, gd_error *why,
                           gd_error *err)
{
    const size_t good = gd_utf8_check(line, len);

    if (good < len)
        return gd_fail(why, GD_EFORMAT, "line %" PRIu64 ": byte %zu is not UTF-8", record->line, good + 1);
    if (format == GD_FORMAT_TEXT) {
        const gd_text whole = { line, len };

        return join(record, (gd_text){ NULL, 0 }, &whole, 1, err);
    }
    return from_json(record, line, len, why, err);
}

/* Turns a fault of the line into the record's problem. */
static gd_status keep_problem(gd_record *record, const gd_error *why, gd_error *err)
{
    record->problem = gd_strdup(why->text);
    return record->problem ? GD_OK : gd_fail_memory(err, strlen(why->text));
}

gd_status gd_record_parse(gd_record *record, const char *line, size_t len, uint64_t index, uint64_t number,
                          gd_format format, gd_error *err)
{
    gd_error why = { 0 };
    gd_status rc;

    *record = (gd_record){ .index = index, .line = number };
    rc = from_line(record, line, len, format, &why, err);
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

gd_status gd_records_next(gd_records *records, gd_record *record, bool *more, gd_error *err)
{
    gd_error why = { 0 };
    gd_line line;
    gd_status rc = gd_reader_next(records->reader, &line, more, err);

    *record = (gd_record){ 0 };
    if (rc || !*more)
        return rc;
    if (!line.too_long) {
        rc = gd_record_parse(record, line.data, line.len, records->count, line.number, records->format, err);
    } else {
        *record = (gd_record){ .index = records->count, .line = line.number };
        gd_fail(&why, GD_EFORMAT, "line %" PRIu64 ": more than %zu bytes", line.number, GD_LINE_MAX);
        rc = keep_problem(record, &why, err);
    }
    records->count++;
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
