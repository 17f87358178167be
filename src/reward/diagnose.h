/* diagnose.h - all that is wrong with the tensors of a model: diagnose.c looks at the rest of it. */
#ifndef GD_REWARD_DIAGNOSE_H
#define GD_REWARD_DIAGNOSE_H

#include "base/notes.h"
#include "graph/plan.h"
#include "quant-free/weights.h"

/* Adds a sentence for each kind of tensor that is missing, or has another shape, or a type that no weight has: once for
 * all layers. `but`: one that is from elsewhere, or NULL. */
gd_status gd_diagnose_tensors(gd_notes *problems, const gd_plan *plan, const gd_weights *weights, const char *but,
                              gd_error *err);

#endif
