/* score_file.c - the records of a file to lines of scores. */
#include "base/error.h"
#include "base/mem.h"
#include "reward/encode.h"
#include "reward/file_run.h"
#include "reward/queue.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One that waits for its batch: even lines that failed at once come out in their place. */
struct item {
    uint64_t index;
    uint64_t bytes;  /* of the input, up to its end */
    char *problem;   /* NULL: its texts are in the queue */
    size_t count;    /* 1 or 2 texts; 0 with a problem, or when it was dropped */
    size_t tokens[2];
    bool truncated, dropped;
};

struct run {
    gd_model *model;
    gd_file_run file;
    gd_encoded encoded;
    gd_queue queue;     /* the same items, in the same order */
    struct item *items;
    size_t count, room;
    size_t written;     /* items whose lines are out */
    bool awaited;       /* whoever writes into a pipe waits for answers: no reading ahead of a batch */
};

/* ---- one record in ---- */

static gd_status item_problem(struct item *item, gd_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static gd_status item_problem(struct item *item, gd_error *err, const char *format, ...)
{
    char sentence[640];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    item->count = 0;
    item->problem = gd_strdup(sentence);
    return item->problem ? GD_OK : gd_fail_memory(err, 0);
}

/* What a record comes to: texts to score, or why not. */
static gd_status fill_item(const struct run *run, struct item *item, const gd_record *record, gd_error *err)
{
    const gd_encoded *encoded = &run->encoded;

    item->dropped = encoded->dropped;
    if (encoded->problem)
        return item_problem(item, err, "%s", encoded->problem);
    for (size_t t = 0; t < encoded->count; t++) {
        if (encoded->ids[t].len == 0)
            return item_problem(item, err, "line %llu: %sthe text has no tokens", (unsigned long long)record->line,
                                gd_record_text_name(record, t));
        item->tokens[t] = encoded->ids[t].len;
    }
    item->count = encoded->count;
    item->truncated = encoded->truncated;
    return GD_OK;
}

/* A pair is scored whole or not at all. */
static gd_status queue_item(struct run *run, struct item *item, const gd_record *record, gd_error *err)
{
    gd_error why = { 0 };
    gd_status rc = gd_queue_add(&run->queue, run->encoded.ids, item->count, &why);

    if (rc == GD_ETOOLONG) {
        rc = item_problem(item, err, "line %llu: %s", (unsigned long long)record->line, why.text);
        return rc ? rc : gd_queue_add(&run->queue, NULL, 0, err);
    }
    return rc ? gd_fail(err, rc, "%s", why.text) : GD_OK;
}

static gd_status add_record(struct run *run, const gd_record *record, gd_error *err)
{
    struct item item = { .index = record->index, .bytes = gd_records_bytes_done(run->file.records) };
    gd_status rc = gd_encode_record(&run->model->encoder, record, &run->encoded, err);

    if (rc)
        return rc;
    if (!gd_grow((void **)&run->items, &run->room, run->count + 1, sizeof *run->items))
        return gd_fail_memory(err, (run->count + 1) * sizeof *run->items);
    rc = fill_item(run, &item, record, err);
    if (!rc)
        rc = queue_item(run, &item, record, err);
    if (rc) {
        gd_free(item.problem);
        return rc;
    }
    if (item.problem)
        run->queue.bytes += strlen(item.problem);
    run->items[run->count++] = item;
    return GD_OK;
}

/* ---- lines out ---- */

static gd_status write_item(struct run *run, const struct item *item, const float *scores, gd_error *err)
{
    gd_summary *summary = run->file.summary;
    bool failed = item->problem != NULL;
    gd_status rc = GD_OK;

    if (item->problem)
        rc = gd_writer_error(run->file.writer, item->index, item->problem, err);
    else if (!item->dropped)
        rc = gd_writer_score(run->file.writer, item->index, scores, item->tokens, item->count, item->truncated,
                             &failed, err);
    if (rc)
        return rc;
    summary->items++;
    summary->failed += failed;
    summary->dropped += item->dropped;
    summary->truncated += item->truncated;
    for (size_t t = 0; t < item->count; t++)
        summary->tokens += item->tokens[t];
    run->file.bytes_done = item->bytes;
    return GD_OK;
}

/* Lines are in the order of the input: those go out that nothing unfinished stands before. */
static gd_status write_done(struct run *run, gd_error *err)
{
    gd_status rc = GD_OK;

    while (!rc && run->written < run->queue.oldest) {
        const size_t i = run->written;

        rc = write_item(run, &run->items[i], run->queue.scores + run->queue.items[i].first, err);
        if (!rc)
            run->written++;
    }
    if (!rc)
        rc = gd_writer_flush(run->file.writer, err);
    return rc ? rc : gd_file_run_report(&run->file, err);
}

static void clear_items(struct run *run)
{
    for (size_t i = 0; i < run->count; i++)
        gd_free(run->items[i].problem);
    run->count = run->written = 0;
    gd_queue_clear(&run->queue);
}

static gd_status score_queue(struct run *run, gd_error *err)
{
    gd_status rc = GD_OK;

    while (!rc && run->written < run->count) {
        rc = gd_queue_run(&run->queue, err);
        if (!rc)
            rc = write_done(run, err);
    }
    run->file.summary->rows += run->queue.rows;
    clear_items(run);
    return rc;
}

static bool is_time(const struct run *run)
{
    return gd_queue_is_full(&run->queue) || (run->awaited && run->queue.tokens >= run->model->batch_rows);
}

static gd_status score_records(struct run *run, gd_error *err)
{
    gd_status rc = GD_OK;
    bool more = true;

    while (!rc && more) {
        gd_record record = { 0 };

        rc = gd_records_next(run->file.records, &record, &more, err);
        if (!rc && more)
            rc = add_record(run, &record, err);
        gd_record_free(&record);
        if (!rc && is_time(run))
            rc = score_queue(run, err);
    }
    /* When the input breaks off, what came before is still scored and written; the first failure is what counts. */
    if (run->count && rc != GD_EINTERRUPTED && rc != GD_ENOMEM) {
        const gd_status last = score_queue(run, err);

        rc = rc ? rc : last;
    }
    return rc;
}

gd_status gd_score_file(gd_model *model, const char *input, const char *output, gd_format format,
                        const gd_progress *progress, gd_summary *summary, gd_error *err)
{
    struct run run = { .model = model, .queue.model = model };
    gd_status rc;

    gd_file_run_init(&run.file, progress, summary);
    rc = gd_file_run_open(&run.file, input, output, format, err);
    if (!rc) {
        run.awaited = gd_records_bytes_total(run.file.records) == 0;
        rc = score_records(&run, err);
    }
    rc = gd_file_run_close(&run.file, rc, err);
    clear_items(&run);
    gd_free(run.items);
    gd_encoded_free(&run.encoded);
    gd_queue_free(&run.queue);
    return rc;
}
