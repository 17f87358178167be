/* pipeline.c - scores records, and delivers them in their order. */
#include "reward/pipeline.h"

#include "base/error.h"
#include "base/mem.h"
#include "reward/rehearsal.h"
#include "reward/steps.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- records in ---- */

static gd_status set_problem(gd_scored *item, gd_status status, const char *sentence, gd_error *err)
{
    item->status = status;
    if (item->record.problem == sentence)
        return GD_OK;
    item->record.problem = gd_strdup(sentence);
    return item->record.problem ? GD_OK : gd_fail_memory(err, strlen(sentence));
}

gd_status gd_pipeline_check(gd_pipeline *run, gd_scored *item, gd_error *err)
{
    char room[GD_MISFIT_ROOM], sentence[GD_SENTENCE_ROOM];
    const bool bad = item->record.problem != NULL;
    const char *why = run->misfit && !bad ? run->misfit(run->context, &item->record, room) : NULL;

    if (!why)
        return GD_OK;
    item->count = 0;
    item->truncated = false;
    return set_problem(item, GD_EFORMAT, gd_record_sentence(&item->record, why, sentence), err);
}

/* The ids, for a record that wishes no more. */
static gd_status keep_ids(gd_pipeline *run, gd_scored *item, gd_error *err)
{
    const gd_encoded *encoded = &run->encoded;

    item->ids = gd_alloc_zero(encoded->count, sizeof *item->ids);
    if (!item->ids)
        return gd_fail_memory(err, encoded->count * sizeof *item->ids);
    for (size_t t = 0; t < encoded->count; t++) {
        const size_t len = encoded->ids[t].len;

        item->ids[t] = gd_alloc(len, sizeof *item->ids[t]);
        if (!item->ids[t])
            return gd_fail_memory(err, len * sizeof *item->ids[t]);
        if (len)
            memcpy(item->ids[t], encoded->ids[t].data, len * sizeof *item->ids[t]);
    }
    return GD_OK;
}

/* Encodes the record: texts to score, or a problem. */
static gd_status encode_item(gd_pipeline *run, gd_scored *item, gd_error *err)
{
    gd_encoded *encoded = &run->encoded;
    gd_status rc = gd_encode_record(gd_model_encoder(run->model, item->record.wish.adapter), &item->record, encoded,
                                    err);

    if (rc)
        return rc;
    if (!item->record.wish.ids_only)
        gd_encoded_refuse_empty(encoded, &item->record);
    if (encoded->problem)
        return set_problem(item, encoded->status, encoded->problem, err);
    item->dropped = encoded->dropped;
    item->truncated = encoded->truncated;
    item->tokens = gd_alloc(encoded->count, sizeof *item->tokens);
    if (!item->tokens)
        return gd_fail_memory(err, encoded->count * sizeof *item->tokens);
    for (size_t t = 0; t < encoded->count; t++)
        item->tokens[t] = encoded->ids[t].len;
    item->count = encoded->count;
    item->conversations = encoded->conversations;
    item->joined = encoded->joined;
    return item->record.wish.ids_only ? keep_ids(run, item, err) : GD_OK;
}

/* A record is scored completely or not at all. */
static gd_status queue_item(gd_pipeline *run, gd_scored *item, gd_error *err)
{
    gd_error why = { 0 };
    gd_status rc = gd_queue_add(&run->queue, run->encoded.ids, item->ids ? 0 : item->count, item->record.wish.adapter,
                                &why);

    if (rc != GD_ETOOLONG && rc != GD_EFORMAT)
        return rc ? gd_fail(err, rc, "%s", why.text) : GD_OK;
    gd_encoded_problem(&run->encoded, &item->record, run->queue.refused, &why);
    item->count = 0;
    item->truncated = false;
    rc = set_problem(item, rc, run->encoded.problem, err);
    return rc ? rc : gd_queue_add(&run->queue, NULL, 0, 0, err);
}

/* The memory that the item takes while it waits, except for the texts, which the queue counts. Parsed JSON takes
 * several times the size of its text. */
static size_t waiting_bytes(const gd_scored *item)
{
    const gd_record *record = &item->record;
    const bool has_fields = record->object || (record->row_count && record->rows[0].object);
    size_t fields = has_fields ? record->length * 4 : 0;

    for (size_t t = 0; item->ids && t < item->count; t++)
        fields += item->tokens[t] * sizeof *item->ids[t];
    return fields + (record->raw ? record->length : 0) + (record->kept || record->row_count ? record->length : 0) +
           (record->problem ? strlen(record->problem) : 0);
}

static void free_item(gd_scored *item)
{
    for (size_t t = 0; item->ids && t < item->count; t++)
        gd_free(item->ids[t]);
    gd_free(item->ids);
    gd_record_free(&item->record);
    gd_free(item->tokens);
}

/* A caller who wants all scores or none gets a failure without waiting for the scores before it. */
static gd_status check_strictly(const gd_pipeline *run, const gd_scored *item, gd_error *err)
{
    bool failed;

    return run->strict && (item->record.problem || item->dropped) ? run->take(run->context, item, &failed, err) : GD_OK;
}

/* Takes ownership of the record. */
static gd_status add_record(gd_pipeline *run, gd_record *record, uint64_t bytes, gd_error *err)
{
    gd_scored item = { .record = *record, .bytes = bytes };
    gd_status rc = gd_pipeline_check(run, &item, err);

    *record = (gd_record){ 0 };
    if (!rc)
        rc = encode_item(run, &item, err);
    gd_record_drop_texts(&item.record);
    if (!run->keep_fields)
        gd_record_drop_fields(&item.record);
    if (!rc && !gd_grow((void **)&run->items, &run->room, run->count + 1, sizeof *run->items))
        rc = gd_fail_memory(err, (run->count + 1) * sizeof *run->items);
    if (!rc)
        rc = queue_item(run, &item, err);
    if (!rc)
        rc = check_strictly(run, &item, err);
    if (rc) {
        free_item(&item);
        return rc;
    }
    run->queue.bytes += waiting_bytes(&item);
    run->queue.items[run->count].turn = item.record.turn;
    run->items[run->count++] = item;
    return GD_OK;
}

/* ---- records out ---- */

void gd_scored_count(gd_summary *summary, const gd_scored *item, bool failed)
{
    summary->items++;
    summary->failed += failed;
    summary->dropped += item->dropped;
    summary->truncated += item->truncated;
    summary->texts += item->count;
    summary->conversations += item->count ? item->conversations : 0;
    summary->joined += item->count ? item->joined : 0;
    for (size_t t = 0; t < item->count; t++)
        summary->tokens += item->tokens[t];
}

gd_status gd_pipeline_take(gd_pipeline *run, const gd_scored *item, gd_error *err)
{
    bool failed = item->record.problem != NULL;
    gd_status rc = item->dropped && !run->take_dropped ? GD_OK : run->take(run->context, item, &failed, err);

    for (size_t t = 0; !rc && run->model && run->model->rehearsal && t < item->count; t++)
        rc = gd_rehearsal_text(run->model->rehearsal, item->tokens[t], err);
    if (rc)
        return rc;
    gd_scored_count(&run->job->summary, item, failed);
    run->job->bytes_done = item->bytes;
    run->job->digest = item->record.digest;
    return gd_job_item(run->job, item->record.index, err);
}

/* The results of text `t` of the item, which is number `text` of the queue, normalized, and its score. */
static void finish_text(const gd_pipeline *run, gd_scored *item, size_t t, size_t text)
{
    const gd_model *model = run->model;
    const gd_scale *scale = gd_model_scale(model, item->record.wish.adapter);
    const size_t count = run->queue.places[text].len / gd_places_a_score(&model->encoder.places);
    float *results = run->queue.results[text];

    for (size_t i = 0; i < count; i++) {
        item->finite &= isfinite(results[i]) != 0;
        results[i] = gd_scale_apply(scale, results[i]);
    }
    run->scores[t] = gd_steps_score(model->plan->steps_rule, results, count);
    run->beside[t] = (gd_beside){ results, gd_places_have_steps(&model->encoder.places) ? count : 0, results + count };
    for (size_t i = 0; i < model->plan->label_count; i++)
        item->finite &= isfinite(run->beside[t].labels[i]) != 0;
}

static gd_status finish_item(gd_pipeline *run, size_t number, gd_error *err)
{
    const gd_queue_item *queued = &run->queue.items[number];
    gd_scored *item = &run->items[number];

    item->finite = true;
    item->rows = queued->computed;
    if (item->ids)
        return GD_OK;
    if (!gd_grow((void **)&run->scores, &run->score_room, item->count, sizeof *run->scores) ||
        !gd_grow((void **)&run->beside, &run->beside_room, item->count, sizeof *run->beside))
        return gd_fail_memory(err, item->count * sizeof *run->beside);
    for (size_t t = 0; t < item->count; t++)
        finish_text(run, item, t, queued->first + t);
    item->scores = run->scores;
    item->beside = run->beside;
    item->label_names = run->model->plan->label_names;
    item->label_count = run->model->plan->label_count;
    return GD_OK;
}

static gd_status take_item(gd_pipeline *run, size_t number, gd_error *err)
{
    const gd_status rc = finish_item(run, number, err);

    return rc ? rc : gd_pipeline_take(run, &run->items[number], err);
}

/* Takes the records that are finished and have no unfinished record before them. */
static gd_status take_done(gd_pipeline *run, gd_error *err)
{
    gd_status rc = GD_OK;

    while (!rc && run->out < run->queue.oldest) {
        rc = take_item(run, run->out, err);
        if (!rc)
            run->out++;
    }
    if (!rc && run->out > 0)
        rc = gd_job_flush(run->job, run->items[run->out - 1].record.index + 1, err);
    return rc ? rc : gd_job_report(run->job, err);
}

static void clear_items(gd_pipeline *run)
{
    for (size_t i = 0; i < run->count; i++)
        free_item(&run->items[i]);
    run->count = run->out = 0;
    gd_queue_clear(&run->queue);
}

static gd_status score_queue(gd_pipeline *run, gd_error *err)
{
    gd_status rc = GD_OK;

    while (!rc && run->out < run->count) {
        const uint64_t before = run->queue.rows;

        rc = gd_queue_run(&run->queue, err);
        run->job->summary.rows += run->queue.rows - before;
        if (!rc)
            rc = take_done(run, err);
    }
    clear_items(run);
    return rc;
}

/* Whoever writes the input may wait for answers: the records so far are not kept waiting for the next one. */
static gd_status score_early(void *context, gd_error *err)
{
    gd_pipeline *run = context;
    const gd_status rc = run->count ? score_queue(run, err) : GD_OK;

    return rc ? rc : gd_job_report(run->job, err);
}

static bool is_time(const gd_pipeline *run)
{
    return gd_queue_is_full(&run->queue) || (run->awaited && run->queue.tokens >= run->model->batch_rows);
}

gd_status gd_pipeline_next(gd_pipeline *run, gd_record *record, uint64_t *bytes, bool *more, gd_error *err)
{
    return gd_job_next(run->job, run->next, run->context, record, bytes, more, err);
}

static gd_status run_records(gd_pipeline *run, gd_error *err)
{
    gd_status rc = GD_OK;
    bool more = true;

    while (!rc && more) {
        gd_record record = { 0 };
        uint64_t bytes = 0;

        rc = gd_pipeline_next(run, &record, &bytes, &more, err);
        if (!rc && more && gd_job_wants(run->job, record.index))
            rc = add_record(run, &record, bytes, err);
        gd_record_free(&record);
        if (!rc && is_time(run))
            rc = score_queue(run, err);
    }
    if (run->count && rc != GD_EINTERRUPTED && rc != GD_ENOMEM && !(rc && run->strict)) {
        const gd_status last = score_queue(run, err);

        rc = rc ? rc : last;
    }
    return rc;
}

/* ---- records that others add while it runs ---- */

/* So many batches' tokens wait at most: enough to bring together what belongs together, if most of it is shared. */
enum { LIVE_BATCHES = 16 };

static bool has_enough(const gd_pipeline *run)
{
    return gd_queue_is_full(&run->queue) || run->queue.tokens / LIVE_BATCHES >= run->model->batch_rows;
}

static gd_status read_live(gd_pipeline *run, bool *more, gd_error *err)
{
    gd_status rc = GD_OK;

    for (*more = true; !rc && *more && !has_enough(run);) {
        gd_record record = { 0 };
        uint64_t bytes = 0;

        rc = gd_pipeline_next(run, &record, &bytes, more, err);
        if (!rc && *more)
            rc = add_record(run, &record, bytes, err);
        gd_record_free(&record);
    }
    return rc;
}

/* Removes the items that are gone, and keeps the others in their order. */
static void forget_gone(gd_pipeline *run)
{
    size_t kept = 0;

    for (size_t i = 0; i < run->count; i++) {
        if (run->gone[i]) {
            run->queue.bytes -= waiting_bytes(&run->items[i]);
            free_item(&run->items[i]);
        } else {
            run->items[kept++] = run->items[i];
        }
    }
    gd_queue_remove(&run->queue, run->gone);
    run->count = kept;
}

/* Takes all that is finished, and forgets what nobody wants. */
static gd_status take_live(gd_pipeline *run, gd_error *err)
{
    gd_status rc = GD_OK;

    if (!run->count)
        return gd_job_report(run->job, err);
    if (!gd_grow((void **)&run->gone, &run->gone_room, run->count, sizeof *run->gone))
        return gd_fail_memory(err, run->count * sizeof *run->gone);
    memset(run->gone, 0, run->count * sizeof *run->gone);
    for (size_t i = 0; !rc && i < run->count; i++) {
        run->gone[i] = run->unwanted && run->unwanted(run->context, &run->items[i].record);
        if (run->gone[i] || !run->queue.items[i].done)
            continue;
        rc = take_item(run, i, err);
        run->gone[i] = true;
    }
    forget_gone(run);
    return rc ? rc : gd_job_report(run->job, err);
}

static gd_status score_batch(gd_pipeline *run, gd_error *err)
{
    const uint64_t rows = run->queue.rows, batches = run->queue.batches;
    const gd_status rc = gd_queue_run(&run->queue, err);

    run->job->summary.rows += run->queue.rows - rows;
    *run->batches += run->queue.batches - batches;
    return rc ? rc : take_live(run, err);
}

static gd_status run_live(gd_pipeline *run, gd_error *err)
{
    bool more = true;
    gd_status rc = GD_OK;

    while (!rc && (more || run->count)) {
        rc = read_live(run, &more, err);
        if (!rc)
            rc = take_live(run, err); /* what needs no batch */
        if (!rc && run->count)
            rc = score_batch(run, err);
    }
    return rc;
}

gd_status gd_pipeline_run(gd_pipeline *run, gd_error *err)
{
    gd_status rc;

    if (run->job->journal.done.complete)
        return GD_OK;
    if (run->model->rehearsal)
        gd_rehearsal_clear(run->model->rehearsal);
    run->queue.model = run->model;
    run->encoded.pause = gd_job_pause(run->job);
    run->awaited = !run->next && gd_records_bytes_total(run->job->records) == 0;
    if (!run->next)
        gd_records_on_pause(run->job->records, (gd_pause){ score_early, run });
    rc = run->live ? run_live(run, err) : run_records(run, err);
    clear_items(run);
    gd_free(run->items);
    gd_free(run->gone);
    gd_free(run->scores);
    gd_free(run->beside);
    gd_encoded_free(&run->encoded);
    gd_queue_free(&run->queue);
    return rc;
}
