/* test_service_threads.c - many threads ask one model at once, whatever comes to their minds, and some change it: each
 * result has the bits that gd_score_items() gives. */
#include "tests/reward/service_case.h"

#include <pthread.h>

#define RECORD(json)                                                 \
    {                                                                \
        .kind = GD_ITEM_RECORD, .record = { json, sizeof(json) - 1 } \
    }

static const uint32_t some_ids[] = { 5, 6, 7, 8, 9 };
static const gd_part by_ids[] = { { .ids = some_ids, .id_count = 5 } };
static const gd_part bad_utf8[] = { T("\xff") };

static const gd_item kinds[] = {
    ITEM(GD_ITEM_TEXT, NULL, one),
    ITEM(GD_ITEM_PAIR, &question, pair),
    ITEM(GD_ITEM_ANSWERS, &question, answers),
    ITEM(GD_ITEM_TEXT, NULL, longer),
    ITEM(GD_ITEM_TEXT, NULL, told),
    ITEM(GD_ITEM_TEXT, NULL, by_ids),
    ITEM(GD_ITEM_TEXT, NULL, bad_utf8),
    { .kind = GD_ITEM_TEXT, .parts = longer, .part_count = 1, .truncate = "right", .max_length = 9 },
    { .kind = GD_ITEM_TEXT, .parts = longer, .part_count = 1, .truncate = "drop", .max_length = 9 },
    { .kind = GD_ITEM_TEXT, .parts = longer, .part_count = 1, .truncate = "error", .max_length = 9 },
    { .kind = GD_ITEM_PAIR, .prompt = &question, .parts = pair, .part_count = 2, .ids_only = 1 },
    { .kind = GD_ITEM_TEXT, .parts = told, .part_count = 1, .ids_only = 1, .plain = 1 },
    RECORD("{\"prompt\":\"Is tea hot? \",\"responses\":[\"Yes.\",\"No.\",\"Perhaps.\"]}"),
    RECORD("{\"messages\":[{\"role\":\"user\",\"content\":\"Is tea "
           "hot?\"},{\"role\":\"assistant\",\"content\":\"Yes\"}]}"),
    RECORD("{\"chosen\":\"Yes.\"}"),
};
enum { KINDS = sizeof kinds / sizeof kinds[0], THREADS = 8, ROUNDS = SANITIZED ? 12 : 40, AT_ONCE = 4, MOST = 12 };

static gd_item_result wanted[KINDS];

/* What each item gets when nothing else is scored. */
static void score_alone(gd_model *model)
{
    for (size_t i = 0; i < KINDS; i++) {
        const gd_items single = golden_items(&kinds[i], 1, &wanted[i]);
        const gd_status rc = gd_score_items(model, &single, NULL, NULL, NULL);

        assert_true(rc == GD_OK || rc == GD_EITEM);
    }
}

static void free_wanted(void)
{
    const gd_items all = golden_items(kinds, KINDS, wanted);

    gd_items_free_results(&all);
}

struct client {
    pthread_t thread;
    gd_service *service;
    uint32_t state;
    struct asked asked[AT_ONCE];
    size_t which[AT_ONCE][MOST];
    bool cancelled[AT_ONCE];
    size_t done, given_up;
};

static uint32_t draw(struct client *client, uint32_t below)
{
    client->state = client->state * 1664525u + 1013904223u;
    return (client->state >> 8) % below;
}

static void ask_something(struct client *client, size_t r)
{
    struct asked *asked = &client->asked[r];
    const size_t count = draw(client, MOST + 1);

    for (size_t i = 0; i < count; i++) {
        client->which[r][i] = draw(client, KINDS);
        asked->list[i] = kinds[client->which[r][i]];
    }
    ask(client->service, asked, count);
    client->cancelled[r] = draw(client, 5) == 0;
}

/* A cancelled request may have come too late; its items have their results, or none. */
static void check_answer(struct client *client, size_t r)
{
    struct asked *asked = &client->asked[r];
    size_t failed = 0, finished = 0;

    wait_for(asked);
    for (size_t i = 0; i < asked->items.count; i++) {
        const gd_item_result *result = &asked->results[i];

        if (client->cancelled[r] && result->status == GD_EINTERRUPTED)
            continue;
        same_results(result, &wanted[client->which[r][i]]);
        failed += result->status != GD_OK;
        finished++;
    }
    assert_int_equal(asked->summary.items, finished);
    assert_int_equal(asked->summary.failed, failed);
    if (finished < asked->items.count)
        assert_int_equal(asked->rc, GD_EINTERRUPTED);
    if (asked->rc != GD_EINTERRUPTED)
        assert_int_equal(asked->rc, failed ? GD_EITEM : GD_OK);
    else
        assert_true(client->cancelled[r]);
    client->done += finished;
    client->given_up += asked->rc == GD_EINTERRUPTED;
    gd_items_free_results(&asked->items);
}

static void *be_a_client(void *context)
{
    struct client *client = context;

    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t r = 0; r < AT_ONCE; r++) {
            ask_something(client, r);
            if (draw(client, 3) == 0)
                (void)sched_yield();
            for (size_t k = 0; k <= r; k++)
                if (client->cancelled[k] && draw(client, 2))
                    gd_service_cancel(client->service, client->asked[k].ticket);
        }
        for (size_t r = 0; r < AT_ONCE; r++)
            check_answer(client, r);
    }
    return NULL;
}

static void serve_all(const char *name, size_t batch_tokens)
{
    static struct client clients[THREADS];
    gd_model *model = open_model(name, "chatml", batch_tokens);
    gd_service_stats stats;
    gd_service *service;
    size_t done = 0, given_up = 0;

    score_alone(model);
    service = open_service(model, 0, 0);
    for (size_t i = 0; i < THREADS; i++) {
        clients[i] = (struct client){ .service = service, .state = (uint32_t)(i * 77 + batch_tokens) };
        assert_int_equal(pthread_create(&clients[i].thread, NULL, be_a_client, &clients[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
        done += clients[i].done;
        given_up += clients[i].given_up;
    }
    stats = stats_of(service);
    assert_int_equal(stats.requests, THREADS * ROUNDS * AT_ONCE);
    assert_int_equal(stats.items, done);
    assert_int_equal(stats.cancelled, given_up);
    assert_int_equal(stats.waiting_requests + stats.waiting_items + stats.waiting_bytes, 0);
    assert_true(stats.rows < stats.tokens);
    gd_service_close(service, 1);
    free_wanted();
    gd_model_close(model);
}

static void results_are_those_of_items_alone(void **state)
{
    static const size_t batches[] = { 0, 16, 90 };

    (void)state;
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
        serve_all("qwen2", batches[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_those_of_items_alone),
    };

    return cmocka_run_group_tests(tests, end_if_it_hangs, NULL);
}
