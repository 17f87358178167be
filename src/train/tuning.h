/* tuning.h - the parameters that learn: LoRA matrices and the head, or every weight of the model, in fp32, with their
 * gradients and moments.
 *
 * The engine reads the values through views; whatever the model's precision, it rounds them itself, and the fp32 values
 * here are the masters, so that small updates are not lost.  (TRL keeps the head of a bf16 model, and its moments, in
 * bf16.) */
#ifndef GD_TRAIN_TUNING_H
#define GD_TRAIN_TUNING_H

#include "base/random.h"
#include "engine/learn.h"
#include "train/adam.h"
#include "train/targets.h"

/* The adapter of one linear, or of all linears that are rows of one fused tensor: y += scale * B (A x). */
typedef struct gd_tuned {
    size_t step; /* of the plan: the first of them */
    size_t rank, in, out;
    gd_parameter a, b; /* [rank, in] and [out, rank] */
    gd_view view_a, view_b;
} gd_tuned;

typedef struct gd_tuning {
    const gd_plan *plan;
    gd_tuned *modules; /* [count] in the order of the plan */
    size_t count;
    size_t *module;        /* [plan->step_count] the one that a step's adapter belongs to, or SIZE_MAX */
    bool full;             /* every weight learns, and there is no adapter */
    gd_parameter *weights; /* [weight_count] all but the head, in the order of the plan; else the head's bias, if any */
    gd_view *weight_views; /* [weight_count] named as in the plan */
    size_t weight_count;
    gd_parameter head; /* [labels, n]; empty if the head stays as it is */
    gd_view head_view;
    gd_lora *lora; /* [plan->step_count] for the engine */
    gd_learning learning;
    float *memory; /* of all parameters */
    size_t parameters;
    const gd_parameter **all; /* [all_count] the head, A and B of each module, weights */
    size_t all_count;
    double *squares; /* [all_count] of their gradients */
} gd_tuning;

/* Room for the parameters of those of a plan's modules that are targets, all zero. */
gd_status gd_tuning_open(gd_tuning *tuning, const gd_plan *plan, const gd_targets *targets, size_t rank, float scale,
                         gd_error *err);

/* Room for the parameters when every weight learns. */
gd_status gd_tuning_open_full(gd_tuning *tuning, const gd_plan *plan, gd_error *err);

/* The values at the beginning: A uniform in +-1 / sqrt(in) (PEFT's kaiming_uniform with a = sqrt 5), rounded to bf16
 * for a bf16 model, B zero; the head and its bias as they are, or, where the base has none, normal with a deviation,
 * and zero. */
void gd_tuning_begin(gd_tuning *tuning, gd_random *random, const gd_view *head, const gd_view *bias, double deviation);

/* Fills the weights other than the head with those of a checkpoint, or with what was made for the head: names and
 * shapes must be the plan's. */
void gd_tuning_begin_full(gd_tuning *tuning, const gd_weights *weights, const gd_view *made, size_t made_count);

/* The same room with an adapter's values; all of its modules learn, with their own ranks and scales. */
gd_status gd_tuning_import(gd_tuning *tuning, const gd_plan *plan, const gd_adapter *adapter, gd_error *err);

void gd_tuning_close(gd_tuning *tuning); /* all zero is fine */

/* Takes the gradients of the learner's last run. */
gd_status gd_tuning_fetch(gd_tuning *tuning, gd_learner *learner, gd_error *err);

/* One row of the embedding has no gradient, as PyTorch's padding_idx. */
void gd_tuning_still(gd_tuning *tuning, size_t token);

/* The norm of all gradients; NaN or infinite if one of them is. */
double gd_tuning_norm(const gd_tuning *tuning, gd_pool *pool);

/* A step of the optimiser for all parameters. */
void gd_tuning_step(gd_tuning *tuning, const gd_adam *adam, const gd_adam_moment *at, gd_pool *pool);

#endif
