/* batch.c - encoded texts gathered until there are enough rows, then scored together. */
#include "reward/batch.h"

#include "base/error.h"
#include "base/mem.h"
#include "reward/encode.h"

#include <string.h>

void gd_batch_free(gd_batch *batch)
{
    gd_batch_clear(batch);
    gd_row_count_free(&batch->row_count);
    gd_free(batch->texts);
    gd_free(batch->scores);
    *batch = (gd_batch){ 0 };
}

void gd_batch_clear(gd_batch *batch)
{
    for (size_t t = 0; t < batch->count; t++)
        gd_free((void *)batch->texts[t].ids);
    batch->count = batch->rows = 0;
    gd_row_count_clear(&batch->row_count);
}

static gd_status count_rows(gd_batch *batch, bool share, size_t tokens, gd_error *err)
{
    size_t more, place;

    if (!share) {
        batch->rows += tokens;
        return GD_OK;
    }
    more = gd_row_count_more(&batch->row_count, batch->texts, &place);
    batch->rows += more;
    return gd_row_count_add(&batch->row_count, more, place, err);
}

gd_status gd_batch_add(gd_batch *batch, const gd_model *model, const gd_ids *ids, gd_error *err)
{
    const size_t count = gd_pooled_position(&model->encoder.special, ids->data, ids->len) + 1;
    uint32_t *copy;
    gd_status rc;

    if (!gd_grow((void **)&batch->texts, &batch->room, batch->count + 1, sizeof *batch->texts) ||
        !gd_grow((void **)&batch->scores, &batch->score_room, batch->count + 1, sizeof *batch->scores))
        return gd_fail_memory(err, (batch->count + 1) * sizeof *batch->texts);
    copy = gd_alloc(count, sizeof *copy);
    if (!copy)
        return gd_fail_memory(err, count * sizeof *copy);
    memcpy(copy, ids->data, count * sizeof *copy);
    batch->texts[batch->count] = (gd_span){ copy, count };
    rc = count_rows(batch, model->share_prefix, count, err);
    if (rc)
        gd_free(copy);
    else
        batch->count++;
    return rc;
}

gd_status gd_batch_run(gd_batch *batch, gd_model *model, gd_error *err)
{
    gd_trie trie;
    gd_status rc = gd_trie_build(&trie, batch->texts, batch->count, model->share_prefix, err);

    if (!rc)
        rc = gd_engine_run(model->engine, &trie, batch->scores, err);
    gd_trie_free(&trie);
    return rc;
}
