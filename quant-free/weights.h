/* weights.h - the tensors of a checkpoint directory: one model.safetensors, or shards with an index.
 *
 * As in Transformers, model.safetensors takes precedence over an index. If an index and its shards disagree about a
 * tensor (it is absent, duplicated or not listed), that is noted, and refused when the tensor is needed: the inv_freq
 * of old versions, lm_head of tied models and drafting layers are listed or held although no reward model reads them. A
 * shard's name in the index must be a plain file name; links inside the directory are followed, since the
 * Hugging Face cache consists of them. */
#ifndef GD_QUANT_FREE_WEIGHTS_H
#define GD_QUANT_FREE_WEIGHTS_H

#include "guerdon.h"
#include "quant-free/names.h"
#include "quant-free/view.h"

#include <stdbool.h>

typedef struct gd_weights gd_weights;

/* Maps the files and checks them; no weight is read. *out is NULL on failure. */
gd_status gd_weights_open(gd_weights **out, const char *dir, gd_error *err);

/* As gd_st_unchanged(), for all files. */
gd_status gd_weights_unchanged(const gd_weights *weights, gd_error *err);

/* Every view becomes invalid. NULL is fine. */
void gd_weights_close(gd_weights *weights);

/* Looks up which forms of the graph's names the checkpoint has (names.h); fills in the search's last three fields.
 * Until then, names are the checkpoint's own. */
gd_status gd_weights_settle(gd_weights *weights, const gd_names_search *search, gd_error *err);

/* The graph's name of a tensor. */
const char *gd_weights_in_graph(const gd_weights *weights, const char *name, char room[GD_NAME_BYTES]);

/* The tensor, or NULL if there is none that could be weights (BF16, F16, F32). Names are the graph's. */
const gd_view *gd_weights_find(const gd_weights *weights, const char *name);

/* Fails if a tensor that the model needs is in dispute between the index and the shards, or has another type, or is
 * quantised; succeeds for a good one, and for one that is simply absent. */
gd_status gd_weights_check(const gd_weights *weights, const char *name, gd_error *err);

/* Both for a required tensor: fails also if it is absent. */
gd_status gd_weights_need(const gd_view **out, const gd_weights *weights, const char *name, gd_error *err);

/* What looks like a head of another name: "v_head.summary.weight", or LLaMA-Factory's file "value_head.safetensors".
 * NULL if nothing does. */
const char *gd_weights_other_head(const gd_weights *weights);

/* All tensors of the shards, by name in byte order; tensors of other types are not counted. */
size_t gd_weights_count(const gd_weights *weights);
const gd_view *gd_weights_at(const gd_weights *weights, size_t i);

/* Bytes of those tensors: the least that a model kept in memory needs. */
size_t gd_weights_bytes(const gd_weights *weights);

/* The file, for messages: model.safetensors or the index. */
const char *gd_weights_path(const gd_weights *weights);

/* The files of tensors. */
size_t gd_weights_file_count(const gd_weights *weights);
const char *gd_weights_file(const gd_weights *weights, size_t i);

/* Notices for the user, such as "... is ignored". */
size_t gd_weights_note_count(const gd_weights *weights);
const char *gd_weights_note(const gd_weights *weights, size_t i);

#endif
