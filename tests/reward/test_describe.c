/* test_describe.c - what is said of a description of a graph or a head. */
#include "tests/check.h"

#include "base/json.h"
#include "tests/quant-free/files.h"

#include <jansson.h>
#include <string.h>

static json_t *parsed(char *text)
{
    json_t *json;

    assert_ok(gd_json_parse(&json, text, strlen(text), "the description", test_err));
    gd_string_free(text);
    return json;
}

static json_t *described(const char *graph, const char *head)
{
    gd_options options;
    char *text;

    gd_options_init(&options);
    options.graph = graph;
    options.head = head;
    assert_ok(gd_describe(&options, &text, test_err));
    return parsed(text);
}

static void expect_line(const json_t *json, const char *list, size_t i, const char *want)
{
    const char *line = json_string_value(json_array_get(json_object_get(json, list), i));

    assert_non_null(line);
    assert_string_equal(line, want);
}

static void a_head_alone_has_nodes(void **state)
{
    json_t *mlp = described(NULL, "mlp"), *rows = described(NULL, "yes_less_no"),
           *file = described(NULL, "llama_factory");

    (void)state;
    assert_int_equal(json_array_size(json_object_get(mlp, "nodes")), 3);
    expect_line(mlp, "nodes", 0, "x = linear(pooled; score.0.weight, score.0.bias; size: hidden)");
    expect_line(mlp, "nodes", 1, "y = act(x; act: relu)");
    assert_string_equal(json_string_value(json_object_get(mlp, "reads_at")), "before_first_pad");
    expect_line(
        rows, "nodes", 0,
        "score = linear(pooled; lm_head.weight rows \"yes\" minus \"no\" else model.embed_tokens.weight; size: 1)");
    assert_string_equal(json_string_value(json_object_get(file, "tensors_in")), "value_head.safetensors");
    json_decref(mlp);
    json_decref(rows);
    json_decref(file);
}

static void expect_text(const json_t *json, const char *key, const char *want)
{
    const char *text = json_string_value(json_object_get(json, key));

    assert_non_null(text);
    assert_string_equal(text, want);
}

/* A head of two places has operations that take them, which no description names. */
static void a_second_place_is_said(void **state)
{
    static const char gate[] =
        "{gate: {last_pattern: \"<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n\", token: first}}";
    json_t *alone = described(NULL, "armorm"), *both = described("llama", "armorm");

    (void)state;
    expect_line(alone, "nodes", 0, "rewards = linear(pooled; regression_layer.weight; size: objectives)");
    expect_line(alone, "nodes", 10, "weights = affine(gates; scale: {value: s, s: gating.logit_scale})");
    expect_text(alone, "reads_at", "before_first_pad");
    expect_text(alone, "also", gate);
    expect_text(json_object_get(alone, "head_sizes"), "heat", "gating_temperature | 10");
    expect_line(alone, "labels", 18, "code-readability");
    expect_line(both, "after_the_layers", 2, "rewards = linear(pooled; regression_layer.weight; size: objectives)");
    expect_text(both, "also", gate);
    json_decref(alone);
    json_decref(both);
}

/* What is looked for is said, and what the score is made of; about is the head's. */
static void steps_are_said(void **state)
{
    json_t *lines = described("qwen2", "skywork_prm"), *marks = described(NULL, "math_shepherd"),
           *mlp = described("qwen2", "mlp");

    (void)state;
    expect_text(lines, "reads_at", "{at: \"\\n\"}");
    expect_text(lines, "steps", "last");
    expect_text(lines, "about", "Skywork-o1-Open-PRM (Qwen 2.5): a score for each line, of TRL's value head");
    expect_text(marks, "reads_at", "{at: 12902}");
    expect_text(marks, "steps", "min");
    assert_true(json_is_null(json_object_get(mlp, "steps")));
    assert_true(json_is_null(json_object_get(mlp, "also")));
    assert_true(json_is_null(json_object_get(mlp, "labels")));
    json_decref(lines);
    json_decref(marks);
    json_decref(mlp);
}

/* Also of a head that has none. */
static void about_is_not_the_graphs(void **state)
{
    char path[512];
    json_t *json = described("llama", test_data(path, sizeof path, "heads/armorm.yaml"));

    (void)state;
    assert_true(json_is_null(json_object_get(json, "about")));
    json_decref(json);
}

static void a_graph_has_layers_and_a_head(void **state)
{
    json_t *json = described("phi3", "v_head");

    (void)state;
    expect_line(json, "before_the_layers", 0, "x = embedding(tokens; model.embed_tokens.weight)");
    expect_line(
        json, "each_layer", 2,
        "k0 = linear(a; self_attn.qkv_proj.weight of ((heads + 2 * kv_heads) * head_dim) from (heads * head_dim); "
        "size: kv_heads * head_dim, lora: qkv_proj)");
    expect_line(json, "after_the_layers", 2, "score = linear(pooled; v_head.weight; size: 1)");
    assert_string_equal(json_string_value(json_object_get(json, "layers")), "layers");
    json_decref(json);
}

/* The widths and shapes are those of the model; values of a head may have the names of a graph's. */
static void a_model_gives_sizes(void **state)
{
    char path[512], *text;
    gd_options options;
    json_t *json, *own;

    (void)state;
    gd_options_init(&options);
    options.model = test_data(path, sizeof path, "golden/qwen2");
    options.graph = "qwen2";
    assert_ok(gd_inspect(&options, &text, test_err));
    json = parsed(text);
    own = json_object_get(json, "described");
    expect_line(own, "each_layer", 2,
                "k0[32] = linear(a; self_attn.k_proj.weight [32, 96], self_attn.k_proj.bias [32]; size: kv_heads * "
                "head_dim, lora: k_proj)");
    expect_line(own, "each_layer", 8, "x[96] = add(x, y)");
    expect_line(own, "each_layer", 12, "m[208] = gated(gate, up; act: hidden_act)");
    expect_line(own, "after_the_layers", 2, "score[1] = head(n; score.weight [1, 96])");
    json_decref(json);
    options.graph = NULL;
    options.head = "first_logit";
    assert_ok(gd_inspect(&options, &text, test_err));
    json = parsed(text);
    expect_line(json_object_get(json, "described"), "after_the_layers", 2,
                "score[1] = linear(pooled; lm_head.weight rows 0 else model.embed_tokens.weight [1, 96]; size: 1)");
    json_decref(json);
}

/* As it would be with a model. */
static void sizes_that_every_graph_needs_are_missed(void **state)
{
    gd_error err = { GD_OK, "" };
    gd_options options;
    char *json;

    write_text(*state, "few.yaml",
               "format: guerdon-graph/1\nname: few\nmatches: [FewForSequenceClassification]\n"
               "sizes: {hidden: hidden_size}\nnumerics: {values: bf16, residual: f32, accumulate: f32}\n"
               "nodes: []\n");
    gd_options_init(&options);
    options.graph = in_dir(*state, "few.yaml");
    assert_int_equal(gd_describe(&options, &json, &err), GD_EFORMAT);
    assert_contains(err.text, "sizes lacks \"ffn\"");
}

static void nothing_named_is_nothing_described(void **state)
{
    gd_error err = { GD_OK, "" };
    gd_options options;
    char *json;

    (void)state;
    gd_options_init(&options);
    assert_int_equal(gd_describe(&options, &json, &err), GD_EUSAGE);
    assert_string_equal(err.text, "neither a graph nor a head is named, but one of them is expected");
    assert_null(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_alone_has_nodes),
        cmocka_unit_test(a_second_place_is_said),
        cmocka_unit_test(steps_are_said),
        cmocka_unit_test(about_is_not_the_graphs),
        cmocka_unit_test(a_graph_has_layers_and_a_head),
        cmocka_unit_test(a_model_gives_sizes),
        cmocka_unit_test_setup_teardown(sizes_that_every_graph_needs_are_missed, dir_setup, dir_teardown),
        cmocka_unit_test(nothing_named_is_nothing_described),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
