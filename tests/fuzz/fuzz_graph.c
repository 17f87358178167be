/* fuzz_graph.c - a graph in YAML, or a head, and the plan that it makes of a small Qwen2. */
#include "tests/fuzz/fuzz.h"

#include "graph/plan.h"
#include "tests/quant-free/files.h"

static const char config_json[] =
    "{\"architectures\":[\"Qwen2ForSequenceClassification\"],\"model_type\":\"qwen2\",\"hidden_act\":\"silu\","
    "\"hidden_size\":96,\"intermediate_size\":208,\"max_position_embeddings\":1024,\"num_attention_heads\":6,"
    "\"num_hidden_layers\":2,\"num_key_value_heads\":2,\"pad_token_id\":0,\"rms_norm_eps\":1e-06,\"rope_theta\":1e6,"
    "\"tie_word_embeddings\":false,\"use_sliding_window\":false,\"id2label\":{\"0\":\"LABEL_0\"},"
    "\"vocab_size\":1536}";

static void take(gd_status rc, gd_plan *plan, const gd_error *err)
{
    gd_buf dump = { 0 };

    if (!fuzz_accepted(rc, err))
        return;
    gd_plan_dump(plan, &dump);
    assert_false(dump.failed);
    gd_buf_free(&dump);
    gd_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *file = fuzz_file("graph.yaml", data, size);
    const gd_graph_builtin head = { "head.yaml", size ? (const char *)data : "", size };
    gd_config *config;
    gd_error err = { 0 }, other = { 0 };
    gd_plan *plan;
    gd_status rc;

    write_text(fuzz_dir(), "config.json", config_json);
    assert_ok(gd_config_open(&config, fuzz_dir(), test_err));
    rc = gd_plan_make(&plan, config, file, GD_BF16, &err);
    take(rc, plan, &err);
    rc = gd_plan_make_with_head(&plan, config, NULL, &head, GD_BF16, &other);
    take(rc, plan, &other);
    gd_config_close(config);
    return fuzz_end();
}
