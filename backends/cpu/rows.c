/* rows.c - choosing a variant of the row kernels, and the scratch space of attention. */
#include "backends/cpu/rows.h"

#include "base/mem.h"

const gd_row_kernels *const gd_row_variants[] = {
#if HAVE_AVX512BF16
    &gd_rows_avx512bf16,
#endif
#if HAVE_AVX512
    &gd_rows_avx512,
#endif
#if HAVE_AVX2
    &gd_rows_avx2,
#endif
#if HAVE_NEON
    &gd_rows_neon,
#endif
    &gd_rows_generic,
};
const size_t gd_row_variant_count = sizeof gd_row_variants / sizeof gd_row_variants[0];

const gd_row_kernels *gd_row_pick(gd_isa have)
{
    size_t i = 0;

    while (gd_row_variants[i]->needs & ~have)
        i++;
    return gd_row_variants[i];
}

size_t gd_attention_line_floats(size_t rows, size_t group, size_t head_dim)
{
    size_t lines, width, floats, count;

    /* Queries and results of every line, two numbers per line, the keys and values of a block, and a tile's pv. */
    if (!gd_mul(rows, group, &lines) || !gd_add(head_dim, 15, &width) || !gd_mul(lines, 2, &count) ||
        !gd_add(count, 2 * GD_ATTENTION_KEYS + GD_ATTENTION_TILE, &count) || !gd_mul(count, width, &floats) ||
        !gd_mul(lines, 2, &lines) || !gd_add(floats, lines, &floats))
        return 0;
    return floats;
}

/* Turned keys and values, keys, what a tile needs, and for each line of the job three lines of words
 * and a number. */
size_t gd_query_back_floats(size_t lines, size_t head_dim)
{
    size_t width, count;

    if (!gd_add(head_dim, 15, &width) || !gd_mul(lines, 3, &count) ||
        !gd_add(count, 3 * GD_ATTENTION_KEYS + GD_ATTENTION_TILE, &count) || !gd_mul(count, width, &count) ||
        !gd_add(count, 2 * GD_ATTENTION_TILE * GD_ATTENTION_KEYS, &count) || !gd_add(count, lines, &count))
        return 0;
    return count;
}

/* The sums of keys and values, and of a chunk of lines their queries, gradients and two numbers for each key. */
size_t gd_key_back_floats(size_t head_dim)
{
    size_t width, count;

    if (!gd_add(head_dim, 15, &width) || !gd_mul(width, 4 * GD_ATTENTION_KEYS, &count) ||
        !gd_add(count, 2 * GD_ATTENTION_KEYS * GD_ATTENTION_KEYS, &count))
        return 0;
    return count;
}
