/* test_config_nested.c - models whose text model is described inside, in text_config; and what the classes of Gemma 1
 * and Ministral 3 make of their fields. */
#include "tests/quant-free/config_case.h"

#define WHOLE(name, type, text) "{" ARCH(name, type) ",\"text_config\":{" text "}"
#define GEMMA3_WHOLE(text) WHOLE("Gemma3ForSequenceClassification", "gemma3", text) ",\"id2label\":{\"0\":\"a\"}"
#define MISTRAL3_WHOLE(text) WHOLE("Mistral3ForConditionalGeneration", "mistral3", text)
#define TEXT "\"hidden_size\":96,\"num_hidden_layers\":3,\"intermediate_size\":208,\"vocab_size\":1536"
#define HEADS ",\"num_attention_heads\":6,\"num_key_value_heads\":2"
#define GEMMA ARCH("GemmaForSequenceClassification", "gemma") ",\"num_labels\":1"
#define MINISTRAL3 "{" ARCH("Ministral3ForSequenceClassification", "ministral3") ",\"num_labels\":1" FINE
#define YARN(rest) ",\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":16,\"rope_theta\":1e6" rest "}}"

static gd_rope rope_of(const gd_config *c, size_t layer)
{
    gd_rope rope;

    assert_ok(gd_config_rope(c, layer, &rope, test_err));
    return rope;
}

/* The published Gemma 3 4B says no more than this: the rest are the class's defaults. */
static void text_config_may_say_little(void **state)
{
    gd_config *c = open_text(
        *state, "{" ARCH("Gemma3ForConditionalGeneration",
                         "gemma3") ",\"eos_token_id\":[1,106],\"image_token_index\":262144,\"vision_config\":{},"
                                   "\"text_config\":{\"hidden_size\":2560,\"intermediate_size\":10240,\"model_type\":"
                                   "\"gemma3_text\",\"num_hidden_layers\":34,\"sliding_window\":1024,"
                                   "\"rope_scaling\":{\"factor\":8.0,\"rope_type\":\"linear\"}}}");
    static const struct {
        const char *field;
        double want;
    } fields[] = {
        { "hidden_size", 2560 },
        { "num_attention_heads", 8 },
        { "num_key_value_heads", 4 },
        { "head_dim", 256 },
        { "vocab_size", 262208 },
        { "max_position_embeddings", 131072 },
        { "query_pre_attn_scalar", 256 },
        { "pad_token_id", 0 },
        { "eos_token_id", 1 },
    };
    size_t window;

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (number(c, fields[i].field) != fields[i].want)
            fail_msg("%s is %g", fields[i].field, number(c, fields[i].field));
    assert_string_equal(gd_config_architecture(c), "Gemma3ForConditionalGeneration");
    assert_string_equal(gd_config_trunk(c), "Gemma3TextForSequenceClassification");
    assert_string_equal(gd_config_classifier(c), "Gemma3ForSequenceClassification");
    assert_true(gd_config_nested(c));
    assert_float_equal(rope_of(c, 0).theta, 1e4, 0); /* with a window */
    assert_float_equal(rope_of(c, 5).theta, 1e6, 0);
    assert_float_equal(rope_of(c, 5).factor, 8, 0);
    assert_ok(gd_config_window(c, 4, &window, test_err));
    assert_int_equal(window, 1024);
    assert_int_equal(gd_config_note_count(c), 1);
    assert_contains(gd_config_note(c, 0), "config.json: the model reads images as well, but here only texts are read");
    gd_config_close(c);
}

static void the_text_model_is_of_either_type(void **state)
{
    gd_config *c = open_text(*state, MISTRAL3_WHOLE(TEXT HEADS ",\"sliding_window\":null") "}");

    assert_string_equal(gd_config_trunk(c), "MistralForSequenceClassification");
    assert_string_equal(gd_config_classifier(c), "Mistral3ForConditionalGeneration"); /* there is no other */
    gd_config_close(c);
    c = open_text(*state, MISTRAL3_WHOLE(TEXT HEADS ",\"model_type\":\"ministral3\"") "}");
    assert_string_equal(gd_config_trunk(c), "Ministral3ForSequenceClassification");
    gd_config_close(c);
    c = open_text(*state, "{\"model_type\":\"gemma3\",\"text_config\":{" TEXT "}}");
    assert_string_equal(gd_config_architecture(c), "Gemma3ForSequenceClassification");
    gd_config_close(c);
}

/* Without rope_parameters, Ministral 3's class has these. */
static void queries_grow(void **state)
{
    gd_config *c = open_text(*state, MINISTRAL3 "}");
    const gd_rope filled = rope_of(c, 0);

    assert_int_equal(filled.type, GD_ROPE_YARN);
    assert_float_equal(filled.theta, 1e6, 0);
    assert_float_equal(filled.factor, 16, 0);
    assert_float_equal(filled.original_max_position, 16384, 0);
    assert_float_equal(filled.growth, 0.1, 0);
    gd_config_close(c);
    c = open_text(*state, MINISTRAL3 YARN(",\"original_max_position_embeddings\":64,\"llama_4_scaling_beta\":0.5,"
                                          "\"max_position_embeddings\":1024"));
    assert_float_equal(rope_of(c, 2).growth, 0.5, 0);
    assert_float_equal(rope_of(c, 2).original_max_position, 64, 0);
    gd_config_close(c);
}

/* Gemma 1's published files say "gelu" in one field, and what is meant in the other, or not at all. */
static void gelu_is_the_tanh_form(void **state)
{
    static const struct {
        const char *fields, *want;
        size_t notes;
    } cases[] = {
        { "", "gelu_pytorch_tanh", 0 },
        { ",\"hidden_act\":\"gelu_pytorch_tanh\"", "gelu_pytorch_tanh", 0 },
        { ",\"hidden_act\":\"gelu\"", "gelu_pytorch_tanh", 1 },
        { ",\"hidden_act\":\"gelu\",\"hidden_activation\":null", "gelu_pytorch_tanh", 1 },
        { ",\"hidden_act\":\"gelu\",\"hidden_activation\":\"gelu_pytorch_tanh\"", "gelu_pytorch_tanh", 1 },
        { ",\"hidden_act\":\"gelu\",\"hidden_activation\":\"gelu\"", "gelu", 0 }, /* the graph refuses it */
        { ",\"hidden_act\":\"silu\",\"hidden_activation\":\"silu\"", "silu", 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        const char *act;
        gd_config *c;

        (void)snprintf(text, sizeof text, "{" GEMMA FINE "%s}", cases[i].fields);
        c = open_text(*state, text);
        assert_ok(gd_config_string(c, "hidden_act", &act, test_err));
        assert_string_equal(act, cases[i].want);
        assert_int_equal(gd_config_note_count(c), cases[i].notes);
        gd_config_close(c);
    }
}

static const struct config_case bad_cases[] = {
    { "no text_config", "{" ARCH("Gemma3ForSequenceClassification", "gemma3") FINE "}",
      "the field \"text_config\" is missing, but the architecture is Gemma3ForSequenceClassification, whose text model "
      "it "
      "describes" },
    { "text_config a list", "{" ARCH("Gemma3ForSequenceClassification", "gemma3") ",\"text_config\":[]}",
      "the field \"text_config\" is a list, but an object is expected" },
    { "a whole of another type", "{" ARCH("Gemma3ForSequenceClassification", "gemma3_text") ",\"text_config\":{}}",
      "the field \"model_type\" is \"gemma3_text\", but the architecture is Gemma3ForSequenceClassification" },
    { "two labels beside it",
      WHOLE("Gemma3ForSequenceClassification", "gemma3", TEXT) ",\"id2label\":{\"0\":\"a\",\"1\":\"b\"}}",
      "the model has 2 labels, but a reward model with one score is expected; "
      "--head can name one that makes it of them (guerdon models lists heads)" },
    { "code beside it", GEMMA3_WHOLE(TEXT) ",\"auto_map\":{\"AutoModel\":\"x.Y\"}}",
      "the field \"auto_map\" is set, which is not supported" },
    { "two activations", "{" GEMMA FINE ",\"hidden_act\":\"silu\",\"hidden_activation\":\"gelu_pytorch_tanh\"}",
      "the field \"hidden_act\" is \"silu\", but \"hidden_activation\" is \"gelu_pytorch_tanh\": the same is "
      "expected" },
    { "activation a number", "{" GEMMA FINE ",\"hidden_activation\":1}",
      "the field \"hidden_activation\" is an integer, but a string is expected" },
    { "Gemma 1 with a window", "{" GEMMA FINE ",\"sliding_window\":64}",
      "the field \"sliding_window\" is 64: this architecture has no sliding window" },
    { "no growth", MINISTRAL3 YARN(",\"original_max_position_embeddings\":64"),
      "the field \"llama_4_scaling_beta\" is missing, but a number is expected" },
    { "growth below 0", MINISTRAL3 YARN(",\"original_max_position_embeddings\":64,\"llama_4_scaling_beta\":-1"),
      "the field \"llama_4_scaling_beta\" is -1, but 0 or a positive number is expected" },
    { "growth by no length", MINISTRAL3 YARN(",\"llama_4_scaling_beta\":0.1"),
      "\"rope_parameters\" lacks \"original_max_position_embeddings\", by which \"llama_4_scaling_beta\" counts" },
    { "growth of another class",
      "{" MISTRAL FINE YARN(",\"original_max_position_embeddings\":64,\"llama_4_scaling_beta\":0.1"),
      "the rotary embedding has the field \"llama_4_scaling_beta\", which type \"yarn\" does not read" },
    { "growth without yarn",
      MINISTRAL3 ",\"rope_parameters\":{\"rope_type\":\"default\",\"llama_4_scaling_beta\":0.1}}",
      "the rotary embedding has the field \"llama_4_scaling_beta\", which type \"default\" does not read" },
};

static const struct config_case inside_cases[] = {
    { "a text of another type", MISTRAL3_WHOLE("\"model_type\":\"qwen2\"") "}",
      "the field \"model_type\" is \"qwen2\", but mistral or ministral3 is expected" },
    { "a text's type a number", GEMMA3_WHOLE("\"model_type\":3") "}",
      "the field \"model_type\" is an integer, but a string is expected" },
    { "nested sizes missing", MISTRAL3_WHOLE("\"hidden_size\":96") "}",
      "the field \"intermediate_size\" is missing, but an integer is expected" },
    { "nested hidden 0", GEMMA3_WHOLE("\"hidden_size\":0") "}",
      "the field \"hidden_size\" is 0, but 1 to 1048576 is expected" },
    { "nested head_dim odd", GEMMA3_WHOLE(TEXT ",\"head_dim\":31") "}",
      "\"head_dim\" is 31, but an even number is expected" },
    { "nested heads and defaults", GEMMA3_WHOLE(TEXT ",\"num_attention_heads\":6") "}",
      "the field \"num_attention_heads\" is 6, but a multiple of \"num_key_value_heads\", 4, is expected" },
    { "code inside", GEMMA3_WHOLE(TEXT ",\"auto_map\":{\"AutoModel\":\"x.Y\"}") "}",
      "the field \"auto_map\" is {\"AutoModel\":\"x.Y\"}: the model comes with code, which is never run" },
    { "bidirectional", GEMMA3_WHOLE(TEXT ",\"use_bidirectional_attention\":true") "}",
      "the field \"use_bidirectional_attention\" is true: only causal attention is supported" },
};

static void each_fault_has_its_sentence(void **state)
{
    expect_all(*state, bad_cases, sizeof bad_cases / sizeof bad_cases[0]);
}

/* A sentence about a field inside says so. */
static void each_fault_inside_has_its_sentence(void **state)
{
    for (size_t i = 0; i < sizeof inside_cases / sizeof inside_cases[0]; i++) {
        gd_error err = { GD_OK, "" };
        gd_config *c;
        gd_status rc;

        write_text(*state, "config.json", inside_cases[i].text);
        rc = gd_config_open(&c, *state, &err);
        gd_config_close(c);
        wrong += !said(inside_cases[i].id, in_dir(*state, "config.json, text_config"), rc, &err, inside_cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_config_may_say_little, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(the_text_model_is_of_either_type, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(queries_grow, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(gelu_is_the_tanh_form, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(each_fault_has_its_sentence, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(each_fault_inside_has_its_sentence, dir_setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
