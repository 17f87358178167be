/* test_variants.c - checkpoints and adapters as other tools write them: what changes nothing gives the same bits, what
 * changes something the scores of tests/data/checkpoints (by PEFT). test_refused.c has the rest. */
#include "tests/reward/golden.h"
#include "tests/reward/edits.h"

#include <math.h>

static const char *const texts[] = { "Human: Is tea hot?\n\nAssistant: Yes.",
                                     "Human: Is tea hot?\n\nAssistant: No, it is not, or not always." };
enum { TEXTS = 2 };

/* ---- what makes no difference ---- */

static const change same_cases[] = {
    { "quantization_config left over", add_quantisation, NULL },
    { "quantization_config off", switch_quantisation_off, NULL },
    { "architectures absent", drop_architectures, NULL },
    { "architectures empty", empty_architectures, NULL },
    { "architectures: the inner model", name_inner_model, NULL },
    { "names without model.", drop_prefix, NULL },
    { "names without model., no architectures", drop_prefix_and_architectures, NULL },
    { "the index lists inv_freq", list_inv_freq, NULL },
    { "the index lists lm_head", list_lm_head, NULL },
    { "a shard holds mtp", hold_mtp, NULL },
    { "a shard holds inv_freq", hold_inv_freq, NULL },
    { "both", list_and_hold, NULL },
    { "an lm_head in the base", add_lm_head, NULL },
    { "fan_in_fan_out", NULL, set_fan_in },
    { "early PEFT's fields", NULL, set_early_fields },
    { "the adapter's name in tensors", NULL, name_adapter },
    { "lm_head in the adapter", NULL, save_lm_head },
    { "the base's embedding in the adapter", NULL, save_same_embedding },
    { "names without model., with an adapter", drop_prefix, name_adapter },
};

static void harmless_changes_leave_every_bit(void **state)
{
    static const change none = { "none", NULL, NULL };
    float plain[TEXTS], tuned[TEXTS], scores[TEXTS];
    unsigned wrong = 0;

    make_both(*state, &none);
    variant_score(m, NULL, "bf16", texts, TEXTS, plain);
    variant_score(m, a, "bf16", texts, TEXTS, tuned);
    remove_both();
    assert_true(memcmp(plain, tuned, sizeof plain) != 0);
    for (size_t i = 0; i < sizeof same_cases / sizeof same_cases[0]; i++) {
        const change *one = &same_cases[i];

        make_both(*state, one);
        variant_score(m, one->adapter ? a : NULL, "bf16", texts, TEXTS, scores);
        if (memcmp(scores, one->adapter ? tuned : plain, sizeof scores) != 0) {
            print_error("%s: %.9g\n", one->id, (double)scores[0]);
            wrong++;
        }
        remove_both();
    }
    assert_int_equal(wrong, 0);
}

/* ---- what PEFT computes ---- */

static void reverse_embedding(const char *dir)
{
    variant_tensors t;
    unsigned char row[192];
    unsigned char *data;

    save_same_embedding(dir);
    variant_read(&t, dir, "adapter_model.safetensors");
    data = t.list[variant_find(&t, "base_model.model.model.embed_tokens.weight")].data;
    for (size_t i = 0; i < 1536 / 2; i++) {
        memcpy(row, data + i * sizeof row, sizeof row);
        memcpy(data + i * sizeof row, data + (1535 - i) * sizeof row, sizeof row);
        memcpy(data + (1535 - i) * sizeof row, row, sizeof row);
    }
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

static void reverse_saved_embedding(const char *dir)
{
    reverse_embedding(dir);
    edit_adapter(dir, "{\"modules_to_save\":[\"score\",\"embed_tokens\"]}");
}

static const struct peft_case {
    const char *id;
    void (*adapter)(const char *dir);
} peft_cases[] = {
    { "plain", NULL },
    { "fan_in_fan_out", set_fan_in },
    { "embedding", reverse_embedding },
    { "embedding in modules_to_save", reverse_saved_embedding },
    { "lora on the head", put_lora_on_head },
};

/* Unmerged, and merged into the base: in fp32 the two differ by the rounding of bf16 weights. */
static unsigned check_peft(const json_t *want, const char *const *list)
{
    float scores[TEXTS], rounded[TEXTS];
    unsigned wrong = 0;

    variant_score(m, a, "fp32", list, TEXTS, scores);
    merge_both();
    variant_score(merged, NULL, "fp32", list, TEXTS, rounded);
    assert_int_equal(test_remove(merged), 0);
    for (size_t i = 0; i < TEXTS; i++) {
        const double right = json_number_value(json_array_get(json_object_get(want, "scores"), i));

        if (fabs((double)scores[i] - right) <= 2e-4 * fmax(1, fabs(right)) &&
            fabs((double)rounded[i] - right) <= 0.05 * fmax(1, fabs(right)))
            continue;
        print_error("%s: text %zu: %.7g, merged %.7g, instead of %.7g\n",
                    json_string_value(json_object_get(want, "id")), i, (double)scores[i], (double)rounded[i], right);
        wrong++;
    }
    return wrong;
}

static void adapters_score_as_in_peft(void **state)
{
    char path[512];
    json_t *expected = json_load_file(test_data(path, sizeof path, "checkpoints/checkpoints.json"), 0, NULL);
    const json_t *all = json_object_get(expected, "adapters"), *given = json_object_get(expected, "texts");
    const char *list[TEXTS];
    unsigned wrong = 0;

    assert_int_equal(json_array_size(all), sizeof peft_cases / sizeof peft_cases[0]);
    for (size_t i = 0; i < TEXTS; i++)
        list[i] = json_string_value(json_array_get(given, i));
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *want = json_array_get(all, i);
        const change one = { peft_cases[i].id, NULL, peft_cases[i].adapter };
        const change bare = { peft_cases[i].id, drop_prefix, peft_cases[i].adapter };

        assert_string_equal(json_string_value(json_object_get(want, "id")), peft_cases[i].id);
        make_both(*state, &one);
        wrong += check_peft(want, list);
        remove_both();
        make_both(*state, &bare); /* the merge finds modules by the names of the model */
        wrong += check_peft(want, list);
        remove_both();
    }
    json_decref(expected);
    assert_int_equal(wrong, 0);
}

/* The merged weights are bf16, so the field must not reach Transformers, which would quantise them. */
static void a_merged_model_is_not_called_quantised(void **state)
{
    json_t *config;

    make_both(*state, &(change){ "left over", add_quantisation, NULL });
    merge_both();
    config = json_load_file(in_dir(merged, "config.json"), 0, NULL);
    assert_non_null(config);
    assert_null(json_object_get(config, "quantization_config"));
    json_decref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(harmless_changes_leave_every_bit, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(adapters_score_as_in_peft, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_merged_model_is_not_called_quantised, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
