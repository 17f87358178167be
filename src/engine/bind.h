/* bind.h - the weights of a plan: found in the checkpoint, checked, and loaded into the backend's form. */
#ifndef GD_ENGINE_BIND_H
#define GD_ENGINE_BIND_H

#include "engine/engine.h"

/* The weights of one step: those of the operation, then the adapter's two matrices; to train, the three matrices of a
 * linear again, turned. */
enum {
    GD_BOUND_LORA_A = GD_OP_MAX_WEIGHTS,
    GD_BOUND_LORA_B,
    GD_BOUND_TURNED_A,
    GD_BOUND_TURNED_B,
    GD_BOUND_TURNED,
    GD_BOUND_WEIGHTS
};

typedef struct gd_bound {
    struct {
        const gd_view *view; /* NULL where the step has none */
        bool learns;         /* the view is one of learning->weights */
        gd_weight_role role;
        gd_weight *weight; /* NULL until made: loader.h */
    } w[GD_BOUND_WEIGHTS];
    gd_lora lora; /* rank 0 for none */
    /* A linear of rows of a tensor: its own views of these rows, and of those of the adapter's B. */
    gd_view matrix, b;
} gd_bound;

/* Finds the views of every step, for each group of texts; *out is an array of [plan->step_count, 1 +
 * parts->more_count], freed with gd_free.  Groups 1, 2, .. have only what their adapters add or replace: where an
 * operation's weight has no view there, that of group 0 serves. */
gd_status gd_bind(gd_bound **out, const gd_engine_parts *parts, gd_error *err);

/* Weight number i of an operation, of a group whose step is bound here, and that of group 0 there. */
static inline gd_weight *gd_bound_weight(const gd_bound *group, const gd_bound *first, unsigned i)
{
    return group->w[i].view ? group->w[i].weight : first->w[i].weight;
}

/* Whether a tensor has the shape of the weight; `path` begins the message. */
gd_status gd_bind_check_shape(const gd_view *view, const gd_plan_weight *w, const char *path, gd_error *err);

/* For a checkpoint that cannot run, since it has no head: whether the tensors that it has are weights. */
gd_status gd_bind_check(const gd_plan *plan, const gd_weights *weights, gd_error *err);

#endif
