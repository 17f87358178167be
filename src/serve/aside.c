/* aside.c - a thread for work that would keep other clients waiting. */
#include "serve/aside.h"

#include "base/error.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdbool.h>

struct sv_aside {
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    sv_task *first, **last; /* where the next one goes */
    bool stopping, stopped;
};

/* The next task; NULL: there is none, and there will be none. */
static sv_task *take(sv_aside *aside)
{
    sv_task *task;

    (void)pthread_mutex_lock(&aside->lock);
    while (!aside->first && !aside->stopping)
        (void)pthread_cond_wait(&aside->wake, &aside->lock);
    task = aside->first;
    if (task)
        aside->first = task->next;
    if (!aside->first)
        aside->last = &aside->first;
    aside->stopped = !task;
    (void)pthread_mutex_unlock(&aside->lock);
    return task;
}

static void *run(void *context)
{
    sv_task *task;

    while ((task = take(context)))
        task->run(task);
    return NULL;
}

static void free_aside(sv_aside *aside)
{
    (void)pthread_cond_destroy(&aside->wake);
    (void)pthread_mutex_destroy(&aside->lock);
    gd_free(aside);
}

gd_status sv_aside_open(sv_aside **out, gd_error *err)
{
    sv_aside *aside = gd_alloc_zero(1, sizeof *aside);

    *out = NULL;
    if (!aside)
        return gd_fail_memory(err, sizeof *aside);
    aside->last = &aside->first;
    (void)pthread_mutex_init(&aside->lock, NULL);
    (void)pthread_cond_init(&aside->wake, NULL);
    if (pthread_create(&aside->thread, NULL, run, aside)) {
        free_aside(aside);
        return gd_fail(err, GD_ENOMEM, "the thread that reads large bodies can't be started");
    }
    *out = aside;
    return GD_OK;
}

void sv_aside_do(sv_aside *aside, sv_task *task)
{
    bool stopped;

    (void)pthread_mutex_lock(&aside->lock);
    stopped = aside->stopped;
    if (!stopped) {
        task->next = NULL;
        *aside->last = task;
        aside->last = &task->next;
        (void)pthread_cond_signal(&aside->wake);
    }
    (void)pthread_mutex_unlock(&aside->lock);
    if (stopped)
        task->run(task);
}

void sv_aside_stop(sv_aside *aside)
{
    if (!aside)
        return;
    (void)pthread_mutex_lock(&aside->lock);
    aside->stopping = true;
    (void)pthread_cond_signal(&aside->wake);
    (void)pthread_mutex_unlock(&aside->lock);
    (void)pthread_join(aside->thread, NULL);
}

void sv_aside_free(sv_aside *aside)
{
    if (aside)
        free_aside(aside);
}
