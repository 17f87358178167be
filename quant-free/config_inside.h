/* config_inside.h - shared by the files config*.c. */
#ifndef GD_QUANT_FREE_CONFIG_INSIDE_H
#define GD_QUANT_FREE_CONFIG_INSIDE_H

#include "quant-free/config.h"
#include "base/notes.h"

/* The families whose defaults and conventions are known; any other is read without defaults, for a graph
 * from a file. */
typedef enum gd_family {
    GD_FAMILY_OTHER = 0,
    GD_FAMILY_LLAMA = 1,
    GD_FAMILY_QWEN2 = 2,
    GD_FAMILY_MISTRAL = 4,
    GD_FAMILY_QWEN3 = 8,
    GD_FAMILY_GEMMA2 = 16,
    GD_FAMILY_INTERNLM2 = 32,
    GD_FAMILY_PHI3 = 64,
    GD_FAMILY_GEMMA3 = 128,
    GD_FAMILY_SMOLLM3 = 256,
    GD_FAMILY_OLMO2 = 512,
    GD_FAMILY_OLMO3 = 1024,
    GD_FAMILY_GEMMA = 4096,
    GD_FAMILY_MINISTRAL3 = 8192
} gd_family;

struct gd_config {
    char *path;
    char *outer;        /* the file, where `path` says that a field is in its text_config; else NULL */
    json_t *root;       /* the file */
    const json_t *json; /* of the text model: the file, or its text_config */
    const char *architecture;
    const char *trunk;      /* of a known class of another name; else NULL */
    const char *classifier; /* of a model that reads images as well: its class with a head */
    bool custom;            /* the trunk's code came with a checkpoint, and is known */
    gd_family family;
    gd_rope rope, local; /* local: of the layers with a window, where they differ */
    bool has_local;
    size_t labels;          /* of a sequence classifier; else 1 */
    json_t *filled;         /* the rotary embedding of a class, where the file has none */
    const char *activation; /* of Gemma 1: what hidden_act means */
    gd_notes notes;
    gd_notes *problems; /* of gd_config_open_anyway(); else NULL: the first problem is a failure */
};

/* The value of an absent field in Transformers' configuration class: one of the three. */
typedef struct gd_config_default {
    const char *field;
    unsigned families;
    double number;
    const char *string;
    bool flag;
} gd_config_default;

/* NULL if the family has none. */
const gd_config_default *gd_config_default_find(gd_family family, const char *field);

/* The class of a family with a head, by its model_type; NULL for an unknown one. */
const char *gd_config_type_class(const char *type);

/* Finds the family of the architecture, and refuses a model_type that contradicts it. */
gd_status gd_config_family_read(gd_config *config, gd_error *err);

/* The same for a file without an architecture: from model_type. */
gd_status gd_config_family_of_type(gd_config *config, gd_error *err);

/* For a model that reads images as well: makes its text_config the fields that are read. */
gd_status gd_config_nested_read(gd_config *config, bool *nested, gd_error *err);

/* A class that reads images as well, by number, and the class of its text model, if text_config doesn't say; NULL after
 * the last one. */
const char *gd_config_nested_class(size_t i, const char **trunk);

/* Then: refuses what would change the mathematics around the text model, and finds its family. */
gd_status gd_config_nested_check(gd_config *config, gd_error *err);

/* The same for a text model whose class is another's part: only the family and the trunk. */
gd_status gd_config_family_of_text(gd_config *config, const char *type, gd_error *err);

/* Refuses the fields that would change the mathematics, and notes the unknown ones. */
gd_status gd_config_fields_check(gd_config *config, gd_error *err);

/* Fills config->rope. */
gd_status gd_config_rope_read(gd_config *config, gd_error *err);

/* Finds the activation of Gemma 1, whose two fields for it mean different things to versions of Transformers. */
gd_status gd_config_activation_read(gd_config *config, gd_error *err);

/* Checks that every layer has a window. */
gd_status gd_config_windows_check(const gd_config *config, gd_error *err);

#endif
