/* test_queue_remove.c - items leave a queue between batches, and others come: nothing is lost, and what stays is
 * computed as if it had been alone. */
#include "tests/reward/golden.h"

#include "base/mem.h"
#include "reward/queue.h"

enum { ITEMS = 12, BATCH = 40 };

static gd_model *open_model(void)
{
    gd_options options = golden_options("qwen2", 0);
    gd_model *model;

    options.batch_tokens = BATCH;
    assert_ok(gd_model_open(&model, &options, test_err));
    return model;
}

/* Of `count` texts, which begin alike, and are of other lengths than those of other items. */
static void add(gd_queue *queue, size_t number, size_t count)
{
    uint32_t ids[4][32];
    gd_ids texts[4];

    for (size_t t = 0; t < count; t++) {
        const size_t len = 5 + number % 7 + t;

        for (size_t i = 0; i < len; i++)
            ids[t][i] = (uint32_t)(3 + number % 3 + i * 13 + (i > 4 ? t + number : 0));
        texts[t] = (gd_ids){ .data = ids[t], .len = len };
    }
    assert_ok(gd_queue_add(queue, texts, count, 0, test_err));
}

static size_t texts_of(size_t number) { return 1 + number % 4; }

/* The scores of each item when it is computed by itself, and what an empty queue grows by with it. */
struct alone {
    float scores[ITEMS][4];
    size_t tokens[ITEMS], bytes[ITEMS];
};

static void compute_alone(gd_model *model, struct alone *alone)
{
    for (size_t i = 0; i < ITEMS; i++) {
        gd_queue queue = { .model = model };

        add(&queue, i, texts_of(i));
        alone->tokens[i] = queue.tokens;
        alone->bytes[i] = queue.bytes;
        while (queue.oldest < queue.item_count)
            assert_ok(gd_queue_run(&queue, test_err));
        for (size_t t = 0; t < texts_of(i); t++)
            alone->scores[i][t] = queue.results[t][0];
        gd_queue_free(&queue);
    }
}

/* Which items are in the queue, in their order. */
struct inside {
    size_t numbers[ITEMS], count;
};

static void check_counts(const gd_queue *queue, const struct inside *inside, const struct alone *alone)
{
    size_t tokens = 0, bytes = 0;

    for (size_t i = 0; i < inside->count; i++) {
        tokens += alone->tokens[inside->numbers[i]];
        bytes += alone->bytes[inside->numbers[i]];
    }
    assert_int_equal(queue->item_count, inside->count);
    assert_int_equal(queue->tokens, tokens);
    assert_int_equal(queue->bytes, bytes);
}

/* Removes what is done, and item `unwanted` if it is there. */
static size_t remove_done(gd_queue *queue, struct inside *inside, const struct alone *alone, size_t unwanted)
{
    bool gone[ITEMS] = { false };
    size_t kept = 0, done = 0;

    for (size_t i = 0; i < inside->count; i++) {
        const size_t number = inside->numbers[i];
        const gd_queue_item *item = &queue->items[i];

        gone[i] = item->done || number == unwanted;
        done += item->done;
        for (size_t t = 0; item->done && t < item->count; t++)
            assert_memory_equal(queue->results[item->first + t], &alone->scores[number][t], sizeof(float));
        if (!gone[i])
            inside->numbers[kept++] = number;
    }
    inside->count = kept;
    gd_queue_remove(queue, gone);
    check_counts(queue, inside, alone);
    return done;
}

/* No batch has more rows than fit, but for an item that is alone, and none has fewer items than would fit: rows are
 * counted rightly. */
static void items_come_and_go(void **state)
{
    gd_model *model = open_model();
    gd_queue queue = { .model = model };
    struct alone alone;
    struct inside inside = { .count = 0 };
    size_t next = 0, done = 0, batches = 0, rows = 0;

    (void)state;
    compute_alone(model, &alone);
    while (next < ITEMS || inside.count) {
        for (size_t k = 0; k < 5 && next < ITEMS; k++) {
            inside.numbers[inside.count++] = next;
            add(&queue, next, texts_of(next));
            next++;
        }
        check_counts(&queue, &inside, &alone);
        assert_ok(gd_queue_run(&queue, test_err));
        assert_true(queue.rows - rows <= BATCH);
        rows = queue.rows;
        done += remove_done(&queue, &inside, &alone, 7);
        batches++;
    }
    assert_int_equal(queue.batches, batches);
    assert_true(done == ITEMS || done == ITEMS - 1); /* without the one that may have been removed */
    assert_int_equal(batches, 6);
    assert_int_equal(queue.text_count + queue.tokens + queue.bytes, 0);
    gd_queue_free(&queue);
    gd_model_close(model);
    assert_int_equal(gd_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
