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
    gd_ids ids[2];
    struct item *items;
    size_t count, room;
};

/* ---- one record in ---- */

static gd_status item_problem(struct item *item, const char *sentence, gd_error *err)
{
    item->problem = gd_strdup(sentence);
    return item->problem ? GD_OK : gd_fail_memory(err, 0);
}

/* What is wrong with one text is the item's problem; only a lack of memory ends the run. */
static gd_status encode_text(struct run *run, struct item *item, const gd_record *record, size_t which, bool *dropped,
                             gd_error *err)
{
    static const char *const names[2][2] = { { "", "" }, { "chosen: ", "rejected: " } };
    gd_error why = { 0 };
    gd_encoding how = GD_ENCODED;
    char sentence[640];

    if (gd_encode(&run->model->encoder, record->texts[which], &run->ids[which], &how, &why) == GD_ENOMEM)
        return gd_fail(err, GD_ENOMEM, "%s", why.text);
    *dropped |= how == GD_DROPPED;
    item->truncated |= how == GD_TRUNCATED;
    item->tokens[which] = run->ids[which].len;
    if (!why.status && run->ids[which].len == 0)
        gd_fail(&why, GD_EFORMAT, "the text has no tokens");
    if (!why.status)
        return GD_OK;
    (void)snprintf(sentence, sizeof sentence, "line %llu: %s%s", (unsigned long long)record->line,
                   names[record->count > 1][which], why.text);
    return item_problem(item, sentence, err);
}

/* A pair is scored whole or not at all: its texts join the batch when both are ready. */
static gd_status add_record(struct run *run, const gd_record *record, gd_error *err)
{
    struct item item = { .index = record->index, .first_text = run->batch.count };
    bool dropped = false;
    gd_status rc = GD_OK;

    if (!gd_grow((void **)&run->items, &run->room, run->count + 1, sizeof *run->items))
        return gd_fail_memory(err, (run->count + 1) * sizeof *run->items);
    run->file.summary->items++;
    if (record->problem)
        rc = item_problem(&item, record->problem, err);
    for (size_t t = 0; !rc && t < record->count && !item.problem; t++)
        rc = encode_text(run, &item, record, t, &dropped, err);
    if (!rc && dropped && !item.problem) {
        run->file.summary->dropped++;
        return GD_OK;
    }
    while (!rc && !item.problem && item.count < record->count)
        rc = gd_batch_add(&run->batch, run->model, &run->ids[item.count++], err);
    if (!rc)
        run->items[run->count++] = item;
    else
        gd_free(item.problem);
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
    gd_ids_free(&run.ids[0]);
    gd_ids_free(&run.ids[1]);
    gd_batch_free(&run.batch);
    return rc;
}
