/* cases_rows.c - cases of the kernels that work line by line, and of single steps of tensor cores. */
#include "bench/gpu/kernel_case.h"

#include "backends/cuda/kernels/rows.h"
#include "quant-free/bf16.h"

#include <math.h>

enum { LINES = 7, POSITIONS = 50, STEPS = 512, TERMS = 16 };

static size_t cols_of(unsigned variant) { return variant % 3 == 0 ? 896 : variant % 3 == 1 ? 200 : 77; }
static uint32_t type_of(unsigned variant) { return variant % 2 ? GD_CUDA_F32 : GD_CUDA_BF16; }

static const float *floats(case_memory *memory, size_t count, unsigned rough)
{
    return case_numbers(memory, count, GD_CUDA_F32, rough);
}

static void make_embedding(kernel_case *c, case_memory *memory)
{
    static const uint32_t types[] = { GD_CUDA_BF16, GD_CUDA_F32, GD_CUDA_F16 };
    const size_t cols = cols_of(c->variant);
    const uint32_t type = types[c->variant % 3];

    c->args.embedding = (gd_cuda_embedding){ case_numbers(memory, LINES * cols, type, c->variant), type, LINES, 0.75f,
                                             case_out(c, memory, LINES, cols, c->variant, type_of(c->variant)) };
}

static void make_rms_norm(kernel_case *c, case_memory *memory)
{
    const uint32_t heads = c->variant < 3 ? 1 : 3;
    const size_t cols = cols_of(c->variant) * heads;

    c->args.rms_norm = (gd_cuda_rms_norm){ .x = floats(memory, LINES * cols, c->variant),
                                           .w = floats(memory, cols / heads, 0),
                                           .x_stride = cols,
                                           .lines = LINES,
                                           .heads = heads,
                                           .unit_offset = c->variant % 2,
                                           .eps = 1e-6f,
                                           .out = case_out(c, memory, LINES, cols, 8, type_of(c->variant)) };
}

static void make_rope(kernel_case *c, case_memory *memory)
{
    static const uint32_t dims[] = { 64, 128, 96, 16, 256, 34 };
    const uint32_t heads = 3, dim = dims[c->variant], rotary = c->variant % 2 ? dim / 4 * 2 : dim;
    const size_t cols = (size_t)heads * dim;
    uint32_t *position = case_take(memory, LINES * sizeof *position);

    for (size_t i = 0; i < LINES; i++)
        position[i] = case_below(memory, POSITIONS);
    c->args.rope = (gd_cuda_rope){ .x = floats(memory, LINES * cols, c->variant),
                                   .cos_table = floats(memory, (size_t)POSITIONS * dim / 2, 0),
                                   .sin_table = floats(memory, (size_t)POSITIONS * dim / 2, 0),
                                   .position = case_card(memory, position),
                                   .x_stride = cols,
                                   .lines = LINES,
                                   .heads = heads,
                                   .head_dim = dim,
                                   .rotary = rotary,
                                   .out = case_out(c, memory, LINES, cols, 0, type_of(c->variant)) };
}

static void make_pair(kernel_case *c, case_memory *memory)
{
    const size_t cols = cols_of(c->variant);

    c->args.pair = (gd_cuda_pair){ .x = floats(memory, LINES * cols, c->variant),
                                   .y = floats(memory, LINES * cols, c->variant),
                                   .x_stride = cols,
                                   .y_stride = cols,
                                   .lines = LINES,
                                   .act = c->variant % 4 < 2 ? GD_CUDA_SILU : GD_CUDA_GELU_TANH,
                                   .out = case_out(c, memory, LINES, cols, 3, type_of(c->variant)) };
}

static void make_copy(kernel_case *c, case_memory *memory)
{
    const size_t cols = cols_of(c->variant);
    uint32_t *index = case_take(memory, LINES * sizeof *index);

    for (size_t i = 0; i < LINES; i++)
        index[i] = case_below(memory, LINES);
    c->args.copy = (gd_cuda_copy){ .x = case_numbers(memory, LINES * cols, type_of(c->variant), c->variant),
                                   .index = c->variant < 3 ? case_card(memory, index) : NULL,
                                   .x_stride = cols,
                                   .x_type = type_of(c->variant),
                                   .lines = LINES,
                                   .out = case_out(c, memory, LINES, cols, 8, type_of(c->variant / 2)) };
}

static void make_head(kernel_case *c, case_memory *memory)
{
    const size_t cols = cols_of(c->variant), labels = 1 + c->variant * 4;

    c->args.head = (gd_cuda_head){ .x = floats(memory, LINES * cols, c->variant),
                                   .w = floats(memory, labels * cols, 0),
                                   .bias = c->variant % 2 ? floats(memory, labels, 0) : NULL,
                                   .x_stride = cols,
                                   .lines = LINES,
                                   .n = (uint32_t)cols,
                                   .labels = (uint32_t)labels,
                                   .out = case_out(c, memory, LINES, labels, 0, GD_CUDA_F32) };
}

/* As for weights on the card, no operand is subnormal. */
static const uint16_t *operands(case_memory *memory, int spread)
{
    gd_bf16 *x = case_take(memory, (size_t)STEPS * TERMS * sizeof *x);

    for (size_t i = 0; i < (size_t)STEPS * TERMS; i++) {
        const float significand = 1.0f + (float)case_below(memory, 128) / 128.0f;
        const int exponent = (int)case_below(memory, (uint32_t)spread) - spread / 2;

        x[i] = gd_bf16_from_f32(ldexpf(case_below(memory, 2) ? -significand : significand, exponent));
    }
    return case_card(memory, x);
}

static void make_steps(kernel_case *c, case_memory *memory)
{
    const int spread = 2 + (int)c->variant * 8;

    c->args.steps = (gd_cuda_steps){ operands(memory, spread), operands(memory, spread), floats(memory, STEPS, 0),
                                     case_out(c, memory, 1, STEPS, 0, GD_CUDA_F32).data, STEPS };
    c->blocks[0] = (STEPS + GD_CUDA_BLOCK_STEPS - 1) / GD_CUDA_BLOCK_STEPS;
}

void case_make_rows(kernel_case *c, case_memory *memory)
{
    c->blocks[0] = LINES;
    switch (c->kernel) {
    case GD_KERNEL_embedding: make_embedding(c, memory); break;
    case GD_KERNEL_rms_norm: make_rms_norm(c, memory); break;
    case GD_KERNEL_rope: make_rope(c, memory); break;
    case GD_KERNEL_copy: make_copy(c, memory); break;
    case GD_KERNEL_head: make_head(c, memory); break;
    case GD_KERNEL_steps: make_steps(c, memory); break;
    default: make_pair(c, memory); break; /* gated, add */
    }
}
