/* test_budget.c - how many rows and which weights fit into a given memory: the numbers, what they count, and that no
 * score depends on them. */
#include "tests/engine/fake_backend.h"
#include "tests/engine/tiny.h"
#include "tests/quant-free/files.h"

#define MIB ((size_t)1 << 20)

/* ---- the numbers ---- */

/* A process of 10 MiB; 60 MiB of weights, at most 30 MiB of them in two adjacent stages; a batch of 2 MiB plus 1 KiB
 * per row. */
static const size_t stages[] = { 5 * MIB, 20 * MIB, 10 * MIB, 10 * MIB, 15 * MIB };
enum { STAGES = sizeof stages / sizeof stages[0] };

static size_t batch_bytes(const void *context, size_t rows)
{
    (void)context;
    return 2 * MIB + 1024 * rows;
}

static const gd_budget_needs needs = {
    .available = 80 * MIB, .process = 10 * MIB, .stages = stages, .stage_count = STAGES, .batch = batch_bytes
};

static gd_budget budget_of(size_t memory, size_t rows)
{
    gd_budget b;

    assert_ok(gd_budget_make(&b, &needs, memory, rows, test_err));
    return b;
}

/* 10 + 60 + 2 MiB, and 8 MiB for 8192 rows. */
static void weights_stay_where_they_fit(void **state)
{
    const gd_budget whole = budget_of(80 * MIB, 0), less = budget_of(76 * MIB, 0), least = budget_of(73 * MIB, 0);

    (void)state;
    assert_false(whole.streamed);
    assert_int_equal(whole.rows, GD_BUDGET_ROWS);
    assert_int_equal(whole.kept, STAGES);
    assert_int_equal(whole.weights, 60 * MIB);
    assert_int_equal(whole.batch, 10 * MIB);
    assert_in_range(whole.most, 8192, 8192 + 64);
    assert_false(less.streamed);
    assert_in_range(less.rows, 4096 - 64, 4096);
    assert_false(least.streamed);
    assert_int_equal(least.rows, GD_BUDGET_LEAST_ROWS);
    assert_true(budget_of(73 * MIB - 1, 0).streamed);
}

/* 10 + 30 + 2 MiB, and 32 MiB for 32768 rows; what is left keeps the first stages. */
static void else_two_stages_are_in_memory(void **state)
{
    const gd_budget most = budget_of(72 * MIB, 0), few = budget_of(50 * MIB, 1024), least = budget_of(43 * MIB, 0);

    (void)state;
    assert_true(most.streamed && few.streamed && least.streamed);
    assert_in_range(most.rows, 30 * 1024 - 64, 30 * 1024);
    assert_int_equal(most.kept, 0);
    assert_int_equal(most.weights, 30 * MIB);
    assert_int_equal(few.kept, 1); /* of the 7 MiB that are left, the first stage takes 5 */
    assert_int_equal(few.weights, 35 * MIB);
    assert_int_equal(least.rows, GD_BUDGET_LEAST_ROWS);
    assert_int_equal(least.least, 43 * MIB);
    assert_int_equal(least.kept, 0);
}

/* Whatever the memory, the parts fit, and 64 more rows would not. */
static void every_memory_is_used_and_no_more(void **state)
{
    (void)state;
    for (size_t memory = 43 * MIB; memory < 120 * MIB; memory += 777777) {
        const gd_budget b = budget_of(memory, 0);
        const size_t highest = b.streamed ? GD_BUDGET_STREAMED_ROWS : GD_BUDGET_ROWS;

        assert_true(needs.process + b.weights + b.batch <= memory);
        assert_int_equal(b.batch, batch_bytes(NULL, b.rows));
        assert_true(b.rows == highest || needs.process + b.weights + batch_bytes(NULL, b.rows + 64) > memory);
        assert_true(needs.process + b.weights + batch_bytes(NULL, b.most) <= memory);
        assert_true(needs.process + b.weights + batch_bytes(NULL, b.most + 64) > memory);
    }
}

static void too_little_memory_is_refused_with_the_least(void **state)
{
    gd_budget b;
    gd_error err = { 0 }, rows = { 0 }, bytes = { 0 };

    (void)state;
    assert_int_equal(gd_budget_make(&b, &needs, 2, 0, &bytes), GD_ENOMEM);
    assert_contains(bytes.text, "memory is 2 bytes, but this model needs at least 44 MiB");
    assert_int_equal(gd_budget_make(&b, &needs, 43 * MIB - 1, 0, &err), GD_ENOMEM);
    assert_string_equal(err.text, "memory is 43 MiB, but this model needs at least 44 MiB: for two of its layers, for "
                                  "a batch of 1024 tokens, and for the program itself");
    assert_int_equal(gd_budget_make(&b, &needs, 43 * MIB, 1025, &rows), GD_ENOMEM);
    assert_string_equal(rows.text, "memory is 43 MiB, but this model needs at least 45 MiB: for two of its layers, for "
                                   "a batch of 1025 tokens, and for the program itself");
}

/* On a GPU, which holds no part of the program. */
static void memory_of_a_device_has_no_process_in_it(void **state)
{
    gd_budget_needs apart = needs;
    gd_budget b;
    gd_error err = { 0 };

    (void)state;
    apart.process = 0;
    assert_int_equal(gd_budget_make(&b, &apart, 32 * MIB, 0, &err), GD_ENOMEM);
    assert_string_equal(err.text,
                        "memory is 32 MiB, but this model needs at least 34 MiB: for two of its layers and for "
                        "a batch of 1024 tokens");
}

/* An eighth of it is left to other processes; where even the least doesn't fit, it is tried all the same. */
static void without_a_limit_it_is_what_is_free(void **state)
{
    gd_budget_needs free = needs;
    gd_budget b;

    (void)state;
    free.available = 72 * MIB;
    assert_ok(gd_budget_make(&b, &free, 0, 0, test_err)); /* 63 MiB */
    assert_false(b.streamed);
    assert_int_equal(b.rows, GD_BUDGET_LEAST_ROWS);
    assert_int_equal(b.most, b.rows);
    free.available = 32 * MIB;
    assert_ok(gd_budget_make(&b, &free, 0, 0, test_err)); /* 28 MiB */
    assert_true(b.streamed);
    assert_int_equal(b.rows, GD_BUDGET_LEAST_ROWS);
    assert_int_equal(b.kept, 0);
    free.available = SIZE_MAX;
    assert_ok(gd_budget_make(&b, &free, 0, 0, test_err));
    assert_int_equal(b.rows, GD_BUDGET_ROWS);
}

/* ---- the engine ---- */

/* Each matrix claims 8 MiB; a layer has three, of which the last layer leaves one to the last stage.  Two stages claim
 * at most 48 MiB. */
enum { MATRIX = 8 << 20, ALL = 12 * MATRIX };

static gd_engine *open_engine(tiny *t, size_t memory, size_t rows)
{
    gd_engine *engine;

    t->parts.memory = memory;
    t->parts.batch_rows = rows;
    assert_ok(gd_engine_open(&engine, &t->parts, test_err));
    return engine;
}

/* The least memory, as the engine's error states it. */
static size_t least_memory(tiny *t)
{
    gd_engine *engine;
    gd_error err = { 0 };
    size_t mib;

    t->parts.memory = 1;
    t->parts.batch_rows = 0;
    assert_int_equal(gd_engine_open(&engine, &t->parts, &err), GD_ENOMEM);
    assert_null(engine);
    if (sscanf(err.text, "memory is 1 bytes, but this model needs at least %zu MiB: for two of its layers", &mib) != 1)
        fail_msg("%s", err.text);
    return mib * MIB;
}

static const tiny_text texts[] = { { "abcdefgh", "cab" }, { "abcdx", NULL }, { "abcdxy", "eba" }, { "q", "aaa" },
                                   { "abcdefgh", "h" },   { "", NULL },      { "zyx", NULL },     { "abcz", "d" } };
enum { TEXTS = sizeof texts / sizeof texts[0] };

/* From the least memory to what holds all weights: more and more of them stay, and no score changes. */
static void more_memory_keeps_more_weights(void **state)
{
    tiny t;
    size_t least, kept = 0, seen = 0; /* seen: a set of values of kept */

    tiny_open(&t, *state, 4);
    fake.weight_bytes = MATRIX;
    least = least_memory(&t);
    for (size_t memory = least; memory < least + 60 * MIB; memory += 4 * MIB) {
        gd_engine *engine = open_engine(&t, memory, 1024);
        const gd_budget *b = gd_engine_budget(engine);

        assert_true(b->kept >= kept);
        kept = b->kept;
        seen |= (size_t)1 << kept;
        fake.weights_most = 0;
        for (int run = 0; run < 3; run++)
            tiny_check(&t, engine, texts, TEXTS, true);
        assert_true(fake.weights_most <= b->weights);
        assert_true(b->streamed || fake.weights_most == ALL);
        gd_engine_close(engine);
    }
    assert_int_equal(seen, 1 << 1 | 1 << 2 | 1 << 6); /* the embedding takes next to nothing */
    tiny_close(&t);
}

/* The budget says how many rows a batch has: fewer where memory is short. */
static void batches_follow_the_memory(void **state)
{
    tiny t;
    size_t least, rows[3];

    tiny_open(&t, *state, 2);
    fake.weight_bytes = MATRIX;
    fake.scratch_bytes = 65536; /* most of a batch's memory */
    least = least_memory(&t);
    for (size_t i = 0; i < 3; i++) {
        gd_engine *engine = open_engine(&t, least + i * 128 * MIB, 0);

        rows[i] = gd_engine_budget(engine)->rows;
        tiny_check(&t, engine, texts, TEXTS, true);
        gd_engine_close(engine);
    }
    assert_true(rows[0] >= GD_BUDGET_LEAST_ROWS && rows[0] < rows[1] && rows[1] < rows[2]);
    tiny_close(&t);
}

static size_t batch_of(tiny *t, size_t rows)
{
    gd_engine *engine = open_engine(t, 0, rows);
    const size_t bytes = gd_engine_budget(engine)->batch;

    assert_int_equal(gd_engine_budget(engine)->rows, rows);
    gd_engine_close(engine);
    return bytes;
}

/* Runs a batch of `rows` rows, none of them shared; returns the bytes of the buffers. */
static size_t run_rows(tiny *t, size_t rows)
{
    static const tiny_text alphabet = { "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz" };
    tiny_text all[64];
    gd_engine *engine = open_engine(t, 0, rows);
    size_t buffers;

    assert_true(rows % 26 == 0 && rows / 26 <= 64);
    for (size_t i = 0; i < rows / 26; i++) {
        all[i] = alphabet;
        all[i].pooled = i ? NULL : all[i].pooled;
    }
    tiny_check(t, engine, all, rows / 26, false);
    buffers = fake.buffers;
    gd_engine_close(engine);
    return buffers;
}

/* Where lines get wider, the budget grows by at least what the device allocates. */
static void every_line_counts(void **state)
{
    static const struct {
        size_t rows, height;
    } cases[] = { { 26, 1 }, { 26, 64 }, { 260, 4 }, { 260, 100 }, { 1664, 64 }, { 1664, 1000 }, { 52, 4096 } };
    enum { WIDER = 4096 };
    tiny t;

    tiny_open(&t, *state, 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (gd_extent extent = GD_EXTENT_BATCH; extent <= GD_EXTENT_POOLED; extent++) {
            size_t batch, buffers;

            fake.heights = (gd_heights){ 1, cases[i].height, 0 };
            batch = batch_of(&t, cases[i].rows);
            buffers = run_rows(&t, cases[i].rows);
            t.plan->line_bytes[extent] += WIDER;
            batch = batch_of(&t, cases[i].rows) - batch;
            buffers = run_rows(&t, cases[i].rows) - buffers;
            t.plan->line_bytes[extent] -= WIDER;
            assert_true(buffers >= (size_t)64 * WIDER);
            if (batch < buffers)
                fail_msg("extent %d, %zu rows, tiles of %zu: %zu bytes more are allocated, but only %zu are counted",
                         (int)extent, cases[i].rows, cases[i].height, buffers, batch);
        }
    tiny_close(&t);
}

/* Scratch space counts for every position that the device is prepared for: those of the longest text. */
static void scratch_space_counts(void **state)
{
    static const struct {
        size_t rows, longest, positions;
    } cases[] = { { 100, 0, 512 }, { 513, 0, 1024 }, { 2000, 600, 1024 }, { 2000, 512, 512 }, { 100, 4096, 512 } };
    tiny t;

    tiny_open(&t, *state, 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t without, with;

        t.parts.max_positions = cases[i].longest;
        fake.scratch_bytes = 0;
        without = batch_of(&t, cases[i].rows);
        fake.scratch_bytes = 1000;
        with = batch_of(&t, cases[i].rows);
        assert_int_equal(with - without, 1000 * cases[i].positions);
    }
    (void)run_rows(&t, 26);
    assert_int_equal(fake.limits.max_position, 512);
    assert_int_equal(fake.limits.tile_rows, fake.heights.most);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_stay_where_they_fit),
        cmocka_unit_test(else_two_stages_are_in_memory),
        cmocka_unit_test(every_memory_is_used_and_no_more),
        cmocka_unit_test(too_little_memory_is_refused_with_the_least),
        cmocka_unit_test(memory_of_a_device_has_no_process_in_it),
        cmocka_unit_test(without_a_limit_it_is_what_is_free),
        cmocka_unit_test_setup_teardown(more_memory_keeps_more_weights, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(batches_follow_the_memory, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(every_line_counts, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(scratch_space_counts, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("engine: budget", tests, NULL, NULL);
}
