/* test_aside.c - tasks are done in their order, by another thread than the one that brings them, until that ends. */
#include "tests/check.h"

#include "serve/aside.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { TASKS = 100 };

static atomic_bool open_gate;
static atomic_int begun, done;

struct one {
    sv_task task;
    int place; /* from 1; 0: not done */
    pthread_t by;
};

static void run(sv_task *task)
{
    struct one *one = (struct one *)task;

    atomic_fetch_add(&begun, 1);
    while (!atomic_load(&open_gate))
        (void)sched_yield();
    one->by = pthread_self();
    one->place = atomic_fetch_add(&done, 1) + 1;
}

static void tasks_are_done_in_order(void **state)
{
    struct one tasks[TASKS + 1] = { 0 };
    sv_aside *aside;

    (void)state;
    assert_ok(sv_aside_open(&aside, test_err));
    for (int i = 0; i < TASKS; i++) {
        tasks[i].task.run = run;
        sv_aside_do(aside, &tasks[i].task);
        while (!atomic_load(&begun)) /* from the second one on, they come to a list that has been emptied */
            (void)sched_yield();
    }
    assert_int_equal(atomic_load(&done), 0); /* nobody waits for the first one, which waits for us */
    atomic_store(&open_gate, true);
    sv_aside_stop(aside);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(tasks[i].place, i + 1);
        assert_false(pthread_equal(tasks[i].by, pthread_self()));
    }
    tasks[TASKS].task.run = run;
    sv_aside_do(aside, &tasks[TASKS].task);
    assert_int_equal(tasks[TASKS].place, TASKS + 1);
    assert_true(pthread_equal(tasks[TASKS].by, pthread_self()));
    sv_aside_free(aside);
}

static void null_is_fine(void **state)
{
    (void)state;
    sv_aside_stop(NULL);
    sv_aside_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_done_in_order),
        cmocka_unit_test(null_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
