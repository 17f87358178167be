/* test_older.c - a program compiled with the header of 0.2 runs with the current library: each of its structs is read
 * and filled, and no byte after it is touched. */
#include "tests/abi/guerdon-0.2.h"

#include "tests/check.h"

#include <unistd.h>

/* A struct, and the bytes after it. */
#define GUARDED(type)               \
    struct {                        \
        type it;                    \
        unsigned char canary[1024]; \
    }

#define GUARD(s)                       \
    do {                               \
        memset(&(s), 0xa5, sizeof(s)); \
    } while (0)

static void assert_guarded(const unsigned char *canary)
{
    for (size_t i = 0; i < 1024; i++)
        assert_int_equal(canary[i], 0xa5);
}

static char model_dir[512], input[TEST_PATH], output[TEST_PATH];
static gd_model *model;

static void write_input(const char *lines)
{
    FILE *f = fopen(input, "w");

    assert_non_null(f);
    assert_true(fputs(lines, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_true(unlink(output) == 0);
}

static int set_up(void **state)
{
    gd_options options;

    (void)state;
    gd_options_init(&options);
    options.model = test_data(model_dir, sizeof model_dir, "golden/qwen2");
    (void)test_file(input);
    (void)test_file(output);
    return gd_model_open(&model, &options, NULL) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    gd_model_close(model);
    return unlink(input) || unlink(output);
}

/* The size of the struct in this header is the smallest that any version accepts; one byte less is refused. */
static void assert_first(gd_status rc, const gd_error *err, const char *name, size_t size)
{
    char want[128];

    (void)snprintf(want, sizeof want, "%s.struct_size is %zu, but %zu to 4096 is expected: call %s_init() first", name,
                   size - 1, size, name);
    assert_int_equal(rc, GD_EUSAGE);
    assert_string_equal(err->text, want);
}

static void a_model_is_opened_and_scores(void **state)
{
    GUARDED(gd_options) options;
    const gd_text text = { "Hello", 5 };
    gd_error err = { 0 };
    gd_model *small;
    float score, again;
    char *json;

    (void)state;
    GUARD(options);
    gd_options_init(&options.it);
    assert_guarded(options.canary);
    options.it.model = model_dir;
    options.it.batch_tokens = 8;
    options.it.activation = "sigmoid";
    assert_ok(gd_model_open(&small, &options.it, test_err));
    assert_ok(gd_score(small, 1, &text, &again, NULL, test_err));
    assert_ok(gd_score(model, 1, &text, &score, NULL, test_err));
    assert_true(again != score && again > 0 && again < 1); /* the last member was read */
    gd_model_close(small);
    assert_ok(gd_inspect(&options.it, &json, test_err));
    gd_string_free(json);
    options.it.struct_size--;
    assert_first(gd_model_open(&small, &options.it, &err), &err, "gd_options", sizeof(gd_options));
    assert_guarded(options.canary);
}

static int count(void *context, uint64_t items, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    (void)bytes, (void)total, (void)tokens;
    *(uint64_t *)context = items;
    return 0;
}

static void a_file_is_scored(void **state)
{
    GUARDED(gd_file_options) how;
    GUARDED(gd_progress) progress;
    GUARDED(gd_summary) summary;
    gd_error err = { 0 };
    uint64_t seen = 0;

    (void)state;
    GUARD(how);
    GUARD(progress);
    GUARD(summary);
    gd_file_options_init(&how.it);
    gd_progress_init(&progress.it);
    gd_summary_init(&summary.it);
    assert_int_equal(summary.it.rows, 0);
    write_input("{\"query\":\"Hello\"}\n{\"query\":\"Hello you\"}\n");
    how.it.input = input;
    how.it.output = output;
    how.it.fields = "text=query";
    progress.it.report = count;
    progress.it.context = &seen;
    assert_ok(gd_score_file(model, &how.it, &progress.it, &summary.it, test_err));
    assert_int_equal(seen, 2);
    assert_int_equal(summary.it.items, 2);
    assert_int_equal(summary.it.struct_size, sizeof(gd_summary)); /* the older one, without `texts` */
    assert_true(summary.it.rows > 0 && summary.it.rows < summary.it.tokens);
    assert_guarded(how.canary);
    assert_guarded(progress.canary);
    assert_guarded(summary.canary);
    how.it.struct_size--;
    assert_first(gd_score_file(model, &how.it, NULL, NULL, &err), &err, "gd_file_options", sizeof(gd_file_options));
    err = (gd_error){ 0 };
    how.it.struct_size++;
    progress.it.struct_size--;
    assert_first(gd_score_file(model, &how.it, &progress.it, NULL, &err), &err, "gd_progress", sizeof(gd_progress));
    err = (gd_error){ 0 };
    summary.it.struct_size--;
    assert_first(gd_score_file(model, &how.it, NULL, &summary.it, &err), &err, "gd_summary", sizeof(gd_summary));
    assert_guarded(summary.canary);
}

static void answers_are_ranked(void **state)
{
    GUARDED(gd_rank_options) how;
    gd_error err = { 0 };

    (void)state;
    GUARD(how);
    gd_rank_options_init(&how.it);
    write_input("{\"prompt\":\"Hello\",\"responses\":[\" you\",\" there\"]}\n");
    how.it.input = input;
    how.it.output = output;
    how.it.pairs = GD_PAIRS_BEST_RANDOM;
    how.it.pairs_output = "/dev/null";
    how.it.seed = 7;
    assert_ok(gd_rank_file(model, &how.it, NULL, NULL, test_err));
    assert_guarded(how.canary);
    how.it.struct_size--;
    assert_first(gd_rank_file(model, &how.it, NULL, NULL, &err), &err, "gd_rank_options", sizeof(gd_rank_options));
}

static void on_problem(void *context, uint64_t index, const char *sentence)
{
    (void)sentence;
    *(uint64_t *)context = index;
}

static void pairs_are_filtered_and_judged(void **state)
{
    GUARDED(gd_filter_options) filter;
    GUARDED(gd_eval_options) eval;
    gd_error err = { 0 };
    uint64_t index = 0;
    char *json;

    (void)state;
    GUARD(filter);
    GUARD(eval);
    gd_filter_options_init(&filter.it);
    gd_eval_options_init(&eval.it);
    write_input("{\"chosen\":\"Hello\",\"rejected\":\"Hello you\"}\n[1]\n");
    filter.it.input = eval.it.input = input;
    filter.it.output = output;
    filter.it.problem = on_problem;
    filter.it.context = &index;
    assert_int_equal(gd_filter_file(model, &filter.it, NULL, NULL, &json, &err), GD_EITEM);
    assert_int_equal(index, 1);
    gd_string_free(json);
    eval.it.scores = "/dev/null";
    assert_int_equal(gd_eval(model, &eval.it, NULL, NULL, &json, NULL), GD_EITEM);
    gd_string_free(json);
    assert_guarded(filter.canary);
    assert_guarded(eval.canary);
    filter.it.struct_size--;
    err = (gd_error){ 0 };
    assert_first(gd_filter_file(model, &filter.it, NULL, NULL, &json, &err), &err, "gd_filter_options",
                 sizeof(gd_filter_options));
    eval.it.struct_size--;
    err = (gd_error){ 0 };
    assert_first(gd_eval(model, &eval.it, NULL, NULL, &json, &err), &err, "gd_eval_options", sizeof(gd_eval_options));
}

static int stop(void *context, const char *what, double done, double expected)
{
    (void)what, (void)done, (void)expected;
    return ++*(int *)context;
}

static void a_machine_is_measured(void **state)
{
    GUARDED(gd_bench_options) how;
    gd_options options;
    gd_error err = { 0 };
    int calls = 0;
    char *json;

    (void)state;
    gd_options_init(&options);
    options.model = model_dir;
    GUARD(how);
    gd_bench_options_init(&how.it);
    how.it.report = stop;
    how.it.context = &calls;
    assert_int_equal(gd_bench(&options, &how.it, &json, NULL), GD_EINTERRUPTED);
    assert_int_equal(calls, 1);
    assert_guarded(how.canary);
    how.it.struct_size--;
    assert_first(gd_bench(&options, &how.it, &json, &err), &err, "gd_bench_options", sizeof(gd_bench_options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_opened_and_scores), cmocka_unit_test(a_file_is_scored),
        cmocka_unit_test(answers_are_ranked),           cmocka_unit_test(pairs_are_filtered_and_judged),
        cmocka_unit_test(a_machine_is_measured),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
