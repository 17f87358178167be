/* service.h - requests that wait for a model, between the threads that bring them (service.c) and the one that scores
 * them (service_run.c). */
#ifndef GD_REWARD_SERVICE_H
#define GD_REWARD_SERVICE_H

#include "reward/items.h"

#include <pthread.h>
#include <stdatomic.h>

/* A request that was accepted, and not answered yet.  All but `cancelled` belongs to the scoring thread. */
typedef struct gd_waiting {
    struct gd_waiting *before, *after; /* in its list */
    uint64_t ticket;
    gd_items items; /* our copy of the caller's */
    void (*done)(void *context, gd_status rc, const gd_summary *summary, const gd_error *why);
    void *context;
    size_t read; /* how many items the pipeline has got, from the first; the others are not wanted if it is the count */
    size_t left; /* how many have no result, and may still get one */
    uint64_t bytes;
    uint64_t turn;           /* of its first item */
    gd_summary summary;      /* of those that have */
    double asked, begun;     /* by the clock: when it came, and when its first item was read, or 0 */
    double tokenizing;       /* seconds */
    gd_service_times *times; /* NULL, or the caller's */
    atomic_bool cancelled;
} gd_waiting;

typedef struct gd_waiting_list {
    gd_waiting *first, *last;
} gd_waiting_list;

struct gd_service {
    gd_model *model;
    gd_service_options limits;
    uint64_t batches; /* computed: the scoring thread's own, as the next */
    const gd_pipeline *scoring;
    gd_waiting *reading; /* whose item is being made into ids, ... */
    double since;        /* ... and since when; NULL: none is */
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    gd_waiting_list coming; /* those with items that were not read, in the order of their turns */
    gd_waiting_list going;  /* those whose items have all been read */
    uint64_t tickets;       /* given out */
    bool closing;
    bool sweep; /* a request was cancelled that may be among the coming ones */
    gd_service_stats stats;
};

/* The lock is held. */
void gd_waiting_append(gd_waiting_list *list, gd_waiting *request);
void gd_waiting_remove(gd_waiting_list *list, gd_waiting *request);

/* The thread: scores what comes until the service is closing and nothing waits. */
void *gd_service_run(void *service);

#endif
