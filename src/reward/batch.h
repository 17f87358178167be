/* batch.h - encoded texts computed together. */
#ifndef GD_REWARD_BATCH_H
#define GD_REWARD_BATCH_H

#include "data/trie.h"
#include "reward/model.h"

typedef struct gd_batch {
    gd_span *texts;  /* [count] the ids belong to the caller */
    size_t *rank;    /* [count] the place of each in the order of all texts */
    gd_span *places; /* [count] the positions at which each is read; they belong to the caller, too */
    float **results; /* [count] where the scores of each go, one for each position, then its labels */
    size_t count, room, rank_room, place_room, result_room;
    size_t rows;   /* distinct prefixes so far (without sharing: tokens) */
    size_t pooled; /* positions so far */
    bool share;
    gd_row_count row_count;
} gd_batch;

/* A text to add. */
typedef struct gd_batch_text {
    gd_span ids, places;
    size_t rank; /* its place in the order that gd_span_sort() gives all texts that may be added; of no matter without
                    sharing */
    float *results;
} gd_batch_text;

void gd_batch_free(gd_batch *batch);

/* Empties the batch; share: compute shared prefixes once. */
void gd_batch_clear(gd_batch *batch, bool share);

/* Sets *more to the number of rows that the text would add to the batch. */
gd_status gd_batch_more(gd_batch *batch, const gd_batch_text *text, size_t *more, gd_error *err);

/* Adds a text, which has at least one id and one position. */
gd_status gd_batch_add(gd_batch *batch, const gd_batch_text *text, gd_error *err);

/* Whether so many more rows, and positions to read, fit. A position takes memory, too, though less than a row. */
bool gd_batch_fits(const gd_batch *batch, size_t rows, size_t pooled, size_t most);

/* Scores all texts of the batch. */
gd_status gd_batch_run(gd_batch *batch, gd_model *model, gd_error *err);

#endif
