/* adapter_fields.c - which fields of adapter_config.json are known. PEFT has some twenty that change the
 * mathematics; a reader that skips them silently computes wrong scores (vllm#10798, mlx-vlm#841 and
 * others). */
#include "quant-free/adapter_config.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

/* Read by adapter_config.c, or without influence on a trained adapter's scores. */
static const char *const known[] = {
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "eva_config",
    "exclude_modules",
    "fan_in_fan_out", /* for Conv1D, which none of our models has: PEFT takes false for nn.Linear */
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_alpha",
    "lora_dropout",
    "lora_ga_config",
    "megatron_core",
    "merge_weights", /* of PEFT before 0.3 */
    "modules_to_save",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "use_rslora",
};

static const struct refusal {
    const char *field, *why;
} refusals[] = {
    { "use_dora", "DoRA is not supported" },
    { "lora_bias", "LoRA biases are not supported" },
    { "layer_replication", "replicated layers are not supported" },
    { "target_parameters", "LoRA on parameters is not supported, only on modules" },
    { "trainable_token_indices", "trainable tokens are not supported" },
    { "alora_invocation_tokens", "activated LoRA is not supported" },
    { "use_qalora", "QALoRA is not supported" },
    { "use_bdlora", "block-diagonal LoRA is not supported" },
    { "kasa_config", "KaSA is not supported" },
    { "monteclora_config", "MonteCLoRA is not supported" },
    { "arrow_config", "Arrow routing is not supported" },
    { "velora_config", "VeLoRA is not supported" },
    { "megatron_config", "Megatron layers are not supported" },
    { "ensure_weight_tying", "tied adapters are not supported" },
};

/* Initialisations that leave the base unchanged. PEFT repeats the initialisation whenever it attaches an
 * adapter, and the others (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) then subtract something from the base's
 * weights. */
static const char *const inits[] = { "gaussian", "eva", "orthogonal", "mica" };

static gd_status check_init(const json_t *json, const char *path, gd_error *err)
{
    const json_t *init = json_object_get(json, "init_lora_weights");
    const char *name = json_string_value(init);

    if (!init || json_is_null(init) || json_is_boolean(init))
        return GD_OK;
    for (size_t i = 0; name && i < sizeof inits / sizeof inits[0]; i++) {
        if (strcmp(inits[i], name) == 0)
            return GD_OK;
    }
    if (!name)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"init_lora_weights\" is neither true, false nor a string",
                       path);
    return gd_fail(err, GD_EUNSUPPORTED,
                   "%s: the field \"init_lora_weights\" is \"%.40s\": it changes the base's weights when the adapter "
                   "is attached; save the adapter with path_initial_model_for_weight_conversion",
                   path, name);
}

static gd_status check_names(const json_t *json, const char *path, gd_error *err)
{
    const char *type = NULL, *bias = "none";
    gd_status rc = gd_json_string(&type, json, "peft_type", path, err);

    if (!rc && strcmp(type, "LORA") != 0)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"peft_type\" is \"%.40s\", but LORA is expected", path,
                       type);
    if (!rc && gd_json_has(json, "bias"))
        rc = gd_json_string(&bias, json, "bias", path, err);
    if (!rc && strcmp(bias, "none") != 0)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"bias\" is \"%.40s\", but \"none\" is expected", path,
                       bias);
    return rc;
}

static const struct refusal *find_refusal(const char *field)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (strcmp(refusals[i].field, field) == 0)
            return &refusals[i];
    }
    return NULL;
}

static bool is_known(const char *field)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i], field) == 0)
            return true;
    }
    return strcmp(field, "bias") == 0;
}

gd_status gd_adapter_fields_check(const json_t *json, const char *path, gd_error *err)
{
    const char *field;
    json_t *value;
    gd_status rc = check_names(json, path, err);

    if (!rc)
        rc = check_init(json, path, err);
    if (rc)
        return rc;
    json_object_foreach((json_t *)json, field, value) {
        const struct refusal *r = find_refusal(field);

        if (gd_json_nothing(value) || is_known(field))
            continue;
        if (r)
            return gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"%s\" is set: %s", path, field, r->why);
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"%s\" is unknown; only null, false or empty is accepted",
                       path, field);
    }
    return GD_OK;
}
