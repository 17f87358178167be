/* test_contract.c - the same bits everywhere (doc/arithmetic.md, section 10), whatever the instruction set, the number
 * of threads, the batches, the order of texts, their company and prefix sharing. Bits are compared, not values. */
#include "tests/reward/golden.h"

#include "backends/cpu/isa.h"
#include "base/error.h"

/* A way to run, which must not change a bit. */
struct way {
    const char *isa;
    unsigned threads;
    size_t batch_tokens;
    int no_share;
};

static const struct way ways[] = {
    { "generic", 2, 0, 0 },    { "avx2", 1, 0, 0 }, { "avx2", 3, 0, 1 },    { "avx512", 2, 0, 0 },
    { "avx512bf16", 2, 0, 0 }, { "neon", 2, 0, 0 }, { NULL, 1, 1, 0 },      { NULL, 2, 700, 0 },
    { NULL, 3, 700, 1 },       { NULL, 7, 0, 0 },   { NULL, 1, 100000, 1 },
};

/* how: a precision, or the arithmetic of tensor cores. */
static float *run_way(const char *model, int lora, const char *how, const struct way *way, const golden *g)
{
    gd_options options = golden_options(model, lora);

    options.precision = strncmp(how, "tensor", 6) ? how : "bf16";
    options.numerics = strncmp(how, "tensor", 6) ? "exact" : how;
    options.isa = way->isa;
    options.threads = way->threads;
    options.batch_tokens = way->batch_tokens;
    options.no_share_prefix = way->no_share;
    return golden_scores(&options, g);
}

static void check_bits(const float *want, const float *have, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&want[i], &have[i], sizeof(float)))
            fail_msg("%s: text %zu scores %.9g instead of %.9g", what, i, (double)have[i], (double)want[i]);
}

static void check_model(const char *model, int lora, const char *how)
{
    static const struct way first = { NULL, 1, 0, 0 };
    const gd_isa have = gd_isa_detect();
    float *want;
    golden g;

    golden_load(&g, model);
    want = run_way(model, lora, how, &first, &g);
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        char what[160];
        gd_isa isa;
        float *scores;

        (void)snprintf(what, sizeof what, "%s%s %s --isa %s --threads %u --batch-tokens %zu --share-prefix %s", model,
                       lora ? "-lora" : "", how, ways[w].isa ? ways[w].isa : "auto", ways[w].threads,
                       ways[w].batch_tokens, ways[w].no_share ? "off" : "on");
        if (gd_isa_parse(&isa, ways[w].isa, have, NULL))
            continue; /* reported once, in main() */
        scores = run_way(model, lora, how, &ways[w], &g);
        check_bits(want, scores, g.count, what);
        free(scores);
    }
    free(want);
    golden_free(&g);
}

static void every_way_gives_the_same_bits_bf16(void **state)
{
    (void)state;
    for (size_t m = 0; m < GOLDEN_MODELS; m += SANITIZED ? 5 : 1)
        check_model(golden_models[m], 0, "bf16");
}

static void every_way_gives_the_same_bits_fp32(void **state)
{
    (void)state;
    for (size_t m = 0; m < GOLDEN_MODELS; m += SANITIZED ? 5 : 1)
        check_model(golden_models[m], 0, "fp32");
}

static void every_way_gives_the_same_bits_with_an_adapter(void **state)
{
    (void)state;
    check_model("gemma2", 1, "bf16");
    if (SANITIZED)
        return;
    check_model("qwen2", 1, "bf16");
    check_model("llama", 1, "fp32");
}

static void every_way_gives_the_same_bits_of_tensor_cores(void **state)
{
    (void)state;
    check_model("gemma2", 1, "tensor");
    if (SANITIZED)
        return;
    check_model("qwen2", 0, "tensor");
    check_model("qwen3", 1, "tensor");
    check_model("mistral", 1, "tensor8");
}

/* The order of the texts, repeated texts and repeated calls on one model don't matter either. */
static void company_and_order_do_not_matter(void **state)
{
    const gd_options options = golden_options("mistral", 0);
    gd_text texts[64];
    float scores[64], again[64];
    size_t source[64];
    uint64_t seed = 1;
    gd_model *model;
    float *want;
    golden g;

    (void)state;
    golden_load(&g, "mistral");
    want = golden_scores(&options, &g);
    assert_ok(gd_model_open(&model, &options, test_err));
    for (int round = 0; round < 20; round++) {
        const size_t count = 1 + (size_t)round * 3;

        for (size_t i = 0; i < count; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            source[i] = (size_t)(seed >> 33) % g.count;
            texts[i] = g.texts[source[i]];
        }
        assert_ok(gd_score(model, count, texts, scores, NULL, test_err));
        assert_ok(gd_score(model, count, texts, again, NULL, test_err));
        for (size_t i = 0; i < count; i++)
            check_bits(&want[source[i]], &scores[i], 1, "shuffled");
        check_bits(scores, again, count, "again");
    }
    gd_model_close(model);
    free(want);
    golden_free(&g);
}

/* The score of `count` ids, by a model whose tables were made for `first` ids. */
static float score_ids(const uint32_t *ids, size_t first, size_t count)
{
    const size_t counts[] = { first, count };
    gd_options options = golden_options("qwen2", 0);
    gd_model *model;
    float score = 0;

    options.max_length = 1024;
    assert_ok(gd_model_open(&model, &options, test_err));
    for (size_t i = 0; i < 2; i++) {
        const gd_part part = { .ids = ids, .id_count = counts[i] };
        const gd_item item = { .parts = &part, .part_count = 1 };
        gd_item_result result;
        const gd_items items = golden_items(&item, 1, &result);

        assert_ok(gd_score_items(model, &items, NULL, NULL, test_err));
        score = result.scores[0];
        gd_items_free_results(&items);
    }
    gd_model_close(model);
    return score;
}

/* Rotary tables and scratch space grow by doubling, from 512 positions on. */
static void a_text_just_beyond_a_table_is_the_same(void **state)
{
    static const size_t counts[] = { 511, 512, 513, 1023, 1024 };
    uint32_t ids[1024];

    (void)state;
    for (size_t i = 0; i < 1024; i++)
        ids[i] = (uint32_t)(i * i * 7 + 3) % 1400;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const float want = score_ids(ids, 1024, counts[i]), have = score_ids(ids, counts[i], counts[i]);

        check_bits(&want, &have, 1, "a text of another length");
    }
}

/* A dry run has no scores to return, and another one has nothing to report. */
static void a_dry_run_scores_nothing(void **state)
{
    const gd_text text = { "a b", 3 };
    gd_options options = golden_options("qwen2", 0);
    gd_items items;
    gd_model *model;
    char *json = NULL;
    float score = 7;
    gd_error err = { 0 };

    (void)state;
    gd_items_init(&items);
    options.dry_run = 1;
    assert_int_equal(gd_model_open(&model, &options, &err), GD_OK);
    assert_int_equal(gd_score(model, 1, &text, &score, NULL, &err), GD_EUSAGE);
    assert_true(score == 7);
    assert_int_equal(gd_score_items(model, &items, NULL, NULL, NULL), GD_EUSAGE);
    assert_int_equal(gd_dry_run_report(model, &json, NULL), GD_OK); /* of no run yet */
    assert_non_null(strstr(json, "\"texts\":0,\"tokens\":0,\"shortest\":null,"));
    gd_string_free(json);
    gd_model_close(model);
    options.dry_run = 0;
    assert_int_equal(gd_model_open(&model, &options, NULL), GD_OK);
    assert_int_equal(gd_dry_run_report(model, &json, NULL), GD_EUSAGE);
    assert_null(json);
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_gives_the_same_bits_bf16),
        cmocka_unit_test(every_way_gives_the_same_bits_fp32),
        cmocka_unit_test(every_way_gives_the_same_bits_with_an_adapter),
        cmocka_unit_test(every_way_gives_the_same_bits_of_tensor_cores),
        cmocka_unit_test(company_and_order_do_not_matter),
        cmocka_unit_test(a_text_just_beyond_a_table_is_the_same),
        cmocka_unit_test(a_dry_run_scores_nothing),
    };
    static const char *const isas[] = { "generic", "avx2", "avx512", "avx512bf16", "neon" };

    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        gd_error err = { 0 };
        gd_isa isa;

        if (gd_isa_parse(&isa, isas[i], gd_isa_detect(), &err))
            print_message("[  SKIPPED ] --isa %s: %s\n", isas[i], err.text);
        else
            print_message("runs: --isa %s\n", isas[i]);
    }
    return cmocka_run_group_tests_name("contract", tests, NULL, NULL);
}
