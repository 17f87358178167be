/* score.c - texts in memory to scores. */
#include "base/error.h"
#include "base/mem.h"
#include "reward/batch.h"
#include "reward/encode.h"

#include <math.h>

/* Puts the text's index in front of what went wrong with it. */
static gd_status text_failed(size_t index, const gd_error *why, gd_error *err)
{
    return gd_fail(err, why->status, "text %zu: %s", index, why->text);
}

static gd_status add_text(gd_model *model, gd_batch *batch, gd_ids *ids, gd_text text, size_t *tokens, gd_error *err)
{
    gd_encoding how;
    gd_status rc = gd_encode(&model->encoder, text, ids, &how, err);

    if (rc)
        return rc;
    if (how == GD_DROPPED)
        return gd_fail(err, GD_ETOOLONG, "more than %zu tokens", model->encoder.max_length);
    if (ids->len == 0)
        return gd_fail(err, GD_EFORMAT, "the text has no tokens");
    if (tokens)
        *tokens = ids->len;
    return gd_batch_add(batch, model, ids, err);
}

/* Runs the batch and writes its scores; they must be finite, or the model is broken. */
static gd_status flush(gd_model *model, gd_batch *batch, size_t first, float *scores, gd_error *err)
{
    gd_status rc = batch->count ? gd_batch_run(batch, model, err) : GD_OK;

    for (size_t i = 0; !rc && i < batch->count; i++) {
        scores[first + i] = batch->scores[i];
        if (!isfinite(batch->scores[i]))
            rc = gd_fail(err, GD_EFORMAT, "text %zu: the model gives %g, which is no score", first + i,
                         (double)batch->scores[i]);
    }
    gd_batch_clear(batch);
    return rc;
}

gd_status gd_score(gd_model *model, size_t count, const gd_text *texts, float *scores, size_t *tokens, gd_error *err)
{
    gd_batch batch = { 0 };
    gd_ids ids = { 0 };
    gd_status rc = GD_OK;
    size_t first = 0;

    for (size_t i = 0; !rc && i < count; i++) {
        gd_error why = { 0 };

        if (batch.rows >= model->batch_rows) {
            rc = flush(model, &batch, first, scores, err);
            first = i;
        }
        if (!rc && add_text(model, &batch, &ids, texts[i], tokens ? &tokens[i] : NULL, &why))
            rc = text_failed(i, &why, err);
    }
    if (!rc)
        rc = flush(model, &batch, first, scores, err);
    gd_ids_free(&ids);
    gd_batch_free(&batch);
    return rc;
}
