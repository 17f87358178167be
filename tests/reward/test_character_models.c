/* test_character_models.c - golden models of those families whose tokenizers merge characters, with such a tokenizer:
 * from text to score, as by tokenizers and Transformers in float64. */
#include "tests/reward/variant.h"

#include <math.h>

static json_t *load(const char *name)
{
    char path[512];
    json_t *json = json_load_file(test_data(path, sizeof path, name), 0, NULL);

    assert_non_null(json);
    return json;
}

/* The golden model, with a vocabulary of characters, and what is set beside it. */
static void write_model(const char *dir, const json_t *one)
{
    json_t *tokenizer = load("text/characters.json");
    char *text;

    variant_link(dir, json_string_value(json_object_get(one, "model")));
    assert_int_equal(json_object_update(tokenizer, json_object_get(one, "set")), 0);
    text = json_dumps(tokenizer, 0);
    remove_file(dir, "tokenizer.json");
    remove_file(dir, "tokenizer_config.json");
    write_text(dir, "tokenizer.json", text);
    free(text);
    json_decref(tokenizer);
}

static void texts_have_the_scores_of_transformers(void **state)
{
    json_t *all = load("golden/characters.json");
    const json_t *one;
    size_t i;

    assert_int_equal(json_array_size(all), 4);
    json_array_foreach(all, i, one) {
        const json_t *texts = json_object_get(one, "texts"), *scores = json_object_get(one, "scores");
        const char *model = json_string_value(json_object_get(one, "model")), *dir = make_dir(*state, model);

        write_model(dir, one);
        for (size_t k = 0; k < json_array_size(texts); k++) {
            const char *text = json_string_value(json_array_get(texts, k));
            const double want = json_number_value(json_array_get(scores, k));
            float have;

            variant_score(dir, NULL, "fp32", &text, 1, &have);
            if (!(fabs((double)have - want) < 3e-5))
                fail_msg("%s: text %zu has the score %.9g, but %.9g is right", model, k, (double)have, want);
        }
    }
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_have_the_scores_of_transformers),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
