/* test_config.c - config.json: the golden models, and files that must be refused. */
#include "tests/quant-free/config_case.h"

static size_t window(const gd_config *c, size_t layer)
{
    size_t n = 0;

    assert_ok(gd_config_window(c, layer, &n, test_err));
    return n;
}

static void golden_models_open(void **state)
{
    static const struct {
        const char *name, *architecture;
        double theta, head_dim, kv;
        size_t windows[3];
    } cases[] = {
        { "qwen2", "Qwen2ForSequenceClassification", 1e6, 16, 2, { 0, 0, 0 } },
        { "qwen2-tied", "Qwen2ForSequenceClassification", 1e4, 16, 6, { 0, 0, 0 } },
        { "qwen2-causal", "Qwen2ForCausalLM", 1e6, 16, 2, { 0, 0, 0 } },
        { "llama", "LlamaForSequenceClassification", 5e5, 16, 2, { 0, 0, 0 } },
        { "mistral", "MistralForSequenceClassification", 1e4, 16, 2, { 48, 48, 48 } },
        { "qwen3", "Qwen3ForSequenceClassification", 1e6, 32, 2, { 0, 0, 0 } },
        { "gemma2", "Gemma2ForSequenceClassification", 1e4, 32, 2, { 48, 0, 48 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char dir[512], name[64];
        const char *dtype;
        gd_config *c;
        gd_rope rope;

        (void)snprintf(name, sizeof name, "golden/%s", cases[i].name);
        assert_ok(gd_config_open(&c, test_data(dir, sizeof dir, name), test_err));
        assert_string_equal(gd_config_architecture(c), cases[i].architecture);
        assert_float_equal(number(c, "rope_theta"), cases[i].theta, 0);
        assert_float_equal(number(c, "head_dim"), cases[i].head_dim, 0);
        assert_float_equal(number(c, "num_key_value_heads"), cases[i].kv, 0);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(window(c, k), cases[i].windows[k]);
        assert_ok(gd_config_rope(c, 0, &rope, test_err));
        assert_int_equal(rope.type, strcmp(cases[i].name, "llama") == 0 ? GD_ROPE_LLAMA3 : GD_ROPE_DEFAULT);
        assert_ok(gd_config_string(c, "torch_dtype", &dtype, test_err));
        assert_string_equal(dtype, "bfloat16");
        assert_int_equal(gd_config_note_count(c), 0);
        gd_config_close(c);
    }
}

static void absent_fields_have_defaults(void **state)
{
    gd_config *c = open_text(*state, "{" QWEN2 FINE "}");
    const char *text;
    bool flag = true;
    size_t n;
    gd_error err = { GD_OK, "" };

    assert_float_equal(number(c, "rope_theta"), 10000, 0);
    assert_float_equal(number(c, "rms_norm_eps"), 1e-6, 0);
    assert_ok(gd_config_string(c, "hidden_act", &text, test_err));
    assert_string_equal(text, "silu");
    assert_ok(gd_config_bool(c, "use_sliding_window", &flag, test_err));
    assert_false(flag);
    assert_false(gd_config_has(c, "attn_logit_softcapping"));
    assert_true(gd_config_has(c, "rope_theta"));
    assert_ok(gd_config_size(c, "vocab_size", &n, test_err));
    assert_int_equal(n, 1536);
    assert_int_equal(gd_config_size(c, "rms_norm_eps", &n, &err), GD_EFORMAT);
    assert_non_null(strstr(err.text, "the field \"rms_norm_eps\" is 1e-06, but a non-negative integer is "
                                     "expected"));
    gd_config_close(c);

    c = open_text(*state, "{" GEMMA2 FINE ",\"attn_logit_softcapping\":null,\"head_dim\":16}");
    assert_false(gd_config_has(c, "attn_logit_softcapping")); /* null means no soft-cap, absent means 50 */
    assert_float_equal(number(c, "query_pre_attn_scalar"), 256, 0);
    assert_int_equal(window(c, 0), 4096);
    assert_int_equal(window(c, 1), 0);
    gd_config_close(c);

    c = open_text(*state, "{" QWEN3 FINE "}");
    assert_float_equal(number(c, "head_dim"), 128, 0);
    gd_config_close(c);

    c = open_text(*state, "{" LLAMA ",\"hidden_size\":96,\"intermediate_size\":208,\"num_hidden_layers\":3,"
                          "\"num_attention_heads\":6,\"vocab_size\":1536,\"head_dim\":null}");
    assert_float_equal(number(c, "num_key_value_heads"), 6, 0);
    assert_float_equal(number(c, "head_dim"), 16, 0);
    gd_config_close(c);

    c = open_text(*state, "{" OTHER ",\"n_embd\":7}");
    assert_false(gd_config_has(c, "rms_norm_eps"));
    assert_float_equal(number(c, "n_embd"), 7, 0);
    assert_int_equal(gd_config_note_count(c), 1);
    assert_non_null(strstr(gd_config_note(c, 0), "the field \"n_embd\" is unknown and ignored, as in "
                                                 "Transformers"));
    gd_config_close(c);
}

static void quantization_is_noted_if_it_is_on(void **state)
{
    static const struct {
        const char *value, *note;
    } cases[] = {
        { "null", NULL },
        { "{}", NULL },
        { "{\"load_in_4bit\":false,\"load_in_8bit\":false,\"quant_method\":\"bitsandbytes\"}", NULL },
        { "{\"load_in_8bit\":false}", NULL },
        { "{\"load_in_4bit\":true,\"load_in_8bit\":false,\"quant_method\":\"bitsandbytes\"}",
          "is set (bitsandbytes), but the weights are not quantised: it is ignored" },
        { "{\"bits\":4,\"quant_method\":\"gptq\"}", "is set (gptq), but the weights are not" },
        { "{\"bits\":4}", "is set (no quant_method), but the weights are not" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        gd_config *c;

        (void)snprintf(text, sizeof text, "{" QWEN2 FINE ",\"quantization_config\":%s}", cases[i].value);
        c = open_text(*state, text);
        assert_int_equal(gd_config_note_count(c), cases[i].note != NULL);
        if (cases[i].note)
            assert_contains(gd_config_note(c, 0), cases[i].note);
        gd_config_close(c);
    }
}

static void the_architecture_follows_from_model_type(void **state)
{
    static const char *const texts[] = { "{\"model_type\":\"gemma2\"" FINE ",\"head_dim\":16}",
                                         "{\"architectures\":null,\"model_type\":\"gemma2\"" FINE ",\"head_dim\":16}",
                                         "{\"architectures\":[],\"model_type\":\"gemma2\"" FINE ",\"head_dim\":16}",
                                         "{\"architectures\":[\"Gemma2Model\"]" FINE ",\"head_dim\":16}" };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        gd_config *c = open_text(*state, texts[i]);

        assert_string_equal(gd_config_architecture(c), "Gemma2ForSequenceClassification");
        assert_float_equal(number(c, "query_pre_attn_scalar"), 256, 0); /* the family's default */
        gd_config_close(c);
    }
}

static void windows_follow_each_family(void **state)
{
    static const struct {
        const char *text;
        size_t windows[3];
    } cases[] = {
        { "{" QWEN2 FINE ",\"use_sliding_window\":true,\"sliding_window\":32,\"max_window_layers\":2}", { 0, 0, 32 } },
        { "{" QWEN2 FINE ",\"use_sliding_window\":false,\"sliding_window\":32,\"max_window_layers\":0}", { 0, 0, 0 } },
        { "{" QWEN3 FINE ",\"use_sliding_window\":true,\"max_window_layers\":1}", { 0, 4096, 4096 } },
        { "{" QWEN2 FINE ",\"use_sliding_window\":true,\"sliding_window\":8,"
          "\"layer_types\":[\"sliding_attention\",\"full_attention\",\"full_attention\"]}",
          { 8, 0, 0 } },
        { "{" MISTRAL FINE "}", { 4096, 4096, 4096 } },
        { "{" MISTRAL FINE ",\"sliding_window\":null}", { 0, 0, 0 } },
        { "{" LLAMA FINE ",\"sliding_window\":null}", { 0, 0, 0 } },
        { "{" GEMMA2 FINE ",\"sliding_window\":16,\"head_dim\":16}", { 16, 0, 16 } },
        { "{" GEMMA2 FINE ",\"sliding_window\":16,\"head_dim\":16,"
          "\"layer_types\":[\"full_attention\",\"full_attention\",\"sliding_attention\"]}",
          { 0, 0, 16 } },
        { "{" OTHER FINE ",\"layer_types\":[\"full_attention\",\"full_attention\",\"full_attention\"]}", { 0, 0, 0 } },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_config *c = open_text(*state, cases[i].text);

        for (size_t k = 0; k < 3; k++)
            assert_int_equal(window(c, k), cases[i].windows[k]);
        gd_config_close(c);
    }
}

static void the_fourth_layer_of_olmo3_sees_all(void **state)
{
    gd_config *c = open_text(*state, "{" ARCH("Olmo3ForCausalLM", "olmo3")
                                         SIZES("96", "208", "5", "6", "2", "1536") ",\"sliding_window\":32}");

    for (size_t k = 0; k < 5; k++)
        assert_int_equal(window(c, k), k == 3 ? 0 : 32);
    assert_float_equal(number(c, "rms_norm_eps"), 1e-5, 0); /* ten times Llama's */
    gd_config_close(c);
}

/* As its makers publish Phi-4-mini: the code is that of Transformers by now. */
static void phi3_may_name_code(void **state)
{
    gd_config *c = open_text(*state, "{" PHI3 FINE
                                     ",\"auto_map\":{\"AutoModelForCausalLM\":\"modeling_phi3.Phi3ForCausalLM\"}}");

    assert_int_equal(gd_config_note_count(c), 0);
    gd_config_close(c);
}

static void sizes_are_checked(void **state)
{
    static const struct config_case cases[] = {
        { "hidden 0", "{" QWEN2 SIZES("0", "208", "3", "6", "2", "1536") "}",
          "the field \"hidden_size\" is 0, but 1 to 1048576 is expected" },
        { "hidden -96", "{" QWEN2 SIZES("-96", "208", "3", "6", "2", "1536") "}",
          "the field \"hidden_size\" is -96, but 1 to 1048576 is expected" },
        { "hidden 96.0", "{" QWEN2 SIZES("96.0", "208", "3", "6", "2", "1536") "}",
          "the field \"hidden_size\" is a real number, but an integer is expected" },
        { "hidden \"96\"", "{" QWEN2 SIZES("\"96\"", "208", "3", "6", "2", "1536") "}",
          "the field \"hidden_size\" is a string, but an integer is expected" },
        { "hidden null", "{" QWEN2 SIZES("null", "208", "3", "6", "2", "1536") "}",
          "the field \"hidden_size\" is null, but an integer is expected" },
        { "hidden huge", "{" QWEN2 SIZES("9223372036854775807", "208", "3", "6", "2", "1536") "}",
          "the field \"hidden_size\" is 9223372036854775807, but 1 to 1048576 is expected" },
        { "hidden missing", "{" QWEN2 "}", "the field \"hidden_size\" is missing, but an integer is expected" },
        { "ffn 0", "{" QWEN2 SIZES("96", "0", "3", "6", "2", "1536") "}",
          "the field \"intermediate_size\" is 0, but 1 to 16777216 is expected" },
        { "layers 0", "{" QWEN2 SIZES("96", "208", "0", "6", "2", "1536") "}",
          "the field \"num_hidden_layers\" is 0, but 1 to 4096 is expected" },
        { "layers 1e9", "{" QWEN2 SIZES("96", "208", "1000000000", "6", "2", "1536") "}",
          "the field \"num_hidden_layers\" is 1000000000, but 1 to 4096 is expected" },
        { "heads 0", "{" QWEN2 SIZES("96", "208", "3", "0", "2", "1536") "}",
          "the field \"num_attention_heads\" is 0, but 1 to 4096 is expected" },
        { "kv 0", "{" QWEN2 SIZES("96", "208", "3", "6", "0", "1536") "}",
          "the field \"num_key_value_heads\" is 0, but 1 to 4096 is expected" },
        { "kv -1", "{" QWEN2 SIZES("96", "208", "3", "6", "-1", "1536") "}",
          "the field \"num_key_value_heads\" is -1, but 1 to 4096 is expected" },
        { "vocab 0", "{" QWEN2 SIZES("96", "208", "3", "6", "2", "0") "}",
          "the field \"vocab_size\" is 0, but 1 to 4194304 is expected" },
        { "vocab true", "{" QWEN2 SIZES("96", "208", "3", "6", "2", "true") "}",
          "the field \"vocab_size\" is true or false, but an integer is expected" },
        { "heads % kv", "{" QWEN2 SIZES("96", "208", "3", "6", "4", "1536") "}",
          "the field \"num_attention_heads\" is 6, but a multiple of \"num_key_value_heads\", 4, is expected" },
        { "hidden % heads", "{" QWEN2 SIZES("98", "208", "3", "6", "2", "1536") "}",
          "the field \"hidden_size\" is 98, but a multiple of \"num_attention_heads\", 6, is expected" },
        { "odd head", "{" QWEN2 SIZES("90", "208", "3", "6", "2", "1536") "}",
          "\"head_dim\" is 15, but an even number is expected" },
        { "odd head_dim", "{" QWEN3 FINE ",\"head_dim\":17}", "\"head_dim\" is 17, but an even number is expected" },
        { "head_dim 0", "{" LLAMA FINE ",\"head_dim\":0}", "the field \"head_dim\" is 0, but 1 to 4096 is expected" },
        { "longest 0", "{" QWEN2 FINE ",\"max_position_embeddings\":0}",
          "the field \"max_position_embeddings\" is 0, but 1 to 2147483648 is expected" },
        { "eps 0", "{" QWEN2 FINE ",\"rms_norm_eps\":0}",
          "the field \"rms_norm_eps\" is 0, but a number between 0 and 1 is expected" },
        { "eps -1", "{" QWEN2 FINE ",\"rms_norm_eps\":-1e-6}",
          "the field \"rms_norm_eps\" is -1e-06, but a number between 0 and 1 is expected" },
        { "eps null", "{" QWEN2 FINE ",\"rms_norm_eps\":null}",
          "the field \"rms_norm_eps\" is null, but a number is expected" },
        { "eps NaN", "{" QWEN2 FINE ",\"rms_norm_eps\":NaN}",
          "the field \"rms_norm_eps\" is NaN, but a number is expected" },
    };

    expect_all(*state, cases, sizeof cases / sizeof cases[0]);
}

static const struct config_case field_cases[] = {
    { "no JSON", "", "not valid JSON: the text ends where a value is expected" },
    { "a list", "[]", "not a JSON object" },
    { "duplicate key", "{" QWEN2 ",\"hidden_size\":1,\"hidden_size\":2}", "the field \"hidden_size\" appears twice" },
    { "no architectures", "{}",
      "neither \"architectures\" nor \"model_type\" says which model this is; \"architectures\": "
      "[\"LlamaForSequenceClassification\"], for example, is expected" },
    { "model_type alone", "{\"model_type\":\"qwen2\"" FINE "}", "" },
    { "architectures null", "{\"architectures\":null,\"model_type\":\"llama\"" FINE "}", "" },
    { "architectures empty", "{\"architectures\":[],\"model_type\":\"mistral\"" FINE "}", "" },
    { "model_type unknown", "{\"architectures\":[],\"model_type\":\"phoenix\"}",
      "\"architectures\" is missing, and the field \"model_type\" is \"phoenix\", but llama, qwen2, mistral, qwen3, "
      "gemma2, internlm2, gemma3_text, smollm3, gemma, ministral3, olmo2, olmo3 or phi3 is expected" },
    { "model_type a number", "{\"model_type\":2}", "the field \"model_type\" is an integer, but a string is expected" },
    { "model_type alone, two labels", "{\"model_type\":\"qwen2\",\"num_labels\":2" FINE "}",
      "the model has 2 labels, but a reward model with one score is expected; "
      "--head can name one that makes it of them (guerdon models lists heads)" },
    { "inner model", "{" ARCH("Qwen3Model", "qwen3") FINE "}", "" },
    { "inner model, other type", "{" ARCH("Qwen3Model", "qwen2") FINE "}",
      "the field \"model_type\" is \"qwen2\", but the architecture is Qwen3Model" },
    { "string", "{\"architectures\":\"Qwen2ForCausalLM\"}",
      "the field \"architectures\" is a string, but a list is expected" },
    { "two", "{\"architectures\":[\"A\",\"B\"]}", "the field \"architectures\" is not a list of one name" },
    { "number", "{\"architectures\":[1]}", "the field \"architectures\" is not a list of one name" },
    { "model_type", "{" ARCH("Qwen2ForCausalLM", "llama") FINE "}",
      "the field \"model_type\" is \"llama\", but the architecture is Qwen2ForCausalLM" },
    { "model_type other", "{" ARCH("Qwen2ForCausalLM", "phoenix") FINE "}",
      "the field \"model_type\" is \"phoenix\", but the architecture is Qwen2ForCausalLM" },
    { "two labels", "{" ARCH("Qwen2ForSequenceClassification", "qwen2") FINE ",\"id2label\":{\"0\":\"A\",\"1\":\"B\"}}",
      "the model has 2 labels, but a reward model with one score is expected; "
      "--head can name one that makes it of them (guerdon models lists heads)" },
    { "num_labels 3", "{" ARCH("Qwen2ForSequenceClassification", "qwen2") FINE ",\"num_labels\":3}",
      "the model has 3 labels, but a reward model with one score is expected; "
      "--head can name one that makes it of them (guerdon models lists heads)" },
    { "labels differ", "{" QWEN2 FINE ",\"num_labels\":2}",
      "the field \"num_labels\" is 2, but \"id2label\" has 1 labels" },
    { "labels absent", "{" ARCH("Qwen2ForSequenceClassification", "qwen2") FINE "}", "" },
    { "causal, two labels", "{" ARCH("Qwen2ForCausalLM", "qwen2") FINE ",\"num_labels\":2}", "" },
    { "quantised", "{" QWEN2 FINE ",\"quantization_config\":{\"bits\":4}}",
      "" }, /* the tensors say whether it is true */
    { "auto_map", "{" QWEN2 FINE ",\"auto_map\":{\"AutoModel\":\"x.Y\"}}",
      "the field \"auto_map\" is {\"AutoModel\":\"x.Y\"}: the model comes with code, which is "
      "never run" },
    { "not causal", "{" QWEN2 FINE ",\"is_causal\":false}",
      "the field \"is_causal\" is false: only causal attention is supported" },
    { "causal", "{" QWEN2 FINE ",\"is_causal\":true}", "" },
    { "bidirectional", "{" GEMMA2 FINE ",\"use_bidirectional_attention\":true}",
      "the field \"use_bidirectional_attention\" is true: only causal attention is supported" },
    { "partial", "{" QWEN2 FINE ",\"partial_rotary_factor\":0.25}",
      "the field \"partial_rotary_factor\" is 0.25: partial rotary embeddings are not supported" },
    { "multiplier", "{" LLAMA FINE ",\"residual_multiplier\":0.22}",
      "the field \"residual_multiplier\" is 0.22: multipliers are not supported" },
    { "neutral", "{" LLAMA FINE ",\"residual_multiplier\":1.0,\"num_experts\":0,\"pruned_heads\":{}}", "" },
    { "experts", "{" QWEN3 FINE ",\"num_experts\":128}",
      "the field \"num_experts\" is 128: mixtures of experts are not supported" },
    { "soft-cap", "{" LLAMA FINE ",\"attn_logit_softcapping\":50.0}",
      "the field \"attn_logit_softcapping\" is 50.0: this architecture has no such field" },
    { "window", "{" LLAMA FINE ",\"sliding_window\":4096}",
      "the field \"sliding_window\" is 4096: this architecture has no sliding window" },
    { "another name of the head", "{" QWEN2 FINE ",\"value_head_prefix\":\"value_head\"}", "" },
    { "head's name score", "{" QWEN2 FINE ",\"value_head_prefix\":\"score\"}", "" },
    { "window 0", "{" MISTRAL FINE ",\"sliding_window\":0}",
      "the field \"sliding_window\" is 0, but a positive integer or null is expected" },
    { "few layer_types", "{" QWEN2 FINE ",\"layer_types\":[\"full_attention\"]}",
      "the field \"layer_types\" has 1 entries, but a string for layer 1 is expected" },
    { "many layer_types",
      "{" QWEN2 FINE ",\"layer_types\":[\"full_attention\",\"full_attention\",\"full_attention\",\"full_"
      "attention\"]}",
      "the field \"layer_types\" has 4 entries, but there are 3 layers" },
    { "other layer_types",
      "{" QWEN2 FINE ",\"layer_types\":[\"linear_attention\",\"full_attention\",\"full_attention\"]}",
      "layer 0 has type \"linear_attention\", but full_attention or sliding_attention is expected" },
    { "slides without window",
      "{" QWEN2 FINE ",\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\"]}",
      "layer 1 has type \"sliding_attention\", but there is no sliding window" },
    { "mistral's list",
      "{" MISTRAL FINE ",\"layer_types\":[\"sliding_attention\",\"full_attention\",\"full_attention\"]}",
      "layer 1 has type \"full_attention\", but \"sliding_window\" is 4096 for every layer of "
      "MistralForSequenceClassification" },
};

static void fields_are_checked(void **state)
{
    char *deep = calloc(1, 200001);
    struct config_case bomb = { "depth", deep, "values are nested deeper than 512 levels" };

    assert_non_null(deep);
    expect_all(*state, field_cases, sizeof field_cases / sizeof field_cases[0]);
    memset(deep, '[', 200000);
    expect_all(*state, &bomb, 1);
    free(deep);
}

static void the_file_is_bounded(void **state)
{
    const size_t len = ((size_t)4 << 20) + 1;
    char *text = calloc(1, len + 1);
    gd_error err = { GD_OK, "" };
    gd_config *c;

    assert_non_null(text);
    memset(text, ' ', len);
    write_text(*state, "config.json", text);
    free(text);
    assert_int_equal(gd_config_open(&c, *state, &err), GD_EFORMAT);
    assert_null(c);
    assert_non_null(strstr(err.text, "config.json: 4194305 bytes, but at most 4194304 are accepted"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_models_open),
        cmocka_unit_test_setup_teardown(absent_fields_have_defaults, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(quantization_is_noted_if_it_is_on, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(the_architecture_follows_from_model_type, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(phi3_may_name_code, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(the_fourth_layer_of_olmo3_sees_all, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(windows_follow_each_family, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_are_checked, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(fields_are_checked, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_is_bounded, dir_setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
