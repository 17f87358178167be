/* train_make.h - a training plan being made: train.c finds the gradients, train_needs.c what they need. */
#ifndef GD_GRAPH_TRAIN_MAKE_H
#define GD_GRAPH_TRAIN_MAKE_H

#include "graph/train.h"

/* The state of a plan being made. */
typedef struct gd_train_maker {
    gd_train_plan *made;
    const gd_plan *plan;
    const gd_learns *learns;
    size_t room;       /* buffers */
    unsigned *version; /* [plan->buffer_count * 2] by place of an add in its stage: a layer's, then the pooled one's */
    unsigned (*kept)[GD_OP_MAX_KEPT]; /* [plan->buffer_count] by the step's output */
    unsigned *gradient, *rounded;     /* [room] by buffer */
    unsigned *reads;                  /* [room] how many twins in a stage contribute to its gradient, at most */
    gd_op *producer;                  /* [room] */
    bool *by_attention;               /* [room] whether an attention is among them */
    bool (*wants)[GD_OP_MAX_IN];      /* [plan->step_count] */
    bool *active;                     /* [plan->step_count] */
    unsigned *alias, *count;          /* [room] of the stage: where the gradient is, and its contributions so far */
    bool *needed;                     /* [room] */
    gd_arena arena;
    gd_error *err;
} gd_train_maker;

/* Which values the twins of a stage read, and so which are kept or computed again. Fails with GD_EUNSUPPORTED. */
gd_status gd_train_find_needs(gd_train_maker *m, size_t stage);

#endif
