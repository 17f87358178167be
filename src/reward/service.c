/* service.c - requests from many threads for one model: what these threads call. */
#include "reward/service.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_ITEMS = 65536, MAX_BYTES = 256 << 20 };

static const gd_sized options_kind = GD_SIZED(gd_service_options, max_bytes);
static const gd_sized request_kind = GD_SIZED(gd_service_request, times);
static const gd_sized stats_kind = GD_SIZED(gd_service_stats, batches);

void gd_service_options_init_sized(gd_service_options *options, size_t size) { gd_sized_init(options, size); }
void gd_service_request_init_sized(gd_service_request *request, size_t size) { gd_sized_init(request, size); }
void gd_service_stats_init_sized(gd_service_stats *stats, size_t size) { gd_sized_init(stats, size); }

void gd_waiting_append(gd_waiting_list *list, gd_waiting *request)
{
    request->before = list->last;
    request->after = NULL;
    *(list->last ? &list->last->after : &list->first) = request;
    list->last = request;
}

void gd_waiting_remove(gd_waiting_list *list, gd_waiting *request)
{
    *(request->before ? &request->before->after : &list->first) = request->after;
    *(request->after ? &request->after->before : &list->last) = request->before;
}

/* ---- opening and closing ---- */

static gd_status read_limits(gd_service_options *limits, const gd_service_options *how, gd_error *err)
{
    gd_status rc = GD_OK;

    gd_service_options_init(limits);
    if (how)
        rc = gd_sized_read(limits, &options_kind, how, err);
    if (!limits->max_items)
        limits->max_items = MAX_ITEMS;
    if (!limits->max_bytes)
        limits->max_bytes = MAX_BYTES;
    return rc;
}

static gd_status start(gd_service *service, gd_error *err)
{
    const int failed = pthread_create(&service->thread, NULL, gd_service_run, service);

    return failed ? gd_fail(err, GD_ENOMEM, "cannot start the thread that scores: %s", strerror(failed)) : GD_OK;
}

static void free_service(gd_service *service)
{
    pthread_mutex_destroy(&service->lock);
    pthread_cond_destroy(&service->wake);
    gd_free(service);
}

gd_status gd_service_open(gd_service **out, gd_model *model, const gd_service_options *how, gd_error *err)
{
    gd_service_options limits;
    gd_service *service;
    gd_status rc = read_limits(&limits, how, err);

    *out = NULL;
    if (!rc)
        rc = gd_model_check_scores(model, err);
    if (rc)
        return rc;
    service = gd_alloc_zero(1, sizeof *service);
    if (!service)
        return gd_fail_memory(err, sizeof *service);
    service->model = model;
    service->limits = limits;
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->wake, NULL);
    rc = start(service, err);
    if (rc)
        free_service(service);
    else
        *out = service;
    return rc;
}

static void cancel_all(gd_waiting_list *list)
{
    for (gd_waiting *request = list->first; request; request = request->after)
        atomic_store(&request->cancelled, true);
}

void gd_service_close(gd_service *service, int drain)
{
    if (!service)
        return;
    pthread_mutex_lock(&service->lock);
    service->closing = true;
    if (!drain) {
        cancel_all(&service->coming);
        cancel_all(&service->going);
        service->sweep = true;
    }
    pthread_cond_signal(&service->wake);
    pthread_mutex_unlock(&service->lock);
    pthread_join(service->thread, NULL);
    free_service(service);
}

/* ---- requests ---- */

/* Whatever is returned, the results can be freed, if there is room for them. */
static gd_status read_request(const gd_service *service, gd_waiting *own, const gd_service_request *theirs,
                              gd_error *err)
{
    gd_service_request request;
    gd_status rc = gd_sized_read(&request, &request_kind, theirs, err);

    if (!rc)
        rc = gd_items_read(&own->items, request.items, err);
    if (rc)
        return rc;
    gd_items_not_yet(&own->items);
    if (own->items.count && !own->items.items)
        return gd_fail(err, GD_EUSAGE, "gd_items.items is NULL, but %zu are expected", own->items.count);
    if (!request.done)
        return gd_fail(err, GD_EUSAGE, "gd_service_request.done is NULL, but a function is expected");
    own->done = request.done;
    own->context = request.context;
    own->times = request.times;
    own->asked = gd_clock();
    own->left = own->items.count;
    own->bytes = gd_items_bytes(&own->items);
    gd_summary_init(&own->summary);
    if (own->left > service->limits.max_items || own->bytes > service->limits.max_bytes)
        return gd_fail(err, GD_EUSAGE,
                       "the request is too large: items %zu, bytes %" PRIu64
                       "; at most items %zu, bytes %zu are accepted",
                       own->left, own->bytes, service->limits.max_items, service->limits.max_bytes);
    return GD_OK;
}

/* The lock is held. */
static gd_status check_room(const gd_service *service, const gd_waiting *request, gd_error *err)
{
    const gd_service_stats *stats = &service->stats;

    if (service->closing)
        return gd_fail(err, GD_EINTERRUPTED, "the service is being closed");
    if (stats->waiting_items + request->left <= service->limits.max_items &&
        stats->waiting_bytes + request->bytes <= service->limits.max_bytes)
        return GD_OK;
    return gd_fail(err, GD_EBUSY,
                   "too much waits: items %" PRIu64 ", bytes %" PRIu64 "; the request has items %zu, bytes %" PRIu64
                   "; at most items %zu, bytes %zu may wait",
                   stats->waiting_items, stats->waiting_bytes, request->left, request->bytes, service->limits.max_items,
                   service->limits.max_bytes);
}

static gd_status add(gd_service *service, gd_waiting *request, uint64_t *ticket, gd_error *err)
{
    gd_service_stats *stats = &service->stats;
    gd_status rc;

    pthread_mutex_lock(&service->lock);
    rc = check_room(service, request, err);
    if (!rc) {
        request->ticket = ++service->tickets;
        if (ticket)
            *ticket = request->ticket;
        gd_waiting_append(&service->coming, request);
        stats->requests++;
        stats->waiting_requests++;
        stats->waiting_items += request->left;
        stats->waiting_bytes += request->bytes;
        pthread_cond_signal(&service->wake);
    }
    stats->refused += rc == GD_EBUSY;
    pthread_mutex_unlock(&service->lock);
    return rc;
}

gd_status gd_service_submit(gd_service *service, const gd_service_request *request, uint64_t *ticket, gd_error *err)
{
    gd_waiting *own = gd_alloc_zero(1, sizeof *own);
    gd_status rc;

    if (!own)
        return gd_fail_memory(err, sizeof *own);
    rc = read_request(service, own, request, err);
    if (!rc)
        rc = add(service, own, ticket, err);
    if (rc)
        gd_free(own);
    return rc;
}

static gd_waiting *find(const gd_waiting_list *list, uint64_t ticket)
{
    gd_waiting *request = list->first;

    while (request && request->ticket != ticket)
        request = request->after;
    return request;
}

void gd_service_cancel(gd_service *service, uint64_t ticket)
{
    gd_waiting *request;

    pthread_mutex_lock(&service->lock);
    request = find(&service->going, ticket);
    if (!request)
        request = find(&service->coming, ticket);
    if (request) {
        atomic_store(&request->cancelled, true);
        service->sweep = true;
        pthread_cond_signal(&service->wake);
    }
    pthread_mutex_unlock(&service->lock);
}

gd_status gd_service_stats_get(gd_service *service, gd_service_stats *stats, gd_error *err)
{
    gd_status rc = gd_sized_check(&stats_kind, stats, err);

    if (rc)
        return rc;
    pthread_mutex_lock(&service->lock);
    gd_sized_fill(stats, &stats_kind, &service->stats);
    pthread_mutex_unlock(&service->lock);
    return GD_OK;
}
