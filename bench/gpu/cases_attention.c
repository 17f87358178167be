/* cases_attention.c - cases of the attention kernels: a small trie of texts, with and without a window. */
#include "bench/gpu/kernel_case.h"

enum { SEGMENTS = 5, ROWS = 70 + 40 + 75 + 9 + 1 };

/* The second and third continue the first, the fourth the third. */
static const gd_cuda_segment segments[SEGMENTS] = {
    { 0, 70, 0, -1 }, { 70, 40, 70, 0 }, { 110, 75, 70, 0 }, { 185, 9, 145, 2 }, { 194, 1, 0, -1 },
};

/* X(name, threads, number, columns, own, block) of attention.h. */
static const struct entry {
    gd_cuda_kernel kernel;
    uint32_t number, columns, own, block;
} entries[] = {
#define ENTRY(name, threads, number, columns, own, block) { GD_KERNEL_##name, number, columns, own, block },
    GD_CUDA_ATTENTION(ENTRY)
#undef ENTRY
};

static const struct entry *entry_of(gd_cuda_kernel kernel)
{
    const struct entry *entry = entries;

    while (entry->kernel != kernel)
        entry++;
    return entry;
}

static uint32_t divided(uint32_t n, uint32_t by) { return (n + by - 1) / by; }

/* Jobs of at most `most` rows; returns their number. */
static uint32_t cut_jobs(gd_cuda_job *jobs, uint32_t most)
{
    uint32_t count = 0;

    for (uint32_t s = 0; s < SEGMENTS; s++)
        for (uint32_t i = 0; i < segments[s].length; i += most) {
            const uint32_t left = segments[s].length - i;

            jobs[count++] = (gd_cuda_job){ segments[s].first_row + i, left < most ? left : most,
                                           segments[s].first_position + i, s };
        }
    return count;
}

static gd_cuda_segment *put_segments(case_memory *memory)
{
    gd_cuda_segment *copy = case_take(memory, sizeof segments);

    for (uint32_t s = 0; s < SEGMENTS; s++)
        copy[s] = segments[s];
    return copy;
}

void case_make_attention(kernel_case *c, case_memory *memory)
{
    static const uint32_t dims[] = { 128, 64, 80, 256 }, heads[][2] = { { 2, 2 }, { 7, 1 }, { 4, 2 }, { 1, 1 } };
    const unsigned v = c->variant, rough = v == 5;
    const struct entry *entry = entry_of(c->kernel);
    const uint32_t dim = dims[v % 4], q_heads = heads[v % 4][0], kv_heads = heads[v % 4][1];
    const uint32_t type = entry->number == 4 && v % 2 ? GD_CUDA_F32 : GD_CUDA_BF16;
    const size_t q_cols = (size_t)q_heads * dim, k_cols = (size_t)kv_heads * dim;
    gd_cuda_job *jobs = case_take(memory, ROWS * sizeof *jobs);

    c->blocks[0] = cut_jobs(jobs, GD_CUDA_ATTENTION_LINES / (q_heads / kv_heads));
    c->blocks[1] = kv_heads;
    c->blocks[2] = divided(dim, entry->columns);
    c->shared = GD_CUDA_ATTENTION_SHARED(entry->own, entry->block, divided(dim * entry->number, GD_CUDA_ATTENTION_ROW));
    c->args.attention = (gd_cuda_attention){ .q = case_numbers(memory, ROWS * q_cols, type, rough),
                                             .k = case_numbers(memory, ROWS * k_cols, type, rough),
                                             .v = case_numbers(memory, ROWS * k_cols, type, rough),
                                             .q_stride = q_cols,
                                             .k_stride = k_cols,
                                             .v_stride = k_cols,
                                             .jobs = case_card(memory, jobs),
                                             .segments = case_card(memory, put_segments(memory)),
                                             .tile_count = ROWS,
                                             .heads = q_heads,
                                             .kv_heads = kv_heads,
                                             .head_dim = dim,
                                             .window = v < 4 ? 0 : 48,
                                             .type = type,
                                             .scale = 0.125f,
                                             .softcap = v % 3 == 2 ? 5.0f : 0.0f,
                                             .out = case_out(c, memory, ROWS, q_cols, 0,
                                                             v % 4 < 2 ? type : GD_CUDA_F32) };
}
