/* test_service.c - a queue in front of a model: what is computed together, in which order answers come, what is refused
 * and cancelled, and how it closes. */
#include "tests/reward/service_case.h"

/* ---- together, and in order ---- */

static void what_waits_is_computed_together(void **state)
{
    struct held held;
    struct asked asked[4] = { 0 };
    gd_service_stats stats;
    uint64_t tokens = 0, rows = 0;

    (void)state;
    hold(&held, 0, 0, 0);
    for (size_t i = 0; i < 4; i++)
        ask_one(held.service, &asked[i], answer_to(&question, i));
    stats = stats_of(held.service);
    assert_int_equal(stats.waiting_requests, 5);
    assert_int_equal(stats.waiting_items, 5);
    assert_int_equal(stats.requests, 5);
    assert_int_equal(stats.items, 0);
    open_gate(&held.gate);
    for (size_t i = 0; i < 4; i++) {
        expect(&asked[i], GD_OK);
        assert_int_equal(asked[i].summary.items, 1);
        assert_int_equal(asked[i].summary.texts, 1);
        tokens += asked[i].summary.tokens;
        rows += asked[i].summary.rows;
        gd_items_free_results(&asked[i].items);
    }
    assert_true(rows < tokens); /* the question is there once */
    stats = stats_of(held.service);
    assert_int_equal(stats.batches, 2);
    assert_int_equal(stats.waiting_requests + stats.waiting_items + stats.waiting_bytes, 0);
    assert_int_equal(stats.items, 5);
    assert_int_equal(stats.texts, 5);
    assert_int_equal(stats.rows, rows + held.first.summary.rows);
    assert_int_equal(stats.tokens, tokens + held.first.summary.tokens);
    let_go(&held);
}

/* Many items of ids that no other has: `len` gives the length of each, from 1 to 20. */
static void ask_much(struct held *held, struct asked *large, size_t (*len)(size_t item))
{
    static uint32_t ids[MOST_ASKED][20];
    static gd_part parts[MOST_ASKED];

    for (size_t i = 0; i < MOST_ASKED; i++) {
        for (size_t k = 0; k < 20; k++)
            ids[i][k] = (uint32_t)(10 + 20 * i + k);
        parts[i] = (gd_part){ .ids = ids[i], .id_count = len(i) };
        large->list[i] = (gd_item){ .kind = GD_ITEM_TEXT, .parts = &parts[i], .part_count = 1 };
    }
    ask(held->service, large, MOST_ASKED);
}

static size_t twenty(size_t item)
{
    (void)item;
    return 20;
}

static size_t few(size_t item) { return 1 + item % 4; }

/* Whether the request is answered before so many batches have begun. */
static void answered_before(struct held *held, struct asked *asked, int batch)
{
    atomic_store(&held->gate.pass, batch - 1);
    wait_for_batch(&held->gate, batch);
    assert_int_equal(atomic_load(&asked->answers), 1);
}

/* A request of 64 batches, more than are read at a time, comes first. */
static void a_small_request_does_not_wait_for_a_large_one(void **state)
{
    static struct asked large, small;
    struct held held;

    (void)state;
    hold(&held, 24, 0, 0);
    ask_much(&held, &large, twenty);
    ask_one(held.service, &small, answer_to(&question, 1));
    answered_before(&held, &small, 1 + 16 + 2);
    open_gate(&held.gate);
    expect(&large, GD_OK);
    gd_items_free_results(&small.items);
    gd_items_free_results(&large.items);
    let_go(&held);
}

/* All of the large one has been read already: the late one's turn is the one that is being computed. */
static void a_late_request_has_its_turn_at_once(void **state)
{
    static struct asked large, late;
    struct held held;

    (void)state;
    hold(&held, 24, 0, 0);
    ask_much(&held, &large, few); /* 160 tokens, in seven batches: sixteen batches may have 384 */
    atomic_store(&held.gate.pass, 1);
    wait_for_batch(&held.gate, 2);
    ask_one(held.service, &late, answer_to(&question, 0));
    answered_before(&held, &late, 5); /* its turn has 40 tokens more, so it needs three batches at most */
    open_gate(&held.gate);
    expect(&large, GD_OK);
    gd_items_free_results(&late.items);
    gd_items_free_results(&large.items);
    let_go(&held);
}

/* What has been computed with an older request's items does not wait for these. */
static void an_answer_goes_out_when_its_batch_is_done(void **state)
{
    static struct asked several, late;
    struct held held;

    (void)state;
    hold(&held, 24, 0, 0);
    several.list[0] = answer_to(&question, 0);
    several.list[1] = answer_to(&fish, 1);
    several.list[2] = (gd_item)ITEM(GD_ITEM_TEXT, NULL, longer);
    ask(held.service, &several, 3);
    ask_one(held.service, &late, answer_to(&fish, 1)); /* begins like an item of the other */
    atomic_store(&held.gate.pass, 2);
    wait_for_batch(&held.gate, 3);
    atomic_store(&held.gate.pass, 3);
    wait_for(&late);
    open_gate(&held.gate);
    expect(&several, GD_OK);
    assert_true(late.place < several.place);
    gd_items_free_results(&late.items);
    gd_items_free_results(&several.items);
    let_go(&held);
}

/* What comes during a batch may be in the next one, although others wait for several. */
static void what_comes_during_a_batch_joins_the_next(void **state)
{
    static uint32_t ids[4][20];
    static struct asked several, late;
    gd_part parts[4];
    struct held held;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 20; k++)
            ids[i][k] = (uint32_t)(10 + 30 * i + k);
        parts[i] = (gd_part){ .ids = ids[i], .id_count = 20 };
        several.list[i] = (gd_item){ .kind = GD_ITEM_TEXT, .parts = &parts[i], .part_count = 1 };
    }
    hold(&held, 24, 0, 0);
    ask(held.service, &several, 4);
    atomic_store(&held.gate.pass, 1);
    wait_for_batch(&held.gate, 2);
    ask_one(held.service, &late, several.list[1]);
    open_gate(&held.gate);
    expect(&late, GD_OK);
    expect(&several, GD_OK);
    assert_true(late.place < several.place);
    assert_int_equal(late.summary.rows + several.summary.rows, 80);
    assert_memory_equal(late.results[0].scores, several.results[1].scores, sizeof(float));
    gd_items_free_results(&late.items);
    gd_items_free_results(&several.items);
    let_go(&held);
}

/* Ids, and items that can't be scored, need no batch. */
static void what_needs_no_batch_waits_for_none(void **state)
{
    static struct asked ids, bad, none, scored;
    struct held held;

    (void)state;
    hold(&held, 0, 0, 0);
    ask_one(held.service, &scored, answer_to(&question, 0));
    ids.list[0] = answer_to(&question, 1);
    ids.list[0].ids_only = 1;
    ask(held.service, &ids, 1);
    ask_one(held.service, &bad, (gd_item){ .kind = 9 });
    ask(held.service, &none, 0);
    atomic_store(&held.gate.pass, 1);
    expect(&ids, GD_OK); /* the batch of `scored` stands still */
    expect(&bad, GD_EITEM);
    expect(&none, GD_OK);
    assert_string_equal(bad.why.text, "1 of 1 item failed");
    assert_string_equal(bad.results[0].error, "kind is 9, which is not a gd_item_kind");
    assert_int_equal(none.summary.items, 0);
    assert_non_null(ids.results[0].ids);
    assert_int_equal(atomic_load(&scored.answers), 0);
    open_gate(&held.gate);
    expect(&scored, GD_OK);
    assert_int_equal(stats_of(held.service).failed, 1);
    gd_items_free_results(&ids.items);
    gd_items_free_results(&bad.items);
    gd_items_free_results(&scored.items);
    let_go(&held);
}

/* ---- refused ---- */

static void too_much_is_refused(void **state)
{
    static struct asked second, third;
    struct held held;
    gd_error err = { 0 };

    (void)state;
    hold(&held, 0, 3, 1000);
    second.list[0] = second.list[1] = answer_to(&question, 1);
    ask(held.service, &second, 2);
    third.list[0] = answer_to(&question, 2);
    assert_int_equal(try_to_ask(held.service, &third, 1, &err), GD_EBUSY);
    assert_string_equal(
        err.text,
        "too much waits: items 3, bytes 69; the request has items 1, bytes 20; at most items 3, bytes 1000 may wait");
    gd_items_free_results(&third.items);
    for (size_t i = 0; i < 4; i++)
        third.list[i] = third.list[0];
    err = (gd_error){ 0 };
    assert_int_equal(try_to_ask(held.service, &third, 4, &err), GD_EUSAGE);
    assert_string_equal(err.text,
                        "the request is too large: items 4, bytes 80; at most items 3, bytes 1000 are accepted");
    assert_int_equal(stats_of(held.service).refused, 1);
    open_gate(&held.gate);
    expect(&second, GD_OK);
    ask(held.service, &third, 3); /* there is room again */
    expect(&third, GD_OK);
    gd_items_free_results(&second.items);
    gd_items_free_results(&third.items);
    let_go(&held);
}

static void too_many_bytes_are_refused(void **state)
{
    static struct asked second;
    struct held held;
    gd_error err = { 0 };

    (void)state;
    hold(&held, 0, 0, 50);
    second.list[0] = answer_to(&question, 0);
    assert_int_equal(try_to_ask(held.service, &second, 1, &err), GD_EBUSY);
    assert_string_equal(
        err.text,
        "too much waits: items 1, bytes 39; the request has items 1, bytes 16; at most items 65536, bytes 50 may wait");
    let_go(&held);
}

static void wrong_requests_are_refused(void **state)
{
    gd_model *model = open_model("qwen2", NULL, 0);
    gd_service *service = open_service(model, 0, 0);
    gd_items items = golden_items(NULL, 0, NULL);
    gd_service_request request = { .struct_size = sizeof request, .items = &items };
    gd_options options = golden_options("qwen2", 0);
    gd_item_result result;
    gd_error err = { 0 };
    gd_service *other;

    (void)state;
    assert_int_equal(gd_service_submit(service, &request, NULL, &err), GD_EUSAGE);
    assert_string_equal(err.text, "gd_service_request.done is NULL, but a function is expected");
    request.done = on_done;
    request.items = NULL;
    err = (gd_error){ 0 };
    assert_int_equal(gd_service_submit(service, &request, NULL, &err), GD_EUSAGE);
    assert_string_equal(err.text, "gd_items: NULL was given, but a struct is expected");
    items = golden_items(NULL, 1, &result);
    request.items = &items;
    err = (gd_error){ 0 };
    assert_int_equal(gd_service_submit(service, &request, NULL, &err), GD_EUSAGE);
    assert_string_equal(err.text, "gd_items.items is NULL, but 1 are expected");
    gd_items_free_results(&items);
    gd_service_cancel(service, 0);
    gd_service_cancel(service, 77);
    gd_service_close(service, 0);
    gd_service_close(NULL, 1);
    gd_model_close(model);
    options.dry_run = 1;
    assert_ok(gd_model_open(&model, &options, test_err));
    err = (gd_error){ 0 };
    assert_int_equal(gd_service_open(&other, model, NULL, &err), GD_EUSAGE);
    assert_null(other);
    assert_string_equal(err.text, "the model was opened with dry_run 1, but 0 is expected");
    gd_model_close(model);
}

/* ---- cancelled ---- */

static void what_is_cancelled_is_not_computed(void **state)
{
    static struct asked waits, partly, stays;
    struct held held;
    gd_service_stats stats;

    (void)state;
    hold(&held, 24, 0, 0);
    ask_one(held.service, &waits, answer_to(&question, 0));
    partly.list[0] = (gd_item){ .kind = GD_ITEM_TEXT, .parts = &fish, .part_count = 1 };
    partly.list[1] = partly.list[2] = (gd_item)ITEM(GD_ITEM_TEXT, NULL, longer);
    partly.list[2].prompt = &fish;
    ask(held.service, &partly, 3);
    ask_one(held.service, &stays, answer_to(&question, 3));
    gd_service_cancel(held.service, waits.ticket);
    gd_service_cancel(held.service, waits.ticket);
    atomic_store(&held.gate.pass, 1);
    expect(&waits, GD_EINTERRUPTED);
    assert_string_equal(waits.why.text, "the request was cancelled after 0 of 1 items");
    assert_int_equal(waits.results[0].status, GD_EINTERRUPTED);
    wait_for_batch(&held.gate, 2); /* which has an item of `partly` */
    gd_service_cancel(held.service, partly.ticket);
    open_gate(&held.gate);
    expect(&partly, GD_EINTERRUPTED);
    expect(&stays, GD_OK);
    gd_service_cancel(held.service, stays.ticket); /* too late */
    stats = stats_of(held.service);
    assert_int_equal(stats.cancelled, 2);
    assert_int_equal(stats.waiting_requests + stats.waiting_items + stats.waiting_bytes, 0);
    assert_int_equal(stats.rows, held.first.summary.rows + partly.summary.rows + stays.summary.rows);
    assert_true(partly.summary.items < 3);
    assert_int_equal(partly.results[2].status, GD_EINTERRUPTED);
    gd_items_free_results(&waits.items);
    gd_items_free_results(&partly.items);
    gd_items_free_results(&stays.items);
    let_go(&held);
}

/* A request whose items nobody has looked at yet is let go, too, although the queue has enough for some batches. */
static void a_request_far_back_is_cancelled(void **state)
{
    static struct asked large, far;
    struct held held;

    (void)state;
    hold(&held, 8, 0, 0);
    for (size_t i = 0; i < 16; i++)
        large.list[i] = (gd_item)ITEM(GD_ITEM_TEXT, NULL, longer);
    ask(held.service, &large, 16);
    ask_one(held.service, &far, answer_to(&question, 0));
    atomic_store(&held.gate.pass, 1);
    wait_for_batch(&held.gate, 2);
    gd_service_cancel(held.service, far.ticket);
    atomic_store(&held.gate.pass, 2);
    wait_for_batch(&held.gate, 3);
    expect(&far, GD_EINTERRUPTED); /* while there is much to do yet */
    assert_int_equal(atomic_load(&large.answers), 0);
    open_gate(&held.gate);
    expect(&large, GD_OK);
    gd_items_free_results(&large.items);
    gd_items_free_results(&far.items);
    let_go(&held);
}

/* ---- closed ---- */

/* Lets the batch go on when the service is closing. */
struct closing {
    gd_service *service;
    struct gate gate;
};

static void stand_until_closing(void *context, size_t stage, const gd_tensor *hidden)
{
    struct closing *held = context;
    gd_service *service = held->service;
    bool closing = stage > 0;

    (void)hidden;
    atomic_fetch_add(&held->gate.batches, stage == 0);
    while (!closing) {
        (void)sched_yield();
        pthread_mutex_lock(&service->lock);
        closing = service->closing;
        pthread_mutex_unlock(&service->lock);
    }
}

static void close_with(bool drain, gd_status want)
{
    static struct asked first, second;
    gd_model *model = open_model("qwen2", "chatml", 8);
    gd_service *service = open_service(model, 0, 0);
    struct closing held = { .service = service };

    gd_engine_observe(model->engine, stand_until_closing, &held);
    ask_one(service, &first, answer_to(&question, 0));
    wait_for_batch(&held.gate, 1);
    second.list[0] = second.list[1] = (gd_item)ITEM(GD_ITEM_TEXT, NULL, longer);
    ask(service, &second, 2);
    gd_service_close(service, drain);
    expect(&first, want); /* at once */
    expect(&second, want);
    gd_items_free_results(&first.items);
    gd_items_free_results(&second.items);
    gd_model_close(model);
}

static void what_was_accepted_is_answered_or_cancelled(void **state)
{
    (void)state;
    close_with(true, GD_OK);
    close_with(false, GD_EINTERRUPTED);
}

/* ---- from done() ---- */

struct chain {
    gd_service *service;
    gd_items items;
    gd_item item;
    gd_item_result result;
    int left;
    atomic_bool over;
};

static void go_on(void *context, gd_status rc, const gd_summary *summary, const gd_error *why)
{
    struct chain *chain = context;
    const gd_service_request request = { sizeof request, &chain->items, go_on, chain, NULL };

    (void)summary, (void)why;
    assert_int_equal(rc, GD_OK);
    assert_int_equal(stats_of(chain->service).waiting_requests, 0);
    gd_items_free_results(&chain->items);
    if (chain->left-- > 0)
        assert_int_equal(gd_service_submit(chain->service, &request, NULL, NULL), GD_OK);
    else
        atomic_store(&chain->over, true);
}

static void an_answer_may_bring_the_next_request(void **state)
{
    gd_model *model = open_model("qwen2", NULL, 0);
    struct chain chain = { .service = open_service(model, 0, 0), .item = answer_to(&question, 0), .left = 5 };
    const gd_summary none = { .struct_size = sizeof none };

    (void)state;
    chain.items = golden_items(&chain.item, 1, &chain.result);
    memset(&chain.result, 0, sizeof chain.result);
    go_on(&chain, GD_OK, &none, NULL);
    while (!atomic_load(&chain.over))
        (void)sched_yield();
    assert_int_equal(stats_of(chain.service).requests, 5);
    gd_service_close(chain.service, 1);
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {

        cmocka_unit_test(what_waits_is_computed_together),
        cmocka_unit_test(a_small_request_does_not_wait_for_a_large_one),
        cmocka_unit_test(a_late_request_has_its_turn_at_once),
        cmocka_unit_test(an_answer_goes_out_when_its_batch_is_done),
        cmocka_unit_test(what_comes_during_a_batch_joins_the_next),
        cmocka_unit_test(what_needs_no_batch_waits_for_none),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(too_many_bytes_are_refused),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(what_is_cancelled_is_not_computed),
        cmocka_unit_test(a_request_far_back_is_cancelled),
        cmocka_unit_test(what_was_accepted_is_answered_or_cancelled),
        cmocka_unit_test(an_answer_may_bring_the_next_request),
    };

    return cmocka_run_group_tests(tests, end_if_it_hangs, NULL);
}
