/* test_steps.c - texts that are read at every occurrence of a token: the scores of their steps, and the text's. */
#include "tests/reward/with_head.h"

#include "base/mem.h"
#include "reward/steps.h"

#include <math.h>

#define AT_DOT HEAD "pool: {at: \".\"}\n"

enum { DOT = 13, MOST_STEPS = 64 };

static places_text texts[PLACES_TEXTS];

/* Scores ids, or the text if there are none. */
static void score_one(gd_model *model, const places_text *text, size_t count, gd_item_result *result)
{
    const gd_part ids = { .ids = text->ids, .id_count = count };
    const gd_part words = { .text = { text->text, strlen(text->text) } };
    const gd_item item = { .parts = count ? &ids : &words, .part_count = 1 };
    const gd_items all = golden_items(&item, 1, result);

    assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
}

static void free_one(gd_item_result *result)
{
    const gd_items all = golden_items(NULL, 1, result);

    gd_items_free_results(&all);
}

static gd_options options_of(const places_text *text, const char *precision)
{
    gd_options options = golden_options(text->model, 0);

    options.precision = precision;
    return options;
}

/* The id of "." is that of the first text's seventh token, in either model. */
static size_t dots_of(const places_text *text, size_t *at)
{
    const uint32_t dot = texts[text >= &texts[PLACES_TEXTS / 2] ? PLACES_TEXTS / 2 : 0].ids[6];
    size_t count = 0;

    for (size_t i = 0; i < text->count; i++)
        if (text->ids[i] == dot)
            at[count++] = i;
    return count;
}

/* The scores of the steps are those of the same model read there, in float64 and by torch in bf16. */
static void steps_are_those_of_torch(void **state)
{
    json_t *json = places_load(texts);

    (void)state;
    for (size_t t = 0; t < PLACES_TEXTS; t++) {
        size_t at[MOST_STEPS], count;

        for (unsigned bf16 = 0; bf16 < 2; bf16++) {
            const gd_options options = options_of(&texts[t], bf16 ? "bf16" : "fp32");
            gd_model *model = open_head(options, AT_DOT SCORE);
            gd_item_result result;
            double ours = 0, theirs = 0;

            count = dots_of(&texts[t], at);
            if (!count) {
                assert_refused(model, texts[t].text, "the text has no \".\", at which the model's head reads it");
                gd_model_close(model);
                continue;
            }
            score_one(model, &texts[t], 0, &result);
            assert_int_equal(result.step_counts[0], count);
            for (size_t i = 0; i < count; i++) {
                const double error = fabs((double)result.steps[0][i] - texts[t].every[at[i]]);

                if (!bf16)
                    assert_true(error < 2e-5);
                ours += error;
                theirs += fabs(texts[t].bf16[at[i]] - texts[t].every[at[i]]);
            }
            if (bf16)
                assert_true(ours < 1.5 * theirs);
            assert_memory_equal(&result.scores[0], &result.steps[0][count - 1], sizeof(float));
            free_one(&result);
            gd_model_close(model);
        }
    }
    json_decref(json);
}

/* A step is what a text that ends there scores: whatever comes with it, and however it is computed. */
static void steps_are_those_of_shorter_texts(void **state)
{
    static const struct {
        const char *isa;
        size_t batch_tokens;
        int alone;
    } ways[] = { { "generic", 0, 0 }, { "auto", 0, 0 }, { "auto", 8, 0 }, { "auto", 0, 1 }, { "auto", 3, 1 } };
    json_t *json = places_load(texts);
    size_t at[MOST_STEPS];

    (void)state;
    for (size_t t = 0; t < PLACES_TEXTS; t++)
        for (size_t w = 0; w < (SANITIZED ? 2 : sizeof ways / sizeof ways[0]); w++) {
            gd_options options = options_of(&texts[t], "bf16");
            const size_t count = dots_of(&texts[t], at);
            gd_model *plain = open_head(options, HEAD "pool: last\n" SCORE), *model;
            gd_item_result result, shorter;

            options.isa = ways[w].isa;
            options.batch_tokens = ways[w].batch_tokens;
            options.no_share_prefix = ways[w].alone;
            model = open_head(options, AT_DOT SCORE);
            if (count)
                score_one(model, &texts[t], texts[t].count, &result);
            for (size_t i = 0; i < count; i++) {
                score_one(plain, &texts[t], at[i] + 1, &shorter);
                assert_null(shorter.steps);
                assert_memory_equal(&shorter.scores[0], &result.steps[0][i], sizeof(float));
                free_one(&shorter);
            }
            if (count)
                free_one(&result);
            gd_model_close(model);
            gd_model_close(plain);
        }
    json_decref(json);
}

static void rules_make_the_score(void **state)
{
    const float steps[] = { 0.5F, -0.25F, 3 }, nearly[] = { 16777216, 1, 1 };

    (void)state;
    assert_true(gd_steps_score(GD_STEPS_LAST, steps, 3) == 3.0F);
    assert_true(gd_steps_score(GD_STEPS_MIN, steps, 3) == -0.25F);
    assert_true(gd_steps_score(GD_STEPS_PRODUCT, steps, 3) == -0.375F);
    assert_true(gd_steps_score(GD_STEPS_MEAN, nearly, 3) == 5592406.0F); /* in fp32, the ones would be lost */
    assert_true(gd_steps_score(GD_STEPS_MIN, steps, 1) == 0.5F);
}

/* Each step is normalized; then the text's score is made of them. */
static void descriptions_choose_the_rule(void **state)
{
    static const char *const heads[] = { [GD_STEPS_LAST] = AT_DOT "steps: last\n" SCORE,
                                         [GD_STEPS_MIN] = AT_DOT "steps: min\n" SCORE,
                                         [GD_STEPS_MEAN] = AT_DOT "steps: mean\n" SCORE,
                                         [GD_STEPS_PRODUCT] = AT_DOT "steps: product\n" SCORE };
    json_t *json = places_load(texts);

    (void)state;
    for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        gd_options options = options_of(&texts[0], "fp32");
        gd_item_result plain, result;
        gd_model *model = open_head(options, heads[i]);
        float want;

        score_one(model, &texts[0], 0, &plain);
        gd_model_close(model);
        options.activation = "sigmoid";
        model = open_head(options, heads[i]);
        score_one(model, &texts[0], 0, &result);
        assert_int_equal(result.step_counts[0], 3);
        for (size_t s = 0; s < 3; s++)
            assert_true(fabs(1 / (1 + exp(-(double)plain.steps[0][s])) - (double)result.steps[0][s]) < 1e-7);
        want = gd_steps_score((gd_step_rule)i, result.steps[0], 3);
        assert_memory_equal(&result.scores[0], &want, sizeof want);
        free_one(&plain);
        free_one(&result);
        gd_model_close(model);
    }
    json_decref(json);
}

/* The token by its number, by its name in the vocabulary, by the text that becomes it; and patterns of several. */
static void tokens_are_found(void **state)
{
    static const char *const heads[] = { AT_DOT SCORE, HEAD "pool: {at: 13}\n" SCORE,
                                         HEAD "pool: {each_pattern: \".\"}\n" SCORE };
    json_t *json = places_load(texts);
    gd_item_result first, result;
    gd_model *model = open_head(options_of(&texts[0], "fp32"), heads[0]);

    (void)state;
    assert_int_equal(texts[0].ids[6], DOT);
    score_one(model, &texts[0], 0, &first);
    gd_model_close(model);
    for (size_t i = 1; i < sizeof heads / sizeof heads[0]; i++) {
        model = open_head(options_of(&texts[0], "fp32"), heads[i]);
        score_one(model, &texts[0], 0, &result);
        assert_int_equal(result.step_counts[0], 3);
        assert_memory_equal(result.steps[0], first.steps[0], 3 * sizeof(float));
        free_one(&result);
        gd_model_close(model);
    }
    free_one(&first);
    model = open_head(options_of(&texts[0], "fp32"), HEAD "pool: {each_pattern: \" hot.\"}\n" SCORE);
    score_one(model, &texts[0], 0, &result);
    assert_int_equal(result.step_counts[0], 1);
    assert_true(fabs((double)result.scores[0] - texts[0].every[6]) < 2e-5);
    free_one(&result);
    gd_model_close(model);
    json_decref(json);
}

/* What is looked for can be read in the sentence, also a line break; an id is no text. */
static void missing_tokens_are_named(void **state)
{
    static const char *const cases[][2] = {
        { HEAD "pool: {at: 13}\n" SCORE, "the text has no token of the id 13, at which the model's head reads it" },
        { HEAD "pool: {each_pattern: \".\\n\"}\n" SCORE,
          "the text has no \".\\n\", at which the model's head reads it" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_model *model = open_head(golden_options("qwen2", 0), cases[i][0]);

        assert_refused(model, "Tea is hot", cases[i][1]);
        gd_model_close(model);
    }
}

/* A program that was compiled with an older header gets no steps, and nothing that it can't free. */
static void older_results_have_no_steps(void **state)
{
    const gd_part part = { .text = { "One. Two.", 9 } };
    const gd_item item = { .parts = &part, .part_count = 1 };
    gd_item_result result[2];
    gd_items all = golden_items(&item, 1, result);
    gd_model *model = open_head(golden_options("qwen2", 0), AT_DOT SCORE);

    (void)state;
    memset(result, 0xA5, sizeof result);
    all.result_size = offsetof(gd_item_result, step_counts);
    assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
    assert_int_equal(result[0].count, 1);
    assert_int_equal(((unsigned char *)result)[all.result_size], 0xA5);
    gd_items_free_results(&all);
    assert_int_equal(((unsigned char *)result)[all.result_size], 0xA5);
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_torch), cmocka_unit_test(steps_are_those_of_shorter_texts),
        cmocka_unit_test(rules_make_the_score),     cmocka_unit_test(descriptions_choose_the_rule),
        cmocka_unit_test(tokens_are_found),         cmocka_unit_test(older_results_have_no_steps),
        cmocka_unit_test(missing_tokens_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
