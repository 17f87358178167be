/* batch.c - encoded texts computed together. */
#include "reward/batch.h"

#include "base/error.h"
#include "base/mem.h"

void gd_batch_free(gd_batch *batch)
{
    gd_row_count_free(&batch->row_count);
    gd_free(batch->texts);
    gd_free(batch->rank);
    gd_free(batch->scores);
    *batch = (gd_batch){ 0 };
}

void gd_batch_clear(gd_batch *batch, bool share)
{
    batch->count = batch->rows = 0;
    batch->share = share;
    gd_row_count_clear(&batch->row_count);
}

static gd_status grow(gd_batch *batch, gd_error *err)
{
    if (!gd_grow((void **)&batch->texts, &batch->room, batch->count + 1, sizeof *batch->texts) ||
        !gd_grow((void **)&batch->rank, &batch->rank_room, batch->count + 1, sizeof *batch->rank) ||
        !gd_grow((void **)&batch->scores, &batch->score_room, batch->count + 1, sizeof *batch->scores))
        return gd_fail_memory(err, (batch->count + 1) * sizeof *batch->texts);
    return GD_OK;
}

/* The rows that the text would add to the batch. */
static size_t rows_of(gd_batch *batch, gd_span text, size_t rank, size_t *place)
{
    batch->texts[batch->count] = text;
    batch->rank[batch->count] = rank;
    return batch->share ? gd_row_count_more(&batch->row_count, batch->texts, batch->rank, place) : text.len;
}

gd_status gd_batch_more(gd_batch *batch, gd_span text, size_t rank, size_t *more, gd_error *err)
{
    size_t place;
    const gd_status rc = grow(batch, err);

    if (!rc)
        *more = rows_of(batch, text, rank, &place);
    return rc;
}

gd_status gd_batch_add(gd_batch *batch, gd_span text, size_t rank, gd_error *err)
{
    size_t place = 0, more;
    gd_status rc = grow(batch, err);

    if (rc)
        return rc;
    more = rows_of(batch, text, rank, &place);
    if (batch->share)
        rc = gd_row_count_add(&batch->row_count, place, err);
    if (rc)
        return rc;
    batch->rows += more;
    batch->count++;
    return GD_OK;
}

static gd_status run_texts(gd_model *model, const gd_span *texts, size_t count, const size_t *order, float *scores,
                           gd_error *err)
{
    gd_trie trie;
    gd_status rc = gd_trie_build(&trie, texts, count, NULL, order, err);

    if (!rc)
        rc = gd_engine_run(model->engine, &trie, scores, err);
    gd_trie_free(&trie);
    return rc;
}

/* Some of the batch's texts, in their order. */
struct part {
    const gd_batch *batch;
    gd_model *model;
    gd_span *texts;
    size_t *order; /* 0, 1, 2 ... */
    float *scores;
};

static size_t nth_text(const gd_batch *batch, size_t i) { return batch->share ? batch->row_count.order[i] : i; }

/* Texts first .. first + count - 1; again in halves where there is no memory for them together. */
static gd_status run_part(const struct part *part, size_t first, size_t count, gd_error *err)
{
    const gd_batch *batch = part->batch;
    gd_error why = { 0 };
    gd_status rc;

    for (size_t i = 0; i < count; i++) {
        part->texts[i] = batch->texts[nth_text(batch, first + i)];
        part->order[i] = i;
    }
    rc = run_texts(part->model, part->texts, count, batch->share ? part->order : NULL, part->scores, &why);
    if (rc == GD_ENOMEM && count > 1) {
        rc = run_part(part, first, count / 2, err);
        return rc ? rc : run_part(part, first + count / 2, count - count / 2, err);
    }
    if (rc)
        return gd_fail(err, rc, "%s", why.text);
    for (size_t i = 0; i < count; i++)
        batch->scores[nth_text(batch, first + i)] = part->scores[i];
    return GD_OK;
}

static gd_status run_parts(const gd_batch *batch, gd_model *model, gd_error *err)
{
    const size_t most = batch->count - batch->count / 2;
    struct part part = { batch, model, gd_alloc(most, sizeof *part.texts), gd_alloc(most, sizeof *part.order),
                         gd_alloc(most, sizeof *part.scores) };
    gd_status rc = part.texts && part.order && part.scores
                       ? GD_OK
                       : gd_fail_memory(err, most * (sizeof *part.texts + sizeof *part.order));

    if (!rc)
        rc = run_part(&part, 0, batch->count / 2, err);
    if (!rc)
        rc = run_part(&part, batch->count / 2, most, err);
    gd_free(part.texts);
    gd_free(part.order);
    gd_free(part.scores);
    return rc;
}

/* The memory of a card belongs to other processes, too, which may have taken some since the batch was planned. */
gd_status gd_batch_run(gd_batch *batch, gd_model *model, gd_error *err)
{
    const size_t *order = batch->share ? batch->row_count.order : NULL;
    gd_error why = { 0 };
    gd_status rc = run_texts(model, batch->texts, batch->count, order, batch->scores, &why);

    if (rc == GD_ENOMEM && model->backend->apart && batch->count > 1)
        return run_parts(batch, model, err);
    return rc ? gd_fail(err, rc, "%s", why.text) : GD_OK;
}
