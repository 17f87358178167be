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
 * graph has a form that can't be trained. `keep` is the number of layers, from the last, of which the forward pass
 * keeps what the backward pass needs; the others are computed again. */
gd_status gd_learner_open(gd_learner **out, gd_engine *engine, size_t keep, gd_error *err);
void gd_learner_close(gd_learner *learner); /* NULL is fine; before its engine */

/* Turns scores [pooled, labels] into their gradients, in double and then rounded. */
typedef gd_status gd_learner_loss(void *context, const float *scores, float *gradients, gd_error *err);

/* One batch there and back. Afterwards the gradients are those of this batch. */
gd_status gd_learner_run(gd_learner *learner, const gd_trie *trie, gd_learner_loss *loss, void *context, gd_error *err);

/* The gradients of a step's adapter, A' [rank, in] and B' [out, rank]; of the head, [labels, n]. */
gd_status gd_learner_lora(gd_learner *learner, size_t step, float *a, float *b, gd_error *err);
gd_status gd_learner_head(gd_learner *learner, float *head, gd_error *err);

/* The parameters have new values, which the next run takes. */
void gd_learner_renew(gd_learner *learner);

/* Bytes of memory for each row of a batch: of all layers' inputs, and of each layer that is kept. */
size_t gd_learner_row_bytes(const gd_learner *learner);
size_t gd_learner_layer_bytes(const gd_learner *learner);

#endif
