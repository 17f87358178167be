/* file_run.c - what every run over a file of records shares. */
#include "reward/file_run.h"

#include "base/error.h"

void gd_file_run_init(gd_file_run *run, const gd_progress *progress, gd_summary *summary)
{
    *run = (gd_file_run){ .progress = progress, .summary = summary ? summary : &run->own };
    *run->summary = (gd_summary){ 0 };
}

gd_status gd_file_run_open(gd_file_run *run, const gd_encoder *encoder, const char *input, const char *output,
                           gd_format format, gd_error *err)
{
    const gd_status rc = gd_records_open(&run->records, input, format, encoder->fields, err);
    const char *const *inputs;
    size_t count;

    if (rc)
        return rc;
    inputs = gd_records_inputs(run->records, &count);
    return gd_writer_open(&run->writer, output, inputs, count, err);
}

gd_status gd_file_run_sink(const gd_file_run *run, gd_sink **out, const char *path, gd_error *err)
{
    size_t count;
    const char *const *inputs = gd_records_inputs(run->records, &count);

    return gd_sink_open_at(out, path, inputs, count, 0, err);
}

gd_status gd_file_run_report(const gd_file_run *run, gd_error *err)
{
    const gd_progress *p = run->progress;

    if (p && p->report &&
        p->report(p->context, run->summary->items, run->bytes_done,
                  gd_records_bytes_total(run->records), run->summary->tokens))
        return gd_fail(err, GD_EINTERRUPTED, "interrupted after item %llu",
                       (unsigned long long)run->summary->items);
    return GD_OK;
}

gd_status gd_file_run_close(gd_file_run *run, gd_status rc, gd_error *err)
{
    const gd_status closed = gd_writer_close(run->writer, err);

    gd_records_close(run->records);
    rc = rc ? rc : closed;
    if (!rc && run->summary->failed)
        return gd_fail(err, GD_EITEM, "%llu of %llu items failed", (unsigned long long)run->summary->failed,
                       (unsigned long long)run->summary->items);
    return rc;
}
