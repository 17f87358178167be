/* test_fused.c - models whose projections are fused, in rows one after another or interleaved: the golden Llama, with
 * its tensors put together, has the same bits. */
#include "tests/reward/edits.h"

enum { LAYERS = 3, HEADS = 6, KV_HEADS = 2, DIM = 16, TEXTS = 2 };
static const char *const texts[TEXTS] = { "Is tea hot?", "Tea is hot, and coffee is hotter than tea." };

/* A tensor of one layer: its number in the list. */
static size_t find_in(const variant_tensors *t, const char *prefix, size_t layer, const char *name)
{
    char full[128];

    (void)snprintf(full, sizeof full, "%smodel.layers.%zu.%s", prefix, layer, name);
    return variant_find(t, full);
}

static void drop_in(variant_tensors *t, const char *prefix, size_t layer, const char *name)
{
    char full[128];

    (void)snprintf(full, sizeof full, "%smodel.layers.%zu.%s", prefix, layer, name);
    variant_drop(t, full);
}

static void rename_in(variant_tensors *t, const char *prefix, size_t layer, const char *from, const char *to)
{
    char old[128], new[128];

    (void)snprintf(old, sizeof old, "%smodel.layers.%zu.%s", prefix, layer, from);
    (void)snprintf(new, sizeof new, "%smodel.layers.%zu.%s", prefix, layer, to);
    variant_rename(t, old, new);
}

/* So many rows of each part in turn, until there are none, under a new name; the parts go. */
static void fuse(variant_tensors *t, const char *prefix, size_t layer, const char *name, size_t parts,
                 const char *const *part, const size_t *rows)
{
    const size_t first = find_in(t, prefix, layer, part[0]), cols = t->list[first].shape[1];
    size_t all = 0, turns = t->list[first].shape[0] / rows[0], size = t->list[first].bytes / t->list[first].shape[0];
    char full[128];
    unsigned char *to;

    for (size_t p = 0; p < parts; p++)
        all += t->list[find_in(t, prefix, layer, part[p])].shape[0];
    (void)snprintf(full, sizeof full, "%smodel.layers.%zu.%s", prefix, layer, name);
    to = variant_add(t, full, t->list[first].dtype, all, cols, 0)->data;
    for (size_t turn = 0; turn < turns; turn++)
        for (size_t p = 0; p < parts; p++) {
            const unsigned char *from = t->list[find_in(t, prefix, layer, part[p])].data;

            memcpy(to, from + turn * rows[p] * size, rows[p] * size);
            to += rows[p] * size;
        }
    for (size_t p = 0; p < parts; p++)
        drop_in(t, prefix, layer, part[p]);
}

static const char *const qkv[] = { "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight" };
static const char *const qkv_b[] = { "self_attn.q_proj.lora_B.weight", "self_attn.k_proj.lora_B.weight",
                                     "self_attn.v_proj.lora_B.weight" };
static const char *const gate_up[] = { "mlp.gate_proj.weight", "mlp.up_proj.weight" };
static const char *const gate_up_b[] = { "mlp.gate_proj.lora_B.weight", "mlp.up_proj.lora_B.weight" };
static const size_t by_heads[] = { HEADS / KV_HEADS * DIM, DIM, DIM };
static const size_t whole[] = { HEADS * DIM, KV_HEADS *DIM, KV_HEADS *DIM }, ffn[] = { 208, 208 };

static void write_internlm2(const char *dir)
{
    static const char *const names[][2] = {
        { "self_attn.o_proj.weight", "attention.wo.weight" },     { "input_layernorm.weight", "attention_norm.weight" },
        { "post_attention_layernorm.weight", "ffn_norm.weight" }, { "mlp.gate_proj.weight", "feed_forward.w1.weight" },
        { "mlp.up_proj.weight", "feed_forward.w3.weight" },       { "mlp.down_proj.weight", "feed_forward.w2.weight" }
    };
    variant_tensors t;

    edit_config(dir, "{\"architectures\":[\"InternLM2ForRewardModel\"],\"model_type\":\"internlm2\",\"bias\":false,"
                     "\"auto_map\":{\"AutoModel\":\"modeling_internlm2.InternLM2ForRewardModel\"}}");
    variant_read(&t, dir, "model.safetensors");
    for (size_t l = 0; l < LAYERS; l++) {
        fuse(&t, "", l, "attention.wqkv.weight", 3, qkv, by_heads);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            rename_in(&t, "", l, names[i][0], names[i][1]);
    }
    variant_rename(&t, "model.embed_tokens.weight", "model.tok_embeddings.weight");
    variant_rename(&t, "score.weight", "v_head.weight");
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static void write_phi3(const char *dir)
{
    variant_tensors t;

    edit_config(dir, "{\"architectures\":[\"Phi3ForSequenceClassification\"],\"model_type\":\"phi3\"}");
    variant_read(&t, dir, "model.safetensors");
    for (size_t l = 0; l < LAYERS; l++) {
        fuse(&t, "", l, "self_attn.qkv_proj.weight", 3, qkv, whole);
        fuse(&t, "", l, "mlp.gate_up_proj.weight", 2, gate_up, ffn);
    }
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

/* ---- adapters ---- */

#define PEFT "base_model.model."

static void share_a(variant_tensors *t, size_t layer, const char *from, const char *to)
{
    const variant_tensor *source = &t->list[find_in(t, PEFT, layer, from)];

    memcpy(t->list[find_in(t, PEFT, layer, to)].data, source->data, source->bytes);
}

/* What a fused module has: one A for all of its parts. */
static void share_all(const char *dir)
{
    variant_tensors t;

    variant_read(&t, dir, "adapter_model.safetensors");
    for (size_t l = 0; l < LAYERS; l++) {
        share_a(&t, l, "self_attn.q_proj.lora_A.weight", "self_attn.k_proj.lora_A.weight");
        share_a(&t, l, "self_attn.q_proj.lora_A.weight", "self_attn.v_proj.lora_A.weight");
        share_a(&t, l, "mlp.gate_proj.lora_A.weight", "mlp.up_proj.lora_A.weight");
    }
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

static void fuse_adapter(const char *dir)
{
    variant_tensors t;

    share_all(dir);
    edit_adapter(dir, "{\"target_modules\":[\"qkv_proj\",\"o_proj\",\"gate_up_proj\",\"down_proj\"]}");
    variant_read(&t, dir, "adapter_model.safetensors");
    for (size_t l = 0; l < LAYERS; l++) {
        rename_in(&t, PEFT, l, "self_attn.q_proj.lora_A.weight", "self_attn.qkv_proj.lora_A.weight");
        drop_in(&t, PEFT, l, "self_attn.k_proj.lora_A.weight");
        drop_in(&t, PEFT, l, "self_attn.v_proj.lora_A.weight");
        rename_in(&t, PEFT, l, "mlp.gate_proj.lora_A.weight", "mlp.gate_up_proj.lora_A.weight");
        drop_in(&t, PEFT, l, "mlp.up_proj.lora_A.weight");
        fuse(&t, PEFT, l, "self_attn.qkv_proj.lora_B.weight", 3, qkv_b, whole);
        fuse(&t, PEFT, l, "mlp.gate_up_proj.lora_B.weight", 2, gate_up_b, ffn);
    }
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

/* ---- the comparison ---- */

static void make_llama(const char *dir, void (*model)(const char *dir), void (*adapter)(const char *dir))
{
    (void)snprintf(m, sizeof m, "%s", make_dir(dir, "m"));
    (void)snprintf(a, sizeof a, "%s", make_dir(dir, "a"));
    variant_link(m, "llama");
    variant_link(a, "llama-lora");
    if (model)
        model(m);
    if (adapter)
        adapter(a);
}

static void compare(const char *dir, void (*model)(const char *dir), const char *precision)
{
    float want[TEXTS], have[TEXTS];

    make_llama(dir, NULL, NULL);
    variant_score(m, NULL, precision, texts, TEXTS, want);
    remove_both();
    make_llama(dir, model, NULL);
    variant_score(m, NULL, precision, texts, TEXTS, have);
    assert_memory_equal(have, want, sizeof want);
    remove_both();
}

static void rows_of_key_heads_in_turn(void **state)
{
    compare(*state, write_internlm2, "bf16");
    compare(*state, write_internlm2, "fp32");
}

static void rows_one_after_another(void **state)
{
    compare(*state, write_phi3, "bf16");
    compare(*state, write_phi3, "fp32");
}

static void an_adapter_of_a_fused_module(void **state)
{
    float want[TEXTS], have[TEXTS];

    make_llama(*state, NULL, share_all);
    variant_score(m, a, "bf16", texts, TEXTS, want);
    remove_both();
    make_llama(*state, write_phi3, fuse_adapter);
    variant_score(m, a, "bf16", texts, TEXTS, have);
    assert_memory_equal(have, want, sizeof want);
    remove_both();
}

static void training_is_refused(void **state)
{
    gd_train_options how;
    gd_options options;
    char *json = NULL;
    gd_error err = { GD_OK, "" };
    char out[600];

    make_llama(*state, write_phi3, NULL);
    (void)snprintf(out, sizeof out, "%s/out", (const char *)*state);
    write_text(*state, "pairs.jsonl", "{\"chosen\":\"a b\",\"rejected\":\"c d\"}\n");
    gd_options_init(&options);
    gd_train_options_init(&how);
    how.train = in_dir(*state, "pairs.jsonl");
    how.output = out;
    options.model = m;
    assert_int_equal(gd_train(&options, &how, &json, &err), GD_EUNSUPPORTED);
    assert_contains(err.text, "holds several projections, which can be scored with, but not trained");
    remove_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_key_heads_in_turn),
        cmocka_unit_test(rows_one_after_another),
        cmocka_unit_test(an_adapter_of_a_fused_module),
        cmocka_unit_test(training_is_refused),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
