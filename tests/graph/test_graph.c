/* test_graph.c - graph files and config.json: what is refused, and with which message. Files are written
 * to the working directory and removed. */
#include "tests/check.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "graph/plan.h"

#include <sys/stat.h>
#include <unistd.h>

#define GRAPH "test_graph.yaml"
#define DIR "test_graph.dir"

static char *base; /* tests/data/graph/base.yaml */

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* text with the first `from` replaced by `to`; the caller calls gd_buf_free. */
static gd_buf replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    gd_buf b = { 0 };

    if (!at)
        fail_msg("\"%s\" is not in the text", from);
    gd_buf_bytes(&b, text, (size_t)(at - text));
    gd_buf_str(&b, to);
    gd_buf_str(&b, at + strlen(from));
    assert_non_null(gd_buf_cstr(&b));
    return b;
}

static gd_config *golden(const char *model)
{
    char name[64], path[512];
    gd_config *config;

    (void)snprintf(name, sizeof name, "golden/%s", model);
    assert_ok(gd_config_open(&config, test_data(path, sizeof path, name), test_err));
    return config;
}

/* The config of a golden model with something replaced. */
static gd_config *changed(const char *model, const char *from, const char *to)
{
    char name[64], path[512];
    gd_config *config;
    gd_error err = { 0 };
    char *text;
    size_t len;
    gd_buf b;

    (void)snprintf(name, sizeof name, "golden/%s/config.json", model);
    assert_ok(gd_file_read(&text, &len, test_data(path, sizeof path, name), 1 << 20, test_err));
    b = replaced(text, from, to);
    (void)mkdir(DIR, 0777);
    write_file(DIR "/config.json", b.data, b.len);
    if (gd_config_open(&config, DIR, &err))
        fail_msg("%s", err.text);
    gd_buf_free(&b);
    gd_free(text);
    return config;
}

static void expect_refusal(const gd_config *config, const char *file, const char *sentence)
{
    const uint64_t live = gd_mem_live();
    gd_plan *plan = (gd_plan *)&live; /* anything but NULL */
    gd_error err = { 0 };
    char want[600];

    if (!strncmp(sentence, "config.json", 11))
        (void)snprintf(want, sizeof want, "%s%s", gd_config_path(config), sentence + 11);
    else
        (void)snprintf(want, sizeof want, "%s:%s", file ? file : "?", sentence);
    assert_int_not_equal(gd_plan_make(&plan, config, file, GD_BF16, &err), GD_OK);
    assert_string_equal(err.text, want);
    assert_null(plan);
    assert_int_equal(gd_mem_live(), live);
}

/* What config.json says of the queries, a graph can't leave out. */
static void a_growth_is_not_ignored(void **state)
{
    gd_config *config = golden("ministral3");
    gd_buf b = replaced(base, "[Qwen2ForSequenceClassification", "[Ministral3ForSequenceClassification");

    (void)state;
    write_file(GRAPH, b.data, b.len);
    expect_refusal(config, GRAPH,
                   "config.json: the field \"llama_4_scaling_beta\" is 0.1, but no rope of the graph qwen2 has it as "
                   "grows");
    gd_buf_free(&b);
    gd_config_close(config);
}

static void bad_graphs_are_refused_by_sentence(void **state)
{
    static const struct {
        const char *from, *to, *sentence;
    } bad[] = {
#define BAD(from, to, sentence) { from, to, sentence },
#include "bad_graphs.def"
#undef BAD
    };
    gd_config *config = golden("qwen2");

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_buf b = replaced(base, bad[i].from, bad[i].to);

        write_file(GRAPH, b.data, b.len);
        expect_refusal(config, GRAPH, bad[i].sentence);
        gd_buf_free(&b);
    }
    gd_config_close(config);
}

static char *dump(const gd_config *config, const char *file, gd_dtype operand)
{
    gd_buf text = { 0 };
    gd_plan *plan;

    assert_ok(gd_plan_make(&plan, config, file, operand, test_err));
    gd_plan_dump(plan, &text);
    assert_non_null(gd_buf_cstr(&text));
    gd_plan_free(plan);
    return text.data;
}

static void a_file_makes_the_same_plan(void **state)
{
    gd_config *config = golden("qwen2");
    char *built_in, *from_file;

    (void)state;
    write_file(GRAPH, base, strlen(base));
    built_in = dump(config, NULL, GD_BF16);
    from_file = dump(config, GRAPH, GD_BF16);
    assert_string_equal(from_file, built_in);
    gd_free(built_in);
    gd_free(from_file);
    gd_config_close(config);
}

static void fp32_operands_change_the_types_alone(void **state)
{
    gd_config *config = golden("gemma2");
    char *text = dump(config, NULL, GD_F32);

    (void)state;
    assert_null(strstr(text, "bf16"));
    assert_non_null(strstr(text, "operands f32"));
    assert_non_null(strstr(text, "tile a f32[96]"));
    gd_free(text);
    gd_config_close(config);
}

/* The plan of a changed model holds `want`, and not `never`. */
static void expect_in_plan(const char *model, const char *from, const char *to, const char *want, const char *never)
{
    gd_config *config = changed(model, from, to);
    char *text = dump(config, NULL, GD_BF16);

    if (!strstr(text, want))
        fail_msg("%s with %s: the plan lacks \"%s\":\n%s", model, to, want, text);
    if (never && strstr(text, never))
        fail_msg("%s with %s: the plan has \"%s\":\n%s", model, to, never, text);
    gd_free(text);
    gd_config_close(config);
}

static void config_reaches_the_plan(void **state)
{
    (void)state;
    expect_in_plan("llama", "\"attention_bias\": false", "\"attention_bias\": true",
                   "| model.layers.2.self_attn.o_proj.bias [96]", "mlp.up_proj.bias");
    expect_in_plan("llama", "\"mlp_bias\": false", "\"mlp_bias\": true", "| model.layers.0.mlp.up_proj.bias [208]",
                   "self_attn.q_proj.bias");
    expect_in_plan("llama", "\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu_pytorch_tanh\"", "-> m gelu_tanh",
                   " silu");
    expect_in_plan("llama", "  \"head_dim\": 16,", "", "head_dim 16", NULL);
    expect_in_plan("qwen3", "\"attention_bias\": false", "\"attention_bias\": true",
                   "| model.layers.1.self_attn.k_proj.bias [64]", NULL);
    expect_in_plan("gemma2", "\"attn_logit_softcapping\": 50.0", "\"attn_logit_softcapping\": null",
                   "softcap 0 window 48", "softcap 50");
    expect_in_plan("gemma2", "\"hidden_activation\": \"gelu_pytorch_tanh\"",
                   "\"hidden_act\": \"gelu\", \"hidden_activation\": \"gelu_pytorch_tanh\"", "-> m gelu_tanh", NULL);
    expect_in_plan("gemma2", "\"hidden_size\": 96", "\"hidden_size\": 3584", "scale 59.75 ", NULL); /* in bf16 */
    expect_in_plan("gemma2", "\"hidden_size\": 96", "\"hidden_size\": 2304", "scale 48 ", NULL);
    expect_in_plan("gemma2", "\"hidden_size\": 96", "\"hidden_size\": 4608", "scale 68 ", NULL);
    expect_in_plan("gemma2", "\"query_pre_attn_scalar\": 24", "\"query_pre_attn_scalar\": 64", "scale 0.125 ", NULL);
    expect_in_plan("mistral", "\"sliding_window\": 48", "\"sliding_window\": null", "window 0", "window 48");
    expect_in_plan("qwen2", "Qwen2ForSequenceClassification", "Qwen2ForCausalLM", "graph qwen2", NULL);
}

static void config_is_refused_by_sentence(void **state)
{
    static const struct {
        const char *model, *from, *to, *sentence;
    } bad[] = {
        { "qwen2", "\"silu\"", "\"relu\"",
          "config.json: the field \"hidden_act\" is \"relu\", but silu or gelu_pytorch_tanh is expected" },
        { "gemma2", "\"gelu_pytorch_tanh\"", "\"gelu\"",
          "config.json: the field \"hidden_activation\" is \"gelu\", but silu or gelu_pytorch_tanh is "
          "expected" },
        { "mistral", "\"attention_dropout\"", "\"attention_bias\": true, \"attention_dropout\"",
          "config.json: the field \"attention_bias\" is true, but the graph mistral requires false" },
        { "gemma2", "\"attention_bias\": false", "\"attention_bias\": true",
          "config.json: the field \"attention_bias\" is true, but the graph gemma2 requires false" },
        { "qwen3", "\"vocab_size\"", "\"mlp_bias\": true, \"vocab_size\"",
          "config.json: the field \"mlp_bias\" is true, but the graph qwen3 requires false" },
        { "qwen2", "Qwen2ForSequenceClassification", "Qwen2ForQuestionAnswering",
          "config.json: the architecture Qwen2ForQuestionAnswering is not supported, but gemma, gemma2, gemma3, "
          "internlm2, llama, ministral3, mistral, olmo2, phi3, qwen2, qwen3, smollm3 are; another decoder of this kind "
          "may be described in a graph file (--graph FILE)" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_config *config = changed(bad[i].model, bad[i].from, bad[i].to);

        expect_refusal(config, NULL, bad[i].sentence);
        gd_config_close(config);
    }
}

/* A window in config.json that the graph does not mention. */
static void a_window_is_not_lost(void **state)
{
    gd_config *config = golden("mistral");
    gd_buf b = replaced(base, ", window: sliding_window", ""), c;
    char sentence[600];

    (void)state;
    c = replaced(b.data, "Qwen2ForCausalLM", "MistralForSequenceClassification");
    write_file(GRAPH, c.data, c.len);
    (void)snprintf(sentence, sizeof sentence,
                   "30:9: %s gives layer 0 a sliding window of 48, but this attention has no window",
                   gd_config_path(config));
    expect_refusal(config, GRAPH, sentence);
    gd_buf_free(&b);
    gd_buf_free(&c);
    gd_config_close(config);
}

/* base.yaml with `count` more nodes, each of which uses the previous one twice. */
static gd_buf doubling(unsigned count)
{
    gd_buf more = { 0 }, b;

    gd_buf_str(&more, "- {op: add, in: [y, y], out: y0}\n");
    for (unsigned i = 1; i < count; i++)
        gd_buf_printf(&more, "      - {op: add, in: [y%u, y%u], out: y%u}\n", i - 1, i - 1, i);
    gd_buf_printf(&more, "      - {op: add, in: [x, y%u], out: x}", count - 1);
    assert_non_null(gd_buf_cstr(&more));
    b = replaced(base, "- {op: add, in: [x, y], out: x}", more.data);
    gd_buf_free(&more);
    return b;
}

static void many_nodes_are_bounded(void **state)
{
    gd_config *config = golden("qwen2");
    gd_buf b = doubling(1000); /* 2^1000 times the first value; two buffers suffice */
    gd_plan *plan;

    (void)state;
    write_file(GRAPH, b.data, b.len);
    assert_ok(gd_plan_make(&plan, config, GRAPH, GD_BF16, test_err));
    assert_int_equal(plan->step_count, 4 + 3 * 1015 + 1); /* the last layer's first norm runs on both sides */
    assert_int_equal(plan->line_bytes[GD_EXTENT_TILE], 2272);
    gd_plan_free(plan);
    gd_buf_free(&b);
    b = doubling(1020);
    write_file(GRAPH, b.data, b.len);
    expect_refusal(config, GRAPH, "21:7: more than 1024 nodes");
    gd_buf_free(&b);
    gd_config_close(config);
}

/* Every allocation fails once: each time an error and no leak; the last try succeeds. */
static void memory_may_run_out_anywhere(void **state)
{
    gd_config *config = golden("gemma2");
    const uint64_t live = gd_mem_live();
    gd_status rc = GD_ENOMEM;

    (void)state;
    for (unsigned n = 1; rc; n++) {
        gd_error err = { 0 };
        gd_plan *plan;

        gd_mem_fail_from(n);
        rc = gd_plan_make(&plan, config, NULL, GD_BF16, &err);
        gd_mem_fail_from(0);
        if (rc) {
            assert_int_equal(rc, GD_ENOMEM);
            assert_int_equal(err.status, GD_ENOMEM);
            assert_null(plan);
        }
        gd_plan_free(plan);
        assert_int_equal(gd_mem_live(), live);
        assert_true(n < 10000);
    }
    gd_config_close(config);
}

/* One byte of the file is changed: a plan or an error message, never a crash or a leak. */
static void damage_is_survived(void **state)
{
    static const char bytes[] = "\n :,[]{}\"'0xZ|/*&!#-\\";
    gd_config *config = golden("qwen2");
    const size_t len = strlen(base);

    (void)state;
    for (size_t i = 0; i < 3 * len; i++) {
        const uint64_t live = gd_mem_live();
        char *copy = gd_strdup(base);
        gd_error err = { 0 };
        gd_plan *plan;

        copy[i % len] = bytes[(i * 7 + i / len) % (sizeof bytes - 1)];
        write_file(GRAPH, copy, len);
        gd_free(copy);
        if (gd_plan_make(&plan, config, GRAPH, GD_BF16, &err))
            assert_int_equal(strncmp(err.text, GRAPH, strlen(GRAPH)) && !strstr(err.text, "config.json"), 0);
        gd_plan_free(plan);
        assert_int_equal(gd_mem_live(), live);
    }
    gd_config_close(config);
}

/* Operators bind as in C, and equal ones from the left. */
static void sizes_are_computed_as_in_c(void **state)
{
    static const struct {
        const char *text;
        size_t value;
    } sizes[] = {
        { "10 - 3 + 2", 9 },       { "10 - 3 - 2", 5 },   { "24 / 4 * 2", 12 },       { "24 / 4 / 2", 3 },
        { "2 + 3 * 4", 14 },       { "(2 + 3) * 4", 20 }, { "20 - 12 / 4", 17 },      { "sqrt(16) + 2", 6 },
        { "no_field | 7", 7 },     { "7 | no_field", 7 }, { "no_field + 1 | 8", 8 },  { "no_field | 10 - 3 + 2", 9 },
        { "no | neither | 3", 3 }, { "-2 + 9", 7 },       { "6 * (-2 * 3 + 8)", 12 },
    };
    gd_config *config = golden("qwen2");

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char line[80];
        gd_plan *plan;
        gd_buf b;

        (void)snprintf(line, sizeof line, "max_position: %s\n", sizes[i].text);
        b = replaced(base, "max_position: max_position_embeddings\n", line);
        write_file(GRAPH, b.data, b.len);
        assert_ok(gd_plan_make(&plan, config, GRAPH, GD_BF16, test_err));
        if (plan->max_position != sizes[i].value)
            fail_msg("%s is %zu, not %zu", sizes[i].text, plan->max_position, sizes[i].value);
        gd_plan_free(plan);
        gd_buf_free(&b);
    }
    gd_config_close(config);
}

/* How many steps may be one call with those after them: linears of one input, and gate, up and their product. */
struct teams {
    size_t linears, gated;
};

/* Those of the graph with a piece replaced. */
static struct teams count_teams(const gd_config *config, const char *from, const char *to)
{
    gd_buf b = replaced(base, from, to);
    struct teams count = { 0 };
    gd_plan *plan;

    write_file(GRAPH, b.data, b.len);
    assert_ok(gd_plan_make(&plan, config, GRAPH, GD_BF16, test_err));
    for (size_t s = 0; s < plan->step_count; s++) {
        count.linears += plan->steps[s].linears > 1;
        count.gated += plan->steps[s].gated;
    }
    gd_plan_free(plan);
    gd_buf_free(&b);
    return count;
}

static size_t count_gated(const gd_config *config, const char *from, const char *to)
{
    return count_teams(config, from, to).gated;
}

/* In one call, gate and up never reach memory: so nobody else may read them. */
static void gate_and_up_that_others_read_stay_apart(void **state)
{
    static const char from[] = "      - {op: gated, in: [gate, up], out: m, act: hidden_act}\n";
    gd_config *config = golden("qwen2");

    (void)state;
    assert_int_equal(count_gated(config, from, from), 3); /* one per layer */
    assert_int_equal(count_gated(config, from,
                                 "      - {op: gated, in: [gate, up], out: m0, act: hidden_act}\n"
                                 "      - {op: add, in: [m0, gate], out: m}\n"),
                     0);
    assert_int_equal(count_gated(config, from,
                                 "      - {op: gated, in: [gate, up], out: m0, act: hidden_act}\n"
                                 "      - {op: add, in: [m0, up], out: m}\n"),
                     0);
    assert_int_equal(count_gated(config, from, "      - {op: gated, in: [up, gate], out: m, act: hidden_act}\n"), 0);
    gd_config_close(config);
}

/* In one call, linears share the rows of their input: so gate and up, of two norms, may not be one. */
static void linears_of_two_inputs_stay_apart(void **state)
{
#define NORM "      - {op: rms_norm, in: [x], w: [input_layernorm.weight], out: c, eps: eps}\n"
#define GATE "      - {op: linear, in: [b], w: [mlp.gate_proj.weight], out: gate, size: ffn, lora: gate_proj}\n"
#define UP(input) "      - {op: linear, in: [" input "], w: [mlp.up_proj.weight]"
    gd_config *config = golden("qwen2");
    const struct teams one = count_teams(config, GATE UP("b"), GATE UP("b")),
                       two = count_teams(config, GATE UP("b"), NORM GATE UP("c"));

    (void)state;
    assert_int_equal(one.linears, 3 * 3 - 1); /* q, k and gate of each layer; the last layer's q is apart */
    assert_int_equal(two.linears, 3 * 2 - 1);
    assert_int_equal(one.gated, 3);
    assert_int_equal(two.gated, 0);
    gd_config_close(config);
}

static void a_missing_file_is_named(void **state)
{
    gd_config *config = golden("qwen2");
    gd_error err = { 0 };
    gd_plan *plan;

    (void)state;
    assert_int_equal(gd_plan_make(&plan, config, "no/such.yaml", GD_BF16, &err), GD_EIO);
    assert_string_equal(err.text, "no/such.yaml: No such file or directory");
    gd_config_close(config);
}

static int read_base(void **state)
{
    char path[512];
    size_t len;

    (void)state;
    return (int)gd_file_read(&base, &len, test_data(path, sizeof path, "graph/base.yaml"), 1 << 20, NULL);
}

static int clean_up(void **state)
{
    (void)state;
    gd_free(base);
    (void)unlink(GRAPH);
    (void)unlink(DIR "/config.json");
    (void)rmdir(DIR);
    return gd_mem_live() != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_graphs_are_refused_by_sentence),
        cmocka_unit_test(a_growth_is_not_ignored),
        cmocka_unit_test(a_file_makes_the_same_plan),
        cmocka_unit_test(fp32_operands_change_the_types_alone),
        cmocka_unit_test(config_reaches_the_plan),
        cmocka_unit_test(config_is_refused_by_sentence),
        cmocka_unit_test(a_window_is_not_lost),
        cmocka_unit_test(many_nodes_are_bounded),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(sizes_are_computed_as_in_c),
        cmocka_unit_test(gate_and_up_that_others_read_stay_apart),
        cmocka_unit_test(linears_of_two_inputs_stay_apart),
    };

    return cmocka_run_group_tests(tests, read_base, clean_up);
}
