/* kernel_case.c - operands of the cases, and which family of kernels makes which. */
#include "bench/gpu/kernel_case.h"

#include "bench/gpu/probes.h"
#include "quant-free/bf16.h"

#include <stdlib.h>
#include <string.h>

static bool begins(const char *name, const char *with) { return !strncmp(name, with, strlen(with)); }

static void make_none(kernel_case *c, case_memory *memory)
{
    (void)c;
    (void)memory;
}

/* Kernels whose names begin so. */
static const struct family {
    const char *begins;
    unsigned variants;
    void (*make)(kernel_case *c, case_memory *memory);
} families[] = {
    { "gd_linear_", CASE_LINEAR_VARIANTS, case_make_linear },
    { "gd_attention_", CASE_ATTENTION_VARIANTS, case_make_attention },
    { "gd_embedding", CASE_ROW_VARIANTS, case_make_rows },
    { "gd_rms_norm", CASE_ROW_VARIANTS, case_make_rows },
    { "gd_rope", CASE_ROW_VARIANTS, case_make_rows },
    { "gd_gated", CASE_ROW_VARIANTS, case_make_rows },
    { "gd_add", CASE_ROW_VARIANTS, case_make_rows },
    { "gd_copy", CASE_ROW_VARIANTS, case_make_rows },
    { "gd_head", CASE_ROW_VARIANTS, case_make_rows },
    { "gd_steps", CASE_ROW_VARIANTS, case_make_rows },
    { "gd_act", CASE_ROW_VARIANTS, case_make_head },
    { "gd_softmax", CASE_ROW_VARIANTS, case_make_head },
    { "gd_mul", CASE_ROW_VARIANTS, case_make_head },
    { "gd_sum", CASE_ROW_VARIANTS, case_make_head },
    { "gd_part", CASE_ROW_VARIANTS, case_make_head },
    { "gd_affine", CASE_ROW_VARIANTS, case_make_head },
    { "", 0, make_none },
};

static const struct family *family_of(gd_cuda_kernel kernel)
{
    const struct family *family = families;

    while (!begins(gd_cuda_kernels[kernel].name, family->begins))
        family++;
    return family;
}

unsigned kernel_case_variants(gd_cuda_kernel kernel) { return family_of(kernel)->variants; }

void kernel_case_make(kernel_case *c, case_memory *memory)
{
    memory->used = 0;
    memory->random = (uint64_t)c->kernel * 1000 + c->variant;
    c->blocks[0] = c->blocks[1] = c->blocks[2] = 1;
    c->shared = gd_cuda_kernels[c->kernel].shared;
    memset(&c->args, 0, sizeof c->args);
    family_of(c->kernel)->make(c, memory);
}

void *case_take(case_memory *memory, size_t bytes)
{
    void *at = memory->host + memory->used;

    memory->used += (bytes + 255) / 256 * 256;
    if (memory->used > memory->room)
        abort();
    return at;
}

const void *case_card(const case_memory *memory, const void *host)
{
    return (const void *)(uintptr_t)(memory->card + (gd_cu_address)((const unsigned char *)host - memory->host));
}

uint32_t case_below(case_memory *memory, uint32_t end) { return probes_below(&memory->random, end); }

static float number(case_memory *memory, unsigned rough)
{
    static const float factors[] = { 0.0f, -0.0f, 0x1p-75f, 0x1p-100f, 0x1p30f, 1.0f, 1.0f, 1.0f };
    const float x = (float)(int32_t)(probes_random(&memory->random) >> 32) * 0x1p-30f;

    return rough % 2 ? x * factors[case_below(memory, 8)] : x;
}

static void put(void *to, uint32_t type, size_t i, float x)
{
    if (type == GD_CUDA_F32)
        memcpy((float *)to + i, &x, sizeof x);
    else if (type == GD_CUDA_BF16)
        ((gd_bf16 *)to)[i] = gd_bf16_from_f32(x);
    else
        ((uint16_t *)to)[i] = gd_f16_from_f32(x);
}

static size_t size_of(uint32_t type) { return type == GD_CUDA_F32 ? 4 : 2; }

const void *case_lines(case_memory *memory, size_t lines, size_t cols, size_t padded, uint32_t type, unsigned rough)
{
    void *host = case_take(memory, lines * padded * size_of(type));

    memset(host, 0, lines * padded * size_of(type));
    for (size_t line = 0; line < lines; line++)
        for (size_t col = 0; col < cols; col++)
            put(host, type, line * padded + col, number(memory, rough));
    return case_card(memory, host);
}

const void *case_numbers(case_memory *memory, size_t count, uint32_t type, unsigned rough)
{
    return case_lines(memory, 1, count, count, type, rough);
}

gd_cuda_lines case_out(kernel_case *c, const case_memory *memory, size_t lines, size_t cols, size_t gap, uint32_t type)
{
    c->out_type = type;
    c->out_elements = lines * (cols + gap);
    if (c->out_elements * size_of(type) > CASE_OUT)
        abort();
    return (gd_cuda_lines){ (void *)(uintptr_t)memory->out, cols + gap, type, (uint32_t)cols };
}
