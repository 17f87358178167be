/* filter_file.c - filters the records of a file by their scores, or corrects their labels. */
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sized.h"
#include "data/sink.h"
#include "judge/filter_findings.h"
#include "judge/filter_line.h"
#include "judge/from_scores.h"
#include "reward/pipeline.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct run {
    const gd_filter_options *how;
    gd_job job;
    gd_from_scores from;
    gd_filter_findings findings;
    gd_buf line;
};

static bool has_second_pass(const struct run *run) { return run->how->by == GD_FILTER_TOP_FRACTION; }

static gd_status put_reject(struct run *run, const gd_record *record, gd_error *err)
{
    gd_status rc;

    if (!run->job.sinks[1] || !record->raw) /* a line that is too long was not kept */
        return GD_OK;
    rc = gd_sink_write(run->job.sinks[1], record->raw, record->length, err);
    return rc ? rc : gd_sink_write(run->job.sinks[1], "\n", 1, err);
}

/* Reports a record that can't be filtered, and writes it to the rejects so that nothing is lost; if there is a second
 * pass, that pass writes it. */
static gd_status fail_record(struct run *run, const gd_record *record, const char *sentence, gd_error *err)
{
    if (run->how->problem)
        run->how->problem(run->how->context, record->index, sentence);
    return has_second_pass(run) ? GD_OK : put_reject(run, record, err);
}

static const char *sentence_of(const gd_record *record, const char *why, char *room)
{
    return record->problem ? record->problem : gd_record_sentence(record, why, room);
}

/* Writes the record where it belongs; the verdict becomes GD_VERDICT_FAIL if the line can't be changed as needed. */
static gd_status put_record(struct run *run, const gd_record *record, gd_filter_verdict *verdict, const float *scores,
                            size_t count, gd_error *err)
{
    const gd_text raw = { record->raw, record->length };
    const bool annotate = run->how->annotate;
    const char *const sides[] = { gd_records_source_name(run->job.records, "chosen"),
                                  gd_records_source_name(run->job.records, "rejected") };
    char sentence[GD_SENTENCE_ROOM];
    const char *why;

    if (*verdict == GD_VERDICT_REJECT)
        return put_reject(run, record, err);
    gd_buf_clear(&run->line);
    if (gd_filter_line(&run->line, raw, *verdict, sides, annotate, record->kind, scores, count) ||
        run->line.failed) /* which the writer reports */
        return gd_writer_line(run->job.writer, &run->line, err);
    why = *verdict == GD_VERDICT_FLIP ? "only a JSON object that has \"chosen\" and \"rejected\" can have them swapped"
                                      : "only a line that is a JSON object can get its scores";
    *verdict = GD_VERDICT_FAIL;
    if (run->how->problem)
        run->how->problem(run->how->context, record->index, gd_record_sentence(record, why, sentence));
    return put_reject(run, record, err);
}

static const char *misfit(void *context, const gd_record *record, char room[GD_MISFIT_ROOM])
{
    const struct run *run = context;

    (void)room;
    return gd_filter_misfit(run->how->by, record->kind, record->count);
}

static gd_status take(void *context, const gd_scored *item, bool *failed, gd_error *err)
{
    struct run *run = context;
    const gd_record *record = &item->record;
    const gd_filter_options *how = run->how;
    gd_filter_finding finding = { .seen = { record->index, record->digest, 0 }, .verdict = GD_VERDICT_FAIL };
    char sentence[GD_SENTENCE_ROOM];
    const char *why = NULL;
    gd_status rc = GD_OK;

    if (record->problem ||
        !gd_filter_value_of(how->by, record->kind, item->scores, item->count, &finding.value, &why)) {
        finding.value = 0;
        rc = fail_record(run, record, sentence_of(record, why, sentence), err);
    } else {
        finding.scores = item->scores;
        finding.seen.count = (uint32_t)item->count;
        finding.verdict = has_second_pass(run) ? GD_VERDICT_KEEP : gd_filter_decide(how->by, how->limit, finding.value);
        if (!has_second_pass(run))
            rc = put_record(run, record, &finding.verdict, item->scores, item->count, err);
    }
    *failed |= finding.verdict == GD_VERDICT_FAIL;
    return rc ? rc : gd_filter_findings_add(&run->findings, &finding, run->job.sinks[2], err);
}

/* ---- the second pass, for GD_FILTER_TOP_FRACTION ---- */

/* How far the second pass is. */
struct place {
    const bool *top;             /* [values.count] */
    size_t seen, values, scores; /* how much of each list was used */
};

static gd_status changed(const struct run *run, gd_error *err)
{
    return gd_fail(err, GD_EIO, "%s changed while it was being filtered; to start over, remove %s.resume",
                   run->how->input, run->how->output);
}

static gd_status put_again(struct run *run, const gd_record *record, struct place *at, gd_error *err)
{
    const gd_filter_findings *findings = &run->findings;
    const gd_filter_seen *seen = &findings->seen[at->seen];
    gd_filter_verdict verdict;
    gd_status rc;

    if (at->seen == findings->seen_count || seen->index != record->index) /* the first pass left it out */
        return GD_OK;
    if (seen->digest != record->digest || (seen->count && seen->count != record->count))
        return changed(run, err);
    at->seen++;
    if (!seen->count)
        return put_reject(run, record, err);
    verdict = at->top[at->values++] ? GD_VERDICT_KEEP : GD_VERDICT_REJECT;
    rc = put_record(run, record, &verdict, findings->scores.value + at->scores, record->count, err);
    at->scores += record->count;
    run->findings.counts[verdict]++;
    run->job.summary.failed += verdict == GD_VERDICT_FAIL;
    return rc;
}

/* Reads the input again and writes each record where it belongs. */
static gd_status put_all(struct run *run, gd_records *records, const bool *top, gd_error *err)
{
    struct place at = { .top = top };
    bool more = true;
    gd_status rc = GD_OK;

    for (uint64_t n = 1; !rc && more; n++) {
        gd_record record = { 0 };

        rc = gd_records_next(records, &record, &more, err);
        if (!rc && more)
            rc = put_again(run, &record, &at, err);
        gd_record_free(&record);
        if (!rc && n % GD_CUT_ITEMS == 0)
            rc = gd_job_report(&run->job, err);
    }
    return rc || at.seen == run->findings.seen_count ? rc : changed(run, err);
}

static gd_status second_pass(struct run *run, const gd_encoder *encoder, gd_error *err)
{
    const gd_entries_options input = { .inputs = &run->how->input,
                                       .count = 1,
                                       .format = run->how->format,
                                       .fields = run->how->fields,
                                       .frugal = encoder->most_texts != 0 };
    const gd_filter_values *values = &run->findings.values;
    const double exact = run->how->limit * (double)values->count;
    gd_records *records = NULL;
    bool *top = NULL;
    gd_status rc = gd_filter_values_top(values, (size_t)(exact + 0.5), &top, err);

    if (!rc)
        rc = gd_records_open(&records, &input, err);
    if (!rc) {
        gd_records_keep_raw(records);
        if (encoder->turns == GD_TURNS_ON)
            gd_records_make_turns(records);
        if (run->from.reader)
            gd_records_read_either(records);
        rc = put_all(run, records, top, err);
    }
    gd_records_close(records);
    gd_free(top);
    return rc;
}

/* ---- the run ---- */

static gd_status check(const gd_filter_options *how, gd_error *err)
{
    if (!how->input || !how->output)
        return gd_fail(err, GD_EUSAGE, "filter needs an input and an output");
    if (how->by < GD_FILTER_MIN_SCORE || how->by > GD_FILTER_FLIP_BELOW)
        return gd_fail(err, GD_EUSAGE, "by is %d, which is not a gd_filter_by", (int)how->by);
    if (!isfinite(how->limit))
        return gd_fail(err, GD_EUSAGE, "the limit is %g; expected a finite number", how->limit);
    if (how->by == GD_FILTER_TOP_FRACTION && !(how->limit >= 0 && how->limit <= 1))
        return gd_fail(err, GD_EUSAGE, "the fraction is %g; expected 0 to 1", how->limit);
    if (how->by == GD_FILTER_TOP_FRACTION && !strcmp(how->input, "-"))
        return gd_fail(err, GD_EUSAGE, "for the top fraction, the input is read twice, so it must be a file");
    return GD_OK;
}

static gd_status check_shard(const gd_filter_options *how, gd_error *err)
{
    if (how->shards && how->from_scores)
        return gd_fail(err, GD_EUSAGE,
                       "a shard is a part of the work of a model, and from_scores leaves none to share out: filter the "
                       "whole input");
    if (how->shards && how->by == GD_FILTER_TOP_FRACTION)
        return gd_fail(err, GD_EUSAGE,
                       "which items are the top fraction is known only with the scores of all shards: score the "
                       "shards, and filter the whole input by the joined scores");
    return GD_OK;
}

/* What the values are: for the top, texts have scores, and others margins. */
static const char *value_name(const struct run *run)
{
    const gd_filter_findings *findings = &run->findings;

    if (run->how->by == GD_FILTER_TOP_FRACTION && findings->alone && findings->alone < findings->values.count)
        return "score or margin";
    if (run->how->by == GD_FILTER_MIN_SCORE || (run->how->by == GD_FILTER_TOP_FRACTION && findings->alone))
        return "score";
    return "margin";
}

static gd_status report_of(const struct run *run, char **json, gd_error *err)
{
    const uint64_t *counts = run->findings.counts;
    gd_buf out = { 0 };
    const char *text;

    gd_buf_printf(&out, "{\"kept\":%" PRIu64 ",\"rejected\":%" PRIu64, counts[GD_VERDICT_KEEP],
                  counts[GD_VERDICT_REJECT]);
    gd_buf_printf(&out, ",\"flipped\":%" PRIu64 ",\"failed\":%" PRIu64, counts[GD_VERDICT_FLIP],
                  counts[GD_VERDICT_FAIL]);
    gd_buf_printf(&out, ",\"value\":\"%s\",\"histogram\":", value_name(run));
    gd_filter_values_histogram(&run->findings.values, &out);
    gd_buf_str(&out, "}");
    text = gd_buf_cstr(&out);
    *json = text ? gd_strdup(text) : NULL;
    gd_buf_free(&out);
    return *json ? GD_OK : gd_fail_memory(err, 1024);
}

void gd_filter_options_init_sized(gd_filter_options *options, size_t struct_size)
{
    gd_sized_init(options, struct_size);
}

/* The outputs of a table need its header too. */
static gd_status put_header(struct run *run, gd_error *err)
{
    const char *header = gd_records_header(run->job.records);
    gd_status rc;

    if (!header || run->job.journal.done.items || run->job.shard.which > 1)
        return GD_OK;
    gd_buf_clear(&run->line);
    gd_buf_str(&run->line, header);
    gd_buf_str(&run->line, "\n");
    rc = gd_writer_line(run->job.writer, &run->line, err);
    return rc || !run->job.sinks[1] ? rc : gd_sink_write(run->job.sinks[1], run->line.data, run->line.len, err);
}

/* The options that the output depends on. */
static void put_identity(gd_buf *out, const gd_filter_options *how)
{
    json_t *limit = json_real(how->limit);

    gd_buf_printf(out, "{\"command\":\"filter\",\"by\":%d,\"annotate\":%d,\"limit\":", (int)how->by,
                  how->annotate != 0);
    gd_json_put(out, limit, JSON_ENCODE_ANY | JSON_COMPACT);
    json_decref(limit);
    gd_buf_str(out, ",\"rejects\":");
    gd_job_put_path(out, how->rejects);
}

static gd_status filter(struct run *run, gd_model *model, gd_error *err)
{
    gd_buf identity = { 0 };
    const gd_filter_options *how = run->how;
    const gd_file_options files = { .input = how->input,
                                    .output = how->output,
                                    .format = how->format,
                                    .resume = how->resume,
                                    .fields = how->fields,
                                    .shard = how->shard,
                                    .shards = how->shards };
    const gd_journal *journal = &run->job.journal;
    gd_pipeline scoring = { .model = model, .job = &run->job, .take = take, .misfit = misfit, .context = run };
    gd_status rc;

    run->job.copies = true;
    run->job.json_only = how->annotate != 0;
    run->job.dry = gd_model_is_dry(model);
    put_identity(&identity, how);
    rc = gd_from_scores_open(&run->from, model, how->from_scores, how->input, how->skip_unscored, &run->job, err);
    if (!rc)
        rc = gd_job_open(&run->job, gd_from_scores_encoder(&run->from, model), &files, how->rejects, &identity, err);
    gd_buf_free(&identity);
    if (rc || journal->done.complete)
        return rc;
    if (journal->done.items)
        rc = gd_filter_findings_read(&run->findings, journal->aside, journal->done.offset[2],
                                     journal->done.summary.items - journal->done.summary.dropped, journal->done.items,
                                     err);
    if (!rc)
        rc = gd_job_aside(&run->job, err);
    if (!rc)
        rc = put_header(run, err);
    if (!rc) {
        gd_records_keep_raw(run->job.records);
        rc = gd_from_scores_run(&run->from, &scoring, err);
    }
    if (!rc && has_second_pass(run) && !run->job.dry)
        rc = second_pass(run, gd_from_scores_encoder(&run->from, model), err);
    return rc;
}

gd_status gd_filter_file(gd_model *model, const gd_filter_options *how, const gd_progress *progress,
                         gd_summary *summary, char **json, gd_error *err)
{
    static const gd_sized kind = GD_SIZED(gd_filter_options, context);
    gd_filter_options own;
    struct run run = { .how = &own };
    gd_status rc = gd_job_init(&run.job, progress, summary, err);

    *json = NULL;
    if (!rc)
        rc = gd_sized_read(&own, &kind, how, err);
    if (!rc)
        rc = check(&own, err);
    if (!rc)
        rc = check_shard(&own, err);
    if (!rc) {
        run.findings.for_second_pass = has_second_pass(&run);
        rc = filter(&run, model, err);
    }
    if (!run.job.journal.done.complete && (!rc || rc == GD_EINTERRUPTED)) {
        const gd_status reported = report_of(&run, json, rc ? NULL : err);

        rc = rc ? rc : reported; /* without a report, the run is not finished */
    }
    rc = gd_job_close(&run.job, rc, err);
    if (rc && rc != GD_EITEM && rc != GD_EINTERRUPTED) {
        gd_free(*json);
        *json = NULL;
    }
    gd_from_scores_close(&run.from);
    gd_filter_findings_free(&run.findings);
    gd_buf_free(&run.line);
    return rc;
}
