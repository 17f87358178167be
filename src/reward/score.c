/* score.c - texts in memory to scores. */
#include "base/error.h"
#include "base/mem.h"
#include "reward/encode.h"
#include "reward/queue.h"

#include <math.h>

/* Puts the text's index in front of what went wrong with it. */
static gd_status text_failed(size_t index, const gd_error *why, gd_error *err)
{
    return gd_fail(err, why->status, "text %zu: %s", index, why->text);
}

static gd_status add_text(gd_queue *queue, gd_ids *ids, gd_text text, size_t *tokens, gd_error *err)
{
    const gd_encoder *encoder = &queue->model->encoder;
    gd_encoding how;
    gd_status rc = gd_encode(encoder, text, ids, &how, err);

    if (rc)
        return rc;
    if (how == GD_DROPPED)
        return gd_fail(err, GD_ETOOLONG, "more than %zu tokens", encoder->max_length);
    if (ids->len == 0)
        return gd_fail(err, GD_EFORMAT, "the text has no tokens");
    if (tokens)
        *tokens = ids->len;
    return gd_queue_add(queue, ids, 1, err);
}

/* Scores what waits, and writes the scores; they must be finite, or the model is broken. */
static gd_status score_queue(gd_queue *queue, size_t first, float *scores, gd_error *err)
{
    gd_status rc = GD_OK;

    while (!rc && queue->oldest < queue->item_count)
        rc = gd_queue_run(queue, err);
    for (size_t i = 0; !rc && i < queue->item_count; i++) {
        scores[first + i] = gd_scale_apply(&queue->model->scale, queue->scores[i]);
        if (!isfinite(queue->scores[i]))
            rc = gd_fail(err, GD_EFORMAT, "text %zu: the model gives %g, which is no score", first + i,
                         (double)queue->scores[i]);
    }
    gd_queue_clear(queue);
    return rc;
}

gd_status gd_score(gd_model *model, size_t count, const gd_text *texts, float *scores, size_t *tokens, gd_error *err)
{
    gd_queue queue = { .model = model };
    gd_ids ids = { 0 };
    gd_status rc = GD_OK;
    size_t first = 0;

    for (size_t i = 0; !rc && i < count; i++) {
        gd_error why = { 0 };

        if (gd_queue_is_full(&queue)) {
            rc = score_queue(&queue, first, scores, err);
            first = i;
        }
        if (!rc && add_text(&queue, &ids, texts[i], tokens ? &tokens[i] : NULL, &why))
            rc = text_failed(i, &why, err);
    }
    if (!rc)
        rc = score_queue(&queue, first, scores, err);
    gd_ids_free(&ids);
    gd_queue_free(&queue);
    return rc;
}
