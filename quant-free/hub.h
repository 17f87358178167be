/* hub.h - a model's directory: a path, or a name in the local Hugging Face cache. Nothing is ever downloaded. */
#ifndef GD_QUANT_FREE_HUB_H
#define GD_QUANT_FREE_HUB_H

#include "guerdon.h"

/* `model` is an existing directory, or org/name: the snapshot of branch main in the cache. The cache is the
 * first that the environment names of HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub,
 * XDG_CACHE_HOME/huggingface/hub and ~/.cache/huggingface/hub. If the model is missing, the message says how to get it.
 * *dir is freed with gd_free; NULL on failure. */
gd_status gd_model_dir(const char *model, char **dir, gd_error *err);

#endif
