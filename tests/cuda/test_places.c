/* test_places.c - heads that read several tokens of a text have the cpu backend's bits on a pretended card. */
#include "tests/cuda/device_case.h"
#include "tests/reward/with_head.h"

#define STEPS HEAD "pool: {at: \".\"}\nsteps: mean\n" SCORE
#define GATED                                                                   \
    HEAD "pool: last\nalso: {gate: {first_pattern: \".\"}}\n"                   \
         "labels: {in: rows, names: [one, two]}\n"                              \
         "nodes:\n"                                                             \
         "  - {op: linear, in: [pooled], w: [score.weight], out: a, size: 1}\n" \
         "  - {op: linear, in: [gate], w: [score.weight], out: b, size: 1}\n"   \
         "  - op: linear\n"                                                     \
         "    in: [gate]\n"                                                     \
         "    w: [{tensor: model.embed_tokens.weight, rows: [5, 70]}]\n"        \
         "    out: rows\n"                                                      \
         "    size: 2\n"                                                        \
         "  - {op: mul, in: [a, b], out: score}\n"

enum { TEXTS = 3 };
static const gd_part texts[TEXTS] = { { .text = { "Tea. Hot. Yes.", 14 } },
                                      { .text = { "Tea. No", 7 } },
                                      { .text = { "Tea. Hot. Yes. And so. On", 25 } } };

static void score(const char *backend, const char *numerics, const char *head, gd_item_result *result)
{
    const gd_item item = { .kind = GD_ITEM_ANSWERS, .parts = texts, .part_count = TEXTS };
    const gd_items all = golden_items(&item, 1, result);
    gd_options options = golden_options("qwen2", 0);
    gd_model *model;

    options.backend = backend;
    options.numerics = numerics;
    model = open_head(options, head);
    assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
    gd_model_close(model);
}

static void check(const char *numerics, const char *head)
{
    gd_item_result have, want;
    const gd_items of_have = golden_items(NULL, 1, &have), of_want = golden_items(NULL, 1, &want);

    score("cuda", numerics, head, &have);
    score("cpu", numerics, head, &want);
    assert_memory_equal(have.scores, want.scores, TEXTS * sizeof(float));
    assert_int_equal(have.label_count, want.label_count);
    assert_memory_equal(have.labels, want.labels, TEXTS * want.label_count * sizeof(float));
    for (size_t t = 0; want.steps && t < TEXTS; t++) {
        assert_int_equal(have.step_counts[t], want.step_counts[t]);
        assert_memory_equal(have.steps[t], want.steps[t], want.step_counts[t] * sizeof(float));
    }
    gd_items_free_results(&of_have);
    gd_items_free_results(&of_want);
}

static void steps_have_the_bits_of_the_cpu(void **state)
{
    (void)state;
    check("exact", STEPS);
    check("tensor", STEPS);
}

static void two_places_have_the_bits_of_the_cpu(void **state)
{
    (void)state;
    check("exact", GATED);
    check("tensor", GATED);
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
        cmocka_unit_test(steps_have_the_bits_of_the_cpu),
        cmocka_unit_test(two_places_have_the_bits_of_the_cpu),
    };

    if (device_is_missing())
        return 77;
    return cmocka_run_group_tests(tests, setup, NULL);
}
