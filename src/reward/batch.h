/* batch.h - encoded texts that are computed together. */
#ifndef GD_REWARD_BATCH_H
#define GD_REWARD_BATCH_H

#include "data/trie.h"
#include "reward/model.h"

typedef struct gd_batch {
    gd_span *texts; /* [count] the ids stay their owner's */
    size_t *rank;   /* [count] where each comes among all texts */
    size_t count, room, rank_room;
    size_t rows; /* distinct prefixes so far (without sharing: tokens) */
    bool share;
    gd_row_count row_count;
    float *scores; /* [count] after gd_batch_run */
    size_t score_room;
} gd_batch;

void gd_batch_free(gd_batch *batch);

/* Back to no text. */
void gd_batch_clear(gd_batch *batch, bool share);

/* *more becomes the number of rows that the text would add to the batch's.  `rank` is its place in one order of all
 * texts that may come, as gd_span_sort() makes it; without sharing it does not matter. */
gd_status gd_batch_more(gd_batch *batch, gd_span text, size_t rank, size_t *more, gd_error *err);

/* Adds a text of at least one id. */
gd_status gd_batch_add(gd_batch *batch, gd_span text, size_t rank, gd_error *err);

/* Scores what was added. */
gd_status gd_batch_run(gd_batch *batch, gd_model *model, gd_error *err);

#endif
