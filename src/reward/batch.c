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

gd_status gd_batch_run(gd_batch *batch, gd_model *model, gd_error *err)
{
    const size_t *order = batch->share ? batch->row_count.order : NULL;
    gd_trie trie;
    gd_status rc = gd_trie_build(&trie, batch->texts, batch->count, NULL, order, err);

    if (!rc)
        rc = gd_engine_run(model->engine, &trie, batch->scores, err);
    gd_trie_free(&trie);
    return rc;
}
