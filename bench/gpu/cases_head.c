/* cases_head.c - cases of the kernels that only heads use. */
#include "bench/gpu/kernel_case.h"

#include "backends/cuda/kernels/rows.h"

enum { LINES = 7 };

/* 2 to 7 groups of 3 to 28 columns. */
static uint32_t groups_of(unsigned variant) { return 2 + variant; }
static uint32_t width_of(unsigned variant) { return 3 + variant * 5; }
static size_t cols_of(unsigned variant) { return (size_t)groups_of(variant) * width_of(variant); }

static const float *floats(case_memory *memory, size_t count, unsigned rough)
{
    return case_numbers(memory, count, GD_CUDA_F32, rough);
}

static gd_cuda_lines out(kernel_case *c, const case_memory *memory, size_t cols)
{
    return case_out(c, memory, LINES, cols, 3, GD_CUDA_F32);
}

static void make_act(kernel_case *c, case_memory *memory)
{
    static const uint32_t acts[CASE_ROW_VARIANTS] = { GD_CUDA_RELU,       GD_CUDA_GELU, GD_CUDA_SELU,
                                                      GD_CUDA_LEAKY_RELU, GD_CUDA_TANH, GD_CUDA_SIGMOID };
    const size_t cols = cols_of(c->variant);

    c->args.act = (gd_cuda_act_args){ .x = floats(memory, LINES * cols, c->variant),
                                      .x_stride = cols,
                                      .lines = LINES,
                                      .act = acts[c->variant],
                                      .slope = 0.01f,
                                      .out = out(c, memory, cols) };
}

static void make_softmax(kernel_case *c, case_memory *memory)
{
    const size_t cols = cols_of(c->variant);

    c->args.softmax = (gd_cuda_softmax){ .x = floats(memory, LINES * cols, 0),
                                         .x_stride = cols,
                                         .lines = LINES,
                                         .groups = groups_of(c->variant),
                                         .temperature = c->variant % 2 ? 10.0f : 1.0f,
                                         .out = out(c, memory, cols) };
}

static void make_mul(kernel_case *c, case_memory *memory)
{
    const size_t cols = cols_of(c->variant), x_cols = c->variant % 3 == 1 ? 1 : cols,
                 y_cols = c->variant % 3 == 2 ? 1 : cols;

    c->args.mul = (gd_cuda_mul){ .x = floats(memory, LINES * x_cols, c->variant),
                                 .y = floats(memory, LINES * y_cols, 0),
                                 .x_stride = x_cols,
                                 .y_stride = y_cols,
                                 .lines = LINES,
                                 .x_cols = (uint32_t)x_cols,
                                 .y_cols = (uint32_t)y_cols,
                                 .out = out(c, memory, cols) };
}

static void make_sum(kernel_case *c, case_memory *memory)
{
    const size_t cols = cols_of(c->variant);

    c->args.sum = (gd_cuda_sum){ .x = floats(memory, LINES * cols, c->variant),
                                 .x_stride = cols,
                                 .lines = LINES,
                                 .n = width_of(c->variant),
                                 .mean = c->variant % 2,
                                 .out = out(c, memory, groups_of(c->variant)) };
}

static void make_part(kernel_case *c, case_memory *memory)
{
    const size_t cols = cols_of(c->variant);

    c->args.part = (gd_cuda_part){ .x = floats(memory, LINES * cols, c->variant),
                                   .x_stride = cols,
                                   .lines = LINES,
                                   .from = c->variant % 3,
                                   .every = width_of(c->variant),
                                   .out = out(c, memory, groups_of(c->variant)) };
}

static void make_affine(kernel_case *c, case_memory *memory)
{
    const size_t cols = cols_of(c->variant);

    c->args.affine = (gd_cuda_affine){ .x = floats(memory, LINES * cols, c->variant),
                                       .scales = c->variant % 2 ? floats(memory, cols, 0) : NULL,
                                       .shifts = c->variant < 3 ? floats(memory, cols, 0) : NULL,
                                       .x_stride = cols,
                                       .lines = LINES,
                                       .scale = 0.75f,
                                       .shift = -0.5f,
                                       .out = out(c, memory, cols) };
}

void case_make_head(kernel_case *c, case_memory *memory)
{
    c->blocks[0] = LINES;
    switch (c->kernel) {
    case GD_KERNEL_act: make_act(c, memory); break;
    case GD_KERNEL_softmax: make_softmax(c, memory); break;
    case GD_KERNEL_mul: make_mul(c, memory); break;
    case GD_KERNEL_sum: make_sum(c, memory); break;
    case GD_KERNEL_part: make_part(c, memory); break;
    default: make_affine(c, memory); break;
    }
}
