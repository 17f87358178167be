/* back.h - the backward twins of the CPU backend's operations: doc/arithmetic.md, section 9. */
#ifndef GD_CPU_BACK_H
#define GD_CPU_BACK_H

#include "backends/backend.h"

gd_back_run gd_cpu_embedding_back, gd_cpu_rms_norm_back, gd_cpu_linear_back, gd_cpu_rope_back, gd_cpu_attention_back,
    gd_cpu_gated_back, gd_cpu_act_back, gd_cpu_softmax_back, gd_cpu_mul_back, gd_cpu_sum_back, gd_cpu_mean_back,
    gd_cpu_part_back, gd_cpu_affine_back, gd_cpu_add_back, gd_cpu_round_back, gd_cpu_last_row_back, gd_cpu_head_back;

void gd_cpu_clear(gd_device *device, const gd_tensor *tensor);

/* For a backend's table. */
#define GD_CPU_BACK_OPERATIONS                                                                                       \
    [GD_OP_embedding] = gd_cpu_embedding_back, [GD_OP_rms_norm] = gd_cpu_rms_norm_back,                              \
    [GD_OP_linear] = gd_cpu_linear_back, [GD_OP_rope] = gd_cpu_rope_back, [GD_OP_attention] = gd_cpu_attention_back, \
    [GD_OP_gated] = gd_cpu_gated_back, [GD_OP_act] = gd_cpu_act_back, [GD_OP_softmax] = gd_cpu_softmax_back,         \
    [GD_OP_mul] = gd_cpu_mul_back, [GD_OP_sum] = gd_cpu_sum_back, [GD_OP_mean] = gd_cpu_mean_back,                   \
    [GD_OP_part] = gd_cpu_part_back, [GD_OP_affine] = gd_cpu_affine_back, [GD_OP_add] = gd_cpu_add_back,             \
    [GD_OP_round] = gd_cpu_round_back, [GD_OP_last_row] = gd_cpu_last_row_back, [GD_OP_head] = gd_cpu_head_back

/* Scratch space for plans within these limits: for linears and for norms in device->linear_scratch, and in
 * device->attention_scratch. */
size_t gd_linear_back_scratch_bytes(const gd_limits *limits, gd_dtype operand, unsigned threads);
size_t gd_norm_back_scratch_bytes(const gd_limits *limits);
size_t gd_attention_back_scratch_bytes(const gd_limits *limits, unsigned threads);

#endif
