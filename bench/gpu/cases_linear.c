/* cases_linear.c - cases of the linear kernels: each form, with lines and columns that don't fill their tiles. */
#include "bench/gpu/kernel_case.h"

#include <string.h>

enum form { PLAIN, ADAPTER, GATED, GATED_ADAPTER, ONTO, FORMS };

struct shape {
    uint32_t lines, in, cols, rank;
};

static size_t up_to(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

/* Lines that begin at multiples of 16 bytes, as kernels expect matrices. */
static gd_cuda_matrix matrix(case_memory *memory, size_t lines, size_t cols, uint32_t type, unsigned rough)
{
    const size_t stride = up_to(cols, type == GD_CUDA_F32 ? 4 : 8);

    return (gd_cuda_matrix){ case_lines(memory, lines, cols, stride, type, rough), stride };
}

static gd_cuda_weights weights(case_memory *memory, const struct shape *s, uint32_t type, bool adapter, unsigned rough)
{
    gd_cuda_weights w = { .w = matrix(memory, s->cols, s->in, type, rough) };

    if (adapter) {
        const gd_cuda_matrix low = matrix(memory, s->lines, s->rank, type, rough);

        w.bias = case_numbers(memory, s->cols, GD_CUDA_F32, 0);
        w.b = matrix(memory, s->cols, s->rank, type, rough);
        w.low = low.data;
        w.low_stride = low.stride;
        w.rank = s->rank;
        w.scale = 0.625f;
    }
    return w;
}

void case_make_linear(kernel_case *c, case_memory *memory)
{
    static const struct shape shapes[] = { { 141, 328, 150, 12 }, { 33, 131, 70, 128 }, { 200, 64, 90, 5 } };
    const gd_cuda_kernel_info *info = &gd_cuda_kernels[c->kernel];
    const struct shape *s = &shapes[c->variant % 3];
    const enum form form = (enum form)(c->variant % FORMS);
    const bool adapter = form == ADAPTER || form == GATED_ADAPTER;
    const uint32_t type = strstr(info->name, "exact_f32") ? GD_CUDA_F32 : GD_CUDA_BF16;
    const unsigned rough = c->variant / FORMS;
    const gd_cuda_matrix x = matrix(memory, s->lines, s->in, type, rough);
    gd_cuda_linear *a = &c->args.linear;

    *a = (gd_cuda_linear){ .x = x.data,
                           .x_stride = x.stride,
                           .lines = s->lines,
                           .in = s->in,
                           .out_cols = s->cols,
                           .act = c->variant % 2 ? GD_CUDA_GELU_TANH : GD_CUDA_SILU,
                           .scale = 0.375f };
    a->of[0] = weights(memory, s, type, adapter, rough);
    if (form == GATED || form == GATED_ADAPTER)
        a->of[1] = weights(memory, s, type, adapter, rough);
    if (form == ONTO) {
        a->before = case_numbers(memory, (size_t)s->lines * s->cols, GD_CUDA_F32, rough);
        a->before_stride = s->cols;
    }
    a->out = case_out(c, memory, s->lines, s->cols, c->variant % 2 ? 0 : 2,
                      c->variant % 4 < 2 ? GD_CUDA_F32 : GD_CUDA_BF16);
    c->blocks[0] = gd_cuda_linear_blocks(a, info->lines, info->weights);
}
