/* adapter_config.h - adapter_config.json, read and checked. Internal to adapter.c. */
#ifndef GD_QUANT_FREE_ADAPTER_CONFIG_H
#define GD_QUANT_FREE_ADAPTER_CONFIG_H

#include "guerdon.h"
#include "quant-free/pattern.h"

#include <jansson.h>

#define GD_ADAPTER_EMBEDDING "embed_tokens" /* the last part of the embedding's name */

/* A choice of modules, in one of PEFT's forms. */
typedef struct gd_module_set {
    enum { GD_MODULES_NONE, GD_MODULES_LIST, GD_MODULES_PATTERN, GD_MODULES_ALL } kind;
    const json_t *list;  /* names, or ends of names after a dot */
    gd_pattern *pattern; /* matches the whole name */
} gd_module_set;

/* rank_pattern or alpha_pattern: the first matching pattern applies. */
typedef struct gd_overrides {
    gd_pattern **patterns;
    double *values;
    size_t count;
} gd_overrides;

typedef struct gd_adapter_config {
    char *path;
    char *head; /* the head's module, which may be saved whole: "score" */
    json_t *json;
    double rank, alpha;
    bool rslora, saves_head, saves_embedding;
    gd_module_set targets, excludes;
    gd_overrides ranks, alphas;
    const json_t *layers;        /* layers_to_transform: an integer, a list of them, or NULL */
    gd_pattern **layer_patterns; /* the names of layer lists; none: any */
    size_t layer_pattern_count;
} gd_adapter_config;

/* `config` must be all zero; free it even after failure. `head` is the head's tensor. */
gd_status gd_adapter_config_read(gd_adapter_config *config, const char *dir, const char *head, gd_error *err);
void gd_adapter_config_free(gd_adapter_config *config);

/* Refuses, by name, the fields that would change the mathematics. */
gd_status gd_adapter_fields_check(const json_t *json, const char *path, gd_error *err);

/* Whether PEFT would apply LoRA to a module. */
gd_status gd_adapter_config_targets(const gd_adapter_config *config, const char *module, bool *yes, gd_error *err);

/* The rank and the scale of a module. */
gd_status gd_adapter_config_scale(const gd_adapter_config *config, const char *module, size_t *rank, float *scale,
                                  gd_error *err);

#endif
