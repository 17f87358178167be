/* test_checkpoints.c - config.json as people have it: the scores of tests/data/checkpoints, by Transformers. */
#include "tests/reward/golden.h"
#include "tests/reward/variant.h"

#include <math.h>

enum { TEXTS = 2 };

static json_t *expected;
static const char *texts[TEXTS];

static int load(void **state)
{
    char path[512];

    (void)state;
    expected = json_load_file(test_data(path, sizeof path, "checkpoints/checkpoints.json"), 0, NULL);
    for (size_t i = 0; expected && i < TEXTS; i++)
        texts[i] = json_string_value(json_array_get(json_object_get(expected, "texts"), i));
    return expected && texts[TEXTS - 1] ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(expected);
    return 0;
}

/* Transformers rounds angles to fp32 and sums in its own order: within 2e-4 of it. */
static unsigned far_off(const json_t *one, const float *scores)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < TEXTS; i++) {
        const double want = json_number_value(json_array_get(json_object_get(one, "scores"), i));

        if (fabs((double)scores[i] - want) <= 2e-4 * fmax(1, fabs(want)))
            continue;
        print_error("%s: text %zu: %.7g instead of %.7g\n", json_string_value(json_object_get(one, "id")), i,
                    (double)scores[i], want);
        wrong++;
    }
    return wrong;
}

static void configurations_score_as_in_transformers(void **state)
{
    const json_t *one;
    size_t i;
    unsigned wrong = 0;

    json_array_foreach(json_object_get(expected, "configs"), i, one) {
        char dir[512];
        float scores[TEXTS];

        (void)snprintf(dir, sizeof dir, "%s", make_dir(*state, "m"));
        variant_link(dir, json_string_value(json_object_get(one, "model")));
        variant_patch(dir, "config.json", json_object_get(one, "patch"));
        variant_score(dir, NULL, "fp32", texts, TEXTS, scores);
        wrong += far_off(one, scores);
        assert_int_equal(test_remove(dir), 0);
    }
    assert_true(i >= 32);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(configurations_score_as_in_transformers, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
