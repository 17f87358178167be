/* head_ops.c - the operations that only heads have: each starts one kernel, with a block for each line. */
#include "backends/cuda/ops.h"
#include "backends/cuda/weight.h"

static uint32_t lines_of(const gd_call *call) { return (uint32_t)call->out.rows; }

void gd_cuda_act_op(gd_device *device, const gd_call *call)
{
    gd_cuda_act_args argument = { .x = call->in[0].data,
                                  .x_stride = call->in[0].stride,
                                  .lines = lines_of(call),
                                  .act = gd_cuda_act(call->params.act),
                                  .slope = call->params.slope,
                                  .out = gd_cuda_out(&call->out) };

    gd_cuda_start(device, GD_KERNEL_act, call->out.rows, &argument);
}

void gd_cuda_softmax_op(gd_device *device, const gd_call *call)
{
    gd_cuda_softmax argument = { .x = call->in[0].data,
                                 .x_stride = call->in[0].stride,
                                 .lines = lines_of(call),
                                 .groups = call->params.groups,
                                 .temperature = call->params.temperature,
                                 .out = gd_cuda_out(&call->out) };

    gd_cuda_start(device, GD_KERNEL_softmax, call->out.rows, &argument);
}

void gd_cuda_mul_op(gd_device *device, const gd_call *call)
{
    gd_cuda_mul argument = { .x = call->in[0].data,
                             .y = call->in[1].data,
                             .x_stride = call->in[0].stride,
                             .y_stride = call->in[1].stride,
                             .lines = lines_of(call),
                             .x_cols = (uint32_t)call->in[0].cols,
                             .y_cols = (uint32_t)call->in[1].cols,
                             .out = gd_cuda_out(&call->out) };

    gd_cuda_start(device, GD_KERNEL_mul, call->out.rows, &argument);
}

static void start_sum(gd_device *device, const gd_call *call, uint32_t mean)
{
    gd_cuda_sum argument = { .x = call->in[0].data,
                             .x_stride = call->in[0].stride,
                             .lines = lines_of(call),
                             .n = (uint32_t)(call->in[0].cols / call->out.cols),
                             .mean = mean,
                             .out = gd_cuda_out(&call->out) };

    gd_cuda_start(device, GD_KERNEL_sum, call->out.rows, &argument);
}

void gd_cuda_sum_op(gd_device *device, const gd_call *call) { start_sum(device, call, 0); }

void gd_cuda_mean_op(gd_device *device, const gd_call *call) { start_sum(device, call, 1); }

void gd_cuda_part_op(gd_device *device, const gd_call *call)
{
    gd_cuda_part argument = { .x = call->in[0].data,
                              .x_stride = call->in[0].stride,
                              .lines = lines_of(call),
                              .from = call->params.from,
                              .every = call->params.every,
                              .out = gd_cuda_out(&call->out) };

    gd_cuda_start(device, GD_KERNEL_part, call->out.rows, &argument);
}

void gd_cuda_affine_op(gd_device *device, const gd_call *call)
{
    gd_cuda_affine argument = { .x = call->in[0].data,
                                .scales = call->w[0] ? gd_cuda_vector_of(call->w[0]) : NULL,
                                .shifts = call->w[1] ? gd_cuda_vector_of(call->w[1]) : NULL,
                                .x_stride = call->in[0].stride,
                                .lines = lines_of(call),
                                .scale = call->params.scale,
                                .shift = call->params.shift,
                                .out = gd_cuda_out(&call->out) };

    gd_cuda_start(device, GD_KERNEL_affine, call->out.rows, &argument);
}
