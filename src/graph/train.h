/* train.h - a plan made to run backward, too: what the forward pass keeps, and the backward twins in reverse.
 *
 * The steps are those of the plan, but no step overwrites a value that the backward pass needs: an `add` in place gets
 * a buffer of its own, and the residual stream at the beginning of each layer stays.  Back steps are made from the same
 * list, once, for every backend: for each step its twin, if a parameter that learns is before it or in it, with the
 * buffers of its gradients.  A gradient has the extent of its value; contributions are written by the first back step,
 * and added by the others.
 *
 * What the twins of a layer read is either kept by the forward pass or computed again, tile by tile, from the layer's
 * input: first the keys and values of all rows (steps with `keys`), then, for each tile from the last to the first, the
 * steps with `again`.  Where it is kept, only the cheap norms are computed again (`cheap`). */
#ifndef GD_GRAPH_TRAIN_H
#define GD_GRAPH_TRAIN_H

#include "graph/plan.h"

#define GD_NO_BUFFER ((unsigned)-1)

typedef struct gd_train_buffer {
    gd_extent extent;
    gd_dtype dtype;
    size_t cols;
    size_t offset;      /* as gd_plan_buffer: bytes for one line before it in its extent's arena */
    bool kept;          /* where a layer is kept, in that layer's own arena, ... */
    size_t kept_offset; /* ... with these bytes for one line before it */
} gd_train_buffer;

typedef struct gd_train_step {
    unsigned in[GD_OP_MAX_IN], out;
    unsigned kept[GD_OP_MAX_KEPT]; /* what it writes for its twin (backend.h), or GD_NO_BUFFER */
    bool keys, again, cheap;
} gd_train_step;

typedef struct gd_back_step {
    size_t step; /* of which it is the twin */
    unsigned d_out;
    unsigned rounds;             /* d_out is first rounded from this buffer, or GD_NO_BUFFER */
    unsigned d_in[GD_OP_MAX_IN]; /* GD_NO_BUFFER: not wanted */
    bool adds[GD_OP_MAX_IN];
} gd_back_step;

typedef struct gd_train_stage {
    size_t first_back, back_count;
    bool gathers;      /* its first back step but one reaches the rows: the stream's gradient is cleared before it */
    unsigned clear[2]; /* gradients of keys and values, to be cleared before it, or GD_NO_BUFFER */
} gd_train_stage;

typedef struct gd_train_plan {
    const gd_plan *plan;
    gd_train_buffer *buffers;
    size_t buffer_count;
    gd_train_step *steps; /* [plan->step_count] */
    gd_back_step *back;   /* by stage, in the order in which they run */
    size_t back_count;
    gd_train_stage *stages; /* [plan->stage_count] */
    size_t line_bytes[3];   /* by gd_extent */
    size_t kept_bytes;      /* of one line of a layer that is kept */
    size_t stream_bytes;    /* of one line of the residual stream at one place */
    unsigned stream;        /* the buffer of the residual stream's gradient */
    unsigned d_score;       /* of the scores' gradient */
    gd_arena arena;
} gd_train_plan;

/* What learns. */
typedef struct gd_learns {
    const size_t *rank;  /* [plan->step_count] of a linear's adapter, 0 for none */
    const bool *weights; /* [plan->step_count] a weight of the step itself learns */
} gd_learns;

/* Fails with GD_EUNSUPPORTED where a graph has a form whose gradient cannot be computed, and says which. */
gd_status gd_train_plan_make(gd_train_plan **out, const gd_plan *plan, const gd_learns *learns, gd_error *err);
void gd_train_plan_free(gd_train_plan *plan);

#endif
