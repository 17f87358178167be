/* adapter_inside.h - shared by adapter.c and adapter_names.c. */
#ifndef GD_QUANT_FREE_ADAPTER_INSIDE_H
#define GD_QUANT_FREE_ADAPTER_INSIDE_H

#include "base/notes.h"
#include "quant-free/adapter.h"
#include "quant-free/adapter_config.h"
#include "quant-free/safetensors.h"

#define GD_ADAPTER_PREFIX "base_model.model."

struct gd_adapter_module {
    char *name;
    gd_lora lora;
};

struct gd_adapter {
    char *path;
    gd_adapter_config config;
    gd_st *st;
    struct gd_adapter_module *modules; /* sorted by name */
    size_t count;
    const gd_view *head, *bias, *embedding; /* bias: the head's */
    size_t ignored;                         /* tensors of lm_head */
    size_t images;                          /* modules that read images */
    gd_names names;                         /* where they are not the graph's */
    gd_notes notes;
};

/* The module of that name, or NULL. */
struct gd_adapter_module *gd_adapter_module_find(const gd_adapter *ad, const char *name, size_t len);

/* After their names were set. */
void gd_adapter_sort(gd_adapter *ad);

/* The length of the module's name in that of a tensor that was saved whole, or 0. There are two spellings: PEFT's own,
 * and that of a raw state dict. */
size_t gd_adapter_saved_len(const char *name);

/* Whether a module is one of those that turn images into what a language model reads: no text passes them. */
bool gd_adapter_is_of_images(const char *name);

#endif
