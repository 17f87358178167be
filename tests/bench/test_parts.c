/* test_parts.c - generated texts, medians, choosing sizes, and running out of memory. */
#include "tests/check.h"

#include "base/mem.h"
#include "bench/job.h"
#include "bench/machine.h"
#include "bench/peak.h"

static gd_model *open_golden(void)
{
    char path[512];
    gd_options options;
    gd_model *model;

    gd_options_init(&options);
    options.model = test_data(path, sizeof path, "golden/qwen2");
    options.threads = 1;
    assert_ok(gd_model_open(&model, &options, test_err));
    return model;
}

static void made_texts_have_the_tokens_asked_for(void **state)
{
    static const gd_bench_recipe recipes[] = {
        { 1, 1, 1, 0 }, { 3, 1, 17, 0 }, { 4, 2, 96, 32 }, { 1, 16, 40, 10 }, { 2, 3, 5, 1 },
    };
    gd_model *model = open_golden();
    gd_bench_words words;

    (void)state;
    assert_ok(gd_bench_words_find(&words, model->encoder.tokenizer, test_err));
    assert_true(words.exact && words.count >= 8);
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        const gd_bench_recipe *r = &recipes[i];
        gd_bench_texts texts = { 0 };
        gd_bench_count count;

        assert_ok(gd_bench_texts_make(&texts, &words, r, test_err));
        assert_int_equal(texts.count, r->groups * r->each);
        model->share_prefix = false;
        assert_ok(gd_bench_texts_count(&count, &texts, model, test_err));
        assert_int_equal(count.tokens, r->groups * r->each * (r->shared + r->own));
        assert_int_equal(count.rows, count.tokens);
        model->share_prefix = true;
        assert_ok(gd_bench_texts_count(&count, &texts, model, test_err));
        assert_int_equal(count.tokens, r->groups * r->each * (r->shared + r->own));
        if (r->groups == 1)
            assert_int_equal(count.rows, r->shared + r->each * r->own);
        gd_bench_texts_free(&texts);
    }
    gd_model_close(model);
}

static void medians_and_their_spread(void **state)
{
    double odd[] = { 3, 1, 2 }, even[] = { 4, 1, 3, 2 }, spread;

    (void)state;
    assert_true(gd_bench_median(odd, 3, &spread) == 2 && spread == 1);
    assert_true(gd_bench_median(even, 4, &spread) == 2.5 && spread == 3 / 2.5);
    assert_true(gd_bench_median(odd, 1, &spread) == 1 && spread == 0);
    assert_true(gd_bench_median(NULL, 0, NULL) == 0);
}

static void sizes_fit_into_the_time(void **state)
{
    const double rows[] = { 10, 20, 40, 80, 160 };
    const gd_bench_run run = { .row_seconds = 0.01 };
    gd_bench_size size;

    (void)state;
    assert_true(gd_bench_fit_points(&run, &size, 1000, rows, 5) > 0);
    assert_true(size.size == 5 && size.whole && size.rounds == GD_BENCH_MOST_ROUNDS);
    assert_true(gd_bench_fit_points(&run, &size, 1.5, rows, 5) <= 1.5); /* 70 rows twice take 1.4 s, 150 take 3 s */
    assert_true(size.size == 3 && !size.whole && size.rounds == 2);
    assert_true(gd_bench_fit_points(&run, &size, 0, rows, 5) > 0); /* the smallest, however long they take */
    assert_true(size.size == 2 && !size.whole && size.rounds == 1);
    (void)gd_bench_fit_measure(&run, &size, 1.7, rows, 5);
    assert_true(size.size == 3 && !size.whole && size.rounds == 2);
    (void)gd_bench_fit_measure(&run, &size, 0, rows, 5);
    assert_true(size.size == 0 && !size.whole && size.rounds == 1);
    (void)gd_bench_fit_measure(&run, &size, 100, rows, 5);
    assert_true(size.size == 4 && size.whole && size.rounds == GD_BENCH_MOST_ROUNDS);
}

static void a_peak_is_of_loops_that_are_known(void **state)
{
    gd_pool *pool;
    double read, triad;

    (void)state;
    assert_ok(gd_pool_open(&pool, 2, test_err));
    assert_true(gd_bench_peak("ref", pool) == 0);
    assert_true(gd_bench_peak("nonesuch", pool) == 0);
    assert_ok(gd_bench_bandwidth(pool, (size_t)4 << 20, &read, &triad, test_err));
    assert_true(read > 0 && triad > 0);
    gd_pool_close(pool);
    assert_true(gd_machine_cache() >= 1024);
}

/* Whichever allocation fails, nothing leaks and the failure is reported. */
static void memory_may_run_out(void **state)
{
    char path[512];
    const uint64_t live = gd_mem_live();
    gd_options options;
    gd_bench_options how;
    gd_status rc = GD_ENOMEM;

    (void)state;
    gd_options_init(&options);
    options.model = test_data(path, sizeof path, "golden/qwen2");
    options.threads = 1;
    gd_bench_options_init(&how);
    how.seconds = 0.001;
    for (uint64_t n = 1; rc == GD_ENOMEM && n < 1000000; n += 1 + n / 3) {
        gd_error err = { 0 };
        char *json;

        gd_mem_fail_from(n);
        rc = gd_bench(&options, &how, &json, &err);
        gd_mem_fail_from(0);
        if (rc != GD_OK)
            assert_int_equal(rc, GD_ENOMEM);
        gd_string_free(json);
        assert_int_equal(gd_mem_live(), live);
    }
    assert_int_equal(rc, GD_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_texts_have_the_tokens_asked_for),
        cmocka_unit_test(medians_and_their_spread),
        cmocka_unit_test(sizes_fit_into_the_time),
        cmocka_unit_test(a_peak_is_of_loops_that_are_known),
        cmocka_unit_test(memory_may_run_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
