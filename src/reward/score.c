/* score.c - scores texts in memory: the short form of gd_score_items(), all or nothing. */
#include "base/error.h"
#include "base/mem.h"
#include "reward/pipeline.h"

struct run {
    size_t count, at; /* the number of texts; the next one */
    const gd_text *texts;
    float *scores;
    size_t *tokens; /* may be NULL */
    size_t max_length;
};

static gd_status next_text(void *context, gd_record *record, uint64_t *bytes, bool *more, gd_error *err)
{
    struct run *run = context;

    (void)bytes;
    *more = run->at < run->count;
    if (!*more)
        return GD_OK;
    record->index = run->at;
    record->texts = gd_alloc_zero(1, sizeof *record->texts);
    if (!record->texts)
        return gd_fail_memory(err, sizeof *record->texts);
    record->count = 1;
    record->texts[0].text = run->texts[run->at++];
    return GD_OK;
}

/* If a score is not finite, the model is broken. */
static gd_status take(void *context, const gd_scored *item, bool *failed, gd_error *err)
{
    struct run *run = context;
    const size_t index = (size_t)item->record.index;

    (void)failed;
    if (item->record.problem)
        return gd_fail(err, item->status, "text %zu: %s", index, item->record.problem);
    if (item->dropped)
        return gd_fail(err, GD_ETOOLONG, "text %zu has more than %zu tokens", index, run->max_length);
    if (!item->finite)
        return gd_fail(err, GD_EFORMAT, "text %zu: the model's score is not finite", index);
    run->scores[index] = item->scores[0];
    if (run->tokens)
        run->tokens[index] = item->tokens[0];
    return GD_OK;
}

gd_status gd_score(gd_model *model, size_t count, const gd_text *texts, float *scores, size_t *tokens, gd_error *err)
{
    struct run run = { .count = count,
                       .texts = texts,
                       .scores = scores,
                       .tokens = tokens,
                       .max_length = model->encoder.max_length };
    gd_job job;
    gd_pipeline scoring = { .model = model,
                            .job = &job,
                            .next = next_text,
                            .take = take,
                            .context = &run,
                            .strict = true };
    gd_status rc = gd_job_init(&job, NULL, NULL, err);

    if (!rc)
        rc = gd_model_check_scores(model, err);
    if (!rc)
        rc = gd_pipeline_run(&scoring, err);
    return gd_job_close(&job, rc, err);
}
