/* job.c - what every run over a file of records shares. */
#include "reward/job.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/sized.h"
#include "data/codec.h"

#include <string.h>
#include <sys/stat.h>

static const gd_sized summary_kind = GD_SIZED(gd_summary, rows);

void gd_summary_init_sized(gd_summary *summary, size_t struct_size) { gd_sized_init(summary, struct_size); }

gd_status gd_job_init(gd_job *run, const gd_progress *progress, gd_summary *summary, gd_error *err)
{
    gd_status rc;

    *run = (gd_job){ 0 };
    rc = summary ? gd_sized_check(&summary_kind, summary, err) : GD_OK;
    if (rc)
        return rc;
    run->wanted = summary;
    if (summary)
        gd_sized_fill(summary, &summary_kind, &run->summary);
    return gd_progress_read(&run->progress, progress, err);
}

/* Adds to `identity` what every command's lines depend on. */
static gd_status open_journal(gd_job *run, const gd_encoder *encoder, const gd_file_options *how, gd_buf *identity,
                              gd_error *err)
{
    const char *fields = how->fields ? how->fields : "";
    const char *text;

    if (!identity)
        return GD_OK;
    gd_buf_str(identity, ",\"input\":");
    gd_buf_json_string(identity, how->input, strlen(how->input));
    gd_buf_printf(identity, ",\"format\":%d,\"fields\":", (int)how->format);
    gd_buf_json_string(identity, fields, strlen(fields));
    gd_buf_printf(identity, ",%s}", encoder->identity);
    text = gd_buf_cstr(identity);
    if (!text)
        return gd_fail_memory(err, identity->len);
    return gd_journal_open(&run->journal, how->output, text, how->resume != 0, err);
}

/* An output can't be opened: nothing was written yet that could be resumed. */
static gd_status never_begun(gd_job *run, gd_status rc)
{
    if (run->journal.items == 0)
        gd_journal_finish(&run->journal);
    return rc;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat sa, sb;

    if (!strcmp(a, b))
        return true;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && S_ISREG(sa.st_mode) && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* Every output must be a different file, whatever names and links lead to it. */
static gd_status check_others(const gd_job *run, size_t i, const char *path, gd_error *err)
{
    const gd_journal *journal = &run->journal;
    const char *const others[] = { run->paths[0], run->paths[1], run->paths[2],
                                   journal->path, journal->part, i == 2 ? NULL : journal->aside };

    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
        if (others[k] && is_same_file(path, others[k]))
            return gd_fail(err, GD_EUSAGE, "%s: this is the same file as %s, but another one is expected", path,
                           others[k]);
    return GD_OK;
}

static gd_status open_sink(gd_job *run, size_t i, const char *path, gd_error *err)
{
    size_t count;
    const char *const *inputs = gd_records_inputs(run->records, &count);
    gd_status rc = check_others(run, i, path, err);

    if (rc)
        return never_begun(run, rc);
    run->paths[i] = path;
    run->packed |= gd_codec_by_suffix(path) != NULL;
    rc = gd_sink_open_at(&run->sinks[i], path, inputs, count, run->journal.offset[i], err);
    return rc ? never_begun(run, rc) : GD_OK;
}

gd_status gd_job_open_dry(gd_job *run, gd_error *err)
{
    const gd_status rc = gd_writer_open(&run->writer, "-", NULL, 0, 0, err);

    if (rc)
        return rc;
    gd_writer_only_errors(run->writer);
    run->sinks[0] = gd_writer_sink(run->writer);
    return GD_OK;
}

static gd_status check_format(const gd_job *run, const gd_file_options *how, gd_error *err)
{
    const gd_format format = gd_records_format(run->records);

    if (!run->json_only || format == GD_FORMAT_JSONL || format == GD_FORMAT_JSON)
        return GD_OK;
    return gd_fail(err, GD_EUSAGE, "%s: only items in JSON can be annotated, and this is %s", how->input,
                   format == GD_FORMAT_TEXT ? "plain text" : "a table");
}

gd_status gd_job_open(gd_job *run, const gd_encoder *encoder, const gd_file_options *how, const char *second,
                      gd_buf *identity, gd_error *err)
{
    const gd_entries_options input = { .inputs = &how->input,
                                       .count = 1,
                                       .format = how->format,
                                       .fields = how->fields,
                                       .frugal = encoder->most_texts != 0,
                                       .arguments = how->arguments != 0 };
    const char *const *inputs;
    size_t count;
    gd_status rc = gd_records_open(&run->records, &input, err);

    if (!rc && encoder->turns == GD_TURNS_ON)
        gd_records_make_turns(run->records);
    if (!rc)
        rc = check_format(run, how, err);
    if (!rc && run->dry)
        return gd_job_open_dry(run, err);
    if (!rc)
        rc = open_journal(run, encoder, how, identity, err);
    if (rc || run->journal.complete)
        return rc;
    run->summary = run->journal.summary;
    run->paths[0] = how->output;
    rc = second ? check_others(run, 1, second, err) : GD_OK; /* before any file is truncated */
    inputs = gd_records_inputs(run->records, &count);
    if (!rc)
        rc = gd_writer_open(&run->writer, how->output, inputs, count, run->journal.offset[0], err);
    if (rc)
        return never_begun(run, rc);
    run->sinks[0] = gd_writer_sink(run->writer);
    run->packed = gd_codec_by_suffix(how->output) != NULL;
    return second ? open_sink(run, 1, second, err) : GD_OK;
}

gd_status gd_job_aside(gd_job *run, gd_error *err)
{
    gd_status rc;

    if (!run->journal.aside)
        return GD_OK;
    rc = open_sink(run, 2, run->journal.aside, err);
    run->journal.has_aside = rc == GD_OK;
    return rc;
}

/* Saves the journal; called where the outputs end with a whole item. */
static gd_status save(gd_job *run, uint64_t items, gd_error *err)
{
    uint64_t offsets[GD_JOURNAL_OUTPUTS] = { 0 };

    for (size_t i = 0; i < GD_JOURNAL_OUTPUTS; i++)
        offsets[i] = run->sinks[i] ? gd_sink_offset(run->sinks[i]) : 0;
    return gd_journal_save(&run->journal, items, offsets, &run->summary, err);
}

gd_status gd_job_item(gd_job *run, uint64_t index, gd_error *err)
{
    gd_status rc = GD_OK;

    if (!run->packed || (index + 1) % GD_CUT_ITEMS)
        return GD_OK;
    for (size_t i = 0; !rc && i < GD_JOURNAL_OUTPUTS; i++)
        if (run->sinks[i])
            rc = gd_sink_cut(run->sinks[i], err);
    return rc ? rc : save(run, index + 1, err);
}

gd_status gd_job_flush(gd_job *run, uint64_t next, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < GD_JOURNAL_OUTPUTS; i++)
        if (run->sinks[i])
            rc = gd_sink_flush(run->sinks[i], err);
    return rc || run->packed ? rc : save(run, next, err);
}

gd_status gd_job_report(const gd_job *run, gd_error *err)
{
    const gd_progress *p = &run->progress;
    const gd_summary *done = &run->summary;
    const uint64_t total = run->records ? gd_records_bytes_total(run->records) : run->bytes_total;

    if (p->report && p->report(p->context, done->items, run->bytes_done, total, done->tokens))
        return gd_fail(err, GD_EINTERRUPTED, "interrupted after %llu items%s", (unsigned long long)done->items,
                       run->journal.path ? "; to resume, run the same command with --resume" : "");
    return GD_OK;
}

gd_status gd_job_close(gd_job *run, gd_status rc, gd_error *err)
{
    for (size_t i = GD_JOURNAL_OUTPUTS; i-- > 0;) {
        const gd_status closed = i ? gd_sink_close(run->sinks[i], err) : gd_writer_close(run->writer, err);

        rc = rc ? rc : closed;
    }
    gd_records_close(run->records);
    if (!rc)
        gd_journal_finish(&run->journal);
    gd_journal_free(&run->journal);
    if (run->wanted)
        gd_sized_fill(run->wanted, &summary_kind, &run->summary);
    if (!rc && run->summary.failed)
        return gd_fail(err, GD_EITEM, "%llu of %llu items failed", (unsigned long long)run->summary.failed,
                       (unsigned long long)run->summary.items);
    return rc;
}
