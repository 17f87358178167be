/* test_failures.c - a backend that fails: the run fails with its message, everything is freed, and the next run
 * succeeds. */
#include "tests/engine/fake_backend.h"
#include "tests/engine/tiny.h"
#include "tests/quant-free/files.h"

#include "base/mem.h"

static const tiny_text few[] = { { "abc", NULL }, { "abd", NULL }, { "b", NULL } };

/* Two batches of which the second needs more rows than the first has memory for, and several tiles of both kinds. */
static gd_status run_two(gd_engine *engine, gd_error *err)
{
    static const tiny_text many[] = { { "abcdefghijklmnopqrstuvwxyz", "habc" },
                                      { "zyxwvutsrqponmlkjihgfedcba", "abcd" },
                                      { "mnopqrstuvwxyz", NULL } };
    gd_status rc = tiny_run(engine, few, 1, true, err);

    return rc ? rc : tiny_run(engine, many, 3, true, err);
}

static void expect_failure(gd_status rc, const gd_error *err)
{
    char want[80];

    (void)snprintf(want, sizeof want, "the fake device failed in %s", fake.fails);
    assert_int_equal(rc, fake.status);
    assert_int_equal(err->status, fake.status);
    assert_string_equal(err->text, want);
}

/* Opens and runs an engine with one failure, which must be the error of that run; the next run must succeed.  Returns
 * false when the function is not called that often. */
static bool fail_once(const tiny *t, const char *function, size_t after)
{
    gd_engine *engine;
    gd_error err = { 0 };
    bool failed;
    gd_status rc;

    fake.fails = function;
    fake.fails_after = after;
    fake.calls = 0;
    rc = gd_engine_open(&engine, &t->parts, &err);
    if (!rc)
        rc = run_two(engine, &err);
    failed = fake.calls > after;
    if (failed)
        expect_failure(rc, &err);
    else
        assert_int_equal(rc, GD_OK);
    assert_true(fake.memory_free > 0 || fake.weights == 0); /* streamed weights are freed */
    fake.fails = NULL;
    if (engine)
        tiny_check(t, engine, few, 3, true);
    gd_engine_close(engine);
    assert_int_equal(fake.live, 0);
    return failed;
}

static void a_failure_is_the_error_of_the_run(void **state)
{
    static const struct {
        const char *function;
        size_t calls; /* at least this many of them can fail */
    } cases[] = {
        { "open", 1 },          { "prepare", 1 },      { "buffer_alloc", 4 }, { "rows_make", 2 }, { "weight_make", 10 },
        { "weight_borrow", 6 }, { "weight_wait", 22 }, { "download", 3 },     { "finish", 2 },    { "embedding", 5 },
        { "linears", 10 },      { "attention", 8 },    { "last_row", 3 },     { "head", 3 },
    };
    static const gd_status statuses[] = { GD_EDEVICE, GD_ENOMEM };
    tiny t;

    tiny_open(&t, *state, 2);
    for (size_t way = 0; way < 4; way++) /* streamed or not, and borrowing or not */
        for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
            const bool borrows = !strcmp(cases[c].function, "weight_borrow");
            size_t after = 0;

            fake.memory_free = way % 2 ? (size_t)1 << 40 : 0;
            fake.heights.few = way / 2 ? 100 : 0;
            fake.status = statuses[c % 2];
            while (fail_once(&t, cases[c].function, after))
                after++;
            if (after < cases[c].calls && (!borrows || way / 2))
                fail_msg("%s was called %zu times, but %zu or more are expected", cases[c].function, after,
                         cases[c].calls);
        }
    tiny_close(&t);
}

/* Allocation n and every later one fail while an engine is opened and run; then it must run again, and leave nothing
 * behind.  Returns false when nothing failed. */
static bool fail_memory(const tiny *t, uint64_t n)
{
    gd_engine *engine;
    gd_error err = { 0 };
    gd_status rc;

    gd_mem_fail_from(n);
    rc = gd_engine_open(&engine, &t->parts, &err);
    if (!rc)
        rc = run_two(engine, &err);
    gd_mem_fail_from(0);
    gd_buf_free(&fake.log); /* it has lost lines */
    if (rc)
        assert_int_equal(err.status, GD_ENOMEM);
    assert_int_equal(rc, err.status);
    if (engine)
        tiny_check(t, engine, few, 3, true);
    gd_engine_close(engine);
    assert_int_equal(fake.live, 0);
    return rc != GD_OK;
}

static void memory_may_run_out_anywhere(void **state)
{
    tiny t;
    uint64_t n = 1;

    tiny_open(&t, *state, 2);
    while (fail_memory(&t, n))
        n++;
    assert_true(n > 50);
    tiny_close(&t);
}

/* A text longer than the first table of positions, which has 512, needs another. Whichever allocation fails, or if the
 * device cannot prepare for it, the next run makes the table anew, though its own texts are short. */
static void a_longer_table_may_fail(void **state)
{
    char long_text[514];
    const tiny_text text = { long_text, NULL };
    gd_status rc = GD_ENOMEM;
    gd_engine *engine;
    tiny t;

    memset(long_text, 'a', 513);
    long_text[513] = '\0';
    tiny_open(&t, *state, 2);
    assert_ok(gd_engine_open(&engine, &t.parts, test_err));
    tiny_check(&t, engine, few, 3, true);
    for (uint64_t n = 1; rc; n++) {
        gd_error err = { 0 };

        gd_mem_fail_from(n);
        rc = tiny_run(engine, &text, 1, true, &err);
        gd_mem_fail_from(0);
        gd_buf_free(&fake.log); /* it has lost lines */
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
        tiny_check(&t, engine, few, 3, true);
    }
    gd_engine_close(engine);
    assert_ok(gd_engine_open(&engine, &t.parts, test_err));
    tiny_check(&t, engine, few, 3, true);
    fake.fails = "prepare";
    assert_int_equal(tiny_run(engine, &text, 1, true, NULL), fake.status);
    fake.fails = NULL;
    tiny_check(&t, engine, few, 3, true);
    tiny_check(&t, engine, &text, 1, true);
    gd_engine_close(engine);
    tiny_close(&t);
}

static void missing_operations_are_named_before_a_run(void **state)
{
    gd_backend lacking = fake_backend;
    gd_engine *engine;
    gd_error err = { 0 };
    tiny t;

    tiny_open(&t, *state, 2);
    lacking.run[GD_OP_attention] = NULL;
    lacking.run[GD_OP_head] = NULL;
    t.parts.backend = &lacking;
    assert_int_equal(gd_engine_open(&engine, &t.parts, &err), GD_EUNSUPPORTED);
    assert_string_equal(err.text, "backend fake cannot run these operations of the model: attention, head");
    assert_null(engine);
    assert_string_equal(fake_log(), "");
    tiny_close(&t);
}

static void available_declines_in_its_own_words(void **state)
{
    static const unsigned contracts[] = { GD_BACKEND_CONTRACT - 1, GD_BACKEND_CONTRACT + 1 };
    gd_error err = { 0 };

    (void)state;
    assert_ok(gd_backend_check(&fake_backend, GD_F32, test_err));
    assert_int_equal(gd_backend_check(&fake_backend, GD_BF16, &err), GD_EUNSUPPORTED);
    assert_string_equal(err.text, "backend fake: the fake device computes with F32 alone");
    for (size_t c = 0; c < 2; c++) {
        gd_backend other = fake_backend;
        gd_error other_err = { 0 };
        char want[80];

        other.contract = contracts[c];
        assert_int_equal(gd_backend_check(&other, GD_F32, &other_err), GD_EUNSUPPORTED);
        (void)snprintf(want, sizeof want, "backend fake follows contract %u, but this library has contract %u",
                       contracts[c], GD_BACKEND_CONTRACT);
        assert_string_equal(other_err.text, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failure_is_the_error_of_the_run, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(memory_may_run_out_anywhere, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_longer_table_may_fail, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(missing_operations_are_named_before_a_run, dir_setup, dir_teardown),
        cmocka_unit_test(available_declines_in_its_own_words),
    };

    return cmocka_run_group_tests_name("engine: failures", tests, NULL, NULL);
}
