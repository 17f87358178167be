/* recorder.c - runs the texts on one side, and records digests of everything that its steps compute. */
#include "cross/recorder.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "quant-free/convert.h"

#include <math.h>
#include <string.h>

enum {
    ROOM_BYTES = 1 << 20, /* lines are read in pieces of so much, or one by one */
    BATCH_ROWS = 2048     /* at most, so that progress is told, and a run can be stopped, every now and then */
};

uint32_t gd_recorder_line(const gd_recorder *recorder, const gd_watched *seen, size_t line)
{
    const gd_tile *tile = seen->calls->tile;

    return tile->pooled ? recorder->text[tile->first + line] : recorder->line[tile->first + line];
}

gd_status gd_recorder_read(const gd_recorder *recorder, const gd_tensor *from, size_t first, size_t count, void *to,
                           gd_error *err)
{
    gd_tensor lines = *from;

    lines.data = (char *)from->data + first * from->stride * gd_dtype_size(from->dtype);
    lines.rows = count;
    return gd_engine_read(recorder->model->engine, &lines, to, err);
}

/* ---- digests ---- */

/* Adds columns to the digests of their bins. A value's factor is odd: one that changes always changes the sum. */
static void add_to_bins(uint32_t *bins, const void *line, gd_dtype dtype, size_t cols, uint32_t id)
{
    const uint32_t *wide = line;
    const uint16_t *narrow = line;

    for (size_t b = 0; b < GD_TRACE_BINS && b < cols; b++) {
        const size_t first = cols <= GD_TRACE_BINS ? b : (b * cols + GD_TRACE_BINS - 1) / GD_TRACE_BINS;
        const size_t end = cols <= GD_TRACE_BINS ? b + 1 : ((b + 1) * cols + GD_TRACE_BINS - 1) / GD_TRACE_BINS;
        uint32_t sum = bins[b];

        for (size_t c = first; c < end; c++) {
            const uint32_t factor = (id * 0x9E3779B1u + (uint32_t)c * 0x85EBCA6Bu) | 1u;

            sum += (dtype == GD_F32 ? wide[c] : narrow[c]) * factor;
        }
        bins[b] = sum;
    }
}

static void keep_values(float *values, const void *line, gd_dtype dtype, size_t cols)
{
    for (size_t c = 0; c < gd_trace_columns(cols); c++)
        values[c] = gd_recorded(line, dtype, gd_trace_column(c, cols));
}

/* The bits of a NaN are not part of the contract. */
static void unify_nans(void *line, gd_dtype dtype, size_t cols)
{
    uint32_t *wide = line;
    uint16_t *narrow = line;

    if (dtype == GD_F32)
        for (size_t c = 0; c < cols; c++)
            wide[c] = (wide[c] & 0x7FFFFFFFu) > 0x7F800000u ? 0x7FC00000u : wide[c];
    else
        for (size_t c = 0; c < cols; c++)
            narrow[c] = (narrow[c] & 0x7FFFu) > 0x7F80u ? 0x7FC0u : narrow[c];
}

static void record_line(gd_recorder *recorder, size_t step, bool pooled, uint32_t id, void *line, const gd_tensor *out)
{
    gd_trace *trace = recorder->trace;
    const size_t sampled = gd_trace_sampled(&trace->sample[pooled], id);
    uint64_t digest;

    unify_nans(line, out->dtype, out->cols);
    digest = gd_digest(id, line, out->cols * gd_dtype_size(out->dtype));
    trace->step[step].digest += digest * 0xD6E8FEB86659FD93u;
    trace->lines[trace->lines_at[step] + id] = (uint16_t)(digest >> 48);
    add_to_bins(trace->bins + step * GD_TRACE_BINS, line, out->dtype, out->cols, id);
    if (sampled < GD_TRACE_SAMPLE)
        keep_values(trace->values + (step * GD_TRACE_SAMPLE + sampled) * GD_TRACE_COLUMNS, line, out->dtype, out->cols);
    if (gd_captures(&recorder->capture, step, id))
        for (size_t c = 0; c < out->cols; c++)
            recorder->capture.values[c] = gd_recorded(line, out->dtype, c);
}

static gd_status record_output(gd_recorder *recorder, const gd_watched *seen, size_t i, gd_error *err)
{
    const gd_tensor *out = &seen->calls[i].out;
    const size_t bytes = out->stride * gd_dtype_size(out->dtype);
    const size_t most = bytes < ROOM_BYTES ? ROOM_BYTES / bytes : 1;
    gd_status rc = GD_OK;

    recorder->trace->step[seen->step + i].seen = true;
    for (size_t first = 0; !rc && first < out->rows; first += most) {
        const size_t count = out->rows - first < most ? out->rows - first : most;

        rc = gd_recorder_read(recorder, out, first, count, recorder->room, err);
        for (size_t l = 0; !rc && l < count; l++) {
            const uint32_t id = gd_recorder_line(recorder, seen, first + l);

            if (id != UINT32_MAX)
                record_line(recorder, seen->step + i, seen->calls->tile->pooled, id, recorder->room + l * bytes, out);
        }
    }
    return rc;
}

/* ---- the head ---- */

/* `row` has room for it. */
static double norm_of_head(const gd_view *view, float *row)
{
    double sum = 0;

    gd_view_rows_to_f32(view, 0, 1, row);
    for (size_t c = 0; c < gd_view_row_elements(view); c++)
        sum += (double)row[c] * (double)row[c];
    return sqrt(sum);
}

static gd_status record_reach(gd_recorder *recorder, const gd_watched *seen, gd_error *err)
{
    const gd_tensor *in = &seen->calls->in[0];
    const double norm = norm_of_head(seen->bound->w[0].view, (float *)(void *)recorder->room);
    gd_status rc = GD_OK;

    for (size_t l = 0; !rc && l < in->rows; l++) {
        const size_t id = gd_recorder_line(recorder, seen, l);
        double sum = 0;

        rc = gd_recorder_read(recorder, in, l, 1, recorder->room, err);
        for (size_t c = 0; !rc && c < in->cols; c++) {
            const double value = (double)gd_recorded(recorder->room, in->dtype, c);

            sum += value * value;
        }
        recorder->trace->reach[id] = (float)(norm * sqrt(sum / (double)in->cols));
        keep_values(recorder->trace->inputs + id * GD_TRACE_COLUMNS, recorder->room, in->dtype, in->cols);
    }
    return rc;
}

/* ---- runs ---- */

static gd_status watch_call(gd_recorder *recorder, const gd_watched *seen, bool after, gd_error *err)
{
    const gd_op op = recorder->model->plan->steps[seen->step].op;
    gd_status rc = GD_OK;

    if (!after) {
        rc = op == GD_OP_head ? record_reach(recorder, seen, err) : GD_OK;
        return rc ? rc : gd_checker_before(recorder->checker, seen, err);
    }
    for (size_t i = seen->gated ? seen->count - 1 : 0; !rc && i < seen->count; i++)
        rc = record_output(recorder, seen, i, err);
    return rc ? rc : gd_checker_after(recorder->checker, seen, err);
}

/* Calls can't fail: what goes wrong is told after the run. */
static void watch(void *context, const gd_watched *seen, bool after)
{
    gd_recorder *recorder = context;

    if (!recorder->rc)
        recorder->rc = watch_call(recorder, seen, after, &recorder->err);
}

/* A row is recorded in the batch of the text that it belongs to. */
static void number_rows(gd_recorder *recorder, const gd_trie *trie)
{
    const gd_cross_texts *texts = recorder->texts;

    memset(recorder->line, 0xFF, trie->rows * sizeof *recorder->line);
    for (size_t t = 0; t < trie->texts; t++) {
        uint32_t here = trie->pooled[t], there = texts->trie.pooled[recorder->text[t]];

        for (; here != UINT32_MAX; here = gd_trie_parent(trie, here), there = gd_trie_parent(&texts->trie, there))
            if (texts->owner[there] == recorder->text[t])
                recorder->line[here] = there;
    }
}

/* How many texts, from this place in the order on, fit into a batch; their ids are put into `spans`. */
static size_t take_batch(const gd_recorder *recorder, size_t at, gd_span *spans)
{
    const gd_cross_texts *texts = recorder->texts;
    const bool share = recorder->model->share_prefix;
    const size_t most = recorder->model->batch_rows < BATCH_ROWS ? recorder->model->batch_rows : BATCH_ROWS;
    size_t count = 0, rows = 0;

    for (; at + count < texts->count; count++) {
        const gd_span text = texts->ids[texts->order[at + count]];

        rows += text.len - (share && count ? gd_span_common(spans[count - 1], text) : 0);
        if (count && rows > most)
            break;
        spans[count] = text;
        recorder->text[count] = (uint32_t)texts->order[at + count];
    }
    return count;
}

static gd_status check_length(const gd_recorder *recorder, size_t text, gd_error *err)
{
    const gd_model *model = recorder->model;
    const size_t tokens = recorder->texts->ids[text].len;

    if (!model->limited || tokens <= model->item_rows)
        return GD_OK;
    return gd_fail(err, GD_ETOOLONG, "item %llu has a text of %zu tokens, but the memory limit has room for %zu",
                   (unsigned long long)recorder->texts->about[text].item, tokens, model->item_rows);
}

static gd_status run_batch(gd_recorder *recorder, const gd_span *spans, const size_t *order, size_t count,
                           float *scores, gd_error *err)
{
    gd_trie trie = { 0 };
    gd_status rc = check_length(recorder, recorder->text[0], err);

    if (!rc)
        rc = gd_trie_build(&trie, spans, count, NULL, recorder->model->share_prefix ? order : NULL, err);
    if (!rc) {
        recorder->line = gd_alloc(trie.rows, sizeof *recorder->line);
        rc = recorder->line ? GD_OK : gd_fail_memory(err, trie.rows * sizeof *recorder->line);
    }
    if (!rc) {
        number_rows(recorder, &trie);
        rc = gd_engine_run(recorder->model->engine, &trie, scores, err);
    }
    for (size_t t = 0; !rc && t < count; t++)
        recorder->trace->scores[recorder->text[t]] = scores[t];
    for (size_t t = 0; !rc && recorder->done && t < count; t++)
        *recorder->done += spans[t].len;
    gd_free(recorder->line);
    recorder->line = NULL;
    gd_trie_free(&trie);
    if (!rc && recorder->rc)
        rc = gd_fail(err, recorder->rc, "%s", recorder->err.text);
    return rc;
}

gd_status gd_recorder_run(gd_recorder *recorder, gd_pause pause, gd_error *err)
{
    const size_t all = recorder->texts->count;
    gd_span *spans = gd_alloc(all, sizeof *spans);
    size_t *order = gd_alloc(all, sizeof *order), count;
    float *scores = gd_alloc(all, sizeof *scores);
    gd_status rc = spans && order && scores ? GD_OK : gd_fail_memory(err, all * sizeof *spans);

    gd_engine_watch(recorder->model->engine, &(gd_watcher){ watch, recorder });
    for (size_t i = 0; !rc && i < all; i++)
        order[i] = i; /* spans are taken in the texts' order */
    for (size_t at = 0; !rc && at < all; at += count) {
        count = take_batch(recorder, at, spans);
        rc = run_batch(recorder, spans, order, count, scores, err);
        if (!rc && pause.work)
            rc = pause.work(pause.context, err);
    }
    gd_free(spans);
    gd_free(order);
    gd_free(scores);
    return rc;
}

static size_t widest(const gd_plan *plan)
{
    size_t most = 0;

    for (size_t b = 0; b < plan->buffer_count; b++)
        most = plan->buffers[b].cols > most ? plan->buffers[b].cols : most;
    return most;
}

gd_status gd_recorder_open(gd_recorder *recorder, gd_model *model, const gd_cross_texts *texts, gd_trace *trace,
                           gd_error *err)
{
    const size_t cols = widest(model->plan), line = cols * sizeof(float), room = line < ROOM_BYTES ? ROOM_BYTES : line;

    *recorder = (gd_recorder){ .model = model, .texts = texts, .trace = trace, .widest = cols };
    recorder->text = gd_alloc(texts->count, sizeof *recorder->text);
    recorder->room = gd_alloc_aligned(room);
    if (!recorder->text || !recorder->room)
        return gd_fail_memory(err, room);
    return gd_checker_open(&recorder->checker, recorder, err);
}

void gd_recorder_close(gd_recorder *recorder)
{
    gd_checker_close(recorder->checker);
    gd_free(recorder->text);
    gd_free(recorder->line);
    gd_free(recorder->room);
    *recorder = (gd_recorder){ 0 };
}
