/* truth.c - the operations by their numbers. */
#include "cross/truth_inside.h"

static gd_truth_run *const runs[GD_OP_COUNT] = {
    [GD_OP_embedding] = gd_truth_embedding,
    [GD_OP_rms_norm] = gd_truth_rms_norm,
    [GD_OP_linear] = gd_truth_linear,
    [GD_OP_rope] = gd_truth_rope,
    [GD_OP_attention] = gd_truth_attention,
    [GD_OP_gated] = gd_truth_gate,
    [GD_OP_act] = gd_truth_act,
    [GD_OP_softmax] = gd_truth_softmax,
    [GD_OP_mul] = gd_truth_mul,
    [GD_OP_sum] = gd_truth_sum,
    [GD_OP_mean] = gd_truth_mean,
    [GD_OP_part] = gd_truth_part,
    [GD_OP_affine] = gd_truth_affine,
    [GD_OP_add] = gd_truth_add,
    [GD_OP_round] = gd_truth_round,
    [GD_OP_last_row] = gd_truth_last_row,
    [GD_OP_take] = gd_truth_last_row,
    [GD_OP_head] = gd_truth_head,
};

bool gd_truth_step(const gd_truth_rule *rule, gd_op op, const gd_op_params *params, const gd_truth_weights *weights,
                   const gd_truth_line *line, gd_truth out)
{
    return runs[op](&(gd_truth_job){ rule, params, weights, line, out });
}
