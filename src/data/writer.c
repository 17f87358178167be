/* writer.c - writes output lines. */
#include "data/writer.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/sink.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct gd_writer {
    gd_sink *sink;
    gd_buf line;
    bool only_errors;
    bool has_failed; /* at least one item, the first of which is that of: */
    uint64_t index;
    char sentence[GD_SENTENCE_ROOM];
};

gd_status gd_writer_open(gd_writer **out, const char *path, const char *const *inputs, size_t count, uint64_t offset,
                         gd_error *err)
{
    gd_writer *w = gd_alloc_zero(1, sizeof *w);
    gd_status rc;

    *out = NULL;
    if (!w)
        return gd_fail_memory(err, sizeof *w);
    rc = gd_sink_open_at(&w->sink, path, inputs, count, offset, err);
    if (rc)
        (void)gd_writer_close(w, NULL);
    else
        *out = w;
    return rc;
}

void gd_writer_only_errors(gd_writer *w) { w->only_errors = true; }

static void begin(gd_writer *w, const gd_record *record)
{
    gd_buf_clear(&w->line);
    gd_record_begin_line(&w->line, record);
}

static gd_status end(gd_writer *w, bool truncated, gd_error *err)
{
    gd_buf_str(&w->line, truncated ? ",\"truncated\":true}\n" : "}\n");
    if (w->line.failed)
        return gd_fail_memory(err, w->line.len);
    return gd_sink_write(w->sink, w->line.data, w->line.len, err);
}

gd_status gd_writer_error(gd_writer *w, const gd_record *record, const char *sentence, gd_error *err)
{
    if (!w->has_failed) {
        w->has_failed = true;
        w->index = record->index;
        (void)snprintf(w->sentence, sizeof w->sentence, "%s", sentence);
    }
    begin(w, record);
    gd_buf_str(&w->line, ",\"error\":");
    gd_buf_json_string(&w->line, sentence, strlen(sentence));
    return end(w, false, err);
}

static void add_float(gd_buf *line, const char *name, float value)
{
    gd_buf_printf(line, ",\"%s\":", name);
    gd_buf_json_float(line, value);
}

static void say_infinite(char sentence[100], const char *what, float value)
{
    (void)snprintf(sentence, 100, "the %s is %s; expected a finite number", what,
                   isnan(value) ? "NaN"
                   : value > 0  ? "infinite"
                                : "minus infinite");
}

static void add_values(gd_buf *line, gd_record_kind kind, const float *scores, size_t count)
{
    if (kind == GD_RECORD_ANSWERS) {
        gd_buf_str(line, ",\"scores\":");
        gd_buf_json_floats(line, scores, count);
        return;
    }
    if (kind == GD_RECORD_TEXT) {
        add_float(line, "score", scores[0]);
        return;
    }
    add_float(line, "chosen", scores[0]);
    add_float(line, "rejected", scores[1]);
    add_float(line, "margin", scores[0] - scores[1]);
}

static void add_tokens(gd_buf *line, gd_record_kind kind, const size_t *tokens, size_t count)
{
    if (kind == GD_RECORD_TEXT) {
        gd_buf_printf(line, ",\"tokens\":%zu", tokens[0]);
        return;
    }
    gd_buf_str(line, ",\"tokens\":[");
    for (size_t i = 0; i < count; i++)
        gd_buf_printf(line, "%s%zu", i ? "," : "", tokens[i]);
    gd_buf_str(line, "]");
}

static void add_steps(gd_buf *line, gd_record_kind kind, const gd_beside *beside, size_t count)
{
    if (!beside || !beside[0].step_count)
        return;
    gd_buf_str(line, kind == GD_RECORD_TEXT ? ",\"steps\":" : ",\"steps\":[");
    for (size_t i = 0; i < count; i++) {
        gd_buf_str(line, i ? "," : "");
        gd_buf_json_floats(line, beside[i].steps, beside[i].step_count);
    }
    gd_buf_str(line, kind == GD_RECORD_TEXT ? "" : "]");
}

static void add_text_labels(gd_buf *line, const gd_results *results, const float *labels)
{
    for (size_t i = 0; i < results->label_count; i++) {
        const char *name = results->label_names[i];

        gd_buf_str(line, i ? "," : "{");
        gd_buf_json_string(line, name, strlen(name));
        gd_buf_str(line, ":");
        gd_buf_json_float(line, labels[i]);
    }
    gd_buf_str(line, "}");
}

static void add_labels(gd_buf *line, gd_record_kind kind, const gd_results *results)
{
    if (!results->beside || !results->label_count)
        return;
    gd_buf_str(line, kind == GD_RECORD_TEXT ? ",\"labels\":" : ",\"labels\":[");
    for (size_t i = 0; i < results->count; i++) {
        gd_buf_str(line, i ? "," : "");
        add_text_labels(line, results, results->beside[i].labels);
    }
    gd_buf_str(line, kind == GD_RECORD_TEXT ? "" : "]");
}

/* "chosen score" ...: text i of a record. */
static void name_score(char what[GD_TEXT_NAME_ROOM + 8], gd_record_kind kind, size_t i)
{
    if (kind == GD_RECORD_ANSWERS)
        (void)snprintf(what, GD_TEXT_NAME_ROOM + 8, "score of responses[%zu]", i);
    else
        (void)snprintf(what, GD_TEXT_NAME_ROOM + 8, "%sscore",
                       kind == GD_RECORD_TEXT ? ""
                       : i                    ? "rejected "
                                              : "chosen ");
}

/* The number of a text that is not finite: a step, a label, or the score; 0 if all are. */
static float infinite_of(const gd_results *results, size_t i)
{
    const gd_beside *beside = results->beside ? &results->beside[i] : NULL;

    for (size_t s = 0; beside && s < beside->step_count; s++)
        if (!isfinite(beside->steps[s]))
            return beside->steps[s];
    for (size_t l = 0; beside && l < results->label_count; l++)
        if (!isfinite(beside->labels[l]))
            return beside->labels[l];
    return isfinite(results->scores[i]) ? 0 : results->scores[i];
}

/* Writes a sentence about the first score, or the pair's margin, that is not finite; false if all are. */
static bool find_infinite(gd_record_kind kind, const gd_results *results, char sentence[100])
{
    const float *scores = results->scores;
    char what[GD_TEXT_NAME_ROOM + 8];

    for (size_t i = 0; i < results->count; i++) {
        const float bad = infinite_of(results, i);

        if (isfinite(bad))
            continue;
        name_score(what, kind, i);
        say_infinite(sentence, what, bad);
        return true;
    }
    if (kind != GD_RECORD_PAIR || isfinite(scores[0] - scores[1]))
        return false;
    say_infinite(sentence, "margin", scores[0] - scores[1]);
    return true;
}

gd_status gd_writer_results(gd_writer *w, const gd_record *record, const gd_results *results, bool *failed,
                            gd_error *err)
{
    char sentence[100];

    if (find_infinite(record->kind, results, sentence)) {
        if (failed)
            *failed = true;
        return gd_writer_error(w, record, sentence, err);
    }
    if (w->only_errors)
        return GD_OK;
    begin(w, record);
    add_values(&w->line, record->kind, results->scores, results->count);
    add_steps(&w->line, record->kind, results->beside, results->count);
    add_labels(&w->line, record->kind, results);
    add_tokens(&w->line, record->kind, results->tokens, results->count);
    return end(w, results->truncated, err);
}

gd_status gd_writer_score(gd_writer *w, const gd_record *record, const float *scores, const size_t *tokens,
                          size_t count, bool truncated, bool *failed, gd_error *err)
{
    const gd_results results = { .count = count, .scores = scores, .tokens = tokens, .truncated = truncated };

    return gd_writer_results(w, record, &results, failed, err);
}

/* Not by printf, which would take longer than the tokenizer. */
static void add_ids(gd_buf *line, gd_span ids)
{
    gd_buf_str(line, "[");
    for (size_t i = 0; i < ids.len; i++) {
        char digits[11];
        size_t at = sizeof digits;
        uint32_t id = ids.ids[i];

        do
            digits[--at] = (char)('0' + id % 10);
        while ((id /= 10) > 0);
        if (i)
            digits[--at] = ',';
        gd_buf_bytes(line, digits + at, sizeof digits - at);
    }
    gd_buf_str(line, "]");
}

gd_status gd_writer_ids(gd_writer *w, const gd_record *record, const gd_span *ids, size_t count, bool truncated,
                        gd_error *err)
{
    gd_buf *line = &w->line;

    if (w->only_errors)
        return GD_OK;
    begin(w, record);
    gd_buf_str(line, record->kind == GD_RECORD_PAIR ? ",\"chosen\":" : ",\"ids\":");
    gd_buf_str(line, record->kind == GD_RECORD_ANSWERS ? "[" : "");
    for (size_t i = 0; i < count; i++) {
        if (i)
            gd_buf_str(line, record->kind == GD_RECORD_PAIR ? ",\"rejected\":" : ",");
        add_ids(line, ids[i]);
    }
    gd_buf_str(line, record->kind == GD_RECORD_ANSWERS ? "]" : "");
    return end(w, truncated, err);
}

gd_status gd_writer_line(gd_writer *w, const gd_buf *line, gd_error *err)
{
    if (line->failed)
        return gd_fail_memory(err, line->len);
    return w->only_errors ? GD_OK : gd_sink_write(w->sink, line->data, line->len, err);
}

const char *gd_writer_first_error(const gd_writer *w, uint64_t *index)
{
    if (!w || !w->has_failed)
        return NULL;
    *index = w->index;
    return w->sentence;
}

gd_sink *gd_writer_sink(gd_writer *w) { return w->sink; }

gd_status gd_writer_close(gd_writer *w, gd_error *err)
{
    gd_status rc;

    if (!w)
        return GD_OK;
    rc = gd_sink_close(w->sink, err);
    if (!rc && w->line.failed)
        rc = gd_fail_memory(err, w->line.len);
    gd_buf_free(&w->line);
    gd_free(w);
    return rc;
}
