/* writer.c - output lines. */
#include "data/writer.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/sink.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct gd_writer {
    gd_sink *sink;
    gd_buf line;
};

gd_status gd_writer_open(gd_writer **out, const char *path, const char *input, gd_error *err)
{
    gd_writer *w = gd_alloc_zero(1, sizeof *w);
    gd_status rc;

    *out = NULL;
    if (!w)
        return gd_fail_memory(err, sizeof *w);
    rc = gd_sink_open(&w->sink, path, input, err);
    if (rc)
        (void)gd_writer_close(w, NULL);
    else
        *out = w;
    return rc;
}

static void begin(gd_writer *w, uint64_t index)
{
    gd_buf_clear(&w->line);
    gd_buf_printf(&w->line, "{\"index\":%" PRIu64, index);
}

static gd_status end(gd_writer *w, bool truncated, gd_error *err)
{
    gd_buf_str(&w->line, truncated ? ",\"truncated\":true}\n" : "}\n");
    if (w->line.failed)
        return gd_fail_memory(err, w->line.len);
    return gd_sink_write(w->sink, w->line.data, w->line.len, err);
}

gd_status gd_writer_error(gd_writer *w, uint64_t index, const char *sentence, gd_error *err)
{
    begin(w, index);
    gd_buf_str(&w->line, ",\"error\":");
    gd_buf_json_string(&w->line, sentence, strlen(sentence));
    return end(w, false, err);
}

static void add_float(gd_buf *line, const char *name, float value)
{
    gd_buf_printf(line, ",\"%s\":", name);
    gd_buf_json_float(line, value);
}

static gd_status not_finite(gd_writer *w, uint64_t index, const char *what, float value, gd_error *err)
{
    char sentence[80];

    (void)snprintf(sentence, sizeof sentence, "the %s is %s, a finite number is expected", what,
                   isnan(value) ? "NaN" : value > 0 ? "infinite" : "minus infinite");
    return gd_writer_error(w, index, sentence, err);
}

gd_status gd_writer_score(gd_writer *w, uint64_t index, const float *scores, const size_t *tokens, size_t count,
                          bool truncated, bool *failed, gd_error *err)
{
    static const struct value_name {
        const char *field, *what;
    } one_name[] = { { "score", "score" } }, pair_names[] = {
        { "chosen", "chosen score" }, { "rejected", "rejected score" }, { "margin", "margin" } };
    const struct value_name *names = count == 2 ? pair_names : one_name;
    const size_t values = count == 2 ? 3 : 1;
    float value[3] = { scores[0], 0, 0 };

    if (count == 2) {
        value[1] = scores[1];
        value[2] = scores[0] - scores[1];
    }
    for (size_t i = 0; i < values; i++) {
        if (isfinite(value[i]))
            continue;
        if (failed)
            *failed = true;
        return not_finite(w, index, names[i].what, value[i], err);
    }
    begin(w, index);
    for (size_t i = 0; i < values; i++)
        add_float(&w->line, names[i].field, value[i]);
    if (count == 2)
        gd_buf_printf(&w->line, ",\"tokens\":[%zu,%zu]", tokens[0], tokens[1]);
    else
        gd_buf_printf(&w->line, ",\"tokens\":%zu", tokens[0]);
    return end(w, truncated, err);
}

/* By hand: printf would take longer than the tokenizer. */
static void add_ids(gd_buf *line, const char *name, gd_span ids)
{
    gd_buf_printf(line, ",\"%s\":[", name);
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

gd_status gd_writer_ids(gd_writer *w, uint64_t index, const gd_span *ids, size_t count, bool truncated,
                        gd_error *err)
{
    begin(w, index);
    add_ids(&w->line, count == 2 ? "chosen" : "ids", ids[0]);
    if (count == 2)
        add_ids(&w->line, "rejected", ids[1]);
    return end(w, truncated, err);
}

gd_status gd_writer_flush(gd_writer *w, gd_error *err) { return gd_sink_flush(w->sink, err); }

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
