/* settle.h - which names the files of a model give the tensors of its plan. */
#ifndef GD_ENGINE_SETTLE_H
#define GD_ENGINE_SETTLE_H

#include "graph/plan.h"
#include "quant-free/adapter.h"
#include "quant-free/weights.h"

/* Looks up the forms of the plan's names that the checkpoint has, and those that the adapter (or NULL) has: from then
 * on, both are found by the plan's. */
gd_status gd_settle_weights(gd_weights *weights, const gd_plan *plan, gd_error *err);
gd_status gd_settle_adapter(gd_adapter *adapter, const gd_plan *plan, gd_error *err);

#endif
