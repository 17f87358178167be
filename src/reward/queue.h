/* queue.h - items that wait to be scored, and which of them go together.
 *
 * An item is a text, a pair, or the answers to a prompt.  A batch takes the oldest items first, and with each one those
 * that begin like it, however far behind they wait: so answers to one prompt are computed together though a file has
 * them apart, and what comes first in the file still comes first out.  An item goes whole where it fits; one with more
 * rows than a batch goes in parts.  Which items share a batch never changes a score. */
#ifndef GD_REWARD_QUEUE_H
#define GD_REWARD_QUEUE_H

#include "reward/batch.h"

typedef struct gd_queue_item {
    size_t first, count; /* texts */
    size_t rows, last;   /* that they need, were they alone; the text that was counted last */
    size_t picked;       /* texts that are done, or in the batch that is being made: the first ones */
    bool done;           /* all their scores are there */
} gd_queue_item;

typedef struct gd_queue {
    gd_model *model;
    gd_queue_item *items;
    size_t item_count, item_room;
    size_t oldest;  /* the first item that is not done */
    gd_span *texts; /* owned */
    size_t *owner;  /* [text_count] the item of each */
    float *scores;  /* [text_count] */
    size_t text_count, text_room, owner_room, score_room;
    size_t tokens;   /* of all texts */
    size_t bytes;    /* of memory, about: what the items take here, and what their owner adds for its own side */
    size_t rows;     /* computed since the last clear */
    size_t *order;   /* [text_count] sorted by ids; NULL until the first batch, when the items' rows are counted, too */
    size_t *place;   /* [text_count] where each text is in it */
    size_t *members; /* [batch.count] which text each one of the batch is */
    size_t member_room;
    gd_batch batch;
} gd_queue;

/* It holds what it should: enough to find what belongs together in most files, some megabytes of memory. */
bool gd_queue_is_full(const gd_queue *queue);

/* A queue that is all zero but for the model is empty. */
void gd_queue_free(gd_queue *queue);
void gd_queue_clear(gd_queue *queue);

/* Adds an item with `count` texts of at least one id each; without texts it is done.  What follows the
 * pooled position cannot change the score (attention is causal), so it is left out.  Not after gd_queue_run().
 * Fails with GD_ETOOLONG when the model's memory has no room for one of the texts, and with GD_ENOMEM. */
gd_status gd_queue_add(gd_queue *queue, const gd_ids *ids, size_t count, gd_error *err);

/* Scores one batch, which has the oldest item's texts and is never empty unless all are done. */
gd_status gd_queue_run(gd_queue *queue, gd_error *err);

#endif
