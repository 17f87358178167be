/* tokenize_file.c - the records of a file to lines of token ids; needs no weights. */
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/record.h"
#include "data/writer.h"
#include "reward/encode.h"

#include <stdio.h>

struct tokenize_run {
    gd_encoder encoder;
    gd_records *records;
    gd_writer *writer;
    gd_summary *summary;
    gd_ids ids[2];
};

static gd_status write_problem(struct tokenize_run *run, const gd_record *record, const char *sentence, gd_error *err)
{
    run->summary->failed++;
    return gd_writer_error(run->writer, record->index, sentence, err);
}

static gd_status write_record(struct tokenize_run *run, const gd_record *record, gd_error *err)
{
    gd_span spans[2];
    bool truncated = false;

    run->summary->items++;
    if (record->problem)
        return write_problem(run, record, record->problem, err);
    for (size_t t = 0; t < record->count; t++) {
        gd_error why = { 0 };
        gd_encoding how;
        char sentence[600];

        if (gd_encode(&run->encoder, record->texts[t], &run->ids[t], &how, &why)) {
            if (why.status == GD_ENOMEM)
                return gd_fail(err, GD_ENOMEM, "%s", why.text);
            (void)snprintf(sentence, sizeof sentence, "line %llu: %s", (unsigned long long)record->line, why.text);
            return write_problem(run, record, sentence, err);
        }
        if (how == GD_DROPPED) {
            run->summary->dropped++;
            return GD_OK;
        }
        truncated |= how == GD_TRUNCATED;
        run->summary->tokens += run->ids[t].len;
        spans[t] = (gd_span){ run->ids[t].data, run->ids[t].len };
    }
    run->summary->truncated += truncated;
    return gd_writer_ids(run->writer, record->index, spans, record->count, truncated, err);
}

static gd_status tokenize_records(struct tokenize_run *run, const gd_progress *progress, gd_error *err)
{
    gd_status rc = GD_OK;
    bool more = true;

    while (!rc && more) {
        gd_record record = { 0 };

        rc = gd_records_next(run->records, &record, &more, err);
        if (!rc && more)
            rc = write_record(run, &record, err);
        gd_record_free(&record);
        if (!rc && progress && progress->report && run->summary->items % 1024 == 0 &&
            progress->report(progress->context, run->summary->items, gd_records_bytes_done(run->records),
                             gd_records_bytes_total(run->records), run->summary->tokens))
            rc = gd_fail(err, GD_EINTERRUPTED, "interrupted after item %llu",
                         (unsigned long long)run->summary->items);
    }
    return rc;
}

/* The eos rule needs config.json only when it is there: a directory with the tokenizer's files alone is enough. */
static gd_status open_encoder(gd_encoder *encoder, const gd_options *options, gd_error *err)
{
    char *dir = NULL, *adapter_dir = NULL, *probe = NULL;
    gd_config *config = NULL;
    gd_status rc = gd_options_check(options, err);

    if (!rc)
        rc = gd_options_dirs(options, &dir, &adapter_dir, err);
    probe = rc ? NULL : gd_path_join(dir, "config.json");
    if (probe && gd_file_exists(probe))
        rc = gd_config_open(&config, dir, err);
    if (!rc)
        rc = gd_encoder_open(encoder, options, dir, adapter_dir, config, err);
    if (!rc && options->max_length == 0)
        encoder->max_length = 0; /* ids alone have no limit */
    gd_config_close(config);
    gd_free(probe);
    gd_free(adapter_dir);
    gd_free(dir);
    return rc;
}

gd_status gd_tokenize_file(const gd_options *options, const char *input, const char *output, gd_format format,
                           const gd_progress *progress, gd_summary *summary, gd_error *err)
{
    gd_summary own;
    struct tokenize_run run = { .summary = summary ? summary : &own };
    gd_status rc, closed;

    *run.summary = (gd_summary){ 0 };
    rc = open_encoder(&run.encoder, options, err);
    if (!rc)
        rc = gd_records_open(&run.records, input, format, err);
    if (!rc)
        rc = gd_writer_open(&run.writer, output, input, err);
    if (!rc)
        rc = tokenize_records(&run, progress, err);
    closed = gd_writer_close(run.writer, err);
    gd_records_close(run.records);
    gd_encoder_close(&run.encoder);
    gd_ids_free(&run.ids[0]);
    gd_ids_free(&run.ids[1]);
    rc = rc ? rc : closed;
    if (!rc && run.summary->failed)
        return gd_fail(err, GD_EITEM, "%llu of %llu items failed", (unsigned long long)run.summary->failed,
                       (unsigned long long)run.summary->items);
    return rc;
}
