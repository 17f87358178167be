/* test_pool.c - the thread pool: each task runs once, and what one job wrote is visible to the next and to the caller.
 *
 * The tasks write plain variables, so that a build with --enable-sanitizers=thread reports a pool that does not make
 * one thread wait for another. */
#include "tests/check.h"

#include "base/mem.h"
#include "base/pool.h"

#include <pthread.h>
#include <time.h>

enum { TASKS = 1000, MOST_THREADS = 7 };

static void rest(long microseconds)
{
    const struct timespec time = { .tv_nsec = microseconds * 1000 };

    (void)nanosleep(&time, NULL);
}

static void add_one(void *context, size_t index, unsigned worker)
{
    int *hits = context;

    (void)worker;
    hits[index]++;
}

static void every_task_runs_once(void **state)
{
    static int hits[TASKS];

    (void)state;
    for (unsigned threads = 1; threads <= MOST_THREADS; threads++) {
        gd_pool *pool;

        assert_ok(gd_pool_open(&pool, threads, test_err));
        assert_int_equal(gd_pool_threads(pool), threads);
        for (size_t round = 0; round < 200; round++) {
            memset(hits, 0, sizeof hits);
            gd_pool_run(pool, round * 5, add_one, hits);
            for (size_t i = 0; i < TASKS; i++)
                assert_int_equal(hits[i], i < round * 5);
        }
        gd_pool_close(pool);
    }
}

/* Groups of any length, and more groups than tasks. */
static void every_group_is_done(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= MOST_THREADS; threads++) {
        gd_pool *pool;

        assert_ok(gd_pool_open(&pool, threads, test_err));
        for (size_t round = 0; round < 200; round++) {
            int hits[100] = { 0 };
            const size_t count = round % 100, groups = 1 + round % GD_POOL_GROUPS;

            gd_pool_run_groups(pool, groups, count, add_one, hits);
            for (size_t i = 0; i < 100; i++)
                assert_int_equal(hits[i], i < count);
        }
        gd_pool_close(pool);
    }
}

/* A step of a chain: each element is made from two of the previous job, which other threads may have written. */
struct chain {
    uint32_t now[64], before[64];
    uint64_t done[MOST_THREADS]; /* by each worker: its scratch space */
};

static void take_step(void *context, size_t index, unsigned worker)
{
    struct chain *c = context;

    c->now[index] = c->before[index] + 3 * c->before[(index + 17) % 64] + 1;
    c->done[worker]++;
}

static void run_chain(gd_pool *pool, struct chain *c, size_t jobs, long pause)
{
    for (size_t job = 0; job < jobs; job++) {
        gd_pool_run_groups(pool, 1 + job % GD_POOL_GROUPS, 64, take_step, c);
        memcpy(c->before, c->now, sizeof c->now);
        if (pause && job % 8 == 0)
            rest(pause); /* longer than a worker spins before it sleeps */
    }
}

static void check_chain(const struct chain *c, size_t jobs)
{
    struct chain want = { 0 };
    uint64_t done = 0;

    for (size_t job = 0; job < jobs; job++) {
        for (size_t i = 0; i < 64; i++)
            take_step(&want, i, 0);
        memcpy(want.before, want.now, sizeof want.now);
    }
    for (size_t w = 0; w < MOST_THREADS; w++)
        done += c->done[w];
    assert_memory_equal(c->now, want.now, sizeof want.now);
    assert_int_equal(done, 64 * jobs);
}

static void a_job_sees_what_the_one_before_wrote(void **state)
{
    static const long pauses[] = { 0, 200 };

    (void)state;
    for (size_t p = 0; p < 2; p++)
        for (unsigned threads = 1; threads <= MOST_THREADS; threads++) {
            struct chain c = { 0 };
            gd_pool *pool;

            assert_ok(gd_pool_open(&pool, threads, test_err));
            run_chain(pool, &c, 500, pauses[p]);
            check_chain(&c, 500);
            gd_pool_close(pool);
        }
}

enum { OWNERS = 3, ROUNDS = 20 };

/* Opens, uses and closes pools; a failure leaves the chain short. */
static void *own_pools(void *context)
{
    for (int i = 0; i < ROUNDS; i++) {
        gd_pool *pool;

        if (gd_pool_open(&pool, 1 + (unsigned)i % MOST_THREADS, NULL))
            break;
        run_chain(pool, context, 10, 0);
        gd_pool_close(pool);
    }
    return NULL;
}

static void pools_know_nothing_of_each_other(void **state)
{
    pthread_t owners[OWNERS];
    struct chain c[OWNERS] = { 0 };

    (void)state;
    for (size_t i = 0; i < OWNERS; i++)
        assert_int_equal(pthread_create(&owners[i], NULL, own_pools, &c[i]), 0);
    for (size_t i = 0; i < OWNERS; i++) {
        assert_int_equal(pthread_join(owners[i], NULL), 0);
        check_chain(&c[i], 10 * ROUNDS);
    }
}

static void own_pool(void *context, size_t index, unsigned worker)
{
    (void)worker;
    (void)own_pools((struct chain *)context + index);
}

/* A pool is not reentrant; a task may have a pool of its own. */
static void a_task_may_have_a_pool(void **state)
{
    struct chain c[OWNERS] = { 0 };
    gd_pool *pool;

    (void)state;
    assert_ok(gd_pool_open(&pool, 2, test_err));
    gd_pool_run(pool, OWNERS, own_pool, c);
    gd_pool_close(pool);
    for (size_t i = 0; i < OWNERS; i++)
        check_chain(&c[i], 10 * ROUNDS);
}

/* Its threads may not have started yet, or may be asleep already. */
static void a_pool_may_close_at_any_time(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct chain c = { 0 };
        gd_pool *pool;

        assert_ok(gd_pool_open(&pool, 1 + round % MOST_THREADS, test_err));
        if (round % 4 == 1)
            rest(300);
        run_chain(pool, &c, round % 3, 0);
        if (round % 4 == 2)
            rest(300);
        gd_pool_close(pool);
        check_chain(&c, round % 3);
    }
    gd_pool_close(NULL);
    assert_int_equal(gd_mem_live(), 0);
}

static void a_pool_without_memory_is_refused(void **state)
{
    gd_status rc = GD_ENOMEM;

    (void)state;
    for (uint64_t fault = 1; rc; fault++) {
        gd_error err = { 0 };
        gd_pool *pool;

        gd_mem_fail_from(fault);
        rc = gd_pool_open(&pool, 4, &err);
        gd_mem_fail_from(0);
        assert_true(rc == GD_OK ? pool != NULL : rc == GD_ENOMEM && !pool && err.status == rc);
        gd_pool_close(pool);
        assert_int_equal(gd_mem_live(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(every_group_is_done),
        cmocka_unit_test(a_job_sees_what_the_one_before_wrote),
        cmocka_unit_test(pools_know_nothing_of_each_other),
        cmocka_unit_test(a_task_may_have_a_pool),
        cmocka_unit_test(a_pool_may_close_at_any_time),
        cmocka_unit_test(a_pool_without_memory_is_refused),
    };

    return cmocka_run_group_tests_name("base: pool", tests, NULL, NULL);
}
