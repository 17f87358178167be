/* score_items.c - scores items in memory, with a result for each. */
#include "base/error.h"
#include "reward/items.h"

struct run {
    gd_items items; /* our copy */
    gd_job job;
    const gd_model *model;
    size_t at; /* the next item */
    uint64_t bytes;
};

static gd_status next_item(void *context, gd_record *record, uint64_t *bytes, bool *more, gd_error *err)
{
    struct run *run = context;
    gd_status rc = GD_OK;

    *more = run->at < run->items.count;
    if (*more)
        rc = gd_items_record(&run->items, run->at++, run->model, record, &run->bytes, err);
    *bytes = run->bytes;
    return rc;
}

static gd_status take(void *context, const gd_scored *item, bool *failed, gd_error *err)
{
    const struct run *run = context;

    return gd_items_take(&run->items, item, failed, err);
}

gd_status gd_score_items(gd_model *model, const gd_items *items, const gd_progress *progress, gd_summary *summary,
                         gd_error *err)
{
    struct run run = { .model = model };
    gd_pipeline scoring = { .model = model,
                            .job = &run.job,
                            .next = next_item,
                            .take = take,
                            .context = &run,
                            .take_dropped = true };
    gd_status rc = gd_items_read(&run.items, items, err);

    if (!rc)
        gd_items_not_yet(&run.items);
    if (!rc && run.items.count && !run.items.items)
        rc = gd_fail(err, GD_EUSAGE, "gd_items.items is NULL, but %zu are expected", run.items.count);
    if (!rc)
        rc = gd_model_check_scores(model, err);
    if (!rc)
        rc = gd_job_init(&run.job, progress, summary, err);
    if (!rc) {
        run.job.bytes_total = run.job.progress.report ? gd_items_bytes(&run.items) : 0; /* only needed to report */
        rc = gd_pipeline_run(&scoring, err);
    }
    return gd_job_close(&run.job, rc, err);
}
