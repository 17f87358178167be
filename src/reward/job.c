/* job.c - what every run over a file of records shares. */
#include "reward/job.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/samefile.h"
#include "base/sized.h"
#include "data/codec.h"
#include "data/name.h"

#include <errno.h>
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

void gd_job_put_path(gd_buf *identity, const char *path)
{
    char real[PATH_MAX] = "";

    if (path)
        (void)gd_path_real(real, path);
    gd_buf_json_string(identity, real, strlen(real));
}

/* Adds to `identity` what every command's lines depend on. */
static gd_status finish_identity(const gd_job *run, const gd_encoder *encoder, const gd_file_options *how,
                                 gd_buf *identity, gd_error *err)
{
    const gd_shard *shard = &run->shard;
    const char *fields = how->fields ? how->fields : "";
    const char *keep = how->keep ? how->keep : "";
    gd_status rc = GD_OK;

    gd_buf_printf(identity, ",\"shard\":\"%zu/%zu\"", shard->of ? shard->which : 1, shard->of ? shard->of : 1);
    gd_buf_printf(identity, ",\"format\":%d,\"fields\":", (int)how->format);
    gd_buf_json_string(identity, fields, strlen(fields));
    gd_buf_str(identity, ",\"keep\":");
    gd_buf_json_string(identity, keep, strlen(keep));
    gd_buf_printf(identity, ",%s", encoder->identity);
    if (gd_journal_applies(how->output) &&
        (shard->of || !run->restarts)) { /* else nobody compares the files, which may be large */
        gd_buf_str(identity, ",\"files\":");
        rc = gd_reads_put(identity, &encoder->reads, err);
    }
    gd_buf_str(identity, "}");
    if (!rc && !gd_buf_cstr(identity))
        rc = gd_fail_memory(err, identity->len);
    return rc;
}

/* What is there without a marker is of another run, or someone has removed it. */
static gd_status refuse_unmarked(const gd_job *run, const char *output, gd_error *err)
{
    return gd_fail(err, GD_EUSAGE,
                   "%.250s is complete, but %.250s, which would say of which shard, is not there; choose another "
                   "output, or remove this one to start afresh",
                   output, run->marker.path);
}

static gd_status open_journal(gd_job *run, const gd_file_options *how, const char *identity, gd_error *err)
{
    gd_status rc = run->restarts ? GD_OK : gd_journal_open(&run->journal, how->output, identity, how->resume != 0, err);

    run->digest = run->journal.done.digest;
    if (!rc && run->shard.of && run->journal.done.complete)
        rc = refuse_unmarked(run, how->output, err);
    return rc ? rc : gd_marker_remove(&run->marker, err);
}

/* Looks at what earlier runs have left beside the output. */
static gd_status open_beside(gd_job *run, const gd_encoder *encoder, const gd_file_options *how, const char *second,
                             gd_buf *identity, gd_error *err)
{
    bool complete = false;
    gd_status rc = finish_identity(run, encoder, how, identity, err);

    if (!rc)
        rc = gd_marker_name(&run->marker, how->output, err);
    run->marker.output[1] = second;
    if (!rc)
        rc = gd_marker_open(&run->marker, &run->shard, identity->data, how->resume != 0, &complete, err);
    if (rc || !complete)
        return rc ? rc : open_journal(run, how, identity->data, err);
    run->journal.done.complete = true;
    return gd_journal_discard(how->output, err);
}

/* Of a run that is resumed, what is done must still be there. */
static gd_status check_done(const gd_job *run, size_t i, const char *path, gd_error *err)
{
    const unsigned long long least = run->journal.done.offset[i];
    struct stat sb;

    if (!path || !least)
        return GD_OK;
    if (stat(path, &sb) < 0 && errno == ENOENT)
        return gd_fail(err, GD_EIO,
                       "%.150s is not there, but %.150s says that the run wrote to it; restore it, or remove %.150s to "
                       "start afresh",
                       path, run->journal.path, run->journal.path);
    if (stat(path, &sb) == 0 && S_ISREG(sb.st_mode) && (unsigned long long)sb.st_size < least)
        return gd_fail(err, GD_EIO,
                       "%.150s has %llu bytes, but the run wrote %llu, as %.150s says; restore it, or remove %.150s to "
                       "start afresh",
                       path, (unsigned long long)sb.st_size, least, run->journal.path, run->journal.path);
    return GD_OK;
}

static gd_status check_names(const gd_job *run, const char *const *outputs, size_t count, gd_error *err)
{
    const gd_format lines = run->copies ? gd_records_format(run->records) : GD_FORMAT_JSONL;
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < count; i++)
        rc = outputs[i] ? gd_output_name(outputs[i], lines, err) : GD_OK;
    return rc;
}

/* The journal and what is going to replace it are not compared with each other: where another run is writing them, one
 * becomes the other between two looks. */
static gd_status check_outputs(const gd_job *run, const gd_encoder *encoder, const char *output, const char *second,
                               gd_error *err)
{
    gd_journal journal;
    size_t count;
    const char *const *inputs = gd_records_inputs(run->records, &count);
    gd_status rc = gd_journal_name(&journal, output, err);
    gd_marker marker = { 0 };
    const char *outputs[] = { output, journal.path, journal.part, journal.aside, NULL };

    if (!rc)
        rc = gd_marker_name(&marker, output, err);
    outputs[4] = run->shard.of ? marker.path : NULL;
    if (!rc && second && gd_is_stdout(output) && gd_is_stdout(second))
        rc = gd_fail(err, GD_EUSAGE,
                     "the lines of two outputs would be mixed on standard output; give one of them a file name");
    for (size_t i = 0; !rc && i < sizeof outputs / sizeof outputs[0]; i++) {
        const char *const both[] = { outputs[i], second };

        rc = gd_job_outputs(&encoder->reads, inputs, count, both, 2, err);
        if (!rc && run->scores)
            rc = gd_job_outputs(NULL, &run->scores, 1, both, 2, err);
    }
    gd_marker_free(&marker);
    gd_journal_free(&journal);
    return rc;
}

/* ---- opening ---- */

static gd_status open_sink(gd_job *run, size_t i, const char *path, gd_error *err)
{
    size_t count;
    const char *const *inputs = gd_records_inputs(run->records, &count);

    run->packed |= gd_codec_by_suffix(path) != NULL;
    return gd_sink_open_at(&run->sinks[i], path, inputs, count, run->journal.done.offset[i], err);
}

gd_status gd_job_read(gd_job *run, const gd_entries_options *input, const char *keep, gd_error *err)
{
    gd_entries_options how = *input;
    gd_status rc;

    how.pause = gd_job_pause(run); /* whoever writes into a pipe may take a long time for the first bytes */
    rc = gd_records_open(&run->records, &how, err);

    if (!rc && run->group_by)
        rc = gd_keep_add(&run->keep, gd_records_source_name(run->records, run->group_by), err);
    if (!rc)
        rc = gd_keep_parse(&run->keep, keep, run->taken, err);
    return rc ? rc : gd_records_keep(run->records, &run->keep, err);
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

static gd_status read_input(gd_job *run, const gd_encoder *encoder, const gd_file_options *how, gd_error *err)
{
    const gd_entries_options input = { .inputs = &how->input,
                                       .count = 1,
                                       .format = how->format,
                                       .fields = how->fields,
                                       .frugal = encoder->most_texts != 0,
                                       .arguments = how->arguments != 0 };
    const gd_status rc = gd_job_read(run, &input, how->keep, err);

    if (!rc && encoder->turns == GD_TURNS_ON)
        gd_records_make_turns(run->records);
    return rc ? rc : check_format(run, how, err);
}

static gd_status count_items(gd_job *run, uint64_t *items, uint64_t *digest, gd_error *err)
{
    gd_status rc = GD_OK;
    bool more = true;

    for (*items = *digest = 0; !rc && more;) {
        gd_record record = { 0 };
        uint64_t bytes;

        rc = run->count_next ? run->count_next(run->counter, &record, &bytes, &more, err)
                             : gd_records_next(run->records, &record, &more, err);
        *items += !rc && more;
        *digest = !rc && more ? record.digest : *digest;
        gd_record_free(&record);
        if (!rc && *items % GD_CUT_ITEMS == 0)
            rc = gd_job_report(run, err);
    }
    return rc;
}

/* Finds which items are the shard's, and begins the input again. */
static gd_status take_shard(gd_job *run, const gd_encoder *encoder, const gd_file_options *how, gd_error *err)
{
    uint64_t items, digest;
    size_t count;
    const char *const *inputs = gd_records_inputs(run->records, &count);
    gd_status rc = gd_shard_check_inputs(inputs, count, err);

    if (!rc)
        rc = count_items(run, &items, &digest, err);
    if (rc)
        return rc;
    gd_shard_cut(&run->shard, items, digest);
    gd_records_close(run->records);
    run->records = NULL;
    gd_keep_free(&run->keep);
    return read_input(run, encoder, how, err);
}

bool gd_job_wants(const gd_job *run, uint64_t index)
{
    return index >= run->journal.done.items && !gd_shard_skips(&run->shard, index);
}

gd_status gd_job_open(gd_job *run, const gd_encoder *encoder, const gd_file_options *how, const char *second,
                      gd_buf *identity, gd_error *err)
{
    const char *const *inputs;
    size_t count;
    gd_status rc = gd_shard_check(how->shard, how->shards, err);

    run->shard = (gd_shard){ .which = how->shard, .of = how->shards };
    if (!rc)
        rc = read_input(run, encoder, how, err);
    if (!rc && run->dry) {
        rc = run->shard.of ? take_shard(run, encoder, how, err) : GD_OK;
        return rc ? rc : gd_job_open_dry(run, err);
    }
    if (!rc)
        rc = check_names(run, (const char *const[]){ how->output, second }, 2, err);
    if (!rc)
        rc = check_outputs(run, encoder, how->output, second, err);
    if (!rc && run->shard.of)
        rc = take_shard(run, encoder, how, err);
    if (!rc)
        rc = open_beside(run, encoder, how, second, identity, err);
    for (size_t i = 0; !rc && i < GD_JOURNAL_OUTPUTS; i++)
        rc = check_done(run, i, (const char *const[]){ how->output, second, run->journal.aside }[i], err);
    if (!rc && run->journal.done.complete && !run->copies && !run->group_by && !run->shard.of)
        rc = gd_job_finished(run, how->output, how->input, encoder->truncate == GD_TRUNCATE_DROP, err);
    if (rc || run->journal.done.complete)
        return rc;
    run->summary = run->journal.done.summary;
    inputs = gd_records_inputs(run->records, &count);
    rc = gd_writer_open(&run->writer, how->output, inputs, count, run->journal.done.offset[0], err);
    if (rc)
        return rc;
    run->sinks[0] = gd_writer_sink(run->writer);
    run->packed = gd_codec_by_suffix(how->output) != NULL;
    return second ? open_sink(run, 1, second, err) : GD_OK;
}

gd_status gd_job_aside(gd_job *run, gd_error *err)
{
    gd_status rc;

    if (!run->journal.aside)
        return GD_OK;
    rc = run->journal.created ? gd_journal_clear_aside(&run->journal, err) : GD_OK;
    if (!rc)
        rc = open_sink(run, 2, run->journal.aside, err);
    run->journal.has_aside = rc == GD_OK;
    return rc;
}

/* Whether the input begins with the items that are done, so many of which were read, the last with this digest. */
static gd_status same_input(const gd_job *run, uint64_t items, uint64_t digest, bool more, gd_error *err)
{
    const gd_journal_state *done = &run->journal.done;

    if (more ? items != done->items || digest == done->digest : items >= done->items)
        return GD_OK;
    return gd_fail(err, GD_EUSAGE,
                   "%s: the run was started with another input: its first %llu items were not these; pass the input "
                   "that it had, or remove %s to start afresh",
                   run->journal.path, (unsigned long long)done->items, run->journal.path);
}

gd_status gd_job_next(gd_job *run, gd_next_record *next, void *context, gd_record *record, uint64_t *bytes, bool *more,
                      gd_error *err)
{
    gd_status rc = GD_OK;

    if (gd_shard_ends(&run->shard, run->seen)) {
        *more = false;
    } else if (next) {
        rc = next(context, record, bytes, more, err);
    } else {
        rc = gd_records_next(run->records, record, more, err);
        *bytes = gd_records_bytes_done(run->records);
    }
    run->seen += !rc && *more;
    if (!rc)
        rc = gd_shard_same_input(&run->shard, run->seen, record->digest, *more, err);
    return rc ? rc : same_input(run, run->seen, record->digest, *more, err);
}

/* Saves the journal; called where the outputs end with a whole item. */
static gd_status save(gd_job *run, uint64_t items, gd_error *err)
{
    gd_journal_state done = { .items = items, .digest = run->digest, .summary = run->summary };

    for (size_t i = 0; i < GD_JOURNAL_OUTPUTS; i++)
        done.offset[i] = run->sinks[i] ? gd_sink_offset(run->sinks[i]) : 0;
    return gd_journal_save(&run->journal, &done, err);
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

static bool take_back_outputs(gd_job *run)
{
    bool all = true;

    for (size_t i = 0; i < GD_JOURNAL_OUTPUTS; i++)
        all &= !run->sinks[i] || gd_sink_take_back(run->sinks[i], run->journal.done.offset[i]);
    return all;
}

/* No resumed run could do better: nothing is left that would ask for one. */
static void give_up(gd_job *run)
{
    for (size_t i = 0; i < GD_JOURNAL_OUTPUTS; i++)
        if (run->sinks[i])
            (void)gd_sink_take_back(run->sinks[i], 0);
    (void)gd_journal_finish(&run->journal, NULL);
}

bool gd_job_take_back(gd_job *run)
{
    const gd_journal_state *before = &run->journal.done;
    const bool all = take_back_outputs(run);

    if (run->journal.created)
        (void)gd_journal_finish(&run->journal, NULL);
    else
        (void)gd_journal_save(&run->journal, before, NULL);
    return all;
}

gd_status gd_job_report(const gd_job *run, gd_error *err)
{
    const gd_progress *p = &run->progress;
    const gd_summary *done = &run->summary;
    const gd_shard *shard = &run->shard;
    uint64_t total = run->records ? gd_records_bytes_total(run->records) : run->bytes_total;
    uint64_t bytes = run->bytes_done;

    if (shard->of) { /* where its items begin and end is not known */
        total /= shard->of;
        bytes = gd_shard_part(shard, done->items, total);
    }
    if (p->report && p->report(p->context, done->items, bytes, total, done->tokens))
        return gd_fail(err, GD_EINTERRUPTED, "interrupted after %llu items%s", (unsigned long long)done->items,
                       run->journal.path ? "; to resume, run the same command with --resume" : "");
    return GD_OK;
}

/* Whoever sends the lines to a file sees why an item failed, unless the command tells by itself. */
static gd_status fail_items(const gd_job *run, gd_error *err)
{
    const unsigned long long failed = run->summary.failed, items = run->summary.items;
    const char *s = items == 1 ? "" : "s";
    const char *which = run->journal.done.summary.failed ? "one" : "the first"; /* an earlier run had the first */
    uint64_t index = 0;
    const char *why = run->tells ? NULL : gd_writer_first_error(run->writer, &index);

    if (!why)
        return gd_fail(err, GD_EITEM, "%llu of %llu item%s failed", failed, items, s);
    return gd_fail(err, GD_EITEM, "%llu of %llu item%s failed; %s is item %llu: %.400s", failed, items, s, which,
                   (unsigned long long)index, why);
}

static gd_status report(void *context, gd_error *err) { return gd_job_report(context, err); }

gd_pause gd_job_pause(gd_job *run) { return (gd_pause){ report, run }; }

/* A run that failed before it had anything to write leaves all as it was. */
static void leave_untouched(gd_job *run)
{
    for (size_t i = 0; i < GD_JOURNAL_OUTPUTS; i++)
        if (run->sinks[i] && gd_sink_used(run->sinks[i]))
            return;
    (void)take_back_outputs(run);
    if (run->journal.created) /* else it is an earlier run's, or that of one that still runs */
        (void)gd_journal_finish(&run->journal, NULL);
}

gd_status gd_job_close(gd_job *run, gd_status rc, gd_error *err)
{
    gd_error failed = { 0 };

    if (rc && rc != GD_EITEM && rc != GD_EINTERRUPTED)
        leave_untouched(run);
    if (rc && run->hopeless)
        give_up(run);
    if (run->summary.failed)
        (void)fail_items(run, &failed); /* while the writer is there */
    for (size_t i = GD_JOURNAL_OUTPUTS; i-- > 0;) {
        const gd_status closed = i ? gd_sink_close(run->sinks[i], err) : gd_writer_close(run->writer, err);

        rc = rc ? rc : closed;
    }
    gd_records_close(run->records);
    gd_keep_free(&run->keep);
    if (!rc && !run->journal.done.complete && !run->dry)
        rc = gd_marker_write(&run->marker, &run->shard, &run->summary, err);
    if (!rc && !run->journal.done.complete)
        rc = gd_journal_finish(&run->journal, err);
    gd_marker_free(&run->marker);
    gd_journal_free(&run->journal);
    if (run->wanted)
        gd_sized_fill(run->wanted, &summary_kind, &run->summary);
    return rc || !failed.status ? rc : gd_fail(err, failed.status, "%s", failed.text);
}
