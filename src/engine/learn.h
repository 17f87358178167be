/* learn.h - one step of training: a batch forward, its loss, and back.
 *
 * All pairs of a step are one batch, one trie: a prompt's rows are computed once, forward and backward, and streamed
 * weights are read once in each direction.  The gradients' bits depend on the batch alone (doc/arithmetic.md, section
 * 9): not on threads, tiles, memory, or which layers are kept. */
#ifndef GD_ENGINE_LEARN_H
#define GD_ENGINE_LEARN_H

#include "engine/engine.h"

typedef struct gd_learner gd_learner;

/* For an engine that was opened with parts->learning. Fails with GD_EUNSUPPORTED if the backend lacks a twin, or the
 * graph has a form that can't be trained. */
gd_status gd_learner_open(gd_learner **out, gd_engine *engine, gd_error *err);

/* The number of layers, from the last, of which the forward pass keeps what the backward pass needs; the others, at
 * first all, are computed again. */
void gd_learner_keep(gd_learner *learner, size_t layers);

/* How a step runs in the available memory. */
typedef struct gd_learner_budget {
    size_t keep;     /* layers of which the forward pass keeps what the backward pass needs */
    size_t resident; /* first stages whose weights stay from one step to the next; the others are streamed */
    size_t bytes;    /* of the process, at most */
    size_t least;    /* the least memory in which such a step runs */
} gd_learner_budget;

/* What a step must have room for. */
typedef struct gd_learner_need {
    size_t rows, positions;       /* of a batch, and of its longest text, at most */
    size_t other;                 /* bytes that the process will still take for itself */
    size_t memory;                /* of the whole process; 0: what is free */
    size_t keep_least, keep_most; /* layers to keep: 0 and the plan's layers for a free choice */
} gd_learner_need;

/* Chooses how steps run.  First layers are kept, from the last on, since that saves a third of their work; what is left
 * keeps weights.  Fails with GD_ENOMEM if the memory is too little.  Before the first run, since it counts what the
 * process has already. */
gd_status gd_learner_fit(gd_learner *learner, const gd_learner_need *need, gd_learner_budget *out, gd_error *err);
void gd_learner_close(gd_learner *learner); /* NULL is fine; before its engine */

/* Turns scores [pooled, labels] into their gradients, in double and then rounded. */
typedef gd_status gd_learner_loss(void *context, const float *scores, float *gradients, gd_error *err);

/* One batch there and back. Afterwards the gradients are those of this batch. */
gd_status gd_learner_run(gd_learner *learner, const gd_trie *trie, gd_learner_loss *loss, void *context, gd_error *err);

/* Additions and multiplications of the last run's linears: of what was computed, forward, again and backward. */
double gd_learner_work(const gd_learner *learner);

/* The gradients of a step's adapter, A' [rank, in] and B' [out, rank]; of the head, [labels, n]. */
gd_status gd_learner_lora(gd_learner *learner, size_t step, float *a, float *b, gd_error *err);
gd_status gd_learner_head(gd_learner *learner, float *head, gd_error *err);

/* The gradient of learning->weights[index], of its shape. */
gd_status gd_learner_weight(gd_learner *learner, size_t index, float *to, gd_error *err);

/* The parameters have new values, which the next run takes. */
void gd_learner_renew(gd_learner *learner);

#endif
