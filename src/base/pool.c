/* pool.c - a thread pool whose tasks are handed out by atomic counters, one for each group.
 *
 * With few rows, the products of a layer take tens of microseconds, as long as it takes to wake a sleeping thread.  So
 * a waiting thread spins for a while before it sleeps; and a job is over when its tasks are done, whether or not every
 * worker has joined: one that the system delays doesn't delay the others. */
#include "base/pool.h"

#include "base/error.h"
#include "base/fpenv.h"
#include "base/guard.h"
#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { LOOKS = 1000 }; /* spins before sleeping: 10 to 50 microseconds */
static const unsigned OPEN = 1u << 31;

/* A group of tasks, on a cache line of its own. */
struct group {
    _Alignas(64) atomic_size_t next;
    size_t end;
};

struct gd_pool {
    struct group group[GD_POOL_GROUPS];
    unsigned threads, started;
    unsigned looks;   /* 0 with more threads than cores: another thread is waiting for the core */
    pthread_t *ids;   /* threads - 1 of them */
    atomic_uint job;  /* counts jobs */
    atomic_uint gate; /* OPEN while a job accepts workers, plus the number of workers in it */
    gd_task *task;    /* these, and the groups' ends, are constant while the gate is open or a worker is inside */
    void *context;
    size_t groups;
    /* for sleeping threads */
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    atomic_uint sleepers;
    atomic_bool owner_sleeps, stop;
};

struct worker_start {
    gd_pool *pool;
    unsigned worker;
};

unsigned gd_cpu_count(void)
{
    cpu_set_t set; /* for 1,024 CPUs; with more, the kernel refuses */
    long all;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    all = sysconf(_SC_NPROCESSORS_ONLN);
    return all > 0 ? (unsigned)all : 1;
}

static void take_tasks(gd_pool *pool, unsigned worker)
{
    const uint64_t env = gd_fpenv_enter();
    const size_t own = worker * pool->groups / pool->threads;
    size_t i;

    for (size_t g = 0; g < pool->groups; g++) {
        struct group *group = &pool->group[(own + g) % pool->groups];

        while ((i = atomic_fetch_add(&group->next, 1)) < group->end)
            pool->task(pool->context, i, worker);
    }
    gd_fpenv_leave(env);
}

static void look_again(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

/* Waits for a job after `seen`, or the end. Both sides use the default, sequentially consistent order: either the
 * sleeper sees the new job, or the owner of the job sees the sleeper. */
static void await_job(gd_pool *pool, unsigned seen)
{
    for (unsigned i = 0; i < pool->looks; i++) {
        if (atomic_load(&pool->job) != seen || atomic_load(&pool->stop))
            return;
        look_again();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->job) == seen && !atomic_load(&pool->stop))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

/* Enters the open job; false if there is none. */
static bool enter(gd_pool *pool)
{
    unsigned gate = atomic_load(&pool->gate);

    while (gate & OPEN)
        if (atomic_compare_exchange_weak(&pool->gate, &gate, gate + 1))
            return true;
    return false;
}

static void leave(gd_pool *pool)
{
    if (atomic_fetch_sub(&pool->gate, 1) == 1 && atomic_load(&pool->owner_sleeps)) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void *worker_main(void *arg)
{
    const struct worker_start start = *(struct worker_start *)arg;
    gd_pool *pool = start.pool;
    unsigned seen = 0;

    gd_free(arg);
    gd_guard_thread();
    for (;;) {
        await_job(pool, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        seen = atomic_load(&pool->job);
        if (enter(pool)) {
            take_tasks(pool, start.worker);
            leave(pool);
        }
    }
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
    gd_pool *pool = gd_alloc_aligned(sizeof *pool);
    gd_status rc = GD_OK;

    *out = NULL;
    if (!pool)
        return gd_fail_memory(err, sizeof *pool);
    memset(pool, 0, sizeof *pool);
    pool->threads = threads ? threads : 1;
    pool->looks = pool->threads <= gd_cpu_count() ? LOOKS : 0;
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
    atomic_store(&pool->stop, true);
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

/* Lets workers in. */
static void open_gate(gd_pool *pool)
{
    atomic_store(&pool->gate, OPEN);
    atomic_fetch_add(&pool->job, 1);
    if (atomic_load(&pool->sleepers)) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
}

/* No task is left to start: waits for the workers that are still running one. */
static void close_gate(gd_pool *pool)
{
    if (atomic_fetch_sub(&pool->gate, OPEN) == OPEN)
        return;
    for (unsigned i = 0; i < pool->looks; i++) {
        if (atomic_load(&pool->gate) == 0)
            return;
        look_again();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->owner_sleeps, true);
    while (atomic_load(&pool->gate))
        pthread_cond_wait(&pool->done, &pool->lock);
    atomic_store(&pool->owner_sleeps, false);
    pthread_mutex_unlock(&pool->lock);
}

void gd_pool_run_groups(gd_pool *pool, size_t groups, size_t count, gd_task *task, void *context)
{
    const bool shared = pool->started && count > 1;

    if (count == 0)
        return;
    pool->task = task;
    pool->context = context;
    pool->groups = groups;
    for (size_t g = 0; g < groups; g++) {
        atomic_store(&pool->group[g].next, g * count / groups);
        pool->group[g].end = (g + 1) * count / groups;
    }
    if (shared)
        open_gate(pool);
    take_tasks(pool, 0);
    if (shared)
        close_gate(pool);
}

void gd_pool_run(gd_pool *pool, size_t count, gd_task *task, void *context)
{
    gd_pool_run_groups(pool, 1, count, task, context);
}
