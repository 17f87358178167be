/* edits.h - what tests do to golden/qwen2 and its adapter, as other tools might have written them. */
#ifndef GD_TESTS_REWARD_EDITS_H
#define GD_TESTS_REWARD_EDITS_H

#include "tests/reward/variant.h"

static inline void edit_config(const char *dir, const char *members)
{
    variant_patch_text(dir, "config.json", members);
}

static inline void add_quantisation(const char *dir)
{
    edit_config(dir, "{\"quantization_config\":{\"load_in_4bit\":true,\"quant_method\":\"bitsandbytes\"}}");
}

static inline void switch_quantisation_off(const char *dir)
{
    edit_config(dir, "{\"quantization_config\":{\"load_in_4bit\":false,\"load_in_8bit\":false}}");
}

static inline void drop_architectures(const char *dir) { edit_config(dir, "{\"architectures\":null}"); }
static inline void empty_architectures(const char *dir) { edit_config(dir, "{\"architectures\":[]}"); }
static inline void name_inner_model(const char *dir) { edit_config(dir, "{\"architectures\":[\"Qwen2Model\"]}"); }

/* Saved from the inner model, with the head beside it. */
static inline void drop_prefix(const char *dir)
{
    variant_tensors t;

    variant_read(&t, dir, "model.safetensors");
    for (size_t i = 0; i < t.count; i++)
        if (strncmp(t.list[i].name, "model.", 6) == 0)
            memmove(t.list[i].name, t.list[i].name + 6, strlen(t.list[i].name) - 5);
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static inline void drop_prefix_and_architectures(const char *dir)
{
    drop_prefix(dir);
    drop_architectures(dir);
}

#define SHARD "model-0000%d-of-00002.safetensors"

/* Two shards; `listed` is a member that the index has besides, `held` a tensor that only the second shard has. */
static inline void split(const char *dir, const char *listed, const char *held)
{
    json_t *map = json_object(), *index;
    variant_tensors t;
    char *text, name[64];
    size_t half;

    variant_read(&t, dir, "model.safetensors");
    half = t.count / 2;
    for (size_t i = 0; i < t.count; i++) {
        (void)snprintf(name, sizeof name, SHARD, i < half ? 1 : 2);
        assert_int_equal(json_object_set_new(map, t.list[i].name, json_string(name)), 0);
    }
    if (listed)
        assert_int_equal(json_object_set_new(map, listed, json_string("model-00001-of-00002.safetensors")), 0);
    if (held)
        variant_add(&t, held, "BF16", 1, 2, 0);
    index = json_pack("{s:{s:i}, s:o}", "metadata", "total_size", 1, "weight_map", map);
    text = json_dumps(index, 0);
    assert_non_null(text);
    remove_file(dir, "model.safetensors");
    write_text(dir, "model.safetensors.index.json", text);
    variant_write(&t, 0, half, dir, "model-00001-of-00002.safetensors");
    variant_write(&t, half, t.count - half, dir, "model-00002-of-00002.safetensors");
    variant_free(&t);
    free(text);
    json_decref(index);
}

static inline void list_inv_freq(const char *dir) { split(dir, "model.layers.0.self_attn.rotary_emb.inv_freq", NULL); }
static inline void list_lm_head(const char *dir) { split(dir, "lm_head.weight", NULL); }
static inline void hold_mtp(const char *dir) { split(dir, NULL, "mtp.fc.weight"); }
static inline void hold_inv_freq(const char *dir) { split(dir, NULL, "model.layers.0.self_attn.rotary_emb.inv_freq"); }
static inline void list_and_hold(const char *dir) { split(dir, "lm_head.weight", "mtp.fc.weight"); }

static inline void add_lm_head(const char *dir)
{
    variant_tensors t;

    variant_read(&t, dir, "model.safetensors");
    variant_add(&t, "lm_head.weight", "BF16", 1536, 96, 0x3C);
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static inline void rename_head(const char *dir, const char *name)
{
    variant_tensors t;

    variant_read(&t, dir, "model.safetensors");
    variant_rename(&t, "score.weight", name);
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static inline void edit_adapter(const char *dir, const char *members)
{
    variant_patch_text(dir, "adapter_config.json", members);
}

/* The adapter without its score.weight, for a task of this type. */
static inline void drop_score(const char *dir, const char *task)
{
    variant_tensors t;
    char members[64];

    (void)snprintf(members, sizeof members, "{\"task_type\":%s,\"modules_to_save\":null}", task);
    edit_adapter(dir, members);
    variant_read(&t, dir, "adapter_model.safetensors");
    variant_drop(&t, "base_model.model.score.weight");
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

static inline void set_fan_in(const char *dir) { edit_adapter(dir, "{\"fan_in_fan_out\":true}"); }
static inline void set_early_fields(const char *dir)
{
    edit_adapter(dir, "{\"merge_weights\":true,\"enable_lora\":[]}");
}

/* As in the state dict of the PeftModel: with the adapter's name. */
static inline void name_adapter(const char *dir)
{
    variant_tensors t;

    variant_read(&t, dir, "adapter_model.safetensors");
    for (size_t i = 0; i < t.count; i++) {
        char *end = strstr(t.list[i].name, ".weight");

        if (strstr(t.list[i].name, ".lora_"))
            strcpy(end, ".default.weight");
        else
            strcpy(end, ".modules_to_save.default.weight");
    }
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

static inline void add_to_adapter(const char *dir, const char *name, const char *dtype, size_t rows, size_t cols)
{
    variant_tensors t;

    variant_read(&t, dir, "adapter_model.safetensors");
    variant_add(&t, name, dtype, rows, cols, 0x3C);
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

static inline void save_lm_head(const char *dir)
{
    add_to_adapter(dir, "base_model.model.lm_head.weight", "BF16", 1536, 96);
}

/* The base's own embedding, as PEFT saves it when it guesses that the vocabulary was resized. */
static inline void save_same_embedding(const char *dir)
{
    variant_tensors base, t;
    char path[512];
    size_t i;

    variant_read(&t, dir, "adapter_model.safetensors");
    variant_read(&base, test_data(path, sizeof path, "golden/qwen2"), "model.safetensors");
    i = variant_find(&base, "model.embed_tokens.weight");
    memcpy(variant_add(&t, "base_model.model.model.embed_tokens.weight", "BF16", 1536, 96, 0)->data, base.list[i].data,
           base.list[i].bytes);
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&base);
    variant_free(&t);
}

static inline void fill(variant_tensor *t, unsigned char low, unsigned char high)
{
    for (size_t i = 0; i < t->bytes; i++)
        t->data[i] = i % 2 ? high : low;
}

static inline void put_lora_on_head(const char *dir)
{
    variant_tensors t;

    edit_adapter(dir,
                 "{\"task_type\":null,\"modules_to_save\":null,\"target_modules\":[\"q_proj\",\"k_proj\",\"v_proj\","
                 "\"o_proj\",\"gate_proj\",\"up_proj\",\"down_proj\",\"score\"]}");
    variant_read(&t, dir, "adapter_model.safetensors");
    variant_drop(&t, "base_model.model.score.weight");
    fill(variant_add(&t, "base_model.model.score.lora_A.weight", "BF16", 8, 96, 0), 0x80, 0x3E); /* 0.25 */
    fill(variant_add(&t, "base_model.model.score.lora_B.weight", "BF16", 1, 8, 0), 0x80, 0x3E);
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

/* What is done to the model and to the adapter, or NULL. */
typedef struct change {
    const char *id;
    void (*model)(const char *dir), (*adapter)(const char *dir);
} change;

static char m[512], a[512], merged[512]; /* a case's model, adapter, and the two merged */

static inline void make_both(const char *dir, const change *one)
{
    (void)snprintf(m, sizeof m, "%s", make_dir(dir, "m"));
    (void)snprintf(a, sizeof a, "%s", make_dir(dir, "a"));
    (void)snprintf(merged, sizeof merged, "%s/merged", dir);
    variant_link(m, "qwen2");
    variant_link(a, "qwen2-lora");
    if (one->model)
        one->model(m);
    if (one->adapter)
        one->adapter(a);
}

static inline void remove_both(void)
{
    assert_int_equal(test_remove(m), 0);
    assert_int_equal(test_remove(a), 0);
}

static inline gd_status open_both(gd_model **model, bool adapter, gd_error *err)
{
    gd_options options;

    gd_options_init(&options);
    options.model = m;
    options.adapter = adapter ? a : NULL;
    return gd_model_open(model, &options, err);
}

static inline void merge_both(void)
{
    gd_options options;

    gd_options_init(&options);
    options.model = m;
    options.adapter = a;
    assert_ok(gd_merge(&options, merged, NULL, test_err));
}

#endif
