/* model.h - an opened reward model: everything that scoring needs. */
#ifndef GD_REWARD_MODEL_H
#define GD_REWARD_MODEL_H

#include "backends/backend.h"
#include "engine/engine.h"
#include "graph/plan.h"
#include "guerdon.h"
#include "quant-free/adapter.h"
#include "quant-free/config.h"
#include "quant-free/special.h"
#include "quant-free/weights.h"
#include "reward/options.h"
#include "reward/scale.h"
#include "text/chat.h"
#include "text/tokenizer.h"

/* How a text becomes token ids: all that `guerdon tokenize` needs too. */
typedef struct gd_encoder {
    gd_tokenizer *tokenizer;
    gd_special_ids special;
    size_t max_length; /* tokens; 0: no limit */
    gd_truncate truncate;
    gd_add_eos add_eos;
    gd_chat *chat;      /* how a conversation becomes text; NULL: */
    char *chat_problem; /* why nobody knows, a sentence that says what to pass */
    char *identity;     /* what ids and scores depend on, members of a JSON object */
} gd_encoder;

struct gd_model {
    char *dir, *adapter_dir; /* resolved; adapter_dir is NULL without an adapter */
    gd_config *config;
    gd_weights *weights;
    gd_adapter *adapter;
    gd_plan *plan;
    const gd_backend *backend;
    unsigned threads;
    bool share_prefix;
    size_t batch_rows; /* that are computed together */
    bool limited;      /* memory was given by the caller: */
    size_t item_rows;  /* then no item may have more */
    gd_encoder encoder;
    gd_scale scale;
    gd_engine *engine;
};

/* gd_model_open() in two steps, for gd_inspect(), with options that were read: the files (everything but the engine),
 * then the engine. */
gd_status gd_model_open_files(gd_model **out, const gd_options *options, gd_error *err);
gd_status gd_model_open_engine(gd_model *model, const gd_options *options, gd_error *err);

/* The adapter's head, else the checkpoint's; NULL when there is none. */
const gd_view *gd_model_head(const gd_model *model);

/* The directory whose tokenizer.json counts: a training run saves its tokenizer beside the adapter; the model's own
 * comes first. adapter_dir may be NULL. */
gd_status gd_tokenizer_dir(const char **out, const char *dir, const char *adapter_dir, gd_error *err);

/* The options of an encoder from those of a model; `config` may be NULL when only ids are wanted. */
gd_status gd_encoder_open(gd_encoder *encoder, const gd_options *options, const char *dir, const char *adapter_dir,
                          const gd_config *config, gd_error *err);
void gd_encoder_close(gd_encoder *encoder);

#endif
