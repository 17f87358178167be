/* test_score.c - the library's calls: options, truncation, eos, pooling, files in and out, inspect, backends. */
#include "tests/fields.h"
#include "tests/reward/golden.h"

#include "base/mem.h"
#include "reward/encode.h"

#include <math.h>

static void refused(const gd_options *options, gd_status status, const char *sentence)
{
    gd_error err = { 0 };
    gd_model *model;

    assert_int_equal(gd_model_open(&model, options, &err), status);
    assert_null(model);
    assert_contains(err.text, sentence);
}

static void bad_options_are_refused(void **state)
{
    gd_options good = golden_options("qwen2", 0), o;

    (void)state;
    o = good, o.struct_size = 4;
    refused(&o, GD_EUSAGE, "gd_options.struct_size is 4");
    o = good, o.model = NULL;
    refused(&o, GD_EUSAGE, "no model was given");
    o = good, o.precision = "int8";
    refused(&o, GD_EUSAGE, "precision \"int8\": bf16 or fp32 is expected");
    o = good, o.numerics = "sloppy";
    refused(&o, GD_EUSAGE, "numerics \"sloppy\": exact, tensor, tensor8 or fast is expected");
    o = good, o.backend = "abacus";
    refused(&o, GD_EUSAGE, "there is no backend \"abacus\" in this build");
    o = good, o.isa = "mmx";
    refused(&o, GD_EUSAGE, "unknown instruction set \"mmx\"");
    o = good, o.threads = 100000;
    refused(&o, GD_EUSAGE, "threads is 100000, but at most 1024 is expected");
    o = good, o.truncate = (gd_truncate)9;
    refused(&o, GD_EUSAGE, "truncate is 9");
    o = good, o.add_eos = (gd_add_eos)-1;
    refused(&o, GD_EUSAGE, "add_eos is");
    o = good, o.max_length = 100000;
    refused(&o, GD_EUSAGE, "the length is limited to 100000 tokens, but max_position_embeddings");
    o = good, o.backend = "openblas", o.numerics = "exact", o.precision = "fp32";
    refused(&o, GD_EUSAGE, "cannot run with exact numerics");
    o = good, o.model = "no/such-model";
    refused(&o, GD_EIO, "to get it: hf download no/such-model");
    o = good, o.model = "/nonexistent/model";
    refused(&o, GD_EIO, "/nonexistent/model");
}

/* Encodes with a model's tokenizer, but other rules. */
static size_t encode(const gd_model *model, const char *text, size_t max, gd_truncate truncate, gd_add_eos eos,
                     gd_ids *ids, gd_encoding *how, gd_status want)
{
    gd_encoder encoder = model->encoder;
    gd_error err = { 0 };

    encoder.max_length = max;
    encoder.truncate = truncate;
    encoder.add_eos = eos;
    assert_int_equal(gd_encode(&encoder, (gd_text){ text, strlen(text) }, ids, how, &err), want);
    return ids->len;
}

/* A first run of few rows leaves no matrix in memory, the second does, and the third finds them: same score. */
static void weights_stay_from_the_second_time_on(void **state)
{
    const gd_options options = golden_options("qwen2", 0);
    const gd_text text = { "one two three", 13 };
    uint64_t live[4];
    float score[3];
    gd_model *model;

    (void)state;
    assert_ok(gd_model_open(&model, &options, test_err));
    live[0] = gd_mem_live();
    for (int i = 0; i < 3; i++) {
        assert_ok(gd_score(model, 1, &text, &score[i], NULL, test_err));
        assert_memory_equal(&score[i], &score[0], sizeof *score);
        live[i + 1] = gd_mem_live();
    }
    /* The few blocks that the first run reserves for rows stay too. */
    if (live[1] - live[0] > 12 || live[2] - live[1] < 36 || live[3] != live[2])
        fail_msg("allocations: %llu, %llu, %llu, %llu", (unsigned long long)live[0], (unsigned long long)live[1],
                 (unsigned long long)live[2], (unsigned long long)live[3]);
    gd_model_close(model);
}

/* Compared with the C library in double precision, whose error is far below a float's last bit. */
static void scores_are_scaled(void **state)
{
    static const float scores[] = { -30, -1.5f, 0, 0.1f, 2, 88, 1e30f };
    static const char *const neither[] = { "/nonexistent", "1", "0,", ",1", "1;2", "1,2x" };
    gd_scale scale;

    (void)state;
    for (size_t i = 0; i < sizeof scores / sizeof scores[0]; i++) {
        const double x = ((double)scores[i] - 0.5) / 2.25;

        assert_ok(gd_scale_open(&scale, "0.5,2.25", "sigmoid", test_err));
        assert_true(fabs((double)gd_scale_apply(&scale, scores[i]) * (1 + exp(-x)) - 1) < 1e-7);
        assert_ok(gd_scale_open(&scale, "0.5,2.25", NULL, test_err));
        assert_true(gd_scale_apply(&scale, scores[i]) == (float)x);
        assert_ok(gd_scale_open(&scale, NULL, "none", test_err));
        assert_true(gd_scale_apply(&scale, scores[i]) == scores[i]);
    }
    assert_ok(gd_scale_open(&scale, NULL, "sigmoid", test_err));
    assert_true(isinf(gd_scale_apply(&scale, INFINITY)));
    assert_int_equal(gd_scale_open(&scale, "1,0", NULL, NULL), GD_EUSAGE);
    assert_int_equal(gd_scale_open(&scale, "nan,1", NULL, NULL), GD_EUSAGE);
    assert_int_equal(gd_scale_open(&scale, NULL, "tanh", NULL), GD_EUSAGE);
    for (size_t i = 0; i < sizeof neither / sizeof neither[0]; i++) {
        gd_error err = { 0 };

        assert_int_equal(gd_scale_open(&scale, neither[i], NULL, &err), GD_EIO);
        assert_contains(err.text, neither[i]);
        assert_contains(err.text, ": there is no such file; MEAN,STD, two numbers as in 0.5,2, or the file that eval "
                                  "--calibrate wrote is expected");
    }
}

static void truncation_and_eos(void **state)
{
    const gd_options options = golden_options("qwen2", 0);
    const uint32_t eos = 1502;
    gd_ids all = { 0 }, ids = { 0 };
    gd_encoding how;
    gd_model *model;
    const char *text = "one two three four five";
    size_t n;

    (void)state;
    assert_ok(gd_model_open(&model, &options, test_err));
    n = encode(model, text, 0, GD_TRUNCATE_ERROR, GD_ADD_EOS_NEVER, &all, &how, GD_OK);
    assert_true(n > 5 && how == GD_ENCODED);
    assert_int_equal(encode(model, text, 4, GD_TRUNCATE_RIGHT, GD_ADD_EOS_NEVER, &ids, &how, GD_OK), 4);
    assert_int_equal(how, GD_TRUNCATED);
    assert_memory_equal(ids.data, all.data, 4 * sizeof *ids.data);
    assert_int_equal(encode(model, text, 4, GD_TRUNCATE_LEFT, GD_ADD_EOS_NEVER, &ids, &how, GD_OK), 4);
    assert_memory_equal(ids.data, all.data + n - 4, 4 * sizeof *ids.data);
    assert_int_equal(encode(model, text, 4, GD_TRUNCATE_RIGHT, GD_ADD_EOS_ALWAYS, &ids, &how, GD_OK), 4);
    assert_memory_equal(ids.data, all.data, 3 * sizeof *ids.data);
    assert_int_equal(ids.data[3], eos);
    assert_int_equal(encode(model, text, n, GD_TRUNCATE_ERROR, GD_ADD_EOS_NEVER, &ids, &how, GD_OK), n);
    encode(model, text, n - 1, GD_TRUNCATE_ERROR, GD_ADD_EOS_NEVER, &ids, &how, GD_ETOOLONG);
    encode(model, text, n, GD_TRUNCATE_ERROR, GD_ADD_EOS_ALWAYS, &ids, &how, GD_ETOOLONG);
    encode(model, text, n - 1, GD_TRUNCATE_DROP, GD_ADD_EOS_NEVER, &ids, &how, GD_OK);
    assert_int_equal(how, GD_DROPPED);
    assert_int_equal(encode(model, "a<|im_end|>", 0, GD_TRUNCATE_ERROR, GD_ADD_EOS_AUTO, &ids, &how, GD_OK), 2);
    assert_int_equal(encode(model, "a<|im_end|>", 0, GD_TRUNCATE_ERROR, GD_ADD_EOS_ALWAYS, &ids, &how, GD_OK), 3);
    assert_int_equal(encode(model, "a", 0, GD_TRUNCATE_ERROR, GD_ADD_EOS_AUTO, &ids, &how, GD_OK), 2);
    gd_ids_free(&all);
    gd_ids_free(&ids);
    gd_model_close(model);
}

static void pooling_is_transformers_rule(void **state)
{
    const gd_special_ids pad9 = { .has_pad = true, .pad = 9 }, none = { 0 };
    const uint32_t a[] = { 1, 9, 2, 9, 9 }, b[] = { 9, 9 }, c[] = { 9, 1 };

    (void)state;
    assert_int_equal(gd_pooled_position(GD_POOL_RIGHTMOST_NON_PAD, &pad9, a, 5), 2);
    assert_int_equal(gd_pooled_position(GD_POOL_RIGHTMOST_NON_PAD, &none, a, 5), 4);
    assert_int_equal(gd_pooled_position(GD_POOL_RIGHTMOST_NON_PAD, &pad9, b, 2), 0);
    assert_int_equal(gd_pooled_position(GD_POOL_RIGHTMOST_NON_PAD, &pad9, c, 2), 1);
    assert_int_equal(gd_pooled_position(GD_POOL_BEFORE_FIRST_PAD, &pad9, a, 5), 0);
    assert_int_equal(gd_pooled_position(GD_POOL_BEFORE_FIRST_PAD, &pad9, a + 2, 3), 0);
    assert_int_equal(gd_pooled_position(GD_POOL_BEFORE_FIRST_PAD, &pad9, c, 2), 1);
    assert_int_equal(gd_pooled_position(GD_POOL_BEFORE_FIRST_PAD, &none, a, 5), 4);
    assert_int_equal(gd_pooled_position(GD_POOL_LAST, &pad9, a, 5), 4);
    assert_int_equal(gd_pooled_position(GD_POOL_FIRST, &pad9, a, 5), 0);
}

static void texts_that_cannot_be_scored(void **state)
{
    const gd_options options = golden_options("qwen2", 0);
    const gd_text texts[] = { { "fine", 4 }, { "", 0 } }, broken[] = { { "\xff", 1 } };
    gd_error err = { 0 };
    gd_model *model;
    float scores[2];

    (void)state;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_int_equal(gd_score(model, 2, texts, scores, NULL, &err), GD_EFORMAT);
    assert_string_equal(err.text, "text 1: the text has no tokens");
    err = (gd_error){ 0 };
    assert_int_equal(gd_score(model, 1, broken, scores, NULL, &err), GD_EFORMAT);
    assert_non_null(strstr(err.text, "text 0: "));
    assert_ok(gd_score(model, 0, NULL, NULL, NULL, test_err));
    assert_ok(gd_score(model, 1, texts, scores, NULL, test_err)); /* the model is still good */
    gd_model_close(model);
}

static char *read_back(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    fclose(f);
}

static int stop_at_once(void *context, uint64_t items, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    (void)items, (void)bytes, (void)total, (void)tokens;
    ++*(int *)context;
    return 1;
}

static void a_file_is_scored_line_by_line(void **state)
{
    char in[TEST_PATH], out[TEST_PATH], resume[TEST_PATH + 8], want[512];
    gd_options options = golden_options("qwen2", 0);
    gd_file_options how = from_to(test_file(in), test_file(out), GD_FORMAT_JSONL);
    const gd_text texts[] = { { "Hello", 5 }, { "Hello there", 11 }, { "Hello you", 9 } };
    gd_summary summary = { .struct_size = sizeof summary };
    gd_error err = { 0 };
    gd_model *model;
    float s[3];
    size_t n[3];
    int calls = 0;
    const gd_progress progress = { sizeof progress, stop_at_once, &calls };

    (void)state;
    write_file(in, "{\"text\":\"Hello\"}\n\nnot json\n{\"prompt\":\"Hello\",\"response\":\" there\"}\n{\"text\":\"\"}\n"
                   "{\"chosen\":\"Hello there\",\"rejected\":\"Hello you\"}\n");
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score(model, 3, texts, s, n, test_err));
    assert_int_equal(gd_score_file(model, &how, NULL, &summary, &err), GD_EITEM);
    assert_int_equal(strncmp(err.text, "2 of 5 items failed; the first is item 1: line 3: not valid JSON", 64), 0);
    (void)snprintf(want, sizeof want,
                   "{\"index\":0,\"score\":%.9g,\"tokens\":%zu}\n{\"index\":1,\"error\":\"line 3: ", (double)s[0],
                   n[0]);
    assert_memory_equal(read_back(out), want, strlen(want));
    (void)snprintf(want, sizeof want,
                   "{\"index\":2,\"score\":%.9g,\"tokens\":%zu}\n"
                   "{\"index\":3,\"error\":\"line 5: the text has no tokens\"}\n"
                   "{\"index\":4,\"chosen\":%.9g,\"rejected\":%.9g,\"margin\":%.9g,\"tokens\":[%zu,%zu]}\n",
                   (double)s[1], n[1], (double)s[1], (double)s[2], (double)(s[1] - s[2]), n[1], n[2]);
    assert_non_null(strstr(read_back(out), want));
    assert_int_equal(summary.items, 5);
    assert_int_equal(summary.failed, 2);
    assert_int_equal(summary.texts, 4);
    assert_true(summary.rows < summary.tokens);
    err = (gd_error){ 0 };
    how.format = GD_FORMAT_TEXT;
    assert_int_equal(gd_score_file(model, &how, &progress, &summary, &err), GD_EINTERRUPTED);
    assert_int_equal(calls, 1);
    assert_non_null(strstr(err.text, "to resume, run the same command with --resume"));
    (void)snprintf(resume, sizeof resume, "%s.resume", out);
    assert_int_equal(unlink(resume), 0);
    how.output = in;
    assert_int_equal(gd_score_file(model, &how, NULL, NULL, NULL), GD_EUSAGE);
    how.output = NULL;
    err = (gd_error){ 0 };
    assert_int_equal(gd_score_file(model, &how, NULL, NULL, &err), GD_EUSAGE);
    assert_string_equal(err.text, "no output was given");
    gd_model_close(model);
    unlink(in);
    unlink(out);
}

static void a_file_is_tokenized_without_weights(void **state)
{
    char in[TEST_PATH], out[TEST_PATH], dir[512];
    gd_file_options how = from_to(test_file(in), test_file(out), GD_FORMAT_TEXT);
    gd_options options;
    gd_summary summary = { .struct_size = sizeof summary };
    gd_error err = { 0 };

    (void)state;
    write_file(in, "a\nb<|im_end|>\n");
    gd_options_init(&options);
    options.model = test_data(dir, sizeof dir, "golden/qwen2");
    assert_ok(gd_tokenize_file(&options, &how, NULL, &summary, test_err));
    assert_string_equal(read_back(out), "{\"index\":0,\"ids\":[64]}\n{\"index\":1,\"ids\":[65,1502]}\n");
    assert_int_equal(summary.tokens, 3);
    how.resume = 1;
    assert_int_equal(gd_tokenize_file(&options, &how, NULL, &summary, &err), GD_EUSAGE);
    assert_non_null(strstr(err.text, "token ids cannot be resumed"));
    assert_int_equal(summary.tokens, 0);
    unlink(in);
    unlink(out);
}

static void inspect_reports_what_matters(void **state)
{
    gd_options options = golden_options("qwen2-causal", 0);
    json_t *j, *warnings;
    char *text;

    (void)state;
    assert_ok(gd_inspect(&options, &text, test_err));
    j = parsed(text);
    assert_true(json_is_null(json_object_get(j, "head")));
    assert_string_equal(json_string_value(json_object_get(j, "architecture")), "Qwen2ForCausalLM");
    warnings = json_object_get(j, "warnings");
    assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), "there is no score.weight"));
    json_decref(j);
    gd_string_free(text);
    options = golden_options("qwen2", 1);
    assert_ok(gd_inspect(&options, &text, test_err));
    j = parsed(text);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "adapter"), "rank")), 8);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "pad"), "id")), 1500);
    assert_true(json_integer_value(json_object_get(json_object_get(j, "memory"), "batch_bytes")) > 1000);
    json_decref(j);
    gd_string_free(text);
}

/* Before and after its first score, except for the memory, which depends on what the process uses by then. */
static void an_open_model_is_described_the_same(void **state)
{
    const gd_options options = golden_options("qwen2", 1);
    const gd_text text = { "Hello", 5 };
    char *said[3];
    json_t *want;
    gd_model *model;
    float score;

    (void)state;
    assert_ok(gd_inspect(&options, &said[0], test_err));
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_model_inspect(model, &said[1], test_err));
    assert_ok(gd_score(model, 1, &text, &score, NULL, test_err));
    assert_ok(gd_model_inspect(model, &said[2], test_err));
    gd_model_close(model);
    assert_string_equal(said[2], said[1]);
    want = parsed(said[0]);
    assert_true(json_integer_value(json_object_get(json_object_get(want, "memory"), "batch_bytes")) > 1000);
    for (int i = 0; i < 2; i++) {
        json_t *got = parsed(said[i]);

        assert_int_equal(json_object_del(got, "memory"), 0);
        (void)json_object_del(want, "memory");
        assert_true(json_equal(got, want));
        json_decref(got);
    }
    json_decref(want);
    for (int i = 0; i < 3; i++)
        gd_string_free(said[i]);
}

static void backends_are_listed(void **state)
{
    json_t *j;
    char *text;

    (void)state;
    assert_ok(gd_backends(&text, test_err));
    j = parsed(text);
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "default"), "backend")), "cpu");
    assert_string_equal(json_string_value(json_object_get(j, "version")), GD_VERSION);
    json_decref(j);
    gd_string_free(text);
}

/* Each allocation of opening and scoring fails in turn: a clean error, and nothing leaks. */
static void every_allocation_may_fail(void **state)
{
    const gd_options options = golden_options("qwen2", 1);
    const gd_text texts[] = { { "Hello", 5 }, { "Hello there", 11 } };
    const uint64_t live = gd_mem_live();
    gd_status rc = GD_ENOMEM;
    uint64_t n;

    (void)state;
    for (n = 1; rc != GD_OK; n++) {
        gd_error err = { 0 };
        gd_model *model = NULL;
        float scores[2];

        gd_mem_fail_from(n);
        rc = gd_model_open(&model, &options, &err);
        if (!rc)
            rc = gd_score(model, 2, texts, scores, NULL, &err);
        gd_mem_fail_from(0);
        gd_model_close(model);
        if (rc != GD_OK && rc != GD_ENOMEM)
            fail_msg("allocation %llu: status %d: %s", (unsigned long long)n, (int)rc, err.text);
        if (rc == GD_ENOMEM)
            assert_int_equal(err.status, GD_ENOMEM);
        assert_int_equal(gd_mem_live(), live);
        if (n > 300)
            n += 96; /* the tokenizer alone makes thousands of allocations */
    }
    print_message("%llu allocations\n", (unsigned long long)n);
    assert_true(n > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(weights_stay_from_the_second_time_on),
        cmocka_unit_test(scores_are_scaled),
        cmocka_unit_test(truncation_and_eos),
        cmocka_unit_test(pooling_is_transformers_rule),
        cmocka_unit_test(texts_that_cannot_be_scored),
        cmocka_unit_test(a_file_is_scored_line_by_line),
        cmocka_unit_test(a_file_is_tokenized_without_weights),
        cmocka_unit_test(inspect_reports_what_matters),
        cmocka_unit_test(an_open_model_is_described_the_same),
        cmocka_unit_test(backends_are_listed),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("score", tests, NULL, NULL);
}
