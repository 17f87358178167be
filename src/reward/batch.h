/* batch.h - encoded texts computed together. */
#ifndef GD_REWARD_BATCH_H
#define GD_REWARD_BATCH_H

#include "data/trie.h"
#include "reward/model.h"

typedef struct gd_batch {
    gd_span *texts; /* [count] the ids belong to the caller */
    size_t *rank;   /* [count] the place of each in the order of all texts */
    size_t count, room, rank_room;
    size_t rows; /* distinct prefixes so far (without sharing: tokens) */
    bool share;
    gd_row_count row_count;
    float *scores; /* [count] after gd_batch_run */
    size_t score_room;
} gd_batch;

void gd_batch_free(gd_batch *batch);

/* Empties the batch; share: compute shared prefixes once. */
void gd_batch_clear(gd_batch *batch, bool share);

/* Sets *more to the number of rows that the text would add to the batch.  `rank` is the text's place in the order that
 * gd_span_sort() gives all texts that may be added; it doesn't matter without sharing. */
gd_status gd_batch_more(gd_batch *batch, gd_span text, size_t rank, size_t *more, gd_error *err);

/* Adds a text, which has at least one id. */
gd_status gd_batch_add(gd_batch *batch, gd_span text, size_t rank, gd_error *err);

/* Scores all texts of the batch. */
gd_status gd_batch_run(gd_batch *batch, gd_model *model, gd_error *err);

#endif
