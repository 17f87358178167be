/* fused.c - the golden Llama and its adapter with projections put together. */
#include "tests/reward/fused.h"

#include "tests/reward/edits.h"

enum { LAYERS = 3, HEADS = 6, KV_HEADS = 2, DIM = 16 };

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

void fused_internlm2(const char *dir)
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

void fused_phi3(const char *dir)
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
void fused_share(const char *dir)
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

static void fuse_qkv(variant_tensors *t, size_t layer, const char *module, const size_t *rows)
{
    char name_a[64], name_b[64];

    (void)snprintf(name_a, sizeof name_a, "%s.lora_A.weight", module);
    (void)snprintf(name_b, sizeof name_b, "%s.lora_B.weight", module);
    rename_in(t, PEFT, layer, "self_attn.q_proj.lora_A.weight", name_a);
    drop_in(t, PEFT, layer, "self_attn.k_proj.lora_A.weight");
    drop_in(t, PEFT, layer, "self_attn.v_proj.lora_A.weight");
    fuse(t, PEFT, layer, name_b, 3, qkv_b, rows);
}

void fused_phi3_adapter(const char *dir)
{
    variant_tensors t;

    fused_share(dir);
    edit_adapter(dir, "{\"target_modules\":[\"qkv_proj\",\"o_proj\",\"gate_up_proj\",\"down_proj\"]}");
    variant_read(&t, dir, "adapter_model.safetensors");
    for (size_t l = 0; l < LAYERS; l++) {
        fuse_qkv(&t, l, "self_attn.qkv_proj", whole);
        rename_in(&t, PEFT, l, "mlp.gate_proj.lora_A.weight", "mlp.gate_up_proj.lora_A.weight");
        drop_in(&t, PEFT, l, "mlp.up_proj.lora_A.weight");
        fuse(&t, PEFT, l, "mlp.gate_up_proj.lora_B.weight", 2, gate_up_b, ffn);
    }
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

void fused_internlm2_adapter(const char *dir)
{
    static const char *const names[][2] = { { "self_attn.o_proj", "attention.wo" },
                                            { "mlp.gate_proj", "feed_forward.w1" },
                                            { "mlp.up_proj", "feed_forward.w3" },
                                            { "mlp.down_proj", "feed_forward.w2" } };
    variant_tensors t;

    fused_share(dir);
    edit_adapter(dir, "{\"task_type\":null,\"modules_to_save\":[\"v_head\"],"
                      "\"target_modules\":[\"wqkv\",\"wo\",\"w1\",\"w2\",\"w3\"]}");
    variant_read(&t, dir, "adapter_model.safetensors");
    for (size_t l = 0; l < LAYERS; l++) {
        fuse_qkv(&t, l, "attention.wqkv", by_heads);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            for (unsigned part = 0; part < 2; part++) {
                char from[64], to[64];

                (void)snprintf(from, sizeof from, "%s.lora_%c.weight", names[i][0], "AB"[part]);
                (void)snprintf(to, sizeof to, "%s.lora_%c.weight", names[i][1], "AB"[part]);
                rename_in(&t, PEFT, l, from, to);
            }
    }
    variant_rename(&t, PEFT "score.weight", PEFT "v_head.weight");
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}
