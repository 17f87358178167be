/* budget.h - how a model runs in the memory that there is: which weights stay, and how many rows a batch has.
 *
 * When all weights fit, they stay: the model is resident.  Else it is streamed: two stages' weights are in memory at a
 * time, batches are large, so that a pass over the weights is worth its cost, and what is left keeps the first layers
 * in memory from one batch to the next.  None of this changes a bit of any score. */
#ifndef GD_ENGINE_BUDGET_H
#define GD_ENGINE_BUDGET_H

#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>

/* Sizes in bytes. */
typedef struct gd_budget_needs {
    size_t available;     /* memory that is free: the limit when nobody sets one */
    size_t process;       /* what the process has already */
    const size_t *stages; /* [stage_count] weights of each */
    size_t stage_count;
    size_t (*batch)(const void *context, size_t rows); /* of everything else, for batches of so many rows */
    const void *context;
} gd_budget_needs;

typedef struct gd_budget {
    size_t rows; /* of a batch */
    size_t most; /* rows that an item alone may have, where it has more than a batch: the memory's end */
    size_t kept; /* the first stages, whose weights stay; all of them when the model is resident */
    bool streamed;
    size_t weights; /* bytes of weights that are in memory at a time */
    size_t batch;   /* needs->batch(rows) */
    size_t least;   /* the smallest memory that this model runs in */
} gd_budget;

#define GD_BUDGET_ROWS 8192u           /* of a batch when weights stay */
#define GD_BUDGET_STREAMED_ROWS 32768u /* when they don't */
#define GD_BUDGET_LEAST_ROWS 1024u     /* fewer are no batch */
#define GD_BUDGET_MOST_ROWS 1048576u   /* of one item */

/*
 * @param memory  what the whole process may take: the user's word, or 0 for what is available
 * @param rows    what a batch shall have, or 0 for a number that suits
 * @return GD_ENOMEM when `memory` is the user's word and too small; the sentence says the least that would do
 */
gd_status gd_budget_make(gd_budget *out, const gd_budget_needs *needs, size_t memory, size_t rows, gd_error *err);

#endif
