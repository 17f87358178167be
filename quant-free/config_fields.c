/* config_fields.c - which fields of config.json are known: their defaults, and those that are refused.
 * Defaults are those of the configuration classes of Transformers 5.3. */
#include "quant-free/config_inside.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

#define LLAMA GD_FAMILY_LLAMA
#define QWEN2 GD_FAMILY_QWEN2
#define MISTRAL GD_FAMILY_MISTRAL
#define QWEN3 GD_FAMILY_QWEN3
#define GEMMA2 GD_FAMILY_GEMMA2
#define INTERNLM2 GD_FAMILY_INTERNLM2
#define PHI3 GD_FAMILY_PHI3
#define GEMMA3 GD_FAMILY_GEMMA3
#define SMOLLM3 GD_FAMILY_SMOLLM3
#define GEMMA GD_FAMILY_GEMMA
#define MINISTRAL3 GD_FAMILY_MINISTRAL3
#define OLMO2 GD_FAMILY_OLMO2
#define OLMO3 GD_FAMILY_OLMO3
#define OLMOS (OLMO2 | OLMO3)
#define QWENS (QWEN2 | QWEN3)
#define GEMMAS (GEMMA2 | GEMMA3)
#define ALL (LLAMA | QWENS | MISTRAL | GEMMA | GEMMAS | INTERNLM2 | SMOLLM3)

static const struct family {
    gd_family family;
    const char *prefix, *model_type; /* of the classes' names */
    const char *inner, *classifier;
} families[] = {
    { LLAMA, "LlamaFor", "llama", "LlamaModel", "LlamaForSequenceClassification" },
    { QWEN2, "Qwen2For", "qwen2", "Qwen2Model", "Qwen2ForSequenceClassification" },
    { MISTRAL, "MistralFor", "mistral", "MistralModel", "MistralForSequenceClassification" },
    { QWEN3, "Qwen3For", "qwen3", "Qwen3Model", "Qwen3ForSequenceClassification" },
    { GEMMA2, "Gemma2For", "gemma2", "Gemma2Model", "Gemma2ForSequenceClassification" },
    { INTERNLM2, "InternLM2For", "internlm2", "InternLM2Model", "InternLM2ForCausalLM" },
    { GEMMA3, "Gemma3Text", "gemma3_text", "Gemma3TextModel", "Gemma3TextForSequenceClassification" },
    { SMOLLM3, "SmolLM3For", "smollm3", "SmolLM3Model", "SmolLM3ForSequenceClassification" },
    { GEMMA, "GemmaFor", "gemma", "GemmaModel", "GemmaForSequenceClassification" },
    { MINISTRAL3, "Ministral3For", "ministral3", "Ministral3Model", "Ministral3ForSequenceClassification" },
    { OLMO2, "Olmo2For", "olmo2", "Olmo2Model", "Olmo2ForSequenceClassification" },
    { OLMO3, "Olmo3For", "olmo3", "Olmo3Model", "Olmo3ForSequenceClassification" },
    { PHI3, "Phi3For", "phi3", "Phi3Model", "Phi3ForSequenceClassification" },
};

/* Classes with other names than their family's: most came as code with a checkpoint, and are one of the above with a
 * head that src/graph/heads describes. */
static const struct custom {
    const char *name;
    gd_family family;
} customs[] = {
    { "INFORMForSequenceClassification", LLAMA },                  /* infly/INF-ORM-Llama3.1-70B */
    { "EurusRewardModel", MISTRAL },                               /* openbmb/Eurus-RM-7b */
    { "Gemma2ForQuantileSequenceClassification", GEMMA2 },         /* nicolinho/QRM-Gemma-2-27B */
    { "Gemma3ForCausalLM", GEMMA3 },                               /* the text model's */
    { "InternLM2ForCausalLM", INTERNLM2 },                         /* internlm/internlm2-* */
    { "InternLM2ForRewardModel", INTERNLM2 },                      /* internlm/internlm2-*-reward */
    { "LlamaForRewardModelWithGating", LLAMA },                    /* RLHFlow/ArmoRM-Llama3-8B-v0.1 */
    { "LlamaForRewardModelWithGating3", LLAMA },                   /* nicolinho/QRM-Llama3-8B */
    { "LlamaForRewardModelWithGating31", LLAMA },                  /* nicolinho/QRM-Llama3.1-8B */
    { "LlamaForScore", LLAMA },                                    /* PKU-Alignment/beaver-7b-* */
    { "LlamaForSequenceClassificationWithNormal_Weights", LLAMA }, /* LxzGordon/URM-LLaMa-3.1-8B */
    { "LlamaForTokenClassification", LLAMA },                      /* TRL's PRMTrainer, as the others so called */
    { "LlamaRewardModel", LLAMA },                                 /* openbmb/UltraRM-13b */
    { "MistralForTokenClassification", MISTRAL },
    { "Qwen2ForPrmModel", QWEN2 },           /* Skywork/Skywork-o1-Open-PRM-Qwen-2.5-* */
    { "Qwen2ForProcessRewardModel", QWEN2 }, /* Qwen/Qwen2.5-Math-PRM-* */
    { "Qwen2ForTokenClassification", QWEN2 },
    { "Qwen3ForTokenClassification", QWEN3 },
    { "Qwen2ForRewardModel", QWEN2 }, /* Qwen/Qwen2.5-Math-RM-72B, Qwen/WorldPM-72B */
};

static const gd_config_default defaults[] = {
    { "rms_norm_eps", ALL, 1e-6, NULL, false },
    { "rms_norm_eps", PHI3 | MINISTRAL3 | OLMOS, 1e-5, NULL, false },
    { "num_key_value_heads", QWENS, 32, NULL, false },
    { "num_key_value_heads", MISTRAL | MINISTRAL3, 8, NULL, false },
    { "num_key_value_heads", GEMMAS | SMOLLM3, 4, NULL, false },
    { "num_key_value_heads", GEMMA, 16, NULL, false },
    { "head_dim", QWEN3 | MINISTRAL3, 128, NULL, false },
    { "head_dim", GEMMA | GEMMAS, 256, NULL, false },
    { "sliding_window", QWENS | MISTRAL | GEMMAS | OLMO3, 4096, NULL, false },
    { "sliding_window_pattern", GEMMA3, 6, NULL, false },
    { "vocab_size", GEMMA3, 262208, NULL, false },
    { "hidden_size", GEMMA3, 2304, NULL, false },
    { "intermediate_size", GEMMA3, 9216, NULL, false },
    { "num_hidden_layers", GEMMA3, 26, NULL, false },
    { "num_attention_heads", GEMMA3, 8, NULL, false },
    { "no_rope_layer_interval", SMOLLM3, 4, NULL, false },
    { "max_window_layers", QWENS, 28, NULL, false },
    { "use_sliding_window", QWENS | SMOLLM3, 0, NULL, false },
    { "bias", INTERNLM2, 0, NULL, true },
    { "hidden_act", LLAMA | QWENS | MISTRAL | INTERNLM2 | SMOLLM3 | PHI3 | MINISTRAL3 | OLMOS, 0, "silu", false },
    { "hidden_act", GEMMA, 0, "gelu_pytorch_tanh", false },
    { "hidden_activation", GEMMAS, 0, "gelu_pytorch_tanh", false },
    { "query_pre_attn_scalar", GEMMAS, 256, NULL, false },
    { "attn_logit_softcapping", GEMMA2, 50, NULL, false },
    { "final_logit_softcapping", GEMMA2, 30, NULL, false },
    { "attention_bias", LLAMA | QWEN3 | GEMMA | GEMMAS | SMOLLM3 | OLMOS, 0, NULL, false },
    { "mlp_bias", LLAMA | SMOLLM3, 0, NULL, false },
    { "max_position_embeddings", LLAMA | INTERNLM2 | OLMOS, 2048, NULL, false },
    { "max_position_embeddings", PHI3, 4096, NULL, false },
    { "max_position_embeddings", QWENS | SMOLLM3, 32768, NULL, false },
    { "max_position_embeddings", MISTRAL | GEMMA3, 131072, NULL, false },
    { "max_position_embeddings", MINISTRAL3, 262144, NULL, false },
    { "max_position_embeddings", GEMMA | GEMMA2, 8192, NULL, false },
    { "pad_token_id", MINISTRAL3, 11, NULL, false },
    { "pad_token_id", GEMMA | GEMMAS | INTERNLM2, 0, NULL, false },
    { "original_max_position_embeddings", PHI3, 4096, NULL, false },
    { "pad_token_id", SMOLLM3, 128004, NULL, false },
    { "pad_token_id", OLMOS, 1, NULL, false },
    { "pad_token_id", PHI3, 32000, NULL, false },
    { "eos_token_id", GEMMA | GEMMAS, 1, NULL, false },
    { "eos_token_id", SMOLLM3, 128001, NULL, false },
    { "eos_token_id", LLAMA | MISTRAL | MINISTRAL3 | INTERNLM2, 2, NULL, false },
    { "eos_token_id", OLMOS, 50279, NULL, false },
    { "eos_token_id", PHI3, 32000, NULL, false },
};

/* Fields that relatives of our architectures read, or that request an unsupported feature. The value that
 * changes nothing is accepted, as are null, false, 0 and empty values. */
static const struct refusal {
    const char *field;
    unsigned allowed; /* families that read the field, and may have it */
    enum { NOTHING, ONE, TRUE } neutral;
    const char *why;
} refusals[] = {
    /* Transformers has Phi-3's classes itself, and takes those. */
    { "auto_map", PHI3, NOTHING, "the model comes with code, which is never run" },
    { "is_causal", 0, TRUE, "only causal attention is supported" },
    { "use_bidirectional_attention", 0, NOTHING, "only causal attention is supported" },
    { "is_encoder_decoder", 0, NOTHING, "only decoders are supported" },
    { "add_cross_attention", 0, NOTHING, "only decoders are supported" },
    { "pruned_heads", 0, NOTHING, "pruned heads are not supported" },
    { "partial_rotary_factor", PHI3, ONE, "partial rotary embeddings are not supported" },
    { "rotary_pct", 0, ONE, "partial rotary embeddings are not supported" },
    { "rope_interleaved", 0, NOTHING, "interleaved rotary embeddings are not supported" },
    { "rope_local_base_freq", GEMMA3, NOTHING, "a second rotary base is not supported" },
    { "use_mrope", 0, NOTHING, "multimodal rotary embeddings are not supported" },
    { "no_rope_layers", SMOLLM3, NOTHING, "layers without rotary embeddings are not supported" },
    { "alibi", 0, NOTHING, "ALiBi is not supported" },
    { "attention_multiplier", 0, ONE, "multipliers are not supported" },
    { "residual_multiplier", 0, ONE, "multipliers are not supported" },
    { "embedding_multiplier", 0, ONE, "multipliers are not supported" },
    { "logits_scaling", 0, ONE, "multipliers are not supported" },
    { "logit_scale", 0, ONE, "multipliers are not supported" },
    { "scale_emb", 0, ONE, "multipliers are not supported" },
    { "scale_depth", 0, ONE, "multipliers are not supported" },
    { "query_pre_attn_scalar", GEMMAS, NOTHING, "this architecture has no such field" },
    { "attn_logit_softcapping", GEMMA2, NOTHING, "this architecture has no such field" },
    { "sliding_window", QWENS | MISTRAL | MINISTRAL3 | GEMMAS | SMOLLM3 | PHI3 | OLMO3, NOTHING,
      "this architecture has no sliding window" },
    { "num_experts", 0, NOTHING, "mixtures of experts are not supported" },
    { "num_local_experts", 0, NOTHING, "mixtures of experts are not supported" },
    { "n_routed_experts", 0, NOTHING, "mixtures of experts are not supported" },
    { "moe_intermediate_size", 0, NOTHING, "mixtures of experts are not supported" },
    { "kv_lora_rank", 0, NOTHING, "latent attention is not supported" },
    { "q_lora_rank", 0, NOTHING, "latent attention is not supported" },
    { "qk_layernorm", 0, NOTHING, "this architecture has no such field" },
    { "use_qk_norm", 0, NOTHING, "this architecture has no such field" },
    { "clip_qkv", 0, NOTHING, "this architecture has no such field" },
    { "use_parallel_residual", 0, NOTHING, "this architecture has no such field" },
    { "parallel_attn", 0, NOTHING, "this architecture has no such field" },
};

/* All other fields that the configuration classes read or write: used elsewhere, or without effect on scores. */
static const char *const known[] = {
    "_attn_implementation_autoset",
    "_name_or_path",
    "_sliding_window_pattern",
    "architectures",
    "attention_bias",
    "attention_dropout",
    "attn_implementation",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bias",
    "bos_token_id",
    "cache_implementation",
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "embd_pdrop",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "final_logit_softcapping",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "head_dim",
    "hidden_act",
    "hidden_activation",
    "hidden_size",
    "id2label",
    "ignore_keys_at_rope_validation",
    "initializer_range",
    "intermediate_size",
    "is_decoder",
    "label2id",
    "layer_types",
    "length_penalty",
    "max_length",
    "max_position_embeddings",
    "max_window_layers",
    "mean",
    "min_length",
    "mlp_bias",
    "model_type",
    "no_repeat_ngram_size",
    "num_attention_heads",
    "num_beam_groups",
    "num_beams",
    "num_hidden_layers",
    "num_key_value_heads",
    "num_labels",
    "num_return_sequences",
    "original_max_position_embeddings",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "prefix",
    "pretraining_tp",
    "problem_type",
    "quantization_config",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "reward_token_id",
    "rms_norm_eps",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "sep_token_id",
    "std",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "typical_p",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
    "use_sliding_window",
    "value_head_prefix",
    "vocab_size",
};

const gd_config_default *gd_config_default_find(gd_family family, const char *field)
{
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        if ((defaults[i].families & family) && strcmp(defaults[i].field, field) == 0)
            return &defaults[i];
    }
    return NULL;
}

static bool is_custom(const gd_config *c, gd_family family)
{
    for (size_t i = 0; i < sizeof customs / sizeof customs[0]; i++)
        if (customs[i].family == family && strcmp(c->architecture, customs[i].name) == 0)
            return true;
    return false;
}

const char *gd_config_type_class(const char *type)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strcmp(families[i].model_type, type) == 0)
            return families[i].classifier;
    return NULL;
}

const char *gd_config_own_class(size_t i, const char **trunk)
{
    if (i >= sizeof customs / sizeof customs[0])
        return gd_config_nested_class(i - sizeof customs / sizeof customs[0], trunk);
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++)
        if (families[f].family == customs[i].family)
            *trunk = families[f].classifier;
    return customs[i].name;
}

gd_status gd_config_family_read(gd_config *c, gd_error *err)
{
    const char *type = NULL;
    gd_status rc = GD_OK;

    if (gd_json_has(c->json, "model_type"))
        rc = gd_json_string(&type, c->json, "model_type", c->path, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const struct family *f = &families[i];
        const bool inner = strcmp(c->architecture, f->inner) == 0, custom = is_custom(c, f->family);
        const bool mine = inner || custom || strncmp(c->architecture, f->prefix, strlen(f->prefix)) == 0;

        if (type && mine != (strcmp(type, f->model_type) == 0))
            return gd_fail(err, GD_EFORMAT, "%s: the field \"model_type\" is \"%s\", but the architecture is %s",
                           c->path, type, c->architecture);
        if (mine)
            c->family = f->family;
        if (inner)
            c->architecture = f->classifier;
        c->custom |= custom;
        if (custom)
            c->trunk = f->classifier;
    }
    return GD_OK;
}

gd_status gd_config_family_of_type(gd_config *c, gd_error *err)
{
    const char *type = NULL;
    gd_status rc;

    if (!gd_json_has(c->json, "model_type"))
        return gd_fail(err, GD_EFORMAT,
                       "%s: neither \"architectures\" nor \"model_type\" says which model this is; "
                       "\"architectures\": [\"LlamaForSequenceClassification\"], for example, is expected",
                       c->path);
    rc = gd_json_string(&type, c->json, "model_type", c->path, err);
    for (size_t i = 0; !rc && i < sizeof families / sizeof families[0]; i++) {
        if (strcmp(type, families[i].model_type) == 0) {
            c->family = families[i].family;
            c->architecture = families[i].classifier;
            return GD_OK;
        }
    }
    return rc ? rc
              : gd_fail(err, GD_EUNSUPPORTED,
                        "%s: \"architectures\" is missing, and the field \"model_type\" is \"%.40s\", but llama, "
                        "qwen2, mistral, qwen3, gemma2, internlm2, gemma3_text, smollm3, gemma, ministral3, olmo2, "
                        "olmo3 or phi3 is "
                        "expected",
                        c->path, type);
}

gd_status gd_config_family_of_text(gd_config *c, const char *type, gd_error *err)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (strcmp(type, families[i].model_type) == 0) {
            c->family = families[i].family;
            c->trunk = families[i].classifier;
            return GD_OK;
        }
    }
    return gd_fail(err, GD_EUNSUPPORTED, "%s: no text model of type %s is known", c->path, type);
}

static bool is_neutral(const struct refusal *r, const json_t *v)
{
    switch (r->neutral) {
    case ONE: return json_is_null(v) || (json_is_number(v) && json_number_value(v) == 1);
    case TRUE: return json_is_null(v) || json_is_true(v);
    default: return gd_json_nothing(v);
    }
}

static gd_status refuse(const gd_config *c, const struct refusal *r, const json_t *value, gd_error *err)
{
    char text[61] = "";
    const size_t need = json_dumpb(value, text, sizeof text - 1, JSON_ENCODE_ANY | JSON_COMPACT);

    return gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"%s\" is %s: %s", c->path, r->field,
                   need && need < sizeof text ? text : "set", r->why);
}

static bool is_known(const gd_config *c, const char *field)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i], field) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (strcmp(refusals[i].field, field) == 0)
            return true;
    }
    return gd_config_default_find(c->family, field) != NULL;
}

/* Whether anything is on: bitsandbytes writes its two switches even when both are off. */
static bool is_quantised(const json_t *q)
{
    const json_t *four = json_object_get(q, "load_in_4bit"), *eight = json_object_get(q, "load_in_8bit");

    return q && !gd_json_nothing(q) && (!(four || eight) || json_is_true(four) || json_is_true(eight));
}

/* Weights that are quantised are refused by what they are; then nobody sees this notice. */
static gd_status note_quantisation(gd_config *c, gd_error *err)
{
    const json_t *q = json_object_get(c->json, "quantization_config");
    const char *method = json_string_value(json_object_get(q, "quant_method"));

    if (!is_quantised(q))
        return GD_OK;
    return gd_notes_add(
        &c->notes, err,
        "%s: the field \"quantization_config\" is set (%.40s), but the weights are not quantised: it is "
        "ignored",
        c->path, method ? method : "no quant_method");
}

gd_status gd_config_fields_check(gd_config *c, gd_error *err)
{
    const char *field;
    json_t *value;
    gd_status rc = GD_OK;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];

        value = json_object_get(c->json, r->field);
        if (c->custom && strcmp(r->field, "auto_map") == 0) /* the code is not run: a head of ours does what it does */
            continue;
        if (value && !(r->allowed & c->family) && !is_neutral(r, value))
            rc = gd_notes_collect(c->problems, refuse(c, r, value, err), err);
        if (rc)
            return rc;
    }
    json_object_foreach((json_t *)c->json, field, value) {
        if (!gd_json_nothing(value) && !is_known(c, field))
            rc = gd_notes_add(&c->notes, err, "%s: the field \"%s\" is unknown and ignored, as in Transformers",
                              c->path, field);
        if (rc)
            break;
    }
    return rc ? rc : note_quantisation(c, err);
}
