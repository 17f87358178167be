/* model.h - an opened reward model: everything that scoring needs. */
#ifndef GD_REWARD_MODEL_H
#define GD_REWARD_MODEL_H

#include "backends/backend.h"
#include "base/notes.h"
#include "engine/engine.h"
#include "graph/plan.h"
#include "guerdon.h"
#include "quant-free/adapter.h"
#include "quant-free/config.h"
#include "quant-free/special.h"
#include "quant-free/weights.h"
#include "reward/head.h"
#include "reward/head_made.h"
#include "reward/options.h"
#include "reward/places.h"
#include "reward/reads.h"
#include "reward/scale.h"
#include "reward/trained.h"
#include "text/chat.h"
#include "text/tokenizer.h"

typedef enum gd_turns { GD_TURNS_AUTO, GD_TURNS_ON, GD_TURNS_OFF } gd_turns;

/* How a text becomes token ids: all that `guerdon tokenize` needs too. */
typedef struct gd_encoder {
    gd_tokenizer *tokenizer;
    gd_special_ids special;
    gd_trained trained; /* what the members below are where the caller's options say nothing */
    size_t max_length;  /* tokens; 0: no limit */
    gd_truncate truncate;
    bool plain;         /* a text gets no special tokens of the tokenizer's */
    gd_add_eos add_eos; /* never GD_ADD_EOS_OFF */
    gd_chat *chat;      /* how a conversation becomes text; NULL: unknown */
    char *chat_problem; /* then: a sentence that says why, and what to pass */
    gd_turns turns;     /* whether records are read with gd_records_make_turns(); then there is a chat format */
    size_t most_texts;  /* of an item, each of which takes memory however short it is; 0: no limit */
    char *identity;     /* which options ids and scores depend on: members of a JSON object */
    gd_reads reads;     /* which files */
    gd_places places;   /* where a text is read */
    size_t rows;        /* of the embedding; 0 if unknown. Ids without a row are an error of the text that has them */
    gd_notes notes;     /* what matters to scores: a choice between the model's files and the adapter's; advice.h */
} gd_encoder;

/* A further adapter over the model: what it brings, and how it reads texts. */
typedef struct gd_adapted {
    char *dir;
    gd_adapter *adapter;
    gd_head head;
    gd_head_made made;
    gd_encoder encoder;
    gd_scale scale;
} gd_adapted;

typedef struct gd_rehearsal gd_rehearsal;

struct gd_model {
    char *dir, *adapter_dir; /* resolved; adapter_dir is NULL without an adapter */
    gd_config *config;
    gd_weights *weights;
    gd_adapter *adapter;
    gd_head head;
    gd_head_made made; /* the weights of a head that come from elsewhere */
    gd_plan *plan;
    const gd_backend *backend; /* if it is set before the engine is opened, in place of the one that options name */
    gd_arithmetic arithmetic;
    size_t beside; /* memory that runs take beside the engine's; set before it is opened */
    unsigned threads;
    bool share_prefix;
    size_t batch_rows; /* how many are computed together */
    bool limited;      /* the caller set a limit on memory */
    size_t item_rows;  /* then: the most that one item may have */
    gd_encoder encoder;
    gd_scale scale;
    gd_adapted *more; /* [more_count] adapters number 1, 2, ..; the members above are those of number 0 */
    gd_over *over;    /* [more_count] the same for the engine */
    size_t more_count;
    gd_engine *engine;
    gd_rehearsal *rehearsal; /* not NULL: a dry run, which fills it in and computes nothing */
};

/* The two steps of gd_model_open(), for gd_inspect(): first the files (everything but the engine), then the engine.
 * The options have been through gd_options_read(). */
gd_status gd_model_open_files(gd_model **out, const gd_options *options, gd_error *err);
gd_status gd_model_open_engine(gd_model *model, const gd_options *options, gd_error *err);

/* How items of adapter number `adapter` are read, and how their scores are scaled. */
static inline const gd_encoder *gd_model_encoder(const gd_model *model, size_t adapter)
{
    return adapter ? &model->more[adapter - 1].encoder : &model->encoder;
}

static inline const gd_scale *gd_model_scale(const gd_model *model, size_t adapter)
{
    return adapter ? &model->more[adapter - 1].scale : &model->scale;
}

/* A dry run: nothing is computed.  False for NULL. */
static inline bool gd_model_is_dry(const gd_model *model) { return model && model->rehearsal; }

/* Memory is limited, also for reading items.  False for NULL. */
static inline bool gd_model_is_frugal(const gd_model *model) { return model && model->encoder.most_texts; }

/* Fails in a dry run, which has no scores to return. */
gd_status gd_model_check_scores(const gd_model *model, gd_error *err);

/* The adapter's head, else the checkpoint's; NULL if there is none. */
const gd_view *gd_model_head(const gd_model *model);

/* The same of the head's bias; NULL, too, if the head has none. */
const gd_view *gd_model_head_bias(const gd_model *model);

/* Opens an encoder with a model's options; `config` may be NULL when only ids are needed. */
gd_status gd_encoder_open(gd_encoder *encoder, const gd_options *options, const char *dir, const char *adapter_dir,
                          const gd_config *config, gd_error *err);
void gd_encoder_close(gd_encoder *encoder);

/* What its options, or else what was saved with it, say of the scale of scores. */
gd_status gd_encoder_scale(gd_scale *scale, const gd_encoder *encoder, const gd_options *options, gd_error *err);

/* Tells the encoder how many rows the model's embedding has. */
gd_status gd_encoder_check_rows(gd_encoder *encoder, const gd_model *model, gd_error *err);

#endif
