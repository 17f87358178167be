/* test_smollm2.c - a real model, SmolLM2-135M, against Transformers in float32. Skipped where the model is missing:
 * ./quickstart makes it. */
#include "tests/reward/smollm2.h"

#include "base/mem.h"
#include "data/record.h"
#include "quant-free/convert.h"
#include "quant-free/safetensors.h"
#include "reward/model.h"

#include <math.h>

#define TEXTS 24
#define HIDDEN 576

/* The last hidden states: Transformers' and ours. */
struct states {
    float want[TEXTS * HIDDEN], tokens[TEXTS], have[TEXTS * HIDDEN];
    size_t last_stage;
};

static void load_expected(struct states *s)
{
    char path[512];
    gd_st *file;

    assert_ok(gd_st_open(&file, test_data(path, sizeof path, "smollm2/expected.safetensors"), test_err));
    assert_int_equal(gd_st_find(file, "hidden")->bytes, sizeof s->want);
    gd_view_to_f32(gd_st_find(file, "hidden"), s->want);
    gd_view_to_f32(gd_st_find(file, "tokens"), s->tokens);
    gd_st_close(file);
}

static void keep_last(void *context, size_t stage, const gd_tensor *hidden)
{
    struct states *s = context;

    if (stage != s->last_stage)
        return;
    assert_int_equal(hidden->rows, TEXTS);
    assert_int_equal(hidden->cols, HIDDEN);
    memcpy(s->have, hidden->data, sizeof s->have);
}

/* Scores the first 12 pairs, and returns the largest relative error of a text's state, by norm. */
static double worst_error(struct states *s, const char *precision, float *scores)
{
    gd_options options = smollm2_options();
    gd_records *records;
    gd_record record[TEXTS / 2] = { { 0 } };
    gd_text texts[TEXTS];
    size_t tokens[TEXTS];
    gd_model *model;
    double worst = 0;
    bool more;

    options.precision = precision;
    options.no_share_prefix = 1; /* the rows are in the order of the texts then */
    assert_ok(gd_records_open(
        &records,
        &(gd_entries_options){ .inputs = &(const char *){ smollm2_pairs }, .count = 1, .format = GD_FORMAT_JSONL },
        test_err));
    for (size_t i = 0; i < TEXTS / 2; i++) {
        assert_ok(gd_records_next(records, &record[i], &more, test_err));
        texts[2 * i] = record[i].texts[0].text;
        texts[2 * i + 1] = record[i].texts[1].text;
    }
    assert_ok(gd_model_open(&model, &options, test_err));
    s->last_stage = model->plan->stage_count - 1;
    gd_engine_observe(model->engine, keep_last, s);
    assert_ok(gd_score(model, TEXTS, texts, scores, tokens, test_err));
    for (size_t t = 0; t < TEXTS; t++) {
        double off = 0, size = 0;

        assert_int_equal(tokens[t], (size_t)s->tokens[t]);
        for (size_t i = t * HIDDEN; i < (t + 1) * HIDDEN; i++) {
            off += pow((double)s->have[i] - (double)s->want[i], 2);
            size += pow((double)s->want[i], 2);
        }
        worst = fmax(worst, sqrt(off / size));
    }
    gd_model_close(model);
    gd_records_close(records);
    for (size_t i = 0; i < TEXTS / 2; i++)
        gd_record_free(&record[i]);
    return worst;
}

/* Two engines that add in different orders differ only by rounding, here through 30 layers. */
static void fp32_states_are_transformers(void **state)
{
    static struct states s;
    float scores[TEXTS];
    double worst;

    (void)state;
    load_expected(&s);
    worst = worst_error(&s, "fp32", scores);
    print_message("fp32: worst relative error of a last hidden state %.2g of 1e-5\n", worst);
    assert_true(worst > 0 && worst <= 1e-5);
}

static void bf16_states_are_near(void **state)
{
    static struct states s;
    float scores[TEXTS];
    double worst;

    (void)state;
    load_expected(&s);
    worst = worst_error(&s, "bf16", scores);
    print_message("bf16: worst relative error of a last hidden state %.2g of 0.02\n", worst);
    assert_true(worst > 0 && worst <= 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp32_states_are_transformers),
        cmocka_unit_test(bf16_states_are_near),
    };
    if (!smollm2_find())
        return 77;
    if (SANITIZED) {
        printf("skipped: a real model takes minutes with the sanitizers; the tiny ones run the same code\n");
        return 77;
    }
    return cmocka_run_group_tests_name("smollm2", tests, NULL, NULL);
}
