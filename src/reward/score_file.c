/* score_file.c - the records of a file to lines of scores. */
#include "base/error.h"
#include "base/mem.h"
#include "reward/batch.h"
#include "reward/encode.h"
#include "reward/file_run.h"

#include <stdio.h>

/* Items that wait for their batch: even lines that failed at once come out in their place. */
#define ITEMS_MAX 65536u

struct item {
    uint64_t index;
    char *problem;     /* NULL: its texts are in the batch */
    size_t first_text; /* in the batch */
    size_t count;      /* 1 or 2 texts; 0 with a problem */
    size_t tokens[2];
    bool truncated;
};

struct run {
    gd_model *model;
    gd_file_run file;
    gd_batch batch;
    gd_encoded encoded;
    struct item *items;
    size_t count, room;
};

/* ---- one record in ---- */

static gd_status item_problem(struct item *item, const char *sentence, gd_error *err)
{
    item->problem = gd_strdup(sentence);
    return item->problem ? GD_OK : gd_fail_memory(err, 0);
}

/* A pair is scored whole or not at all: its texts join the batch when both are ready. */
static gd_status fill_item(struct run *run, struct item *item, const gd_record *record, gd_error *err)
{
    const gd_encoded *encoded = &run->encoded;
    gd_status rc = GD_OK;

    if (encoded->problem)
        return item_problem(item, encoded->problem, err);
    for (size_t t = 0; t < encoded->count; t++)
        if (encoded->ids[t].len == 0) {
            char sentence[64];

            (void)snprintf(sentence, sizeof sentence, "line %llu: %sthe text has no tokens",
                           (unsigned long long)record->line, gd_record_text_name(record, t));
            return item_problem(item, sentence, err);
        }
    item->truncated = encoded->truncated;
    for (size_t t = 0; !rc && t < encoded->count; t++) {
        item->tokens[t] = encoded->ids[t].len;
        rc = gd_batch_add(&run->batch, run->model, &encoded->ids[t], err);
    }
    item->count = encoded->count;
    return rc;
}

static gd_status add_record(struct run *run, const gd_record *record, gd_error *err)
{
    struct item item = { .index = record->index, .first_text = run->batch.count };
    gd_status rc = gd_encode_record(&run->model->encoder, record, &run->encoded, err);

    if (rc)
        return rc;
    run->file.summary->items++;
    run->file.summary->dropped += run->encoded.dropped;
    if (run->encoded.dropped)
        return GD_OK;
    if (!gd_grow((void **)&run->items, &run->room, run->count + 1, sizeof *run->items))
        return gd_fail_memory(err, (run->count + 1) * sizeof *run->items);
    rc = fill_item(run, &item, record, err);
    if (!rc)
        run->items[run->count++] = item;
    return rc;
}

/* ---- a batch out ---- */

static gd_status write_item(struct run *run, const struct item *item, gd_error *err)
{
    bool failed = false;
    gd_status rc;

    if (item->problem)
        rc = gd_writer_error(run->file.writer, item->index, item->problem, err);
    else
        rc = gd_writer_score(run->file.writer, item->index, run->batch.scores + item->first_text, item->tokens,
                             item->count, item->truncated, &failed, err);
    run->file.summary->failed += item->problem || failed;
    run->file.summary->truncated += item->truncated;
    for (size_t t = 0; t < item->count; t++)
        run->file.summary->tokens += item->tokens[t];
    return rc;
}

static void clear_items(struct run *run)
{
    for (size_t i = 0; i < run->count; i++)
        gd_free(run->items[i].problem);
    run->count = 0;
    gd_batch_clear(&run->batch);
}

static gd_status flush(struct run *run, gd_error *err)
{
    gd_status rc = run->batch.count ? gd_batch_run(&run->batch, run->model, err) : GD_OK;

    for (size_t i = 0; !rc && i < run->count; i++)
        rc = write_item(run, &run->items[i], err);
    run->file.summary->rows += run->batch.rows;
    clear_items(run);
    if (!rc)
        rc = gd_writer_flush(run->file.writer, err);
    return rc ? rc : gd_file_run_report(&run->file, err);
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
        if (!rc && (run->batch.rows >= run->model->batch_rows || run->count >= ITEMS_MAX))
            rc = flush(run, err);
    }
    /* When the input breaks off, what came before is still scored and written; the first failure is what counts. */
    if (run->count && rc != GD_EINTERRUPTED && rc != GD_ENOMEM) {
        const gd_status last = flush(run, err);

        rc = rc ? rc : last;
    }
    return rc;
}

gd_status gd_score_file(gd_model *model, const char *input, const char *output, gd_format format,
                        const gd_progress *progress, gd_summary *summary, gd_error *err)
{
    struct run run = { .model = model };
    gd_status rc;

    gd_file_run_init(&run.file, progress, summary);
    rc = gd_file_run_open(&run.file, input, output, format, err);
    if (!rc)
        rc = score_records(&run, err);
    rc = gd_file_run_close(&run.file, rc, err);
    clear_items(&run);
    gd_free(run.items);
    gd_encoded_free(&run.encoded);
    gd_batch_free(&run.batch);
    return rc;
}
