/* evaluate.c - evaluates on data that isn't learnt from. */
#include "train/evaluate.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

/* ---- scores ---- */

/* Scores the texts first .. first + count - 1. */
static gd_status score(const gd_evaluator *e, const gd_train_set *set, size_t first, size_t count, float *scores,
                       gd_error *err)
{
    gd_trie trie;
    gd_status rc = gd_trie_share(&trie, set->texts + first, count, set->pooled + first, err);

    if (!rc)
        rc = gd_engine_run(e->engine, &trie, scores + first, err);
    gd_trie_free(&trie);
    return rc;
}

/* The end of a batch that begins with this item: by tokens, of which there are at least as many as rows. */
static size_t batch_end(const gd_evaluator *e, const gd_train_set *set, size_t item)
{
    size_t tokens = 0;

    for (size_t i = item; i < set->count; i++) {
        for (size_t t = set->first_text[i]; t < set->first_text[i + 1]; t++)
            tokens += set->texts[t].len;
        if (tokens > e->rows)
            return i > item ? i : i + 1;
    }
    return set->count;
}

gd_status gd_evaluate(const gd_evaluator *e, const gd_train_set *set, float *scores, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t i = 0, end; !rc && i < set->count; i = end) {
        if (!e->goes_on(e->context, set->first_text[i]))
            return gd_fail(err, GD_EINTERRUPTED, "stopped during an evaluation");
        end = batch_end(e, set, i);
        rc = score(e, set, set->first_text[i], set->first_text[end] - set->first_text[i], scores, err);
    }
    return rc;
}

/* ---- what they say ---- */

/* The items of a group, one after the other, with their scores. */
struct chosen {
    gd_train_item *items;
    float *scores, *gradients;
    double *each;
    size_t count, texts;
};

static gd_status choose(struct chosen *c, const gd_train_set *set, const float *scores, const uint32_t *groups,
                        uint32_t group, gd_error *err)
{
    const size_t texts = set->first_text[set->count];

    c->items = gd_alloc(set->count, sizeof *c->items);
    c->scores = gd_alloc(texts, sizeof *c->scores);
    c->gradients = gd_alloc(texts, sizeof *c->gradients);
    c->each = gd_alloc(texts, sizeof *c->each);
    if (!c->items || !c->scores || !c->gradients || !c->each)
        return gd_fail_memory(err, texts * (2 * sizeof *c->scores + sizeof *c->each));
    for (size_t i = 0; i < set->count; i++) {
        const size_t first = set->first_text[i], count = set->first_text[i + 1] - first;

        if (groups && groups[i] != group)
            continue;
        c->items[c->count++] = set->items[i];
        memcpy(c->scores + c->texts, scores + first, count * sizeof *scores);
        c->texts += count;
    }
    return GD_OK;
}

/* Means over batches of so many items, of which the last may be smaller and counts as much: but the loss is that of
 * all items. */
static void by_batches(const struct chosen *c, size_t batch, double center, gd_loss_metrics *metrics)
{
    const double share = 1 / (double)((c->count + batch - 1) / batch);
    const float *scores = c->scores;
    double loss = 0;

    for (size_t first = 0; first < c->count; first += batch) {
        const size_t count = c->count - first < batch ? c->count - first : batch;
        gd_loss_metrics one = { 0 };

        gd_loss(c->items + first, count, scores, center, 1, c->gradients, c->each, &one);
        gd_loss_add(metrics, &one, share);
        loss += one.loss * (double)count / (double)c->count;
        for (size_t i = first; i < first + count; i++)
            scores += c->items[i].text_count;
    }
    metrics->loss = loss;
}

gd_status gd_evaluated(const gd_evaluator *e, const gd_train_set *set, const float *scores, const uint32_t *groups,
                       uint32_t group, gd_loss_metrics *metrics, gd_error *err)
{
    struct chosen c = { 0 };
    const gd_status rc = choose(&c, set, scores, groups, group, err);

    *metrics = (gd_loss_metrics){ 0 };
    if (!rc && c.count)
        by_batches(&c, e->batch ? e->batch : c.count, e->center, metrics);
    gd_free(c.items);
    gd_free(c.scores);
    gd_free(c.gradients);
    gd_free(c.each);
    return rc;
}
