/* queue.h - items waiting to be scored, and which of them are computed together.
 *
 * An item is a text, a pair, or the answers to a prompt.  A batch takes the oldest items first, and with each one those
 * that begin like it, however far back in the queue: answers to one prompt are computed together even if they are far
 * apart in the file, and what comes first in the file is still finished first.  An item that fits into a batch is not
 * split; one with more rows than a batch is computed in parts.  Which items share a batch never changes a score. */
#ifndef GD_REWARD_QUEUE_H
#define GD_REWARD_QUEUE_H

#include "reward/batch.h"

typedef struct gd_queue_item {
    size_t first, count; /* texts */
    size_t rows, last;   /* how many they need by themselves; the text that was counted last */
    size_t pooled;       /* positions at which they are read */
    size_t picked;       /* how many of the texts, from the first, are done or in the current batch */
    size_t computed;     /* rows that its texts added to their batches */
    bool done;           /* all scores are computed */
    uint64_t turn;       /* of those that wait, the ones with the least turn come first, and of these the oldest */
} gd_queue_item;

typedef struct gd_queue {
    gd_model *model;
    gd_queue_item *items;
    size_t item_count, item_room;
    size_t oldest;   /* the first item that is not done */
    size_t refused;  /* after GD_ETOOLONG and GD_EFORMAT: which text of the item, from 0 */
    gd_span *texts;  /* owned */
    gd_span *places; /* [text_count] the positions at which each is read: owned with its ids */
    size_t *owner;   /* [text_count] the item of each */
    float **results; /* [text_count] the scores at these positions, then labels: owned */
    size_t text_count, text_room, place_room, owner_room, result_room;
    gd_ids found;    /* the positions of the text that is being added */
    size_t tokens;   /* of all texts */
    size_t bytes;    /* of memory, roughly: what the items take here, and what their owner adds for its share */
    size_t rows;     /* computed since the last clear */
    size_t batches;  /* the same */
    size_t *order;   /* [text_count] sorted by ids; NULL until the first batch, which counts rows, too */
    size_t *place;   /* [text_count] where each text is in `order` */
    size_t *line;    /* [item_count] the items by their turns; NULL, too, until the first batch */
    size_t ahead;    /* how many of the line, from its first, wait no longer */
    uint64_t turn;   /* of the item with which the last batch began */
    size_t *members; /* [batch.count] which text each entry of the batch is */
    size_t member_room;
    gd_batch batch;
} gd_queue;

/* True when the queue holds enough, a few megabytes, to bring together what belongs together in most files. */
bool gd_queue_is_full(const gd_queue *queue);

/* A queue that is all zero except for the model is empty. */
void gd_queue_free(gd_queue *queue);
void gd_queue_clear(gd_queue *queue);

/* Adds an item with `count` texts of at least one id each, for the adapter of this number; an item without texts is
 * done already.  Ids after the last
 * place at which a text is read are left out: they cannot change its score, since attention is causal.  Not to be
 * called after gd_queue_run(), unless gd_queue_remove() was called, too.
 * Its turn is 0, and may be set.
 * Fails with GD_ETOOLONG when the model's memory limit has no room for one of the texts, with GD_EFORMAT when one has
 * no place at which the model's head reads it, and with GD_ENOMEM. */
gd_status gd_queue_add(gd_queue *queue, const gd_ids *ids, size_t count, size_t adapter, gd_error *err);

/* Scores one batch, which begins with the oldest item's texts, and is empty only when all items are done. */
gd_status gd_queue_run(gd_queue *queue, gd_error *err);

/* Removes the items whose number has gone[i], done or not, between two batches; the others keep their order.  Items can
 * be added again, and the next batch sorts anew. */
void gd_queue_remove(gd_queue *queue, const bool *gone);

#endif
