/* engine.h - runs a plan over a batch on a backend.
 *
 * A batch may have texts of several adapters over one checkpoint.  A tile has rows of one of them, and takes that one's
 * matrices; the checkpoint's are there once, for all.
 *
 * Texts come as a trie of rows (data/trie.h); all rows go through the embedding, then layer 1, then layer 2 ...; then
 * the pooled rows (one or more for each text) through the final norm and the head.  Within a layer, rows go tile by
 * tile.  A layer's weights are in memory when it runs; if all of them fit, they stay (budget.h, loader.h). */
#ifndef GD_ENGINE_ENGINE_H
#define GD_ENGINE_ENGINE_H

#include "backends/backend.h"
#include "data/trie.h"
#include "engine/budget.h"
#include "graph/plan.h"
#include "guerdon.h"
#include "quant-free/adapter.h"
#include "quant-free/weights.h"

typedef struct gd_engine gd_engine;

/* The parameters that learn, in memory of the caller's, F32: engine/learn.h. */
typedef struct gd_learning {
    const gd_lora *lora; /* [plan->step_count] adapters of linears, rank 0 for none */
    bool head;           /* the head of the parts learns, too */
    /* [weight_count] weights of the model that learn, by their names in the plan: read from here, not from the
     * checkpoint. With them, a head that learns may be among them. */
    const gd_view *weights;
    size_t weight_count;
} gd_learning;

/* A weight of the plan whose numbers are not a tensor of the checkpoint as it is. */
typedef struct gd_made_weight {
    const gd_plan_weight *weight; /* of one of the plan's steps */
    const gd_view *view;
} gd_made_weight;

/* An adapter over the checkpoint, and the head that belongs to it. */
typedef struct gd_over {
    const gd_adapter *adapter;  /* NULL for none */
    const gd_view *head;        /* replaces the checkpoint's score.weight, or NULL */
    const gd_view *head_bias;   /* and its bias, if the head has one */
    const gd_made_weight *made; /* [made_count] for the weights that the plan takes from elsewhere */
    size_t made_count;
} gd_over;

/* What an engine is made of. Everything must outlive it; ownership stays with the caller. */
typedef struct gd_engine_parts {
    const gd_plan *plan;
    const gd_weights *weights;
    gd_over over;        /* of texts of group 0 */
    const gd_over *more; /* [more_count] and of groups 1, 2, ..; not to train */
    size_t more_count;
    const gd_learning *learning; /* to train: in place of the adapter's matrices; else NULL */
    const gd_backend *backend;
    unsigned threads; /* >= 1 */
    const char *isa;  /* as gd_device_options */
    gd_arithmetic arithmetic;
    size_t memory;        /* the limit of the process, in bytes; 0: the free memory */
    size_t beside;        /* of it, what the caller takes while the engine runs, and has not yet */
    size_t batch_rows;    /* rows of a batch; 0: the engine chooses */
    size_t max_positions; /* no text has more tokens; 0: unknown */
} gd_engine_parts;

/* Finds and checks every weight by name and shape (one message names all that are missing), opens the device, and
 * divides the memory.  No weight is read yet. */
gd_status gd_engine_open(gd_engine **out, const gd_engine_parts *parts, gd_error *err);
void gd_engine_close(gd_engine *engine);

/* Scores the pooled rows of a trie: scores is [trie->pooled_count / plan->place_count, plan->labels]. Texts without
 * tokens have none.
 * Fails with GD_EIO if a file of the weights was changed since it was opened. */
gd_status gd_engine_run(gd_engine *engine, const gd_trie *trie, float *scores, gd_error *err);

/* The same, and the values of the columns that have labels: labels is [lines of scores, plan->label_count]. */
gd_status gd_engine_run_labels(gd_engine *engine, const gd_trie *trie, float *scores, float *labels, gd_error *err);

/* For tests and debugging: called after each stage of a run (the embedding is stage 0, then each
 * layer) with the residual stream of all rows, [rows, hidden] fp32; after the last with the head's input, [pooled
 * rows, hidden] (one tile at a time). Most of the last layer is computed in the last stage, for the pooled rows alone:
 * after the stage before it, the residual stream is still that layer's input.  The tensor is valid until the function
 * returns. */
typedef void gd_engine_observer(void *context, size_t stage, const gd_tensor *hidden);
void gd_engine_observe(gd_engine *engine, gd_engine_observer *observer, void *context);

/* How it runs within its memory: above all, how many rows a batch has. */
const gd_budget *gd_engine_budget(const gd_engine *engine);

/* The bytes that a run over so many rows takes, without its weights. */
size_t gd_engine_batch_bytes(const gd_engine *engine, size_t rows);

/* "avx2": the kernels chosen. */
const char *gd_engine_describe(const gd_engine *engine);

/* The same for its matrix products alone. */
const char *gd_engine_matmul(const gd_engine *engine);

#endif
