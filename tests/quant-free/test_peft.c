/* test_peft.c - which modules an adapter's configuration selects, and with which rank and scale: compared
 * with PEFT's own results. */
#include "tests/check.h"
#include "tests/quant-free/files.h"

#include "quant-free/adapter_config.h"

#define Q0 "model.layers.0.self_attn.q_proj"
#define Q1 "model.layers.1.self_attn.q_proj"
#define V0 "model.layers.0.self_attn.v_proj"
#define CONFIG(fields) "{\"peft_type\":\"LORA\"," fields "}"

static int wrong;

static int teardown(void **state)
{
    const int lost = wrong;

    wrong = 0;
    return dir_teardown(state) || lost ? -1 : 0;
}

static void scales_are_computed(void **state)
{
    static const struct {
        const char *fields;
        size_t rank;
        double scale;
    } cases[] = {
        { "\"r\":8,\"lora_alpha\":16", 8, 2 },
        { "\"r\":8,\"lora_alpha\":16,\"use_rslora\":true", 8, 5.656854249492381 },
        { "\"r\":32,\"lora_alpha\":0.5", 32, 0.015625 },
        { "\"r\":8,\"lora_alpha\":16,\"rank_pattern\":{\"q_proj\":4}", 4, 4 },
        { "\"r\":8,\"lora_alpha\":16,\"alpha_pattern\":{\"self_attn.q_proj\":24}", 8, 3 },
        { "\"r\":8,\"lora_alpha\":16,\"rank_pattern\":{\"^" Q0 "\":2},\"alpha_pattern\":{\"q_pro.\":3}", 2, 1.5 },
        { "\"r\":8,\"lora_alpha\":16,\"rank_pattern\":{\"k_proj\":4,\"q_proj\":16,\"" Q0 "\":32}", 16, 1 },
        { "\"r\":8,\"lora_alpha\":16,\"rank_pattern\":{\"proj\":4,\"_proj\":4,\"self_attn\":4}", 8, 2 },
        { "\"r\":9,\"lora_alpha\":1,\"use_rslora\":true,\"rank_pattern\":{\"q_proj|k_proj\":4}", 4, 0.5 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_adapter_config c = { 0 };
        char text[512];
        size_t rank;
        float scale;

        (void)snprintf(text, sizeof text, CONFIG("%s"), cases[i].fields);
        write_text(*state, "adapter_config.json", text);
        assert_ok(gd_adapter_config_read(&c, *state, "score.weight", test_err));
        assert_ok(gd_adapter_config_scale(&c, Q0, &rank, &scale, test_err));
        if (rank != cases[i].rank || scale != (float)cases[i].scale) {
            print_error("%s: rank %zu, scale %.9g\n", cases[i].fields, rank, (double)scale);
            wrong++;
        }
        gd_adapter_config_free(&c);
    }
}

/* The results of PEFT 0.21.2's check_target_module_exists() for these names, in this order; 1 for a target.
 * tests/quant-free/peft_targets.py prints the table. */
static const char *const names[] = { Q0,
                                     Q1,
                                     V0,
                                     "model.layers.10.mlp.up_proj",
                                     "model.q_proj",
                                     "q_proj",
                                     "score",
                                     "model.layers.1.xq_proj",
                                     "h.2.3.q_proj",
                                     "model.norm" };
static const struct {
    const char *fields, *targets;
} matching[] = {
#include "tests/quant-free/peft_targets.inc"
};

static void targets_are_those_of_peft(void **state)
{
    for (size_t i = 0; i < sizeof matching / sizeof matching[0]; i++) {
        gd_adapter_config c = { 0 };
        char text[1024], got[sizeof names / sizeof names[0] + 1] = "";

        (void)snprintf(text, sizeof text, CONFIG("\"r\":1,\"lora_alpha\":2,%s"), matching[i].fields);
        write_text(*state, "adapter_config.json", text);
        assert_ok(gd_adapter_config_read(&c, *state, "score.weight", test_err));
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            bool yes;

            assert_ok(gd_adapter_config_targets(&c, names[k], &yes, test_err));
            got[k] = yes ? '1' : '0';
        }
        if (strcmp(got, matching[i].targets) != 0) {
            print_error("%s: %s, but PEFT says %s\n", matching[i].fields, got, matching[i].targets);
            wrong++;
        }
        gd_adapter_config_free(&c);
    }
}

/* target_modules null or absent: PEFT fills in q_proj and v_proj for all our families; "all-linear" means
 * all of them. */
static void absent_targets_are_q_and_v(void **state)
{
    static const struct {
        const char *fields;
        bool q, k, v;
    } cases[] = {
        { "\"r\":1,\"lora_alpha\":2", true, false, true },
        { "\"r\":1,\"lora_alpha\":2,\"target_modules\":null", true, false, true },
        { "\"r\":1,\"lora_alpha\":2,\"target_modules\":\"all-linear\"", true, true, true },
        { "\"r\":1,\"lora_alpha\":2,\"target_modules\":\"All-Linear\",\"exclude_modules\":[\"v_proj\"]", true, true,
          false },
    };
    bool yes;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_adapter_config c = { 0 };
        char text[512];

        (void)snprintf(text, sizeof text, CONFIG("%s"), cases[i].fields);
        write_text(*state, "adapter_config.json", text);
        assert_ok(gd_adapter_config_read(&c, *state, "score.weight", test_err));
        assert_ok(gd_adapter_config_targets(&c, Q0, &yes, test_err));
        assert_int_equal(yes, cases[i].q);
        assert_ok(gd_adapter_config_targets(&c, "model.layers.0.self_attn.k_proj", &yes, test_err));
        assert_int_equal(yes, cases[i].k);
        assert_ok(gd_adapter_config_targets(&c, V0, &yes, test_err));
        assert_int_equal(yes, cases[i].v);
        gd_adapter_config_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scales_are_computed, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(targets_are_those_of_peft, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(absent_targets_are_q_and_v, dir_setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
