/* test_bench.c - the result of gd_bench() on a golden model has every part, with plausible values; and its page. */
#include "tests/fields.h"
#include "tests/markup.h"

#include <math.h>

static char model_path[512], adapter_path[512];

static gd_options golden(int lora)
{
    gd_options options;

    gd_options_init(&options);
    options.model = test_data(model_path, sizeof model_path, "golden/qwen2");
    options.adapter = lora ? test_data(adapter_path, sizeof adapter_path, "golden/qwen2-lora") : NULL;
    options.threads = 2;
    return options;
}

struct watch {
    size_t calls, stop_at;
    double last, expected;
};

static int report(void *context, const char *what, double done, double expected)
{
    struct watch *w = context;

    assert_true(what && *what);
    assert_true(done >= w->last);
    w->last = done;
    w->expected = expected;
    return ++w->calls == w->stop_at;
}

/* Runs the shortest possible bench. */
static json_t *bench(const gd_options *options, const char *input, char **text)
{
    struct watch w = { 0 };
    gd_bench_options how;
    json_t *root;

    gd_bench_options_init(&how);
    how.input = input;
    how.seconds = 0.01;
    how.report = report;
    how.context = &w;
    assert_ok(gd_bench(options, &how, text, test_err));
    root = parsed(*text);
    assert_true(w.calls > 5 && w.expected > 0);
    return root;
}

/* All of these must be positive numbers. */
static void positive(const json_t *object, const char *const *keys)
{
    for (; *keys; keys++)
        if (!(real(object, *keys) > 0))
            fail_msg("\"%s\" is %g", *keys, real(object, *keys));
}

static const char *const job_keys[] = { "tokens", "rows", "seconds", "tokens_per_s", "rows_per_s", "runs", NULL };

static void check_limits(const json_t *root)
{
    static const char *const peak[] = { "threads", "gflops", NULL };
    static const char *const memory[] = { "threads", "read_gb_per_s", "triad_gb_per_s", "bytes", NULL };
    const json_t *one;
    size_t i;

    json_array_foreach(part(root, "peak"), i, one) {
        assert_true(json_is_string(json_object_get(one, "isa")));
        positive(one, peak);
    }
    assert_int_equal(json_array_size(part(root, "bandwidth")), 2); /* one thread, two threads */
    json_array_foreach(part(root, "bandwidth"), i, one)
        positive(one, memory);
}

static void check_products(const json_t *root)
{
    static const char *const keys[] = { "m", "n", "k", "gflops", "gb_per_s", "runs", NULL };
    const json_t *products = part(part(root, "matmul"), "products");
    const int peak_known = json_array_size(part(root, "peak")) > 0;
    const json_t *one;
    size_t i;

    assert_true(json_array_size(products) >= 2 * 3); /* at least two row counts, for q, kv and the ffn's two sizes */
    json_array_foreach(products, i, one) {
        const double m = real(one, "m"), n = real(one, "n"), k = real(one, "k");

        positive(one, keys);
        assert_true(json_is_string(json_object_get(one, "weights")));
        if (!peak_known)
            continue;
        assert_true(real(one, "limit_gflops") > 0);
        assert_true(fabs(real(one, "of_limit") * real(one, "limit_gflops") / real(one, "gflops") - 1) < 1e-6);
        /* operations and bytes in the same time: their ratio is the intensity */
        assert_true(real(one, "gflops") / real(one, "gb_per_s") <
                    2 * m * n * k / (2 * (n * k + m * k) + 2 * m * n) * 1.001);
    }
}

static void check_scoring(const json_t *root, double texts)
{
    const json_t *scoring = part(root, "scoring"), *shared = part(scoring, "shared");
    const json_t *alone = part(scoring, "alone");

    positive(shared, job_keys);
    positive(alone, job_keys);
    assert_true(real(part(root, "texts"), "count") == texts);
    assert_true(real(shared, "tokens") == real(alone, "tokens"));
    assert_true(real(alone, "rows") == real(alone, "tokens"));
    assert_true(real(shared, "rows") < real(alone, "rows"));
    assert_true(fabs(real(scoring, "tokens_per_row") - real(shared, "tokens") / real(shared, "rows")) < 1e-6);
    assert_true(fabs(real(alone, "tokens_per_s") * real(alone, "seconds") / real(alone, "tokens") - 1) < 1e-6);
    assert_true(fabs(real(alone, "linear_gflops") * 1e9 * real(alone, "seconds") /
                         (real(alone, "rows") * real(root, "linear_flops_per_row")) -
                     1) < 0.2);
}

static void check_curve(const json_t *root, const char *name, const char *key)
{
    const json_t *curve = part(root, name), *points = part(curve, "points"), *one;
    double last = 0;
    size_t i;

    assert_true(json_is_boolean(json_object_get(curve, "whole")));
    assert_true(json_array_size(points) >= 2);
    json_array_foreach(points, i, one) {
        assert_true(real(one, key) > last);
        last = real(one, key);
        positive(one, job_keys);
        assert_true(real(one, "rows") == real(one, "tokens")); /* nothing is shared */
        assert_true(real(one, "rows") >= real(one, key));
    }
}

static void check_answers(const json_t *root)
{
    const json_t *answers = part(root, "answers"), *one;
    const double prompt = real(answers, "prompt_tokens"), answer = real(answers, "answer_tokens");
    size_t i;

    assert_int_equal(json_array_size(part(answers, "points")), 5);
    json_array_foreach(part(answers, "points"), i, one) {
        const double n = real(one, "answers");

        assert_true(n == (double)(1 << i));
        positive(part(one, "shared"), job_keys);
        positive(part(one, "alone"), job_keys);
        assert_true(real(part(one, "alone"), "rows") == n * (prompt + answer));
        assert_true(real(part(one, "shared"), "rows") == prompt + n * answer);
        assert_true(real(one, "speed_up") > 0);
    }
}

static void every_part_is_there(void **state)
{
    static const char *const top[] = { "linear_flops_per_row", "seconds", "seconds_expected", NULL };
    static const char *const started[] = { "open_seconds", "first_score_seconds", "seconds", NULL };
    static const char *const machine[] = { "cores", "memory_bytes", NULL };
    static const char *const memory[] = { "weights_bytes", "batch_bytes", "peak_resident_bytes", NULL };
    const gd_options options = golden(0);
    char *text;
    json_t *root = bench(&options, NULL, &text);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(root, "format")), "guerdon-bench/1");
    assert_string_equal(json_string_value(json_object_get(root, "guerdon")), GD_VERSION);
    positive(root, top);
    positive(part(part(root, "start"), "first"), started);
    positive(part(root, "machine"), machine);
    positive(part(root, "memory"), memory);
    assert_true(real(part(root, "settings"), "threads") == 2);
    assert_string_equal(json_string_value(json_object_get(part(root, "model"), "architecture")),
                        "Qwen2ForSequenceClassification");
    check_limits(root);
    check_products(root);
    check_scoring(root, 2);
    check_curve(root, "batch", "batch_tokens");
    check_curve(root, "length", "length");
    check_answers(root);
    json_decref(root);
    gd_string_free(text);
}

/* A file of pairs and a broken line, an adapter, and fp32. */
static void it_measures_what_it_is_told(void **state)
{
    gd_options options = golden(1);
    char path[TEST_PATH], *text, *plain;
    FILE *file = fopen(test_file(path), "w");
    const json_t *shared;
    json_t *root, *other;

    (void)state;
    assert_non_null(file);
    for (int i = 0; i < 40; i++)
        fprintf(file, "{\"prompt\":\"one two %d\",\"chosen\":\" yes\",\"rejected\":\" no\"}\n%s", i,
                i == 0 ? "no record\n" : "");
    assert_int_equal(fclose(file), 0);
    options.precision = "fp32";
    options.threads = 1;
    options.max_length = 48; /* no batch is a multiple of it */
    root = bench(&options, path, &text);
    assert_string_equal(json_string_value(json_object_get(part(root, "settings"), "precision")), "fp32");
    assert_string_equal(json_string_value(json_object_get(part(root, "texts"), "from")), path);
    assert_int_equal(json_array_size(part(root, "bandwidth")), 1);
    assert_true(real(part(root, "texts"), "count") == 2 * real(part(root, "texts"), "pairs"));
    shared = part(part(root, "scoring"), "shared");
    assert_true(fabs(real(shared, "pairs_per_s") * real(shared, "seconds") / real(part(root, "texts"), "pairs") - 1) <
                1e-6);
    check_curve(root, "batch", "batch_tokens");
    options.adapter = NULL;
    other = bench(&options, NULL, &plain);
    assert_true(real(root, "linear_flops_per_row") > real(other, "linear_flops_per_row"));
    json_decref(root);
    json_decref(other);
    gd_string_free(text);
    gd_string_free(plain);
    remove(path);
}

static void parts_can_be_chosen(void **state)
{
    const gd_options options = golden(0);
    gd_bench_options how;
    char *text, *page;
    json_t *root;

    (void)state;
    gd_bench_options_init(&how);
    how.seconds = 0.01;
    how.only = "length,scoring";
    assert_ok(gd_bench(&options, &how, &text, test_err));
    root = parsed(text);
    check_scoring(root, 2);
    check_curve(root, "length", "length");
    check_limits(root);
    assert_null(json_object_get(root, "matmul"));
    assert_null(json_object_get(root, "batch"));
    assert_null(json_object_get(root, "answers"));
    assert_null(json_object_get(root, "memory"));
    assert_ok(gd_bench_page(text, &page, test_err));
    assert_markup(page);
    assert_int_equal(markup_count(page, "<h2>"), 5); /* limits, scoring, length, start, machine */
    gd_string_free(page);
    json_decref(root);
    gd_string_free(text);
}

static void refused(const gd_options *options, const gd_bench_options *how, gd_status status, const char *sentence)
{
    gd_error err = { 0 };
    char *text;

    assert_int_equal(gd_bench(options, how, &text, &err), status);
    assert_null(text);
    assert_contains(err.text, sentence);
}

static void bad_options_are_refused(void **state)
{
    gd_options options = golden(0);
    gd_bench_options how;

    (void)state;
    gd_bench_options_init(&how);
    how.struct_size = 3;
    refused(&options, &how, GD_EUSAGE, "gd_bench_options.struct_size is 3");
    gd_bench_options_init(&how);
    how.seconds = -1;
    refused(&options, &how, GD_EUSAGE, "seconds is -1");
    how.seconds = NAN;
    refused(&options, &how, GD_EUSAGE, "seconds is ");
    how.seconds = 0.01;
    how.only = "scoring,speed";
    refused(&options, &how, GD_EUSAGE, "the parts to measure are \"scoring,speed\"");
    how.only = "scoring,scoring";
    refused(&options, &how, GD_EUSAGE, "the parts to measure are");
    how.only = "";
    refused(&options, &how, GD_EUSAGE, "the parts to measure are \"\"");
    how.only = NULL;
    how.input = "/nonexistent/pairs.jsonl";
    refused(&options, &how, GD_EIO, "/nonexistent/pairs.jsonl");
    how.input = NULL;
    options.isa = "mmx";
    refused(&options, &how, GD_EUSAGE, "unknown instruction set \"mmx\"");
    options.isa = NULL;
    options.model = "/nonexistent/model";
    refused(&options, NULL, GD_EIO, "/nonexistent/model");
}

static void it_stops_when_asked(void **state)
{
    const gd_options options = golden(0);
    gd_bench_options how;
    struct watch all = { 0 };
    char *text;

    (void)state;
    gd_bench_options_init(&how);
    how.seconds = 0.01;
    how.report = report;
    how.context = &all;
    assert_ok(gd_bench(&options, &how, &text, test_err));
    gd_string_free(text);
    for (size_t at = 1; at <= all.calls && at < 8; at++) {
        struct watch w = { .stop_at = at };

        how.context = &w;
        refused(&options, &how, GD_EINTERRUPTED, "stopped by the caller");
        assert_int_equal(w.calls, at);
    }
}

static void the_page_shows_it(void **state)
{
    const gd_options options = golden(0);
    char *text, *page;
    json_t *root = bench(&options, NULL, &text);

    (void)state;
    json_object_set_new(json_object_get(root, "machine"), "cpu", json_string("<script>alert(1)</script>"));
    json_object_set_new(json_object_get(root, "memory"), "budgets", json_null());
    json_object_set_new(json_object_get(root, "memory"), "not_measured", json_string("for lack of a budget"));
    gd_string_free(text);
    text = json_dumps(root, 0);
    assert_ok(gd_bench_page(text, &page, test_err));
    assert_markup(page);
    assert_int_equal(markup_count(page, "<script"), 0);
    assert_int_equal(markup_count(page, "&lt;script&gt;alert(1)"), 1);
    assert_int_equal(markup_count(page, "http"), 0); /* the page is self-contained */
    assert_true(markup_count(page, "<svg") >= 4);
    assert_true(markup_count(page, "<h2>") >= 8);
    assert_non_null(strstr(page, "Memory against budget: not measured: for lack of a budget."));
    assert_null(strstr(page, "nan"));
    gd_string_free(page);

    json_object_set_new(json_object_get(root, "memory"), "budgets",
                        json_pack("[{s:i,s:i,s:f},{s:i,s:i,s:f}]", "budget_bytes", 1 << 29, "peak_resident_bytes",
                                  1 << 28, "rows_per_s", 5.0, "budget_bytes", 1 << 30, "peak_resident_bytes", 1 << 29,
                                  "rows_per_s", 6.0));
    free(text);
    text = json_dumps(root, 0);
    assert_ok(gd_bench_page(text, &page, test_err));
    assert_markup(page);
    assert_non_null(strstr(page, "Rate against budget"));
    assert_null(strstr(page, "not measured"));
    gd_string_free(page);
    free(text);
    json_decref(root);
}

static void the_page_survives_other_json(void **state)
{
    static const char *const odd[] = {
        "{\"format\":\"guerdon-bench/1\"}",
        "{\"format\":\"guerdon-bench/1\",\"peak\":3,\"matmul\":[],\"length\":{\"points\":{},\"fit\":7},"
        "\"memory\":\"x\"}",
        "{\"format\":\"guerdon-bench/1\",\"peak\":[1,null,{\"isa\":7},{\"isa\":\"a\",\"gflops\":\"b\"}],"
        "\"batch\":{\"points\":[null,3,{\"batch_tokens\":-1,\"rows_per_s\":1e308},{\"batch_tokens\":0,"
        "\"rows_per_s\":-1}]},\"matmul\":{\"products\":[{\"k\":1,\"n\":1},{\"k\":1e300,\"n\":-2,\"m\":0,"
        "\"weights\":\"<\"}]},\"machine\":{\"flags\":[1,\"<\"],\"caches\":[[]]}}",
        NULL,
    };
    static const char *const bad[] = { "",         "[]", "{}", "{\"format\":\"guerdon-bench/2\"}", "{\"format\":1}",
                                       "nonsense", NULL };

    (void)state;
    assert_pages(gd_bench_page, odd, bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_there),          cmocka_unit_test(it_measures_what_it_is_told),
        cmocka_unit_test(parts_can_be_chosen),          cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(it_stops_when_asked),          cmocka_unit_test(the_page_shows_it),
        cmocka_unit_test(the_page_survives_other_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
