/* attention_block.h - lines of queries, keys and values as the small products of attention read them. */
#ifndef GD_CPU_ATTENTION_BLOCK_H
#define GD_CPU_ATTENTION_BLOCK_H

#include "backends/cpu/attention_tile.h"

INLINE enum form form_of(gd_dtype type) { return V_HAS_PAIRS && type == GD_BF16 ? PAIRS : NUMBERS; }

/* Up to 16 pairs of a row, from element d on; `left` elements remain. */
INLINE v16 read_pairs(const void *row, size_t d, size_t left)
{
    const unsigned char *at = (const unsigned char *)row + d * sizeof(gd_bf16);
    unsigned char part[64];

    if (left >= 32)
        return v_load(at);
    memset(part, 0, sizeof part);
    memcpy(part, at, left * sizeof(gd_bf16));
    return v_load(part);
}

/* Turns `count` lines of n elements, 16 by 16, so that lanes are lines: to[element][line]. The other lanes are zero. */
INLINE void turn_numbers(gd_dtype type, const void *const *line, size_t count, size_t n, lines to)
{
    v16 square[16];

    for (size_t j = 0; j < count; j += 16)
        for (size_t d = 0; d < n; d += 16) {
            for (size_t i = 0; i < 16; i++)
                square[i] = j + i < count ? v_read(line[j + i], type, d, n - d) : v_zero();
            v_transpose(square, to.p + d * to.stride + j, to.stride);
        }
}

/* The same in pairs of elements. */
INLINE void turn_pairs(const void *const *line, size_t count, size_t n, lines to)
{
    v16 square[16];

    for (size_t j = 0; j < count; j += 16)
        for (size_t d = 0; d < n; d += 32) {
            for (size_t i = 0; i < 16; i++)
                square[i] = j + i < count ? read_pairs(line[j + i], d, n - d) : v_zero();
            v_transpose(square, to.p + d / 2 * to.stride + j, to.stride);
        }
}

static void turn_block(enum form form, gd_dtype type, const void *const *line, size_t count, size_t n, lines to)
{
    if (holds_pairs(form))
        turn_pairs(line, count, n, to);
    else if (type == GD_BF16)
        turn_numbers(GD_BF16, line, count, n, to);
    else
        turn_numbers(GD_F32, line, count, n, to);
}

/* Copies lines as they are, so that lanes are elements: to[line][element]. */
INLINE void copy_numbers(gd_dtype type, const void *const *line, size_t count, size_t n, lines to)
{
    for (size_t j = 0; j < count; j++)
        for (size_t d = 0; d < n; d += 16)
            v_store(to.p + j * to.stride + d, v_read(line[j], type, d, n - d));
}

/* Pairs of values that are bf16. */
INLINE void store_pairs(float *to, v16 even, v16 odd)
{
    gd_bf16 lower[16], upper[16], pairs[32];

    if (V_HAS_PAIRS) {
        v_store(to, v_pairs(even, odd));
        return;
    }
    v_store_bf16(lower, even);
    v_store_bf16(upper, odd);
    for (size_t i = 0; i < 16; i++) {
        pairs[2 * i] = lower[i];
        pairs[2 * i + 1] = upper[i];
    }
    memcpy(to, pairs, sizeof pairs);
}

/* The same in pairs of lines. */
INLINE void copy_pairs(const void *const *line, size_t count, size_t n, lines to)
{
    for (size_t j = 0; j < count; j += 2) {
        const bool both = j + 1 < count;
        const void *even = line[j], *odd = line[j + both];

        for (size_t d = 0; d < n; d += 16) {
            const v16 upper = both ? v_read(odd, GD_BF16, d, n - d) : v_zero();

            store_pairs(to.p + j / 2 * to.stride + d, v_read(even, GD_BF16, d, n - d), upper);
        }
    }
}

static void copy_block(enum form form, gd_dtype type, const void *const *line, size_t count, size_t n, lines to)
{
    if (holds_pairs(form))
        copy_pairs(line, count, n, to);
    else if (type == GD_BF16)
        copy_numbers(GD_BF16, line, count, n, to);
    else
        copy_numbers(GD_F32, line, count, n, to);
}

/* One line of n elements in words, with zero for a missing last element of a pair. */
static void load_line(enum form form, gd_dtype type, const void *line, size_t n, float *to)
{
    if (holds_pairs(form)) {
        for (size_t d = 0; d < n; d += 32)
            v_store_some(to + d / 2, (n - d + 1) / 2, read_pairs(line, d, n - d));
        return;
    }
    for (size_t d = 0; d < n; d += 16)
        v_store_some(to + d, n - d, v_read(line, type, d, n - d));
    if (n % 2)
        to[n] = 0.0f;
}

#endif
