/* budget.h - how a model runs in the available memory: which weights stay, and how many rows a batch has.
 *
 * When all weights fit, they stay: the model is resident.  Else it is streamed: two stages' weights are in memory at a
 * time, batches are large, so that a pass over the weights is worth its cost, and the memory left over keeps the first
 * layers from one batch to the next.  None of this changes a bit of any score. */
#ifndef GD_ENGINE_BUDGET_H
#define GD_ENGINE_BUDGET_H

#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>

/* Sizes in bytes. */
typedef struct gd_budget_needs {
    size_t available;     /* free memory: the limit when the user sets none */
    size_t process;       /* already used by the process */
    const size_t *stages; /* [stage_count] weights of each */
    size_t stage_count;
    size_t (*batch)(const void *context, size_t rows); /* of everything else, for batches of this many rows */
    const void *context;
} gd_budget_needs;

typedef struct gd_budget {
    size_t rows; /* of a batch */
    size_t most; /* the most rows of a single item that is larger than a batch: all that fit into memory */
    size_t kept; /* the number of first stages whose weights stay; all of them when the model is resident */
    bool streamed;
    size_t weights; /* bytes of weights in memory at a time */
    size_t batch;   /* needs->batch(rows) */
    size_t least;   /* the least memory in which this model runs, as far as this process is concerned */
} gd_budget;

#define GD_BUDGET_ROWS 8192u           /* of a batch when weights stay */
#define GD_BUDGET_STREAMED_ROWS 32768u /* when they don't */
#define GD_BUDGET_LEAST_ROWS 1024u     /* the smallest batch */
#define GD_BUDGET_MOST_ROWS 1048576u   /* of one item */

/*
 * @param memory  the user's limit for the whole process, or 0 for the available memory
 * @param rows    the number of rows of a batch, or 0 to choose one
 * @return GD_ENOMEM when the user's limit is too small; the message gives the smallest sufficient one
 */
gd_status gd_budget_make(gd_budget *out, const gd_budget_needs *needs, size_t memory, size_t rows, gd_error *err);

/* The same in MiB, for users: enough for other runs too, whose processes are a little larger or smaller. */
size_t gd_budget_enough_mib(size_t least);

#endif
