/* config.h - config.json of a model directory, read once and normalised.
 *
 * Transformers 4 writes rope_theta, rope_scaling and torch_dtype at the top level; Transformers 5 writes
 * rope_parameters and dtype. Both are read, and a value has one name here. An absent field has the default
 * that Transformers 5.3 gives it for the architecture; a null field counts as absent without a default,
 * unless Transformers fills it in.
 *
 * Opening checks what holds for every model: positive and consistent sizes, no quantisation, no
 * code, causal attention, and none of the fields by which related architectures change the mathematics
 * (they are refused by name). Fields that depend on the architecture's graph, such as the activation or a
 * bias, are left to the graph. */
#ifndef GD_QUANT_FREE_CONFIG_H
#define GD_QUANT_FREE_CONFIG_H

#include "base/notes.h"
#include "guerdon.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct gd_config gd_config;

enum { GD_ROPE_PAIRS = 128 }; /* that longrope may have */

/* How positions become angles. The frequencies of `default` are theta^(-2j/head_dim); `linear` divides them
 * by factor; `llama3` and `yarn` divide the slow ones, keep the fast ones and blend in between, each in its own
 * way (Transformers' _compute_llama3_parameters and _compute_yarn_parameters). `longrope` divides each by its own
 * number, which is one for texts up to the original length, and another for longer ones: these are not accepted. */
typedef struct gd_rope {
    enum {
        GD_ROPE_DEFAULT = 0,
        GD_ROPE_LLAMA3,
        GD_ROPE_LINEAR,
        GD_ROPE_YARN,
        GD_ROPE_LONGROPE,
        GD_ROPE_NONE
    } type; /* NONE: no angle */
    double theta;
    double factor;                            /* 1 for default */
    double low_freq_factor, high_freq_factor; /* llama3 only */
    double original_max_position;             /* llama3, yarn and longrope */
    double beta_fast, beta_slow;              /* yarn only, like the rest: turns within the original length */
    double attention_factor;       /* also longrope; of sines and cosines; 0: from factor and the two below */
    double mscale, mscale_all_dim; /* used if neither is 0 */
    bool truncate;                 /* the blend begins and ends at whole pairs */
    double divisor[GD_ROPE_PAIRS]; /* longrope: of each pair's frequency */
    size_t rotary;                 /* of each head, the first elements, which rotate; 0: all */
    double growth; /* queries are multiplied by 1 + growth * log(1 + floor(position / original_max_position)) */
} gd_rope;

/* Reads and checks DIR/config.json (at most 4 MiB). *out is NULL on failure. */
gd_status gd_config_open(gd_config **out, const char *dir, gd_error *err);

/* Fails unless a sequence classifier has one label: a reward is one number, which the head that Transformers gives it
 * says without a description. */
gd_status gd_config_one_label(const gd_config *config, gd_error *err);

/* The same, but goes on after what gd_config_open() fails for, and adds each such sentence to *problems; err is not
 * NULL then. With any, *out is only good for its names, and NULL if the file can't be read at all. */
gd_status gd_config_open_anyway(gd_config **out, const char *dir, gd_notes *problems, gd_error *err);

/* NULL is fine. */
void gd_config_close(gd_config *config);

/* The file, for messages. */
const char *gd_config_path(const gd_config *config);

/* The one entry of "architectures", such as "Qwen2ForSequenceClassification". If there is none, or only the inner model
 * ("Qwen2Model"), it is the classifier of the family, as Transformers' AutoModelForSequenceClassification takes it. */
const char *gd_config_architecture(const gd_config *config);

/* The parsed file, unchanged. */
const json_t *gd_config_json(const gd_config *config);

/* The same of the text model, which the getters below read: text_config, in a model that reads images as well. */
const json_t *gd_config_text_json(const gd_config *config);
bool gd_config_nested(const gd_config *config);

/* Whether the getters below find a value: in the file, or a default of the architecture. */
bool gd_config_has(const gd_config *config, const char *field);

/* A number. "rope_theta", "num_key_value_heads" and "head_dim" are always present. */
gd_status gd_config_number(const gd_config *config, const char *field, double *out, gd_error *err);

/* The same for a count: an integer from 0 to 2^53. */
gd_status gd_config_size(const gd_config *config, const char *field, size_t *out, gd_error *err);

/* A string, valid as long as the config; "dtype" and "torch_dtype" are synonyms. */
gd_status gd_config_string(const gd_config *config, const char *field, const char **out, gd_error *err);

gd_status gd_config_bool(const gd_config *config, const char *field, bool *out, gd_error *err);

/* The rotary embedding of a layer; other types were refused by name at opening. */
gd_status gd_config_rope(const gd_config *config, size_t layer, gd_rope *rope, gd_error *err);
bool gd_rope_equal(const gd_rope *a, const gd_rope *b);

/* The class of Transformers whose graph this model has: the architecture, unless that is a class of the checkpoint's
 * own which is known to be one of these with another head. */
const char *gd_config_trunk(const gd_config *config);

/* A known class of another name, by number, and the class of Transformers whose graph it has; NULL after the last
 * one. */
const char *gd_config_own_class(size_t i, const char **trunk);

/* The class that the model has with a head, where its name doesn't follow from the architecture's: else NULL. */
const char *gd_config_classifier(const gd_config *config);

/* How many tokens a text may have, and the field that says so: max_position_embeddings, or the original length where
 * longer texts would get other angles. */
gd_status gd_config_longest(const gd_config *config, size_t *tokens, const char **field, gd_error *err);

/* The sliding window of a layer: a query at position p sees the keys p - window + 1 .. p. 0 means all of
 * them. */
gd_status gd_config_window(const gd_config *config, size_t layer, size_t *window, gd_error *err);

/* Notices for the user: unknown fields, which are ignored as in Transformers. */
size_t gd_config_note_count(const gd_config *config);
const char *gd_config_note(const gd_config *config, size_t i);

#endif
