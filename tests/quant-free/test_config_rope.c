/* test_config_rope.c - the rotary embedding of config.json, in the dialects of both generations of Transformers. */
#include "tests/quant-free/config_case.h"

#define THREE "1,2,3,"
#define LONGROPE(type, shorts, longs, more)                                                                        \
    "{" PHI3 FINE ",\"rope_scaling\":{\"type\":\"" type "\",\"short_factor\":[" shorts "],\"long_factor\":[" longs \
    "]" more "}}"

/* Longer texts would have other angles. */
static void longrope_takes_texts_up_to_the_original_length(void **state)
{
    static const struct {
        const char *text;
        size_t longest;
        double factor, attention;
    } cases[] = {
        { LONGROPE("longrope", THREE "4,5,6,7,8", THREE "4,5,6,7,8", ""), 4096, 1, 0 }, /* both lengths' default */
        { "{" PHI3 FINE ",\"max_position_embeddings\":1024,\"original_max_position_embeddings\":256,\"rope_scaling\":{"
          "\"type\":\"longrope\",\"short_factor\":[1,1,1,1,1,1,1,1],\"long_factor\":[1,1,1,1,1,1,1,1]}}",
          256, 4, 0 },
        { "{" PHI3 FINE ",\"max_position_embeddings\":128,\"original_max_position_embeddings\":256,\"rope_scaling\":{"
          "\"type\":\"longrope\",\"short_factor\":[1,1,1,1,1,1,1,1],\"long_factor\":[1,1,1,1,1,1,1,1],\"factor\":2,"
          "\"attention_factor\":1.5}}",
          128, 2, 1.5 },
        { "{" LLAMA FINE "}", 2048, 1, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_config *c = open_text(*state, cases[i].text);
        const char *field;
        size_t longest;
        gd_rope rope;

        assert_ok(gd_config_longest(c, &longest, &field, test_err));
        assert_int_equal(longest, cases[i].longest);
        assert_string_equal(field, longest == 256 ? "original_max_position_embeddings" : "max_position_embeddings");
        assert_ok(gd_config_rope(c, 0, &rope, test_err));
        assert_float_equal(rope.factor, cases[i].factor, 0);
        assert_float_equal(rope.attention_factor, cases[i].attention, 0);
        gd_config_close(c);
    }
}

static void a_part_of_each_head_rotates(void **state)
{
    static const struct {
        const char *text;
        size_t rotary;
    } cases[] = {
        { "{" PHI3 FINE "}", 0 },
        { "{" PHI3 FINE ",\"partial_rotary_factor\":1.0}", 0 },
        { "{" PHI3 FINE ",\"partial_rotary_factor\":0.75}", 12 },
        { "{" PHI3 FINE ",\"partial_rotary_factor\":0.8}", 12 }, /* int(12.8) */
        { "{" PHI3 FINE ",\"rope_parameters\":{\"rope_type\":\"default\",\"partial_rotary_factor\":0.5}}", 8 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_config *c = open_text(*state, cases[i].text);
        gd_rope rope;

        assert_ok(gd_config_rope(c, 0, &rope, test_err));
        assert_int_equal(rope.rotary, cases[i].rotary);
        gd_config_close(c);
    }
}

/* The same model as Transformers 4 and as 5 would write it. */
static void both_generations_agree(void **state)
{
    static const char *const texts[] = {
        "{" LLAMA FINE ",\"torch_dtype\":\"bfloat16\",\"rope_theta\":500000.0,\"rope_scaling\":{\"factor\":8.0,"
        "\"high_freq_factor\":4.0,\"low_freq_factor\":1.0,\"original_max_position_embeddings\":64,\"rope_"
        "type\":\"llama3\"}}",
        "{" LLAMA FINE ",\"dtype\":\"bfloat16\",\"rope_parameters\":{\"rope_theta\":500000.0,\"factor\":8.0,"
        "\"high_freq_factor\":4.0,\"low_freq_factor\":1.0,\"original_max_position_embeddings\":64,\"rope_"
        "type\":\"llama3\"}}",
        "{" LLAMA FINE ",\"dtype\":\"bfloat16\",\"max_position_embeddings\":64,\"rope_theta\":500000,\"rope_scaling\":"
        "{\"factor\":8,\"high_freq_factor\":4,\"low_freq_factor\":1,\"type\":\"llama3\"}}",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        gd_config *c = open_text(*state, texts[i]);
        const char *dtype;
        gd_rope rope;

        assert_ok(gd_config_rope(c, 0, &rope, test_err));
        assert_int_equal(rope.type, GD_ROPE_LLAMA3);
        assert_float_equal(rope.theta, 500000, 0);
        assert_float_equal(rope.factor, 8, 0);
        assert_float_equal(rope.low_freq_factor, 1, 0);
        assert_float_equal(rope.high_freq_factor, 4, 0);
        assert_float_equal(rope.original_max_position, 64, 0);
        assert_ok(gd_config_string(c, "dtype", &dtype, test_err));
        assert_string_equal(dtype, "bfloat16");
        gd_config_close(c);
    }
}

#define ROPE(fields) "{" QWEN2 FINE ",\"rope_parameters\":{" fields "}}"

static const struct config_case rope_cases[] = {
    { "theta 0", "{" QWEN2 FINE ",\"rope_theta\":0}",
      "the field \"rope_theta\" is 0, but a positive number is expected" },
    { "theta \"1\"", "{" QWEN2 FINE ",\"rope_theta\":\"1\"}",
      "the field \"rope_theta\" is a string, but a number is expected" },
    { "theta null", "{" QWEN2 FINE ",\"rope_theta\":null}",
      "the field \"rope_theta\" is null, but a number is expected" },
    { "theta 1e400", "{" QWEN2 FINE ",\"rope_theta\":1e400}",
      "the field \"rope_theta\" is a number too large for 64 bits, but a number is expected" },
    { "theta twice", "{" QWEN2 FINE ",\"rope_theta\":10000,\"rope_parameters\":{\"rope_theta\":1000000}}",
      "the field \"rope_theta\" is 10000 at the top level, but 1e+06 in \"rope_parameters\"" },
    { "theta same", "{" QWEN2 FINE ",\"rope_theta\":1000000,\"rope_parameters\":{\"rope_theta\":1e6}}", "" },
    { "yarn, no factor", ROPE("\"rope_type\":\"yarn\",\"original_max_position_embeddings\":64"),
      "the field \"factor\" is missing, but a number is expected" },
    { "yarn, factor -1", ROPE("\"rope_type\":\"yarn\",\"factor\":-1"),
      "the field \"factor\" is -1, but a positive number is expected" },
    { "yarn, attention_factor 0", ROPE("\"rope_type\":\"yarn\",\"factor\":4,\"attention_factor\":0"),
      "the field \"attention_factor\" is 0, but a positive number is expected" },
    { "yarn, mscale -1", ROPE("\"rope_type\":\"yarn\",\"factor\":4,\"mscale\":-1"),
      "the field \"mscale\" is -1, but a positive number is expected" },
    { "yarn, beta_fast text", ROPE("\"rope_type\":\"yarn\",\"factor\":4,\"beta_fast\":\"32\""),
      "the field \"beta_fast\" is a string, but a number is expected" },
    { "yarn, betas crossed", ROPE("\"rope_type\":\"yarn\",\"factor\":4,\"beta_fast\":1,\"beta_slow\":2"),
      "the field \"beta_fast\" is 1, but at least \"beta_slow\", 2, is expected" },
    { "yarn, truncate 1", ROPE("\"rope_type\":\"yarn\",\"factor\":4,\"truncate\":1"),
      "the field \"truncate\" is an integer, but true or false is expected" },
    { "yarn, truncate null", ROPE("\"rope_type\":\"yarn\",\"factor\":4,\"truncate\":null"), "" },
    { "yarn, theta 1", ROPE("\"rope_type\":\"yarn\",\"factor\":4,\"rope_theta\":1"),
      "the field \"rope_theta\" is 1, with which type \"yarn\" is undefined" },
    { "yarn, unknown field", ROPE("\"rope_type\":\"yarn\",\"factor\":4,\"twist\":1"),
      "the rotary embedding has the field \"twist\", which type \"yarn\" does not read" },
    { "yarn's ignored field elsewhere", ROPE("\"rope_type\":\"linear\",\"factor\":4,\"attn_factor\":1"),
      "the rotary embedding has the field \"attn_factor\", which type \"linear\" does not read" },
    { "dynamic", ROPE("\"rope_type\":\"dynamic\",\"factor\":4.0"), "" },
    { "dynamic without a factor", ROPE("\"rope_type\":\"dynamic\""),
      "the rotary embedding has type \"dynamic\", but default, linear, llama3, yarn, longrope, or dynamic with a "
      "factor alone, "
      "is "
      "expected" },
    { "dynamic with more", ROPE("\"rope_type\":\"dynamic\",\"factor\":4.0,\"original_max_position_embeddings\":9"),
      "the rotary embedding has type \"dynamic\", but default, linear, llama3, yarn, longrope, or dynamic with a "
      "factor alone, "
      "is "
      "expected" },
    { "longrope", LONGROPE("su", THREE "4,5,6,7,8", THREE "4,5,6,7,8", ""), "" },
    { "longrope without factors", ROPE("\"type\":\"longrope\""),
      "the field \"short_factor\" is missing, but a list is expected" },
    { "longrope, a factor too few", LONGROPE("longrope", THREE "4,5,6,7", THREE "4,5,6,7,8", ""),
      "the field \"short_factor\" has 7 entries, but one for each of the 8 pairs of a head that rotate is expected" },
    { "longrope, a factor too many", LONGROPE("longrope", THREE "4,5,6,7,8", THREE "4,5,6,7,8,9", ""),
      "the field \"long_factor\" has 9 entries, but one for each of the 8 pairs of a head that rotate is expected" },
    { "longrope, factor 0", LONGROPE("longrope", THREE "4,5,6,0,8", THREE "4,5,6,7,8", ""),
      "entry 6 of the field \"short_factor\" is not a positive number" },
    { "longrope, another length",
      LONGROPE("longrope", THREE "4,5,6,7,8", THREE "4,5,6,7,8", ",\"original_max_position_embeddings\":64"),
      "the field \"original_max_position_embeddings\" is 4096 at the top level, but 64 in the rotary embedding" },
    { "longrope, other factors in one of two",
      "{" PHI3 FINE ",\"rope_scaling\":{\"type\":\"su\",\"short_factor\":[" THREE "4,5,6,7,8],\"long_factor\":[" THREE
      "4,5,6,7,8]},\"rope_parameters\":{\"type\":\"longrope\",\"short_factor\":[" THREE
      "4,5,6,7,9],\"long_factor\":[" THREE "4,5,6,7,8]}}",
      "the fields \"rope_scaling\" and \"rope_parameters\" contradict each other" },
    { "mrope", "{" QWEN2 FINE ",\"rope_scaling\":{\"type\":\"mrope\",\"mrope_section\":[1,2]}}",
      "the rotary embedding has type \"mrope\", but default, linear, llama3, yarn, longrope, or dynamic with a factor "
      "alone, "
      "is expected" },
    { "two types", ROPE("\"type\":\"linear\",\"rope_type\":\"llama3\""),
      "\"rope_type\" is \"llama3\", but \"type\" is \"linear\"" },
    { "two objects, other theta",
      "{" QWEN2 FINE ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2},\"rope_parameters\":{\"type\":\"linear\","
      "\"factor\":2,\"rope_theta\":1e6}}",
      "the fields \"rope_scaling\" and \"rope_parameters\" contradict each other" },
    { "two objects, other factor",
      "{" QWEN2 FINE ",\"rope_theta\":1e6,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2},\"rope_parameters\":"
      "{\"type\":\"linear\",\"factor\":4,\"rope_theta\":1e6}}",
      "the fields \"rope_scaling\" and \"rope_parameters\" contradict each other" },
    { "two objects, other type",
      "{" QWEN2 FINE ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2},\"rope_parameters\":{\"rope_theta\":1e4}}",
      "the fields \"rope_scaling\" and \"rope_parameters\" contradict each other" },
    { "two objects, other betas",
      "{" QWEN2 FINE ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2},\"rope_parameters\":{\"type\":\"yarn\","
      "\"factor\":2,\"beta_slow\":2}}",
      "the fields \"rope_scaling\" and \"rope_parameters\" contradict each other" },
    { "not an object", "{" QWEN2 FINE ",\"rope_scaling\":2}",
      "the field \"rope_scaling\" is an integer, but an object is expected" },
    { "linear", ROPE("\"rope_type\":\"linear\",\"factor\":2,\"rope_theta\":1e4"), "" },
    { "linear, no factor", ROPE("\"rope_type\":\"linear\""),
      "the field \"factor\" is missing, but a number is expected" },
    { "factor 0", ROPE("\"rope_type\":\"linear\",\"factor\":0"),
      "the field \"factor\" is 0, but a positive number is expected" },
    { "unread factor", ROPE("\"rope_type\":\"default\",\"factor\":8.0"),
      "the rotary embedding has the field \"factor\", which type \"default\" does not read" },
    { "unknown field", ROPE("\"rope_type\":\"default\",\"twist\":1"),
      "the rotary embedding has the field \"twist\", which type \"default\" does not read" },
    { "partial", ROPE("\"rope_type\":\"default\",\"partial_rotary_factor\":0.5"),
      "the rotary embedding has the field \"partial_rotary_factor\", which type \"default\" does not "
      "read" },
    { "partial and odd", "{" PHI3 FINE ",\"partial_rotary_factor\":0.45}",
      "the field \"partial_rotary_factor\" is 0.45, of heads of 16 elements, but an even number of them, not more than "
      "there are, is expected" },
    { "more than a head", "{" PHI3 FINE ",\"partial_rotary_factor\":1.5}",
      "the field \"partial_rotary_factor\" is 1.5, of heads of 16 elements, but an even number of them, not more than "
      "there are, is expected" },
    { "two parts",
      "{" PHI3 FINE ",\"partial_rotary_factor\":0.5,\"rope_parameters\":{\"rope_type\":\"default\","
      "\"partial_rotary_factor\":0.75}}",
      "the field \"partial_rotary_factor\" is 0.5 at the top level, but 0.75 in the rotary embedding" },
    { "all of a part",
      "{" PHI3 FINE ",\"partial_rotary_factor\":0.5,\"rope_parameters\":{\"rope_type\":\"default\","
      "\"partial_rotary_factor\":1}}",
      "the field \"partial_rotary_factor\" is 0.5 at the top level, but 1 in the rotary embedding" },
    { "whole", ROPE("\"rope_type\":\"default\",\"partial_rotary_factor\":1.0"), "" },
    { "llama3 crossed", ROPE("\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":4"),
      "the field \"high_freq_factor\" is 4, but more than \"low_freq_factor\", 4, is expected" },
    { "two originals",
      "{" LLAMA FINE ",\"original_max_position_embeddings\":33,\"rope_scaling\":{\"rope_type\":"
      "\"llama3\",\"factor\":8,"
      "\"low_freq_factor\":1,\"high_freq_factor\":4,\"original_max_position_embeddings\":77}}",
      "the field \"original_max_position_embeddings\" is 33 at the top level, but 77 in the rotary embedding" },
    { "by layer type", "{" GEMMA2 FINE ",\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1e6}}}",
      "\"rope_parameters\" differs by layer type, which is not supported" },
};

static void rope_is_checked(void **state) { expect_all(*state, rope_cases, sizeof rope_cases / sizeof rope_cases[0]); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_generations_agree, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(longrope_takes_texts_up_to_the_original_length, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(a_part_of_each_head_rotates, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(rope_is_checked, dir_setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
