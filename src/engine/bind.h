/* bind.h - the weights of a plan: found in the checkpoint, checked, and loaded into the backend's form. */
#ifndef GD_ENGINE_BIND_H
#define GD_ENGINE_BIND_H

#include "engine/engine.h"

/* The weights of one step. */
typedef struct gd_bound {
    const gd_view *view[GD_OP_MAX_WEIGHTS]; /* NULL where the step has none */
    gd_lora lora;                           /* rank 0 for none */
    gd_weight *weight[GD_OP_MAX_WEIGHTS];   /* NULL until loaded */
    gd_weight *lora_a, *lora_b;
} gd_bound;

/* Finds the views of every step; *out is an array of plan->step_count, freed with gd_free (after gd_bound_unload). */
gd_status gd_bind(gd_bound **out, const gd_engine_parts *parts, gd_error *err);

/* Loads what a step needs and has not yet. */
gd_status gd_bound_load(gd_bound *bound, const gd_plan_step *step, const gd_backend *backend, gd_device *device,
                        gd_error *err);
void gd_bound_unload(gd_bound *bound, const gd_backend *backend, gd_device *device);

/* Bytes of the loaded form. */
size_t gd_bound_bytes(const gd_bound *bound, const gd_plan_step *step, const gd_backend *backend,
                      const gd_device *device);

#endif
