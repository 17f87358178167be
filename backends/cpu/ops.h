/* ops.h - the operations of the CPU backend except linear, for backend.h's table.
 *
 * They divide the rows of `call->out` among the threads, several at a time; every row is computed by one kernel call
 * from its own inputs, so threads change no bit.  The caller must ensure that token ids are below the table's rows, and
 * positions below the rotary tables' and below limits.max_position.  Row i of a tile's tensors is row
 * rows->first_row + i of the batch; row t of a pooled tensor is the text of rows->pooled[t]. */
#ifndef GD_CPU_OPS_H
#define GD_CPU_OPS_H

#include "backends/backend.h"

gd_op_run gd_cpu_embedding, gd_cpu_rms_norm, gd_cpu_rope, gd_cpu_attention, gd_cpu_gated, gd_cpu_act, gd_cpu_softmax,
    gd_cpu_mul, gd_cpu_sum, gd_cpu_mean, gd_cpu_part, gd_cpu_affine, gd_cpu_add, gd_cpu_round, gd_cpu_last_row,
    gd_cpu_take, gd_cpu_head;

/* For a backend's table: every operation except linear, in which the CPU backends differ. */
#define GD_CPU_ROW_OPERATIONS                                                                                         \
    [GD_OP_embedding] = gd_cpu_embedding, [GD_OP_rms_norm] = gd_cpu_rms_norm, [GD_OP_rope] = gd_cpu_rope,             \
    [GD_OP_attention] = gd_cpu_attention, [GD_OP_gated] = gd_cpu_gated, [GD_OP_act] = gd_cpu_act,                     \
    [GD_OP_softmax] = gd_cpu_softmax, [GD_OP_mul] = gd_cpu_mul, [GD_OP_sum] = gd_cpu_sum, [GD_OP_mean] = gd_cpu_mean, \
    [GD_OP_part] = gd_cpu_part, [GD_OP_affine] = gd_cpu_affine, [GD_OP_add] = gd_cpu_add,                             \
    [GD_OP_round] = gd_cpu_round, [GD_OP_last_row] = gd_cpu_last_row, [GD_OP_take] = gd_cpu_take,                     \
    [GD_OP_head] = gd_cpu_head

/* Scratch space of attention for plans within these limits; SIZE_MAX / 2 (more than any machine has) when that
 * overflows. */
size_t gd_attention_scratch_bytes(const gd_limits *limits, unsigned threads);

#endif
