/* service_case.h - requests to a service: what is asked, and what comes back. */
#ifndef GD_TESTS_REWARD_SERVICE_CASE_H
#define GD_TESTS_REWARD_SERVICE_CASE_H

#include "tests/reward/items_case.h"

#include "engine/engine.h"
#include "reward/service.h"

#include <sched.h>

enum { MOST_ASKED = 64 };

/* A request with its answer. */
struct asked {
    gd_item list[MOST_ASKED];
    gd_item_result results[MOST_ASKED];
    gd_items items;
    uint64_t ticket;
    atomic_int answers; /* how often done() was called */
    int place;          /* among all answers, from 1 */
    gd_status rc;
    gd_summary summary;
    gd_error why;
    gd_service_times times;
};

/* Answers to a prompt, one in each item. */
static inline gd_item answer_to(const gd_part *prompt, size_t which)
{
    static const gd_part said[] = { T("Yes."), T("No."), T("Perhaps."), T("Always.") };

    return (gd_item){ .kind = GD_ITEM_TEXT, .prompt = prompt, .parts = &said[which], .part_count = 1 };
}

static atomic_int answered;

static inline void on_done(void *context, gd_status rc, const gd_summary *summary, const gd_error *why)
{
    struct asked *asked = context;

    asked->rc = rc;
    asked->summary = *summary;
    asked->why = *why;
    asked->place = atomic_fetch_add(&answered, 1) + 1;
    atomic_fetch_add(&asked->answers, 1);
}

static inline gd_status try_to_ask(gd_service *service, struct asked *asked, size_t count, gd_error *err)
{
    gd_service_request request;

    atomic_store(&asked->answers, 0);
    asked->items = golden_items(asked->list, count, asked->results);
    gd_service_request_init(&request);
    request.items = &asked->items;
    request.done = on_done;
    request.context = asked;
    request.times = &asked->times;
    return gd_service_submit(service, &request, &asked->ticket, err);
}

static inline void ask(gd_service *service, struct asked *asked, size_t count)
{
    assert_ok(try_to_ask(service, asked, count, test_err));
    assert_true(asked->ticket > 0);
}

static inline void ask_one(gd_service *service, struct asked *asked, gd_item item)
{
    asked->list[0] = item;
    ask(service, asked, 1);
}

static inline void wait_for(struct asked *asked)
{
    while (!atomic_load(&asked->answers))
        (void)sched_yield();
    assert_int_equal(atomic_load(&asked->answers), 1);
}

static inline void expect(struct asked *asked, gd_status rc)
{
    wait_for(asked);
    if (asked->rc != rc)
        fail_msg("status %d, and %d is expected: %s", asked->rc, rc, asked->why.text);
    assert_int_equal(asked->why.status, rc);
}

static inline gd_service *open_service(gd_model *model, size_t max_items, size_t max_bytes)
{
    gd_service_options how;
    gd_service *service;

    gd_service_options_init(&how);
    how.max_items = max_items;
    how.max_bytes = max_bytes;
    assert_ok(gd_service_open(&service, model, &how, test_err));
    return service;
}

static inline gd_service_stats stats_of(gd_service *service)
{
    gd_service_stats stats;

    gd_service_stats_init(&stats);
    assert_ok(gd_service_stats_get(service, &stats, test_err));
    return stats;
}

/* A group's set-up: an answer that never comes ends the test, in place of its waiting for ever. */
static inline int end_if_it_hangs(void **state)
{
    (void)state;
    (void)alarm(SANITIZED ? 600 : 60);
    return 0;
}

/* ---- a batch that waits in the middle ---- */

struct gate {
    atomic_int batches; /* begun */
    atomic_int pass;    /* so many may go on */
};

static inline void stand_still(void *context, size_t stage, const gd_tensor *hidden)
{
    struct gate *gate = context;
    int batch;

    (void)hidden;
    if (stage)
        return;
    batch = atomic_fetch_add(&gate->batches, 1) + 1;
    while (atomic_load(&gate->pass) < batch)
        (void)sched_yield();
}

static inline void wait_for_batch(struct gate *gate, int batch)
{
    while (atomic_load(&gate->batches) < batch)
        (void)sched_yield();
}

static inline void open_gate(struct gate *gate) { atomic_store(&gate->pass, 1 << 30); }

static const gd_part fish = T("It is a fish, and nobody drinks it.");

/* A service whose first batch has begun, and stands still. */
struct held {
    gd_model *model;
    gd_service *service;
    struct gate gate;
    struct asked first;
};

static inline void hold(struct held *held, size_t batch_tokens, size_t max_items, size_t max_bytes)
{
    memset(held, 0, sizeof *held);
    atomic_store(&answered, 0);
    held->model = open_model("qwen2", "chatml", batch_tokens);
    gd_engine_observe(held->model->engine, stand_still, &held->gate);
    held->service = open_service(held->model, max_items, max_bytes);
    ask_one(held->service, &held->first, answer_to(&fish, 0));
    wait_for_batch(&held->gate, 1);
}

static inline void let_go(struct held *held)
{
    open_gate(&held->gate);
    gd_service_close(held->service, 1);
    gd_items_free_results(&held->first.items);
    gd_model_close(held->model);
}

/* ---- results ---- */

static inline void same_results(const gd_item_result *a, const gd_item_result *b)
{
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->truncated, b->truncated);
    assert_int_equal(a->dropped, b->dropped);
    assert_int_equal(a->count, b->count);
    assert_int_equal(!a->scores, !b->scores);
    assert_int_equal(!a->ids, !b->ids);
    if (a->error || b->error)
        assert_string_equal(a->error ? a->error : "", b->error ? b->error : "");
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->tokens[i], b->tokens[i]);
        if (a->scores)
            assert_memory_equal(&a->scores[i], &b->scores[i], sizeof(float));
        if (a->ids)
            assert_memory_equal(a->ids[i], b->ids[i], a->tokens[i] * sizeof(uint32_t));
    }
}

#endif
