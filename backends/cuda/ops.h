/* ops.h - the operations of ops.def: each starts one kernel or a few. */
#ifndef GD_CUDA_OPS_H
#define GD_CUDA_OPS_H

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/args.h"

/* Starts a kernel on some blocks, with its one argument. Nothing happens where there are none. */
void gd_cuda_start(gd_device *device, gd_cuda_kernel kernel, size_t blocks, void *argument);

static inline size_t gd_cuda_ceil(size_t n, size_t by) { return (n + by - 1) / by; }

/* args.h's types and activations are gd_dtype's and gd_activation's numbers, since it cannot see them. */
_Static_assert((int)GD_BF16 == GD_CUDA_BF16 && (int)GD_F32 == GD_CUDA_F32 && (int)GD_F16 == GD_CUDA_F16, "types");
static inline uint32_t gd_cuda_type(gd_dtype type) { return (uint32_t)type; }
_Static_assert((int)GD_ACT_SILU == GD_CUDA_SILU && (int)GD_ACT_GELU_TANH == GD_CUDA_GELU_TANH &&
                   (int)GD_ACT_RELU == GD_CUDA_RELU && (int)GD_ACT_GELU == GD_CUDA_GELU &&
                   (int)GD_ACT_SELU == GD_CUDA_SELU && (int)GD_ACT_LEAKY_RELU == GD_CUDA_LEAKY_RELU &&
                   (int)GD_ACT_TANH == GD_CUDA_TANH && (int)GD_ACT_SIGMOID == GD_CUDA_SIGMOID,
               "activations");
static inline uint32_t gd_cuda_act(gd_activation act) { return (uint32_t)act; }

/* A call's output as kernels take it. */
static inline gd_cuda_lines gd_cuda_out(const gd_tensor *out)
{
    return (gd_cuda_lines){ out->data, out->stride, gd_cuda_type(out->dtype), (uint32_t)out->cols };
}

void gd_cuda_embedding_op(gd_device *device, const gd_call *call);
void gd_cuda_rms_norm_op(gd_device *device, const gd_call *call);
void gd_cuda_rope_op(gd_device *device, const gd_call *call);
void gd_cuda_attention_op(gd_device *device, const gd_call *call);
void gd_cuda_gated_op(gd_device *device, const gd_call *call);
void gd_cuda_add_op(gd_device *device, const gd_call *call);
void gd_cuda_round_op(gd_device *device, const gd_call *call);
void gd_cuda_last_row_op(gd_device *device, const gd_call *call);
void gd_cuda_take_op(gd_device *device, const gd_call *call);
void gd_cuda_head_op(gd_device *device, const gd_call *call);

/* head_ops.c */
void gd_cuda_act_op(gd_device *device, const gd_call *call);
void gd_cuda_softmax_op(gd_device *device, const gd_call *call);
void gd_cuda_mul_op(gd_device *device, const gd_call *call);
void gd_cuda_sum_op(gd_device *device, const gd_call *call);
void gd_cuda_mean_op(gd_device *device, const gd_call *call);
void gd_cuda_part_op(gd_device *device, const gd_call *call);
void gd_cuda_affine_op(gd_device *device, const gd_call *call);

/* linear.c */
void gd_cuda_linear_op(gd_device *device, const gd_call *call);
void gd_cuda_linear_add(gd_device *device, const gd_call *linear, const gd_call *add);
void gd_cuda_gated_linears(gd_device *device, const gd_call *linears, const gd_call *gated);
size_t gd_cuda_scratch_bytes(const gd_device *device, const gd_limits *limits);
gd_status gd_cuda_prepare(gd_device *device, const gd_limits *limits, gd_error *err);

#endif
