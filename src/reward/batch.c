/* batch.c - encoded texts computed together. */
#include "reward/batch.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

void gd_batch_free(gd_batch *batch)
{
    gd_row_count_free(&batch->row_count);
    gd_free(batch->texts);
    gd_free(batch->rank);
    gd_free(batch->places);
    gd_free(batch->results);
    *batch = (gd_batch){ 0 };
}

void gd_batch_clear(gd_batch *batch, bool share)
{
    batch->count = batch->rows = batch->pooled = 0;
    batch->share = share;
    gd_row_count_clear(&batch->row_count);
}

static gd_status grow(gd_batch *batch, gd_error *err)
{
    const size_t need = batch->count + 1;

    if (!gd_grow((void **)&batch->texts, &batch->room, need, sizeof *batch->texts) ||
        !gd_grow((void **)&batch->rank, &batch->rank_room, need, sizeof *batch->rank) ||
        !gd_grow((void **)&batch->places, &batch->place_room, need, sizeof *batch->places) ||
        !gd_grow((void **)&batch->results, &batch->result_room, need, sizeof *batch->results))
        return gd_fail_memory(err, need * sizeof *batch->texts);
    return GD_OK;
}

/* The rows that the text would add to the batch. */
static size_t rows_of(gd_batch *batch, const gd_batch_text *text, size_t *place)
{
    batch->texts[batch->count] = text->ids;
    batch->rank[batch->count] = text->rank;
    batch->places[batch->count] = text->places;
    batch->results[batch->count] = text->results;
    return batch->share ? gd_row_count_more(&batch->row_count, batch->texts, batch->rank, place) : text->ids.len;
}

gd_status gd_batch_more(gd_batch *batch, const gd_batch_text *text, size_t *more, gd_error *err)
{
    size_t place;
    const gd_status rc = grow(batch, err);

    if (!rc)
        *more = rows_of(batch, text, &place);
    return rc;
}

gd_status gd_batch_add(gd_batch *batch, const gd_batch_text *text, gd_error *err)
{
    size_t place = 0, more;
    gd_status rc = grow(batch, err);

    if (rc)
        return rc;
    more = rows_of(batch, text, &place);
    if (batch->share)
        rc = gd_row_count_add(&batch->row_count, place, err);
    if (rc)
        return rc;
    batch->rows += more;
    batch->pooled += text->places.len;
    batch->count++;
    return GD_OK;
}

bool gd_batch_fits(const gd_batch *batch, size_t rows, size_t pooled, size_t most)
{
    return batch->rows + rows <= most && batch->pooled + pooled <= most;
}

/* ---- a run ---- */

/* Some of the batch's texts, in an order of their own. */
struct part {
    const gd_batch *batch;
    gd_model *model;
    size_t *which;      /* [count] numbers of texts in the batch */
    gd_span *texts;     /* [count] */
    size_t *first;      /* [count + 1] where the positions of each text begin */
    size_t *order;      /* [count] 0, 1, 2 ... : which[] is in the order of the texts' ids */
    uint32_t *position; /* [first[count]] */
    float *scores;      /* the same */
    float *labels;      /* [first[count], plan->label_count] */
};

static void free_part(struct part *part)
{
    gd_free(part->which);
    gd_free(part->texts);
    gd_free(part->first);
    gd_free(part->order);
    gd_free(part->position);
    gd_free(part->scores);
    gd_free(part->labels);
}

static gd_status make_part(struct part *part, size_t count, gd_error *err)
{
    const size_t pooled = part->batch->pooled, labels = pooled * part->model->plan->label_count;

    part->which = gd_alloc(count, sizeof *part->which);
    part->texts = gd_alloc(count, sizeof *part->texts);
    part->first = gd_alloc(count + 1, sizeof *part->first);
    part->order = gd_alloc(count, sizeof *part->order);
    part->position = gd_alloc(pooled, sizeof *part->position);
    part->scores = gd_alloc(pooled, sizeof *part->scores);
    part->labels = gd_alloc(labels, sizeof *part->labels);
    if (part->which && part->texts && part->first && part->order && part->position && part->scores && part->labels)
        return GD_OK;
    return gd_fail_memory(err, count * 4 * sizeof *part->which + (2 * pooled + labels) * sizeof *part->position);
}

/* Texts from..from + count - 1 of the batch, in the order of their ids if they share. */
static void fill_part(struct part *part, size_t from, size_t count)
{
    const gd_batch *batch = part->batch;
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        const size_t text = batch->share ? batch->row_count.order[from + i] : from + i;
        const gd_span places = batch->places[text];

        part->which[i] = text;
        part->order[i] = i;
        part->texts[i] = batch->texts[text];
        part->first[i] = at;
        memcpy(part->position + at, places.ids, places.len * sizeof *places.ids);
        at += places.len;
    }
    part->first[count] = at;
}

/* The scores of a text, then its labels. */
static void put_results(const struct part *part, size_t i)
{
    const size_t each = part->model->plan->place_count, labels = part->model->plan->label_count;
    const size_t first = part->first[i] / each, count = part->first[i + 1] / each - first;
    float *to = part->batch->results[part->which[i]];

    memcpy(to, part->scores + first, count * sizeof *to);
    if (labels)
        memcpy(to + count, part->labels + first * labels, count * labels * sizeof *to);
}

static gd_status run_texts(struct part *part, size_t from, size_t count, gd_error *err)
{
    float *labels = part->model->plan->label_count ? part->labels : NULL;
    gd_trie trie;
    gd_status rc;

    fill_part(part, from, count);
    rc = gd_trie_build(&trie, part->texts, count, &(gd_pooled){ part->first, part->position },
                       part->batch->share ? part->order : NULL, err);
    if (!rc)
        rc = gd_engine_run_labels(part->model->engine, &trie, part->scores, labels, err);
    gd_trie_free(&trie);
    for (size_t i = 0; !rc && i < count; i++)
        put_results(part, i);
    return rc;
}

/* The memory of a card belongs to other processes, too, which may have taken some since the batch was planned: again in
 * halves where there is none for the texts together. */
static gd_status run_part(struct part *part, size_t from, size_t count, gd_error *err)
{
    gd_error why = { 0 };
    gd_status rc = run_texts(part, from, count, &why);

    if (rc == GD_ENOMEM && part->model->backend->apart && count > 1) {
        rc = run_part(part, from, count / 2, err);
        return rc ? rc : run_part(part, from + count / 2, count - count / 2, err);
    }
    return rc ? gd_fail(err, rc, "%s", why.text) : GD_OK;
}

gd_status gd_batch_run(gd_batch *batch, gd_model *model, gd_error *err)
{
    struct part part = { .batch = batch, .model = model };
    gd_status rc = make_part(&part, batch->count, err);

    if (!rc)
        rc = run_part(&part, 0, batch->count, err);
    free_part(&part);
    return rc;
}
