/* test_service_times.c - what a service says of where the time of a request went. */
#include "tests/reward/service_case.h"

#include "base/clock.h"

/* A request waits for the batch that stands still, which is computing for the one in it. */
static void times_say_where_the_time_went(void **state)
{
    const double first = gd_clock(), rounding = 1e-9;
    double standing, second, asked_at, opened, after;
    const gd_service_times *of_first, *of_second;
    struct asked asked = { 0 };
    struct held held;

    (void)state;
    hold(&held, 0, 0, 0);
    standing = second = gd_clock();
    ask_one(held.service, &asked, answer_to(&question, 1));
    for (opened = asked_at = gd_clock(); opened <= asked_at; opened = gd_clock())
        continue;
    open_gate(&held.gate);
    expect(&held.first, GD_OK);
    expect(&asked, GD_OK);
    after = gd_clock();
    of_first = &held.first.times;
    of_second = &asked.times;
    assert_true(of_first->waiting >= 0 && of_first->tokenizing > 0);
    assert_true(of_first->waiting + of_first->tokenizing <= standing - first + rounding);
    assert_true(of_first->computing >= opened - standing - rounding);
    assert_true(of_second->waiting >= opened - asked_at - rounding);
    assert_true(of_second->tokenizing > 0 && of_second->computing > 0);
    assert_true(of_second->waiting + of_second->tokenizing + of_second->computing <= after - second + rounding);
    gd_items_free_results(&asked.items);
    let_go(&held);
}

/* So many tokens that no more are read before a batch: the last of them are made into ids, and nothing is asked for. */
static void a_batch_is_no_reading(void **state)
{
    enum { ITEMS = 20, TOKENS = 20, BATCH = 24 };
    static uint32_t ids[ITEMS][TOKENS];
    static gd_part parts[ITEMS];
    struct asked asked = { 0 };
    double second, standing, opened;
    struct held held;

    (void)state;
    hold(&held, BATCH, 0, 0);
    for (size_t i = 0; i < ITEMS; i++) {
        for (size_t k = 0; k < TOKENS; k++)
            ids[i][k] = (uint32_t)(10 + TOKENS * i + k);
        parts[i] = (gd_part){ .ids = ids[i], .id_count = TOKENS };
        asked.list[i] = (gd_item){ .kind = GD_ITEM_TEXT, .parts = &parts[i], .part_count = 1 };
    }
    second = gd_clock();
    ask(held.service, &asked, ITEMS);
    atomic_store(&held.gate.pass, 1);
    wait_for_batch(&held.gate, 2);
    for (standing = opened = gd_clock(); opened <= standing; opened = gd_clock())
        continue;
    open_gate(&held.gate);
    expect(&asked, GD_OK);
    assert_true(asked.times.waiting + asked.times.tokenizing <= standing - second + 1e-9);
    assert_true(asked.times.computing >= opened - standing - 1e-9);
    gd_items_free_results(&asked.items);
    let_go(&held);
}

/* It is never read. */
static void a_cancelled_request_has_only_waited(void **state)
{
    struct asked asked = { 0 };
    struct held held;

    (void)state;
    hold(&held, 0, 0, 0);
    ask_one(held.service, &asked, answer_to(&question, 1));
    gd_service_cancel(held.service, asked.ticket);
    open_gate(&held.gate);
    expect(&asked, GD_EINTERRUPTED);
    assert_true(asked.times.waiting > 0);
    assert_true(asked.times.tokenizing == 0 && asked.times.computing == 0);
    gd_items_free_results(&asked.items);
    let_go(&held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_say_where_the_time_went),
        cmocka_unit_test(a_batch_is_no_reading),
        cmocka_unit_test(a_cancelled_request_has_only_waited),
    };

    return cmocka_run_group_tests(tests, end_if_it_hangs, NULL);
}
