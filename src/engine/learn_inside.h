/* learn_inside.h - an opened learner, for the files that run it: learn.c opens it, learn_run.c runs a batch. */
#ifndef GD_ENGINE_LEARN_INSIDE_H
#define GD_ENGINE_LEARN_INSIDE_H

#include "engine/inside.h"
#include "engine/learn.h"
#include "graph/train.h"

/* A buffer of the device's, which grows. */
typedef struct gd_room {
    void *data;
    size_t bytes;
} gd_room;

/* The running sums of a step's parameters that learn, F32; rows have a stride of a multiple of 16.  Those of a weight
 * that several steps read are all the first one's. */
enum { GD_LEARNER_SUMS = GD_BOUND_LORA_B + 1 };
typedef struct gd_sums {
    void *data[GD_LEARNER_SUMS]; /* by the number in gd_bound */
} gd_sums;

struct gd_learner {
    gd_engine *engine;
    gd_train_plan *plan;
    size_t keep;                 /* layers, from the last, that are kept */
    size_t *slot;                /* [stage_count] the place of the residual stream that a stage reads */
    size_t slots;                /* places of the stream */
    gd_sums *sums;               /* [step_count] */
    gd_room arena[3];            /* by gd_extent */
    gd_room stream;              /* [slots][rows, hidden] */
    gd_room *kept;               /* [stage_count]; of stages that aren't kept, empty */
    size_t lines[3], kept_lines; /* for which there is room */
    gd_visit *schedule;          /* [2 * stage_count] */
    size_t visits;
    double work; /* of the last run's linears: additions and multiplications */
};

static inline const gd_plan *plan_of(const gd_learner *learner) { return learner->engine->plan; }

/* A step's sums number `which`: a weight's, a vector's as one row; A', or B' transposed. */
gd_tensor gd_learner_sums(const gd_learner *learner, size_t step, unsigned which);

/* The memory of all sums. */
size_t gd_learner_sums_bytes(const gd_learner *learner);

/* Whether the forward pass keeps what the stage's twins need. */
bool gd_learner_keeps(const gd_learner *learner, size_t stage);

/* The lines for which room is made: the rows of one step differ from those of the next, so there are some to spare. */
size_t gd_learner_lines(size_t rows);

/* Room for a batch. */
gd_status gd_learner_reserve(gd_learner *learner, const gd_trie *trie, gd_error *err);

#endif
