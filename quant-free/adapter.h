/* adapter.h - a LoRA adapter as PEFT saves it: adapter_config.json and adapter_model.safetensors.
 *
 * A module's linear step becomes y = W x + bias + scale * B (A x), with A [rank, in], B [out, rank] and scale
 * = alpha / rank, or alpha / sqrt(rank) with use_rslora; rank_pattern and alpha_pattern change both for some
 * modules. The file may also contain the head ("modules_to_save": ["score"], which task_type SEQ_CLS adds by
 * itself); the model's graph says what it is called; and the embedding, whose module is "embed_tokens". LoRA may be
 * on the head, too, if the base has one. What there is of lm_head is ignored.
 *
 * Nothing is ignored silently: a field of the configuration that changes the mathematics, or is unknown and
 * not empty, is refused by name; each tensor must be known and belong to a module that the configuration
 * targets; gd_adapter_check() makes sure that the model has every module, and the file every module's
 * tensors. */
#ifndef GD_QUANT_FREE_ADAPTER_H
#define GD_QUANT_FREE_ADAPTER_H

#include "guerdon.h"
#include "quant-free/names.h"
#include "quant-free/view.h"

#include <stdbool.h>

typedef struct gd_adapter gd_adapter;

/* One module's share. */
typedef struct gd_lora {
    const gd_view *a; /* [rank, in] */
    const gd_view *b; /* [out, rank] */
    float scale;      /* computed in double, rounded once */
    size_t rank;
} gd_lora;

/* Reads and checks both files; every number of the adapter is checked (NaN and infinity are refused). `head`
 * names the head's tensor in the base: "score.weight". *out is NULL on failure. */
gd_status gd_adapter_open(gd_adapter **out, const char *dir, const char *head, gd_error *err);

/* Looks up which forms of the graph's names the adapter has (names.h), of modules and of the embedding; fills in the
 * search's last three fields. From then on, modules have the graph's names. */
gd_status gd_adapter_settle(gd_adapter *adapter, const gd_names_search *search, gd_error *err);

/* As gd_st_unchanged(), for the tensors' file. */
gd_status gd_adapter_unchanged(const gd_adapter *adapter, gd_error *err);

/* Every view becomes invalid. NULL is fine. */
void gd_adapter_close(gd_adapter *adapter);

/* The tensors' file, for messages. */
const char *gd_adapter_path(const gd_adapter *adapter);

/* base_model_name_or_path: a path, often relative to the directory of the training run, or a hub name; NULL if
 * absent. */
const char *gd_adapter_base(const gd_adapter *adapter);

/* The LoRA of a module, named as in the base ("model.layers.0.self_attn.q_proj"); false if it has none. */
bool gd_adapter_find(const gd_adapter *adapter, const char *module, gd_lora *out);

/* How many modules of those parts that read images have LoRA: they are left out. */
size_t gd_adapter_image_modules(const gd_adapter *adapter);

/* The modules with LoRA, by name in byte order. */
size_t gd_adapter_count(const gd_adapter *adapter);
const char *gd_adapter_module(const gd_adapter *adapter, size_t i);

/* The trained head, a matrix of any shape, or NULL when the adapter has none. */
const gd_view *gd_adapter_head_bias(const gd_adapter *adapter); /* the head's, [labels]; or NULL */
const gd_view *gd_adapter_head(const gd_adapter *adapter);

/* The trained embedding, of any shape, or NULL; and whether it replaces the base's tensor of that name. */
const gd_view *gd_adapter_embedding(const gd_adapter *adapter);
bool gd_adapter_embeds(const gd_adapter *adapter, const char *weight);

/* "score.weight" is the tensor of "score". The caller frees it with gd_free; NULL without memory. */
char *gd_adapter_module_of(const char *tensor);

/* `modules` are all linear modules of the model. Fails if the adapter has a module that is not among them,
 * or lacks one that target_modules covers (PEFT would fill it with random numbers). */
gd_status gd_adapter_check(const gd_adapter *adapter, const char *const *modules, size_t count, gd_error *err);

/* Fails unless the shapes fit a weight of [out_features, in_features]. */
gd_status gd_lora_check(const gd_lora *lora, size_t out_features, size_t in_features, const char *module,
                        const char *path, gd_error *err);

/* Notices for the user, such as "the adapter changes nothing". */
size_t gd_adapter_note_count(const gd_adapter *adapter);
const char *gd_adapter_note(const gd_adapter *adapter, size_t i);

#endif
