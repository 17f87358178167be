/* save.c - writes a PEFT adapter or a model. */
#include "train/save.h"

#include "base/buf.h"
#include "base/error.h"
#include "train/tensors.h"

#include <string.h>

/* A model that reads images as well has modules of the same names for that: only the language model's are meant. */
static void put_language_targets(gd_buf *out, const gd_targets *targets)
{
    gd_buf text = { 0 };

    gd_buf_str(&text, "model\\.language_model\\..*\\.(?:");
    for (size_t i = 0; i < targets->count; i++)
        gd_buf_printf(&text, "%s%s", i ? "|" : "", targets->names[i]);
    gd_buf_str(&text, ")");
    gd_buf_json_string(out, gd_buf_cstr(&text) ? text.data : "", text.len);
    out->failed |= text.failed;
    gd_buf_str(out, ",\n");
    gd_buf_free(&text);
}

static bool is_inner(const gd_save_parts *parts) { return strcmp(parts->tuning->plan->inner, "model.") != 0; }

static void put_targets(gd_buf *out, const gd_save_parts *parts)
{
    const gd_targets *targets = parts->targets;

    gd_buf_str(out, "  \"target_modules\": ");
    if (targets->pattern) {
        gd_buf_json_string(out, targets->given, strlen(targets->given));
        gd_buf_str(out, ",\n");
        return;
    }
    if (is_inner(parts)) {
        put_language_targets(out, targets);
        return;
    }
    gd_buf_str(out, "[\n");
    for (size_t i = 0; i < targets->count; i++) {
        gd_buf_str(out, "    ");
        gd_buf_json_string(out, targets->names[i], strlen(targets->names[i]));
        gd_buf_str(out, i + 1 < targets->count ? ",\n" : "\n");
    }
    gd_buf_str(out, "  ],\n");
}

/* "rank_pattern" and "alpha_pattern": {module: value} for those modules whose rank or scale is another one.  PEFT takes
 * the names for regular expressions, in which a dot matches itself, too. */
static void put_pattern(gd_buf *out, const gd_save_parts *parts, bool alpha)
{
    const char *lead = "{\n    ";

    for (size_t i = 0; i < parts->tuning->count; i++) {
        const gd_tuned *m = &parts->tuning->modules[i];
        const gd_lora *lora = &parts->tuning->lora[m->step];
        const char *name = parts->tuning->plan->steps[m->step].lora, *put;
        char room[GD_NAME_BYTES];

        if (m->rank == parts->rank && lora->scale == (float)(parts->alpha / (double)parts->rank))
            continue;
        gd_buf_str(out, lead);
        put = gd_names_put(name, "model.", parts->tuning->plan->inner, room);
        name = put ? put : name;
        gd_buf_json_string(out, name, strlen(name));
        gd_buf_str(out, ": ");
        gd_buf_json_double(out, alpha ? (double)lora->scale * (double)m->rank : (double)m->rank);
        lead = ",\n    ";
    }
    gd_buf_str(out, *lead == '{' ? "{}" : "\n  }");
}

/* A sequence classifier of Transformers ends with score.weight; of any other class, PEFT knows nothing. */
static bool is_classifier(const gd_tuning *tuning) { return !tuning->plan->head_of; }

/* "score.weight" is the tensor of "score". PEFT lists "classifier" for every sequence classifier. */
static void put_head(gd_buf *out, const gd_tuning *tuning)
{
    const char *head = tuning->plan->head;
    const size_t len = strlen(head), suffix = strlen(".weight");

    if (!tuning->head.count) {
        gd_buf_str(out, "  \"modules_to_save\": null,\n");
        return;
    }
    gd_buf_printf(out, "  \"modules_to_save\": [\n    %s", is_classifier(tuning) ? "\"classifier\",\n    " : "");
    gd_buf_json_string(out, head, len > suffix ? len - suffix : len);
    gd_buf_str(out, "\n  ],\n");
}

static void put_config(gd_buf *out, const gd_save_parts *parts)
{
    gd_buf_str(out, "{\n  \"alpha_pattern\": ");
    put_pattern(out, parts, true);
    gd_buf_str(out, ",\n  \"auto_mapping\": null,\n  \"base_model_name_or_path\": ");
    gd_buf_json_string(out, parts->base, strlen(parts->base));
    gd_buf_str(out, ",\n  \"bias\": \"none\",\n  \"fan_in_fan_out\": false,\n  \"inference_mode\": true,\n"
                    "  \"init_lora_weights\": true,\n  \"layers_pattern\": null,\n  \"layers_to_transform\": null,\n"
                    "  \"lora_alpha\": ");
    gd_buf_json_double(out, parts->alpha);
    gd_buf_str(out, ",\n  \"lora_dropout\": 0.0,\n");
    put_head(out, parts->tuning);
    gd_buf_printf(out, "  \"peft_type\": \"LORA\",\n  \"r\": %zu,\n  \"rank_pattern\": ", parts->rank);
    put_pattern(out, parts, false);
    gd_buf_str(out, ",\n  \"revision\": null,\n");
    put_targets(out, parts);
    gd_buf_printf(out, "  \"task_type\": %s,\n  \"use_dora\": false,\n  \"use_rslora\": false\n}\n",
                  is_classifier(parts->tuning) ? "\"SEQ_CLS\"" : "null");
}

const char *gd_save_values(const gd_tuning *tuning)
{
    return tuning->full ? "model.safetensors" : "adapter_model.safetensors";
}

const char *gd_save_config(const gd_tuning *tuning) { return tuning->full ? "config.json" : "adapter_config.json"; }

/* The values, then the configuration, which it frees. */
static gd_status save(gd_newdir *dir, const gd_save_parts *parts, gd_buf *config, gd_error *err)
{
    gd_status rc = config->failed ? gd_fail_memory(err, config->len) : GD_OK;

    if (!rc)
        rc = gd_tensors_write(dir, gd_save_values(parts->tuning), parts->tuning, GD_TENSORS_VALUES, err);
    if (!rc)
        rc = gd_newdir_put(dir, gd_save_config(parts->tuning), config->data, config->len, err);
    gd_buf_free(config);
    return rc;
}

gd_status gd_adapter_save(gd_newdir *dir, const gd_save_parts *parts, gd_error *err)
{
    gd_buf config = { 0 };

    put_config(&config, parts);
    return save(dir, parts, &config, err);
}

gd_status gd_model_save(gd_newdir *dir, const gd_save_parts *parts, const gd_merge_source *base, gd_error *err)
{
    gd_buf config = { 0 };
    const gd_status rc = gd_merge_config(&config, base, "float32", err);

    if (!rc)
        return save(dir, parts, &config, err);
    gd_buf_free(&config);
    return rc;
}
