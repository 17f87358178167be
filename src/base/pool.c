/* pool.c - a thread pool whose tasks are handed out by one atomic counter. */
#include "base/pool.h"

#include "base/error.h"
#include "base/fpenv.h"
#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

struct gd_pool {
    unsigned threads, started;
    pthread_t *ids; /* threads - 1 of them */
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    uint64_t job; /* counts jobs: a worker runs each one once */
    unsigned busy;
    bool stop;
    gd_task *task;
    void *context;
    size_t count;
    atomic_size_t next;
};

struct worker_start {
    gd_pool *pool;
    unsigned worker;
};

unsigned gd_cpu_count(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    return 1;
}

static void take_tasks(gd_pool *pool, unsigned worker)
{
    const uint64_t env = gd_fpenv_enter();
    size_t i;

    while ((i = atomic_fetch_add(&pool->next, 1)) < pool->count)
        pool->task(pool->context, i, worker);
    gd_fpenv_leave(env);
}

static void *worker_main(void *arg)
{
    const struct worker_start start = *(struct worker_start *)arg;
    gd_pool *pool = start.pool;
    uint64_t seen = 0;

    gd_free(arg);
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && pool->job == seen)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->stop)
            break;
        seen = pool->job;
        pthread_mutex_unlock(&pool->lock);
        take_tasks(pool, start.worker);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static gd_status start_worker(gd_pool *pool, gd_error *err)
{
    struct worker_start *start = gd_alloc(1, sizeof *start);
    int failed;

    if (!start)
        return gd_fail_memory(err, sizeof *start);
    *start = (struct worker_start){ pool, pool->started + 1 };
    failed = pthread_create(&pool->ids[pool->started], NULL, worker_main, start);
    if (failed) {
        gd_free(start);
        return gd_fail(err, GD_ENOMEM, "cannot start thread %u of %u: %s", pool->started + 2, pool->threads,
                       strerror(failed));
    }
    pool->started++;
    return GD_OK;
}

gd_status gd_pool_open(gd_pool **out, unsigned threads, gd_error *err)
{
    gd_pool *pool = gd_alloc_zero(1, sizeof *pool);
    gd_status rc = GD_OK;

    *out = NULL;
    if (!pool)
        return gd_fail_memory(err, sizeof *pool);
    pool->threads = threads ? threads : 1;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->ids = gd_alloc(pool->threads, sizeof *pool->ids);
    if (!pool->ids)
        rc = gd_fail_memory(err, pool->threads * sizeof *pool->ids);
    while (!rc && pool->started + 1 < pool->threads)
        rc = start_worker(pool, err);
    if (rc) {
        gd_pool_close(pool);
        return rc;
    }
    *out = pool;
    return GD_OK;
}

void gd_pool_close(gd_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->started; i++)
        pthread_join(pool->ids[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    gd_free(pool->ids);
    gd_free(pool);
}

unsigned gd_pool_threads(const gd_pool *pool) { return pool->threads; }

void gd_pool_run(gd_pool *pool, size_t count, gd_task *task, void *context)
{
    if (count == 0)
        return;
    pool->task = task;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->next, 0);
    if (pool->started && count > 1) {
        pthread_mutex_lock(&pool->lock);
        pool->busy = pool->started;
        pool->job++;
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
        take_tasks(pool, 0);
        pthread_mutex_lock(&pool->lock);
        while (pool->busy)
            pthread_cond_wait(&pool->done, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
    } else {
        take_tasks(pool, 0);
    }
}
