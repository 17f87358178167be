/* gemm_tile.h - what the tiles of all kernels for vector units share. */
#ifndef GD_CPU_GEMM_TILE_H
#define GD_CPU_GEMM_TILE_H

#include "backends/cpu/gemm.h"

/* Sums live in registers only when a tile's height and width are constants: everything is inlined into one function for
 * each height, and its inner loops are unrolled.  Emulation (in the tests) does not need that. */
#ifdef GD_GEMM_EMULATED
#define ALWAYS static
#define UNROLL
#else
#define ALWAYS static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#endif

/* A kernel's call, or the rest of it. While a tile is computed it prefetches its share of the packed block that the
 * next call will read, and the packed rows of the next tile, which start where its own end: without the former, 8 rows
 * ran at half the speed on matrices larger than the caches. A line may be fetched twice; that costs almost nothing. */
struct work {
    size_t m, pairs;
    const char *x; /* packed rows; where the kernel reads them in place, ... */
    size_t stride; /* ... bytes from one row to the next */
    const char *w; /* packed or expanded weights */
    float *sum;
    bool add;
    const char *next;
    size_t step; /* bytes to fetch for each pair of a tile; 0: none */
};

ALWAYS struct work work_of(const gd_gemm_block *b, size_t element)
{
    return (struct work){ b->m, b->pairs, b->x, b->stride * element, b->w, b->sum, b->add, b->next, 0 };
}

/* A tile's share when `tiles` of them fetch `pair_bytes` per pair. */
ALWAYS size_t fetch_step(const char *next, size_t pair_bytes, size_t tiles)
{
    return next ? (pair_bytes + tiles - 1) / tiles : 0;
}

/* low: a tile of few rows, which waits for memory, fetches in four streams: a core prefetches ahead in each of them
 * (one row, Zen 3: 20 GB/s, against 15 in one stream). The remainder of a length not divisible by four is not fetched.
 * past: not into the last-level cache. */
ALWAYS void fetch(const struct work *k, size_t j, bool low, bool past, int next_lines, const char *rows_end,
                  int row_lines)
{
    const char *next = k->next + (low ? j % 4 * (k->pairs / 4) + j / 4 : j) * k->step;

    if (low && !k->step)
        return;
    for (int i = 0; i < next_lines; i++)
        if (past)
            __builtin_prefetch(next + 64 * i, 0, 0);
        else
            __builtin_prefetch(next + 64 * i, 0, 2);
    for (int i = 0; i < row_lines; i++)
        __builtin_prefetch(rows_end + 64 * (j * (size_t)row_lines + (size_t)i), 0, 3);
}

#endif
