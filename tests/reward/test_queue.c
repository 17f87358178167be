/* test_queue.c - which items share a batch, that none is lost, and how a model is fitted into a given memory. */
#include "tests/reward/golden.h"

#include "base/mem.h"
#include "engine/budget.h"
#include "reward/queue.h"

enum { TOKENS = 1400 }; /* ids below the special ones of the golden tokenizers */

static gd_model *open_model(size_t batch_tokens)
{
    gd_options options = golden_options("qwen2", 0);
    gd_model *model;

    options.batch_tokens = batch_tokens;
    options.threads = 1;
    assert_ok(gd_model_open(&model, &options, test_err));
    return model;
}

/* A text of `shared` ids that depend only on the prompt, then `more` of its own. */
static gd_ids make_text(uint32_t prompt, size_t shared, uint32_t own, size_t more)
{
    gd_ids ids = { 0 };

    assert_true(gd_grow((void **)&ids.data, &ids.room, shared + more, sizeof *ids.data));
    for (size_t i = 0; i < shared; i++)
        ids.data[ids.len++] = (uint32_t)(prompt * 37 + i * i * 11) % TOKENS;
    for (size_t i = 0; i < more; i++)
        ids.data[ids.len++] = (uint32_t)(own * 101 + i * 7 + 3) % TOKENS;
    return ids;
}

static void add(gd_queue *queue, uint32_t prompt, size_t shared, uint32_t own, size_t more)
{
    gd_ids ids = make_text(prompt, shared, own, more);

    assert_ok(gd_queue_add(queue, &ids, 1, 0, test_err));
    gd_ids_free(&ids);
}

/* Counts the rows that the engine computes: those that go through the embedding. */
static void count_computed(void *context, size_t stage, const gd_tensor *hidden)
{
    *(size_t *)context += stage == 0 ? hidden->rows : 0;
}

/* `own` sets the places of the three answers to prompt 1 in sorted order. */
static void expect_to_meet(gd_queue *queue, const uint32_t own[3])
{
    size_t computed = 0;

    gd_engine_observe(queue->model->engine, count_computed, &computed);
    add(queue, 1, 40, own[0], 10);                        /* 0: with 5 and 6, 70 rows */
    add(queue, 2, 40, 2, 10);                             /* 1: does not fit with them */
    add(queue, 3, 10, 3, 5);                              /* 2 */
    add(queue, 4, 10, 4, 5);                              /* 3 */
    assert_ok(gd_queue_add(queue, NULL, 0, 0, test_err)); /* 4: an item without texts */
    add(queue, 1, 40, own[1], 10);                        /* 5 */
    add(queue, 1, 40, own[2], 10);                        /* 6 */
    assert_ok(gd_queue_run(queue, test_err));
    assert_int_equal(queue->rows, 70);
    assert_int_equal(computed, 70);
    assert_int_equal(queue->oldest, 1);
    assert_true(queue->items[0].done && queue->items[5].done && queue->items[6].done && queue->items[4].done);
    assert_false(queue->items[1].done || queue->items[2].done || queue->items[3].done);
    assert_ok(gd_queue_run(queue, test_err));
    assert_int_equal(queue->rows, 70 + 50 + 15 + 15);
    assert_int_equal(computed, queue->rows);
    assert_int_equal(queue->oldest, 7);
    gd_queue_clear(queue);
}

static void answers_to_one_prompt_meet(void **state)
{
    static const uint32_t owns[][3] = { { 1, 5, 6 }, { 6, 5, 1 }, { 5, 6, 1 } };
    gd_model *model = open_model(100);
    gd_queue queue = { .model = model };

    (void)state;
    for (size_t i = 0; i < sizeof owns / sizeof owns[0]; i++)
        expect_to_meet(&queue, owns[i]);
    gd_queue_free(&queue);
    gd_model_close(model);
    assert_int_equal(gd_mem_live(), 0);
}

static void without_sharing_items_go_in_order(void **state)
{
    gd_model *model = open_model(100);
    gd_queue queue = { .model = model };
    size_t computed = 0;

    (void)state;
    model->share_prefix = false;
    gd_engine_observe(model->engine, count_computed, &computed);
    add(&queue, 1, 40, 1, 10);
    add(&queue, 2, 30, 2, 10);
    add(&queue, 1, 40, 3, 10);
    assert_ok(gd_queue_run(&queue, test_err));
    assert_int_equal(queue.oldest, 2);
    assert_int_equal(queue.rows, 90);
    assert_int_equal(computed, 90);
    gd_queue_free(&queue);
    gd_model_close(model);
}

static void add_pair(gd_queue *queue, uint32_t prompt, size_t shared, size_t more)
{
    gd_ids pair[] = { make_text(prompt, shared, 1, more), make_text(prompt, shared, 2, more) };

    assert_ok(gd_queue_add(queue, pair, 2, 0, test_err));
    gd_ids_free(&pair[0]);
    gd_ids_free(&pair[1]);
}

/* A pair's prompt counts once, or with each answer: the pair fits after the first item, or waits for the next batch. */
static void a_pairs_rows_decide_where_it_fits(void **state)
{
    gd_model *model = open_model(100);
    gd_queue queue = { .model = model };

    (void)state;
    for (int share = 0; share < 2; share++) {
        model->share_prefix = share;
        add(&queue, 2, 10, 9, 5);
        add_pair(&queue, 1, 40, 10); /* 60 or 100 rows */
        assert_ok(gd_queue_run(&queue, test_err));
        assert_int_equal(queue.rows, share ? 75 : 15);
        assert_int_equal(queue.oldest, share ? 2 : 1);
        assert_ok(gd_queue_run(&queue, test_err));
        assert_int_equal(queue.rows, share ? 75 : 115);
        gd_queue_clear(&queue);
    }
    gd_queue_free(&queue);
    gd_model_close(model);
}

/* Under a limit on memory, small batches come with a small queue. */
static void a_queue_is_full_early_under_a_memory_limit(void **state)
{
    static const struct {
        bool limited;
        size_t batch_rows, full;
    } cases[] = { { false, 1000, 8 << 20 }, { true, 1000, 64000 }, { true, 1000000, 8 << 20 } };
    gd_model *model = open_model(100);
    gd_queue queue = { .model = model };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        model->limited = cases[i].limited;
        model->batch_rows = cases[i].batch_rows;
        queue.bytes = cases[i].full - 1;
        assert_false(gd_queue_is_full(&queue));
        queue.bytes = cases[i].full;
        assert_true(gd_queue_is_full(&queue));
    }
    gd_queue_free(&queue);
    gd_model_close(model);
}

/* With a memory limit, a model takes texts of as many rows as fit, but no longer ones. */
static void a_text_may_fill_the_memory(void **state)
{
    gd_model *model = open_model(100);
    gd_queue queue = { .model = model };
    gd_ids longer = make_text(1, 40, 1, 11);
    gd_error err = { 0 };

    (void)state;
    model->limited = true;
    model->item_rows = 50;
    add(&queue, 1, 40, 1, 10);
    assert_int_equal(gd_queue_add(&queue, &longer, 1, 0, &err), GD_ETOOLONG);
    gd_ids_free(&longer);
    gd_queue_free(&queue);
    gd_model_close(model);
}

/* Random items: every batch keeps its limit (or has one item) and includes the oldest item, and each score is the one
 * that the text gets by itself. */
static void no_item_is_lost_and_no_score_moves(void **state)
{
    gd_model *model = open_model(60);
    gd_queue queue = { .model = model }, alone = { .model = model };
    uint32_t seed = 7;
    size_t batches = 0, rows = 0;

    (void)state;
    for (size_t i = 0; i < 60; i++) {
        gd_ids pair[2];

        for (int t = 0; t < 2; t++) {
            seed = seed * 1664525u + 1013904223u;
            pair[t] = make_text(seed >> 29, 4 + (seed >> 20) % 24, seed >> 16, 1 + (seed >> 10) % 12);
        }
        assert_ok(gd_queue_add(&queue, pair, 1 + i % 2, 0, test_err));
        gd_ids_free(&pair[0]);
        gd_ids_free(&pair[1]);
    }
    for (; queue.oldest < queue.item_count; batches++) {
        const size_t oldest = queue.oldest;

        assert_ok(gd_queue_run(&queue, test_err));
        assert_true(queue.oldest > oldest);
        assert_true(queue.rows - rows <= 60 || queue.batch.count == 1);
        rows = queue.rows;
    }
    assert_in_range(batches, 2, 59);
    for (size_t t = 0; t < queue.text_count; t++) {
        gd_ids one = { .data = (uint32_t *)queue.texts[t].ids, .len = queue.texts[t].len };

        assert_ok(gd_queue_add(&alone, &one, 1, 0, test_err));
        assert_ok(gd_queue_run(&alone, test_err));
        assert_memory_equal(alone.results[0], queue.results[t], sizeof(float));
        gd_queue_clear(&alone);
    }
    gd_queue_free(&queue);
    gd_queue_free(&alone);
    gd_model_close(model);
    assert_int_equal(gd_mem_live(), 0);
}

/* Answers with more rows than a batch are computed in parts, the prompt in each; the next item waits. */
static void an_item_larger_than_a_batch_is_split(void **state)
{
    gd_model *model = open_model(100);
    gd_queue queue = { .model = model };
    gd_ids answers[7];

    (void)state;
    for (uint32_t i = 0; i < 7; i++)
        answers[i] = make_text(1, 40, i + 1, 20);
    assert_ok(gd_queue_add(&queue, answers, 7, 0, test_err)); /* 180 rows */
    add(&queue, 2, 10, 9, 5);
    for (size_t batch = 1; batch <= 3; batch++) { /* 3, 3 and 1 answers */
        assert_false(queue.items[0].done);
        assert_int_equal(queue.oldest, 0);
        assert_ok(gd_queue_run(&queue, test_err));
        assert_int_equal(queue.rows, batch < 3 ? batch * 100 : 200 + 60 + 15);
    }
    assert_int_equal(queue.oldest, 2);
    for (size_t i = 0; i < 7; i++)
        gd_ids_free(&answers[i]);
    gd_queue_free(&queue);
    gd_model_close(model);
    assert_int_equal(gd_mem_live(), 0);
}

/* Texts that share all their rows are still read at the places of each: they count, too. */
static void places_fill_a_batch(void **state)
{
    gd_model *model = open_model(100);
    gd_queue queue = { .model = model };
    gd_ids text = make_text(1, 10, 1, 10);

    (void)state;
    model->encoder.places.place = (gd_place){ .pool = GD_POOL_AT, .ids = gd_alloc(1, sizeof(uint32_t)), .count = 1 };
    model->encoder.places.place.ids[0] = text.data[5];
    for (size_t i = 0; i < text.len; i++)
        text.data[i] = i % 2 ? text.data[5] : text.data[i];
    for (size_t i = 0; i < 24; i++)
        assert_ok(gd_queue_add(&queue, &text, 1, 0, test_err)); /* 20 rows for all, 10 places for each */
    for (size_t batch = 1; batch <= 3; batch++) {
        assert_ok(gd_queue_run(&queue, test_err));
        assert_int_equal(queue.oldest, batch < 3 ? batch * 10 : 24);
        assert_int_equal(queue.batch.pooled, batch < 3 ? 100 : 40);
    }
    gd_ids_free(&text);
    gd_queue_free(&queue);
    gd_model_close(model);
    assert_int_equal(gd_mem_live(), 0);
}

/* ---- memory ---- */

static size_t ten_a_row(const void *context, size_t rows)
{
    (void)context;
    return rows * 10;
}

static gd_budget budget_of(size_t memory, size_t rows, gd_status want)
{
    static const size_t stages[] = { 100, 50000, 50000, 50000, 50000, 70000 };
    const gd_budget_needs needs = { .process = 5000, .stages = stages, .stage_count = 6, .batch = ten_a_row };
    gd_budget budget;
    gd_error err = { 0 };

    assert_int_equal(gd_budget_make(&budget, &needs, memory, rows, &err), want);
    if (want)
        assert_non_null(strstr(err.text, "needs at least"));
    return budget;
}

static void a_budget_is_kept_and_used(void **state)
{
    gd_budget b = budget_of(1000000, 0, GD_OK);

    (void)state;
    assert_false(b.streamed); /* 275,100 with everything resident, and 81,920 for rows */
    assert_int_equal(b.rows, GD_BUDGET_ROWS);
    assert_in_range(b.most, (1000000 - 275100 - 640) / 10, (1000000 - 275100) / 10); /* of one long item */
    assert_int_equal(b.kept, 6);
    assert_int_equal(b.weights, 270100);
    assert_int_equal(b.least, 5000 + 120000 + 10 * GD_BUDGET_LEAST_ROWS);
    b = budget_of(5000 + 270100 + 50000, 0, GD_OK); /* resident, with smaller batches */
    assert_false(b.streamed);
    assert_in_range(b.rows, 5000 - 64, 5000);
    b = budget_of(5000 + 270100 + 5000, 0, GD_OK); /* rows first, then layers that stay */
    assert_true(b.streamed);
    assert_in_range(b.rows, (155100 - 640) / 10, 155100 / 10);
    assert_in_range(b.kept, 0, 1); /* the first stage is only a hundred bytes, and may fit */
    b = budget_of(5000 + 270100 + 5000, 2000, GD_OK);
    assert_true(b.streamed);
    assert_int_equal(b.rows, 2000);
    assert_int_equal(b.kept, 3);
    assert_true(5000 + b.weights + b.batch <= 280100);
    b = budget_of(b.least, 2000, GD_OK);
    assert_int_equal(b.kept, 0);
    assert_in_range(b.most, 2000, 2000 + 64);
    (void)budget_of(b.least - 1, 2000, GD_ENOMEM);
    (void)budget_of(1, 0, GD_ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_to_one_prompt_meet),
        cmocka_unit_test(without_sharing_items_go_in_order),
        cmocka_unit_test(a_pairs_rows_decide_where_it_fits),
        cmocka_unit_test(a_queue_is_full_early_under_a_memory_limit),
        cmocka_unit_test(a_text_may_fill_the_memory),
        cmocka_unit_test(no_item_is_lost_and_no_score_moves),
        cmocka_unit_test(an_item_larger_than_a_batch_is_split),
        cmocka_unit_test(places_fill_a_batch),
        cmocka_unit_test(a_budget_is_kept_and_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
