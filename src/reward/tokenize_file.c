/* tokenize_file.c - writes a line of token ids for each record of a file; needs no weights. */
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "reward/encode.h"
#include "reward/job.h"

struct tokenize_run {
    gd_encoder encoder;
    gd_job job;
    gd_encoded encoded;
    gd_span *spans; /* of a record's texts */
    size_t room;
};

static gd_status write_record(struct tokenize_run *run, const gd_record *record, gd_error *err)
{
    const gd_encoded *encoded = &run->encoded;
    gd_summary *summary = &run->job.summary;
    const gd_status rc = gd_encode_record(&run->encoder, record, &run->encoded, err);

    if (rc)
        return rc;
    summary->items++;
    summary->failed += encoded->problem != NULL;
    summary->dropped += encoded->dropped;
    summary->truncated += encoded->truncated;
    if (encoded->problem)
        return gd_writer_error(run->job.writer, record, encoded->problem, err);
    if (encoded->dropped)
        return GD_OK;
    if (!gd_grow((void **)&run->spans, &run->room, encoded->count, sizeof *run->spans))
        return gd_fail_memory(err, encoded->count * sizeof *run->spans);
    summary->texts += encoded->count;
    summary->conversations += encoded->conversations;
    summary->joined += encoded->joined;
    for (size_t t = 0; t < encoded->count; t++) {
        summary->tokens += encoded->ids[t].len;
        run->spans[t] = (gd_span){ .ids = encoded->ids[t].data, .len = encoded->ids[t].len };
    }
    return gd_writer_ids(run->job.writer, record, run->spans, encoded->count, encoded->truncated, err);
}

/* The input is a pipe that has nothing more at the moment: the lines so far are not kept from the reader. */
static gd_status flush_early(void *context, gd_error *err)
{
    struct tokenize_run *run = context;
    const gd_status rc = gd_job_flush(&run->job, run->job.summary.items, err);

    return rc ? rc : gd_job_report(&run->job, err);
}

static gd_status tokenize_records(struct tokenize_run *run, gd_error *err)
{
    gd_status rc = GD_OK;
    bool more = true;

    run->encoded.pause = gd_job_pause(&run->job);
    gd_records_on_pause(run->job.records, (gd_pause){ flush_early, run });
    while (!rc && more) {
        gd_record record = { 0 };
        uint64_t bytes = run->job.bytes_done;

        rc = gd_job_next(&run->job, NULL, NULL, &record, &bytes, &more, err);
        if (!rc && more && gd_job_wants(&run->job, record.index))
            rc = write_record(run, &record, err);
        gd_record_free(&record);
        run->job.bytes_done = bytes;
        if (!rc && run->job.summary.items % 1024 == 0)
            rc = gd_job_report(&run->job, err);
    }
    return rc;
}

/* config.json is read if it exists, for the eos rule; a directory with only the tokenizer's files is enough. */
static gd_status open_encoder(gd_encoder *encoder, const gd_options *options, gd_error *err)
{
    char *dir = NULL, *adapter_dir = NULL, *path = NULL;
    gd_config *config = NULL;
    bool there = false;
    gd_status rc = gd_options_dirs(options, &dir, &adapter_dir, err);

    if (!rc)
        rc = gd_file_find(&path, &there, dir, "config.json", err);
    if (!rc && there)
        rc = gd_config_open(&config, dir, err);
    if (!rc)
        rc = gd_encoder_open(encoder, options, dir, adapter_dir, config, err);
    encoder->rows = 0; /* an id needs no row to be written */
    if (!rc && options->max_length == 0 && !encoder->trained.applied[GD_TRAINED_MAX_LENGTH])
        encoder->max_length = 0; /* ids alone have no limit */
    gd_config_close(config);
    gd_free(path);
    gd_free(adapter_dir);
    gd_free(dir);
    return rc;
}

static gd_status check_resume(const gd_file_options *how, gd_error *err)
{
    if (how->resume)
        return gd_fail(err, GD_EUSAGE, "token ids cannot be resumed: gd_file_options.resume is %d, but 0 is expected",
                       how->resume);
    return GD_OK;
}

gd_status gd_tokenize_file(const gd_options *options, const gd_file_options *how, const gd_progress *progress,
                           gd_summary *summary, gd_error *err)
{
    struct tokenize_run run = { 0 };
    gd_file_options files;
    gd_options own;
    gd_buf identity = { 0 };
    gd_status rc = gd_job_init(&run.job, progress, summary, err);

    run.job.restarts = true;
    gd_buf_str(&identity, "{\"command\":\"tokenize\"");
    if (!rc)
        rc = gd_options_read(&own, options, err);
    if (!rc)
        rc = gd_file_options_read(&files, how, err);
    if (!rc)
        rc = check_resume(&files, err);
    if (!rc)
        rc = open_encoder(&run.encoder, &own, err);
    if (!rc)
        rc = gd_job_open(&run.job, &run.encoder, &files, NULL, &identity, err);
    gd_buf_free(&identity);
    if (!rc)
        rc = tokenize_records(&run, err);
    rc = gd_job_close(&run.job, rc, err);
    gd_encoder_close(&run.encoder);
    gd_encoded_free(&run.encoded);
    gd_free(run.spans);
    return rc;
}
