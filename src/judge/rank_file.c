/* rank_file.c - ranks the answers of a file's records. */
#include "base/buf.h"
#include "base/error.h"
#include "base/sized.h"
#include "data/sink.h"
#include "judge/from_scores.h"
#include "judge/preference.h"
#include "judge/rank_rows.h"
#include "judge/ranking.h"
#include "reward/pipeline.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct run {
    const gd_rank_options *how;
    gd_preference preference;
    gd_job job;
    gd_from_scores from;
    gd_rank_rows rows;    /* if they are grouped */
    gd_rank_rows counted; /* the same, of a shard, before the run */
    gd_ranking ranking;
    gd_as_written written; /* of the item, if its answers are written */
    gd_buf line;
};

static void put_sizes(gd_buf *line, const char *name, const size_t *numbers, size_t count)
{
    gd_buf_printf(line, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++)
        gd_buf_printf(line, "%s%zu", i ? "," : "", numbers[i]);
    gd_buf_str(line, "]");
}

static size_t top_count(const struct run *run)
{
    const size_t count = run->ranking.count, top = run->how->top;

    return top && top < count ? top : count;
}

/* Adds the answers themselves: the best ones, best first, or all in the order of the input. */
static void put_texts(struct run *run, const gd_record *record)
{
    gd_buf_str(&run->line, ",\"texts\":[");
    for (size_t i = 0; i < top_count(run); i++) {
        const size_t which = run->how->top ? run->ranking.order[i] : i;

        gd_buf_str(&run->line, i ? "," : "");
        gd_put_json(&run->line, gd_record_answer_of(record, which), gd_as_written_answer(&run->written, which));
    }
    gd_buf_str(&run->line, "]");
}

static void put_line(struct run *run, const gd_scored *item)
{
    const gd_ranking *ranking = &run->ranking;
    gd_buf *line = &run->line;

    gd_buf_clear(line);
    gd_record_begin_line(line, &item->record);
    gd_buf_str(line, ",\"scores\":");
    gd_buf_json_floats(line, item->scores, item->count);
    put_sizes(line, "ranks", ranking->ranks, ranking->count);
    gd_buf_printf(line, ",\"best\":%zu,\"margin\":", ranking->order[0]);
    gd_buf_json_float(line, ranking->margin);
    gd_buf_printf(line, ",\"ties\":%zu", ranking->ties);
    if (run->how->top)
        put_sizes(line, "top", ranking->order, top_count(run));
    if (run->how->texts)
        put_texts(run, &item->record);
    put_sizes(line, "tokens", item->tokens, item->count);
    gd_buf_str(line, item->truncated ? ",\"truncated\":true}\n" : "}\n");
}

static gd_status write_pairs(struct run *run, const gd_scored *item, gd_error *err)
{
    gd_record record = item->record;
    gd_status rc = GD_OK;

    record.texts = NULL; /* they were dropped; if they are needed, this copy has its own */
    record.storage = NULL;
    record.count = 0;
    if (gd_preference_needs_texts(&record, item->count))
        rc = gd_records_read_again(run->job.records, &record, err);
    gd_buf_clear(&run->line);
    if (!rc)
        (void)gd_preference_lines(&run->line, &run->preference, &record, &run->ranking, item->scores);
    gd_record_drop_texts(&record);
    if (rc)
        return rc;
    if (run->line.failed)
        return gd_fail_memory(err, run->line.len);
    return gd_sink_write(run->job.sinks[1], run->line.data, run->line.len, err);
}

/* Writes an error line for a record whose scores are not finite. */
static gd_status refuse(struct run *run, const gd_scored *item, const char *why, bool *failed, gd_error *err)
{
    char sentence[GD_SENTENCE_ROOM];

    *failed = true;
    return gd_writer_error(run->job.writer, &item->record, gd_record_sentence(&item->record, why, sentence), err);
}

static bool writes_answers(const struct run *run) { return run->how->texts || run->how->pairs != GD_PAIRS_NONE; }

/* A record of another kind, or one whose answers can't be written. */
static const char *misfit(void *context, const gd_record *record, char room[GD_MISFIT_ROOM])
{
    (void)room;
    if (record->kind != GD_RECORD_ANSWERS)
        return "rank takes \"prompt\" with \"responses\", a list of answers, or rows of one answer with --group-by "
               "prompt";
    if (writes_answers(context) && !gd_can_put(record, record->count))
        return "the prompt or an answer, which are to be written, has NaN, Infinity, a number too large or half of a "
               "surrogate pair in one of its fields, which are not JSON";
    return NULL;
}

static gd_status take(void *context, const gd_scored *item, bool *failed, gd_error *err)
{
    struct run *run = context;
    gd_status rc;

    if (item->record.problem)
        return gd_writer_error(run->job.writer, &item->record, item->record.problem, err);
    for (size_t i = 0; i < item->count; i++)
        if (!isfinite(item->scores[i]) || !isfinite(item->scores[i] - item->scores[0]))
            return refuse(run, item, "the scores are not finite numbers", failed, err);
    rc = gd_ranking_make(&run->ranking, item->scores, item->count, err);
    if (!rc && writes_answers(run))
        rc = gd_as_written_find(&run->written, run->job.records, &item->record, item->count, err);
    if (!rc && run->job.sinks[1]) /* not in a dry run */
        rc = write_pairs(run, item, err);
    if (rc)
        return rc;
    put_line(run, item);
    return gd_writer_line(run->job.writer, &run->line, err);
}

static gd_status check(const gd_rank_options *how, gd_error *err)
{
    if (!how->input || !how->output)
        return gd_fail(err, GD_EUSAGE, "rank needs an input and an output");
    if (how->pairs < GD_PAIRS_NONE || how->pairs > GD_PAIRS_ALL)
        return gd_fail(err, GD_EUSAGE, "pairs is %d, which is not a gd_rank_pairs", (int)how->pairs);
    if ((how->pairs != GD_PAIRS_NONE) != (how->pairs_output != NULL))
        return gd_fail(err, GD_EUSAGE, "pairs and pairs_output must be given together");
    if (how->shards && how->from_scores)
        return gd_fail(
            err, GD_EUSAGE,
            "a shard is a part of the work of a model, and from_scores leaves none to share out: rank the whole input");
    if (!(how->min_margin >= 0))
        return gd_fail(err, GD_EUSAGE, "the least margin of a pair is %g; expected 0 or more", (double)how->min_margin);
    return GD_OK;
}

/* The options that the output depends on. */
static void put_identity(gd_buf *out, const gd_rank_options *how)
{
    gd_buf_printf(out, "{\"command\":\"rank\",\"top\":%zu,\"texts\":%d,\"pairs\":%d", how->top, how->texts != 0,
                  (int)how->pairs);
    gd_buf_printf(out, ",\"seed\":%" PRIu64 ",\"min_margin\":", how->seed);
    gd_buf_json_float(out, how->min_margin);
    gd_buf_str(out, ",\"pairs_output\":");
    gd_job_put_path(out, how->pairs_output);
    gd_buf_str(out, ",\"group_by\":");
    gd_buf_json_string(out, how->group_by ? how->group_by : "", how->group_by ? strlen(how->group_by) : 0);
}

void gd_rank_options_init_sized(gd_rank_options *options, size_t struct_size) { gd_sized_init(options, struct_size); }

static gd_status next_group(void *context, gd_record *record, uint64_t *bytes, bool *more, gd_error *err)
{
    struct run *run = context;

    return gd_rank_rows_next(&run->rows, record, bytes, more, err);
}

static gd_status count_group(void *context, gd_record *record, uint64_t *bytes, bool *more, gd_error *err)
{
    struct run *run = context;

    return gd_rank_rows_next(&run->counted, record, bytes, more, err);
}

static gd_status rank(struct run *run, gd_model *model, gd_error *err)
{
    const gd_rank_options *how = run->how;
    const gd_file_options files = { .input = how->input,
                                    .output = how->output,
                                    .format = how->format,
                                    .resume = how->resume,
                                    .fields = how->fields,
                                    .keep = how->keep,
                                    .shard = how->shard,
                                    .shards = how->shards };
    gd_pipeline scoring = { .model = model,
                            .job = &run->job,
                            .take = take,
                            .misfit = misfit,
                            .context = run,
                            .next = how->group_by ? next_group : NULL,
                            .keep_fields = writes_answers(run) };
    gd_buf identity = { 0 };
    gd_status rc;

    run->job.dry = gd_model_is_dry(model);
    run->job.taken = how->pairs ? gd_preference_names : NULL;
    run->job.group_by = how->group_by;
    run->rows = run->counted = (gd_rank_rows){ .job = &run->job, .from = &run->from };
    run->job.count_next = how->group_by ? count_group : NULL;
    run->job.counter = run;
    run->preference = (gd_preference){ how->pairs, how->min_margin, how->seed, &run->written };
    put_identity(&identity, how);
    rc = gd_from_scores_open(&run->from, model, how->from_scores, how->input, how->skip_unscored, &run->job, err);
    if (!rc)
        rc = gd_job_open(&run->job, gd_from_scores_encoder(&run->from, model), &files, how->pairs_output, &identity,
                         err);
    run->from.rows = how->group_by ? &run->rows : NULL;
    if (!rc && writes_answers(run))
        gd_records_keep_raw(run->job.records);
    gd_buf_free(&identity);
    return rc ? rc : gd_from_scores_run(&run->from, &scoring, err);
}

gd_status gd_rank_file(gd_model *model, const gd_rank_options *how, const gd_progress *progress, gd_summary *summary,
                       gd_error *err)
{
    static const gd_sized kind = GD_SIZED(gd_rank_options, seed);
    gd_rank_options own;
    struct run run = { .how = &own };
    gd_status rc = gd_job_init(&run.job, progress, summary, err);

    if (!rc)
        rc = gd_sized_read(&own, &kind, how, err);
    if (!rc)
        rc = check(&own, err);
    if (!rc)
        rc = rank(&run, model, err);
    rc = gd_job_close(&run.job, rc, err);
    gd_rank_rows_free(&run.rows);
    gd_rank_rows_free(&run.counted);
    gd_from_scores_close(&run.from);
    gd_ranking_free(&run.ranking);
    gd_as_written_free(&run.written);
    gd_buf_free(&run.line);
    return rc;
}
