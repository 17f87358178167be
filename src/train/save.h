/* save.h - writes what has learnt as a PEFT adapter, adapter_config.json and adapter_model.safetensors, or as a whole
 * model, config.json and model.safetensors.
 *
 * The names and keys are those of PEFT 0.21 for a sequence classifier (peft/utils/save_and_load.py), so that PeftModel
 * and AutoPeftModelForSequenceClassification load it, head included.  Values are fp32, the masters. */
#ifndef GD_TRAIN_SAVE_H
#define GD_TRAIN_SAVE_H

#include "base/newdir.h"
#include "reward/merge.h"
#include "train/tuning.h"

typedef struct gd_save_parts {
    const gd_tuning *tuning;
    const char *base; /* base_model_name_or_path */
    size_t rank;      /* of most modules, whose scale is lora_alpha / rank; those of others are listed */
    double alpha;
    const gd_targets *targets; /* target_modules */
} gd_save_parts;

/* Adds both files to the directory; the configuration last, since PEFT looks for it first. */
gd_status gd_adapter_save(gd_newdir *dir, const gd_save_parts *parts, gd_error *err);

/* The same for a model whose weights have all learnt; `base` has its configuration.  The values are fp32 whatever the
 * precision: that rounds matrices alone, so a file of bf16 would have other embeddings, norms, biases and scores. */
gd_status gd_model_save(gd_newdir *dir, const gd_save_parts *parts, const gd_merge_source *base, gd_error *err);

/* The files of the values and of the configuration, which is written last: where it is, the rest is, too. */
const char *gd_save_values(const gd_tuning *tuning);
const char *gd_save_config(const gd_tuning *tuning);

#endif
