/* batch.h - encoded texts gathered until there are enough rows, then scored together. */
#ifndef GD_REWARD_BATCH_H
#define GD_REWARD_BATCH_H

#include "data/trie.h"
#include "reward/model.h"

typedef struct gd_batch {
    gd_span *texts; /* [count] the ids of each, owned */
    size_t count, room;
    size_t rows;    /* distinct prefixes so far (without sharing: tokens) */
    gd_row_count row_count;
    float *scores;  /* [count] after gd_batch_run */
    size_t score_room;
} gd_batch;

void gd_batch_free(gd_batch *batch);
void gd_batch_clear(gd_batch *batch);

/* Adds a text of at least one id. What follows the pooled position cannot change the score (attention is causal),
 * so it is left out. */
gd_status gd_batch_add(gd_batch *batch, const gd_model *model, const gd_ids *ids, gd_error *err);

/* Scores what was added. */
gd_status gd_batch_run(gd_batch *batch, gd_model *model, gd_error *err);

#endif
