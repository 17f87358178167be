/* head.h - the head of a reward model: the adapter's, or the base's, to which the adapter may add LoRA. */
#ifndef GD_REWARD_HEAD_H
#define GD_REWARD_HEAD_H

#include "graph/plan.h"
#include "quant-free/adapter.h"
#include "quant-free/weights.h"

/* All zero: the checkpoint's own. */
typedef struct gd_head {
    const gd_view *view; /* what replaces the checkpoint's head, or NULL */
    const gd_view *bias; /* and its bias */
    gd_view sum;         /* with LoRA: W + scale B A, in fp32 */
    float *numbers;      /* its own */
} gd_head;

/* `name` is the head's tensor in the base: "score.weight". Fails if the adapter's LoRA is for a head that the base does
 * not have. Free it even after failure. */
gd_status gd_head_open(gd_head *head, const gd_weights *weights, const gd_adapter *adapter, const char *name,
                       gd_error *err);
void gd_head_free(gd_head *head);

/* An adapter may replace a head of one linear, with its bias, or have LoRA on it, where it is a tensor of the model and
 * not made of others (`made`). Any other head it must leave alone. */
gd_status gd_head_check_adapter(const gd_plan *plan, const gd_adapter *adapter, bool made, gd_error *err);

#endif
