/* score_file.c - scores the records of a file, and writes a line for each. */
#include "base/buf.h"
#include "reward/pipeline.h"

static gd_status write_item(void *context, const gd_scored *item, bool *failed, gd_error *err)
{
    const gd_job *job = context;
    const gd_record *record = &item->record;
    const gd_results results = { .count = item->count,
                                 .scores = item->scores,
                                 .tokens = item->tokens,
                                 .beside = item->beside,
                                 .label_names = item->label_names,
                                 .label_count = item->label_count,
                                 .truncated = item->truncated };

    if (record->problem)
        return gd_writer_error(job->writer, record, record->problem, err);
    return gd_writer_results(job->writer, record, &results, failed, err);
}

gd_status gd_score_file(gd_model *model, const gd_file_options *how, const gd_progress *progress, gd_summary *summary,
                        gd_error *err)
{
    gd_file_options own;
    gd_job job;
    gd_pipeline run = { .model = model, .job = &job, .take = write_item, .context = &job };
    gd_buf identity = { 0 };
    gd_status rc = gd_job_init(&job, progress, summary, err);

    gd_buf_str(&identity, "{\"command\":\"score\"");
    if (!rc)
        rc = gd_file_options_read(&own, how, err);
    job.dry = gd_model_is_dry(model);
    if (!rc)
        rc = gd_job_open(&job, &model->encoder, &own, NULL, &identity, err);
    if (!rc)
        rc = gd_pipeline_run(&run, err);
    gd_buf_free(&identity);
    return gd_job_close(&job, rc, err);
}
