/* test_scores.c - whole models on a pretended card have the cpu backend's bits, in both arithmetics. */
#include "tests/cuda/device_case.h"
#include "tests/reward/golden.h"

/* A way to run, which must not change a bit. */
struct way {
    size_t batch_tokens, memory;
    int no_share;
};

static float *scores_of(const char *backend, const char *model, int lora, const char *how, const struct way *way,
                        const golden *g)
{
    gd_options options = golden_options(model, lora);

    options.backend = backend;
    options.precision = strcmp(how, "fp32") ? "bf16" : "fp32";
    options.numerics = strcmp(how, "tensor") ? "exact" : "tensor";
    options.batch_tokens = way->batch_tokens;
    options.memory = strcmp(backend, "cuda") ? 0 : way->memory;
    options.no_share_prefix = way->no_share;
    return golden_scores(&options, g);
}

static void check_model(const char *model, int lora, const char *how, struct way way)
{
    float *want, *have;
    golden g;

    golden_load(&g, model);
    want = scores_of("cpu", model, lora, how, &way, &g);
    have = scores_of("cuda", model, lora, how, &way, &g);
    for (size_t i = 0; i < g.count; i++)
        if (memcmp(&want[i], &have[i], sizeof want[i]))
            fail_msg("%s%s, %s: text %zu scores %.9g on the card, but %.9g on the CPU", model, lora ? "-lora" : "", how,
                     i, (double)have[i], (double)want[i]);
    free(want);
    free(have);
    golden_free(&g);
}

static void check_all(const char *how)
{
    for (size_t m = 0; m < GOLDEN_MODELS; m += SANITIZED ? 5 : 1)
        check_model(golden_models[m], 0, how, (struct way){ 0 });
}

/* Heads of 514 elements, and products of several blocks. */
static void long_heads_have_the_bits_of_the_cpu(void **state)
{
    (void)state;
    check_model("blocks", 1, "tensor", (struct way){ 0 });
    if (!SANITIZED)
        check_model("blocks", 1, "bf16", (struct way){ 0 });
}

static void exact_has_the_bits_of_the_cpu(void **state)
{
    (void)state;
    check_all("bf16");
}

static void exact_has_them_in_fp32(void **state)
{
    (void)state;
    check_model("qwen2", 0, "fp32", (struct way){ 0 });
    if (!SANITIZED)
        check_model("gemma2", 1, "fp32", (struct way){ 0 });
}

static void tensor_has_the_bits_of_the_cpu(void **state)
{
    (void)state;
    check_all("tensor");
}

static void adapters_batches_and_sharing_change_nothing(void **state)
{
    (void)state;
    check_model("qwen3", 1, "tensor", (struct way){ .batch_tokens = 300 });
    if (SANITIZED)
        return;
    check_model("mistral", 1, "bf16", (struct way){ .no_share = 1 });
    check_model("denormals", 1, "tensor", (struct way){ 0 });
    check_model("llama", 1, "tensor", (struct way){ .batch_tokens = 100, .no_share = 1 });
}

/* The least memory with which a model opens: its layers are streamed then. */
static size_t least_memory(gd_options options)
{
    gd_model *model;

    for (options.memory = 8 << 20; options.memory < 64 << 20; options.memory += 64 << 10) {
        gd_error err = { 0 };
        const gd_status rc = gd_model_open(&model, &options, &err);

        if (rc == GD_OK) {
            gd_model_close(model);
            return options.memory;
        }
        assert_int_equal(rc, GD_ENOMEM);
    }
    fail_msg("no memory is enough");
    return 0;
}

static void a_streamed_model_has_the_same_bits(void **state)
{
    gd_options options = golden_options("llama", 1);
    char *json;

    (void)state;
    options.backend = "cuda";
    options.batch_tokens = 512;
    options.memory = least_memory(options);
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_non_null(strstr(json, "\"weights\":\"streamed\""));
    gd_string_free(json);
    check_model("llama", 1, "tensor", (struct way){ .batch_tokens = 512, .memory = options.memory });
}

/* Texts of three adapters in turn, with heads of their own. */
static void score_mixed(const char *backend, const golden *g, float *scores)
{
    static char first[TEST_PATH], second[TEST_PATH];
    const char *const more[] = { first, second };
    gd_options options = golden_options("qwen2", 1);
    gd_item_result results[8];
    gd_item list[8] = { 0 };
    gd_part parts[8] = { 0 };
    const gd_items all = golden_items(list, 8, results);
    gd_model *model;

    test_data(first, sizeof first, "golden/train-ga1/final");
    test_data(second, sizeof second, "golden/train-ga4/final");
    options.backend = backend;
    options.numerics = "tensor";
    options.batch_tokens = 200;
    options.more_adapters = more;
    options.more_adapter_count = 2;
    for (size_t i = 0; i < 8; i++) {
        parts[i].text = g->texts[i / 3];
        list[i] = (gd_item){ .kind = GD_ITEM_TEXT, .parts = &parts[i], .part_count = 1, .adapter = i % 3 };
    }
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
    for (size_t i = 0; i < 8; i++)
        scores[i] = results[i].scores[0];
    gd_items_free_results(&all);
    gd_model_close(model);
}

static void several_adapters_have_the_bits_of_the_cpu(void **state)
{
    float want[8], have[8];
    golden g;

    (void)state;
    golden_load(&g, "qwen2");
    score_mixed("cpu", &g, want);
    score_mixed("cuda", &g, have);
    assert_memory_equal(want, have, sizeof want);
    assert_true(want[0] != want[1] && want[1] != want[2]);
    golden_free(&g);
}

static int setup(void **state)
{
    (void)state;
    device_pretend("compute_120", "120");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_has_the_bits_of_the_cpu),
        cmocka_unit_test(exact_has_them_in_fp32),
        cmocka_unit_test(tensor_has_the_bits_of_the_cpu),
        cmocka_unit_test(long_heads_have_the_bits_of_the_cpu),
        cmocka_unit_test(adapters_batches_and_sharing_change_nothing),
        cmocka_unit_test(a_streamed_model_has_the_same_bits),
        cmocka_unit_test(several_adapters_have_the_bits_of_the_cpu),
    };

    if (device_is_missing())
        return 77;
    return cmocka_run_group_tests(tests, setup, NULL);
}
