/* service_run.c - requests from many threads for one model: the thread that scores them.
 *
 * It runs a pipeline as long as something waits.  The pipeline asks for one item after the other, of the requests in
 * turn, and gives their results back, in whatever order they are finished. */
#include "reward/service.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/guard.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>

/* So many items of a request have the same turn, for they often begin alike; then others have theirs.  A request that
 * comes later begins with the turn that is just being computed. */
enum { TURN = 16 };

/* ---- answers ---- */

/* What gd_score_items() would return for the request, which has all the results that it will get. */
static gd_status outcome(const gd_waiting *request, bool cancelled, const gd_error *failure, gd_error *why)
{
    const gd_summary *summary = &request->summary;

    if (cancelled)
        return gd_fail(why, GD_EINTERRUPTED, "the request was cancelled after %" PRIu64 " of %zu items", summary->items,
                       request->items.count);
    if (failure)
        return gd_fail(why, failure->status, "%s", failure->text);
    if (summary->failed)
        return gd_fail(why, GD_EITEM, "%" PRIu64 " of %zu item%s failed", summary->failed, request->items.count,
                       request->items.count == 1 ? "" : "s");
    return GD_OK;
}

static void tell_times(const gd_waiting *request)
{
    const double now = gd_clock(), begun = request->begun > 0 ? request->begun : now;
    const double rest = now - begun - request->tokenizing;

    *request->times = (gd_service_times){ begun - request->asked, request->tokenizing, rest > 0 ? rest : 0 };
}

/* Calls done() of each.  The requests are in no list of the service any more, and the lock is not held. */
static void answer(gd_waiting_list *ready, const gd_error *failure)
{
    while (ready->first) {
        gd_waiting *request = ready->first;
        gd_error why = { 0 };
        const gd_status rc = outcome(request, atomic_load(&request->cancelled), failure, &why);

        gd_waiting_remove(ready, request);
        if (request->times)
            tell_times(request);
        request->done(request->context, rc, &request->summary, &why);
        gd_free(request);
    }
}

/* So many items less have to be waited for.  The lock is held. */
static void let_go(gd_service *service, gd_waiting *request, size_t items)
{
    request->left -= items;
    service->stats.waiting_items -= items;
}

/* Moves the request to those that are ready to be answered.  The lock is held. */
static void make_ready(gd_service *service, gd_waiting_list *from, gd_waiting *request, gd_waiting_list *ready)
{
    gd_service_stats *stats = &service->stats;

    gd_waiting_remove(from, request);
    gd_waiting_append(ready, request);
    let_go(service, request, request->left);
    stats->waiting_requests--;
    stats->waiting_bytes -= request->bytes;
    stats->cancelled += atomic_load(&request->cancelled);
}

/* An item of the request has its result, or is not computed. */
static void finish_item(gd_service *service, gd_waiting *request, const gd_summary *more)
{
    gd_waiting_list ready = { 0 };
    gd_service_stats *stats = &service->stats;

    pthread_mutex_lock(&service->lock);
    let_go(service, request, 1);
    stats->items += more->items;
    stats->failed += more->failed;
    stats->texts += more->texts;
    stats->tokens += more->tokens;
    stats->rows += more->rows;
    stats->batches = service->batches;
    if (!request->left) /* all its items were read */
        make_ready(service, &service->going, request, &ready);
    pthread_mutex_unlock(&service->lock);
    answer(&ready, NULL);
}

/* ---- what the pipeline calls ---- */

/* The pipeline makes an item into ids as soon as it has got it, and then calls for another, or asks what is wanted. */
static void begin_reading(gd_service *service, gd_waiting *request)
{
    service->reading = request;
    service->since = gd_clock();
    if (!(request->begun > 0))
        request->begun = service->since;
}

static void end_reading(gd_service *service)
{
    if (service->reading)
        service->reading->tokenizing += gd_clock() - service->since;
    service->reading = NULL;
}

/* Of cancelled requests, no more items are read.  The lock is held. */
static void sweep(gd_service *service, gd_waiting_list *ready)
{
    gd_waiting *request = service->sweep ? service->coming.first : NULL;

    service->sweep = false;
    while (request) {
        gd_waiting *after = request->after;

        if (atomic_load(&request->cancelled)) {
            let_go(service, request, request->items.count - request->read);
            request->read = request->items.count;
            gd_waiting_remove(&service->coming, request);
            gd_waiting_append(&service->going, request);
            if (!request->left)
                make_ready(service, &service->going, request, ready);
        }
        request = after;
    }
}

/* The next item of the request whose turn it is; NULL if nothing waits.  The lock is held. */
static gd_waiting *take_turn(gd_service *service, size_t *which, gd_waiting_list *ready)
{
    gd_waiting *request = service->coming.first;

    while (request && !request->items.count) {
        make_ready(service, &service->coming, request, ready);
        request = service->coming.first;
    }
    if (!request)
        return NULL;
    *which = request->read++;
    if (request->read == request->items.count || request->read % TURN == 0) {
        gd_waiting_remove(&service->coming, request);
        gd_waiting_append(request->read < request->items.count ? &service->coming : &service->going, request);
    }
    return request;
}

static gd_status next_item(void *context, gd_record *record, uint64_t *bytes, bool *more, gd_error *err)
{
    gd_service *service = context;
    gd_waiting_list ready = { 0 };
    gd_waiting *request;
    size_t which = 0;

    end_reading(service);
    pthread_mutex_lock(&service->lock);
    sweep(service, &ready);
    request = take_turn(service, &which, &ready);
    pthread_mutex_unlock(&service->lock);
    answer(&ready, NULL);
    *more = request != NULL;
    if (!request)
        return GD_OK;
    begin_reading(service, request);
    if (!which)
        request->turn = service->scoring->queue.turn;
    record->owner = request;
    record->turn = request->turn + which / TURN;
    return gd_items_record(&request->items, which, service->model, record, bytes, err);
}

static bool is_unwanted(void *context, const gd_record *record)
{
    static const gd_summary nothing;
    gd_waiting *request = record->owner;

    end_reading(context);
    if (!atomic_load(&request->cancelled))
        return false;
    finish_item(context, request, &nothing);
    return true;
}

static void count(gd_summary *summary, const gd_scored *item, bool failed)
{
    gd_scored_count(summary, item, failed);
    summary->rows += item->rows;
}

static gd_status take(void *context, const gd_scored *item, bool *failed, gd_error *err)
{
    gd_waiting *request = item->record.owner;
    const gd_status rc = gd_items_take(&request->items, item, failed, err);
    gd_summary one = { 0 };

    if (rc)
        return rc;
    count(&request->summary, item, *failed);
    count(&one, item, *failed);
    finish_item(context, request, &one);
    return GD_OK;
}

/* After each batch: what was cancelled meanwhile is answered. */
static int report(void *context, uint64_t items, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    gd_service *service = context;
    gd_waiting_list ready = { 0 };

    (void)items, (void)bytes, (void)total, (void)tokens;
    pthread_mutex_lock(&service->lock);
    sweep(service, &ready);
    pthread_mutex_unlock(&service->lock);
    answer(&ready, NULL);
    return 0;
}

/* ---- the thread ---- */

static bool wait_for_requests(gd_service *service)
{
    bool there;

    pthread_mutex_lock(&service->lock);
    while (!service->coming.first && !service->closing)
        pthread_cond_wait(&service->wake, &service->lock);
    there = service->coming.first != NULL;
    pthread_mutex_unlock(&service->lock);
    return there;
}

/* A failure of the model is one of all requests that wait. */
static void fail_all(gd_service *service, const gd_error *why)
{
    gd_waiting_list ready = { 0 };

    end_reading(service);
    pthread_mutex_lock(&service->lock);
    while (service->going.first)
        make_ready(service, &service->going, service->going.first, &ready);
    while (service->coming.first)
        make_ready(service, &service->coming, service->coming.first, &ready);
    pthread_mutex_unlock(&service->lock);
    answer(&ready, why);
}

static void score(gd_service *service)
{
    const gd_progress progress = { sizeof progress, report, service };
    gd_error why = { 0 };
    gd_job job;
    gd_pipeline scoring = { .model = service->model,
                            .job = &job,
                            .next = next_item,
                            .take = take,
                            .context = service,
                            .take_dropped = true,
                            .live = true,
                            .unwanted = is_unwanted,
                            .batches = &service->batches };
    gd_status rc = gd_job_init(&job, &progress, NULL, &why);

    service->scoring = &scoring;
    if (!rc)
        rc = gd_pipeline_run(&scoring, &why);
    service->scoring = NULL;
    (void)gd_job_close(&job, rc, NULL); /* which would say that items failed: their requests know */
    if (rc)
        fail_all(service, &why);
}

void *gd_service_run(void *context)
{
    gd_guard_thread();
    while (wait_for_requests(context))
        score(context);
    return NULL;
}
