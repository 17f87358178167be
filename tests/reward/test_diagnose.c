/* test_diagnose.c - all that is wrong with a model is said in one go. */
#include "tests/reward/edits.h"

#include "base/json.h"

/* The problems of a model directory. */
static json_t *problems_of(const char *dir)
{
    gd_options options;
    json_t *json, *problems;
    char *text;

    gd_options_init(&options);
    options.model = dir;
    assert_ok(gd_diagnose(&options, &text, test_err));
    assert_ok(gd_json_parse(&json, text, strlen(text), "the diagnosis", test_err));
    gd_string_free(text);
    problems = json_incref(json_object_get(json, "problems"));
    json_decref(json);
    return problems;
}

/* Exactly these, each by what follows the directory. */
static void expect_problems(const char *dir, const char *const *want, size_t count)
{
    json_t *problems = problems_of(dir), *one;
    size_t i;

    json_array_foreach(problems, i, one) {
        const char *text = json_string_value(one);

        if (i >= count || strncmp(text, dir, strlen(dir)) != 0 || strcmp(text + strlen(dir), want[i]) != 0)
            fail_msg("problem %zu is: %s", i, text);
    }
    assert_int_equal(json_array_size(problems), count);
    json_decref(problems);
}

static void a_good_model_has_none(void **state)
{
    json_t *problems;

    variant_link(*state, "qwen2");
    problems = problems_of(*state);
    assert_int_equal(json_array_size(problems), 0);
    json_decref(problems);
}

static void each_field_and_part_is_named(void **state)
{
    static const char *const want[] = {
        "/config.json: the field \"num_experts\" is 4: mixtures of experts are not supported",
        "/config.json: the field \"kv_lora_rank\" is 7: latent attention is not supported",
        "/config.json: the field \"intermediate_size\" is missing, but an integer is expected",
        "/config.json: the field \"vocab_size\" is 0, but 1 to 4194304 is expected",
        "/tokenizer.json: padding is expected to be an object",
        "/tokenizer.json: normalizer: the type is \"Lowercase\", but only \"NFC\", \"NFKC\", \"Prepend\", \"Replace\" "
        "and a "
        "\"Sequence\" of them are supported",
        "/tokenizer.json: post_processor: the type is \"BertProcessing\", but only \"TemplateProcessing\", "
        "\"ByteLevel\" and "
        "a \"Sequence\" of them are supported",
    };

    variant_link(*state, "qwen2");
    edit_config(*state, "{\"num_experts\":4,\"kv_lora_rank\":7,\"intermediate_size\":null,\"vocab_size\":0}");
    variant_patch_text(*state, "tokenizer.json",
                       "{\"padding\":7,\"normalizer\":{\"type\":\"Lowercase\"},"
                       "\"post_processor\":{\"type\":\"BertProcessing\"}}");
    expect_problems(*state, want, sizeof want / sizeof want[0]);
}

static void an_unknown_class_has_a_neighbour(void **state)
{
    static const char *const want[] = {
        "/config.json: the architecture Qwen3MoeForCausalLM is not supported, but gemma, gemma2, gemma3, internlm2, "
        "llama, ministral3, mistral, olmo2, phi3, qwen2, qwen3, smollm3 are; another decoder of this kind may be "
        "described in a graph file (--graph FILE)",
        ("/config.json: of the classes that are known, Qwen3ForCausalLM is nearest to Qwen3MoeForCausalLM; its graph "
         "is "
         "qwen3"),
        "/model.safetensors: No such file or directory",
    };
    json_t *problems;

    variant_link(*state, "qwen2");
    edit_config(*state, "{\"architectures\":[\"Qwen3MoeForCausalLM\"],\"model_type\":\"qwen3_moe\"}");
    remove_file(*state, "model.safetensors");
    problems = problems_of(*state);
    assert_int_equal(json_array_size(problems), 3);
    for (size_t i = 0; i < 3; i++)
        assert_contains(json_string_value(json_array_get(problems, i)), i < 2 ? want[i] : "model.safetensors");
    json_decref(problems);
    for (size_t i = 0; i < 2; i++) { /* which are near to none, or to one of another kind */
        edit_config(*state, i ? "{\"architectures\":[\"BertForSequenceClassification\"]}"
                              : "{\"architectures\":[\"GPTNeoXForCausalLM\"]}");
        problems = problems_of(*state);
        assert_int_equal(json_array_size(problems), 2);
        json_decref(problems);
    }
}

/* Once for all layers. */
static void each_kind_of_tensor_is_named(void **state)
{
    static const char *const want[] = {
        ("/model.safetensors: the tensor model.layers.0.self_attn.k_proj.weight is missing, and so is 1 whose "
         "name differs only in a number; the nearest that is there is model.layers.0.self_attn.key_proj.weight"),
        "/model.safetensors: the tensor model.norm.weight has the shape [2, 48], but config.json requires [96]",
        "/model.safetensors: the tensor score.weight is missing",
    };
    variant_tensors t;

    variant_link(*state, "qwen2");
    variant_read(&t, *state, "model.safetensors");
    variant_rename(&t, "model.layers.0.self_attn.k_proj.weight", "model.layers.0.self_attn.key_proj.weight");
    variant_rename(&t, "model.layers.2.self_attn.k_proj.weight", "model.layers.2.self_attn.key_proj.weight");
    variant_drop(&t, "score.weight");
    t.list[variant_find(&t, "model.norm.weight")].rank = 2;
    t.list[variant_find(&t, "model.norm.weight")].shape[0] = 2;
    t.list[variant_find(&t, "model.norm.weight")].shape[1] = 48;
    variant_write(&t, 0, t.count, *state, "model.safetensors");
    variant_free(&t);
    expect_problems(*state, want, sizeof want / sizeof want[0]);
}

/* What opening a model says of a head is not said again in other words. */
static void a_turned_tensor_is_missing_once(void **state)
{
    static const char missing[] = "the head armorm reads the tensor reward_transform_matrix, which is missing";
    gd_error first = { GD_OK, "" };
    gd_options options;
    gd_model *model;
    size_t i, said = 0;
    json_t *problems, *problem;
    char *text;

    variant_link(*state, "llama");
    gd_options_init(&options);
    options.model = *state;
    options.head = "armorm";
    assert_int_equal(gd_model_open(&model, &options, &first), GD_EFORMAT);
    assert_contains(first.text, missing);
    assert_ok(gd_diagnose(&options, &text, test_err));
    assert_ok(gd_json_parse(&problems, text, strlen(text), "the diagnosis", test_err));
    gd_string_free(text);
    json_array_foreach(json_object_get(problems, "problems"), i, problem)
        if (strstr(json_string_value(problem), "reward_transform_matrix")) {
            assert_string_equal(json_string_value(problem), first.text);
            said++;
        }
    assert_int_equal(said, 1);
    json_decref(problems);
}

/* Nothing is bound without a head: the trunk's tensors are warnings of gd_inspect(). */
/* Tensors of another prefix are found, as where a model is opened. */
static void tensors_of_another_prefix_are_not_missing(void **state)
{
    static const char *const want[] = { "/model.safetensors: the tensor model.norm.weight is missing" };
    variant_tensors t;

    variant_link(*state, "qwen2");
    variant_read(&t, *state, "model.safetensors");
    for (size_t i = 0; i < t.count; i++) {
        char name[sizeof t.list[i].name - 16];

        (void)snprintf(name, sizeof name, "%s", t.list[i].name);
        if (!strncmp(name, "model.", 6))
            (void)snprintf(t.list[i].name, sizeof t.list[i].name, "model.language_model.%s",
                           strcmp(name, "model.norm.weight") ? name + 6 : "norms.weight");
    }
    variant_write(&t, 0, t.count, *state, "model.safetensors");
    variant_free(&t);
    expect_problems(*state, want, 1);
}

static void a_headless_model_is_looked_at(void **state)
{
    gd_options options;
    variant_tensors t;
    char *json;

    variant_link(*state, "qwen2");
    variant_read(&t, *state, "model.safetensors");
    variant_drop(&t, "score.weight");
    variant_drop(&t, "model.norm.weight");
    variant_write(&t, 0, t.count, *state, "model.safetensors");
    variant_free(&t);
    gd_options_init(&options);
    options.model = *state;
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, "there is no score.weight here or in an adapter");
    assert_contains(json, "the tensor model.norm.weight is missing");
    gd_string_free(json);
}

/* Which tensor is there in place of the head's: its bias says less than its weight. */
static void a_head_that_is_not_there_is_named(void **state)
{
    gd_options options;
    variant_tensors t;
    char *json;

    variant_link(*state, "qwen2");
    variant_read(&t, *state, "model.safetensors");
    variant_rename(&t, "score.weight", "rm_head.weight");
    (void)variant_add(&t, "rm_head.bias", "BF16", 1, 0, 0x3E);
    variant_write(&t, 0, t.count, *state, "model.safetensors");
    variant_free(&t);
    gd_options_init(&options);
    options.model = *state;
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, "there is rm_head.weight, of which no head is known; --head FILE can describe it");
    gd_string_free(json);
    options.head = "value_head";
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, "the head value_head reads value_head.weight, which is neither here nor in an adapter; there "
                          "is rm_head.weight\"");
    gd_string_free(json);
}

int main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, dir_setup, dir_teardown)
    const struct CMUnitTest tests[] = {
        IN_DIR(a_good_model_has_none),
        IN_DIR(each_field_and_part_is_named),
        IN_DIR(an_unknown_class_has_a_neighbour),
        IN_DIR(each_kind_of_tensor_is_named),
        IN_DIR(a_turned_tensor_is_missing_once),
        IN_DIR(tensors_of_another_prefix_are_not_missing),
        IN_DIR(a_headless_model_is_looked_at),
        IN_DIR(a_head_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
