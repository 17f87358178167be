/* attention_tile.h - the small products of attention: a few lines by a block of keys or values, in the order of
 * doc/arithmetic.md, section 3.
 *
 * Operands are numbers in fp32 or, where the processor multiplies them, pairs of bf16: half as many words, each of two
 * numbers adjacent in the sum. */
#ifndef GD_CPU_ATTENTION_TILE_H
#define GD_CPU_ATTENTION_TILE_H

#include "backends/cpu/lanes.h"
#include "backends/cpu/rows.h"

#if defined(__clang__)
#define UNROLL_FOR(...) _Pragma("unroll") for (__VA_ARGS__)
#else
#define UNROLL_FOR(...) \
    _Pragma("GCC unroll 8") for (__VA_ARGS__) /* gcc keeps an array in registers only if every index is a constant */
#endif
#define INLINE static inline __attribute__((always_inline))

enum { KEYS = GD_ATTENTION_KEYS, VECTORS = KEYS / 16 };

typedef struct lines {
    float *p; /* words: numbers, or pairs of bf16 */
    size_t stride;
} lines;

/* TENSOR: pairs, too, whose products are those of tensor cores (tensor.h). */
enum form { NUMBERS, PAIRS, TENSOR };

typedef v16 tile_sums[GD_TILE_ROWS][VECTORS];

/* A constant false where there are no pairs, so that the compiler drops their code. */
INLINE bool in_pairs(enum form form) { return V_HAS_PAIRS && form == PAIRS; }

INLINE bool holds_pairs(enum form form) { return in_pairs(form) || form == TENSOR; }

/* The words that hold this many numbers. */
INLINE size_t words(enum form form, size_t numbers) { return holds_pairs(form) ? (numbers + 1) / 2 : numbers; }

/* Adds the products of word j to all sums. half: its pairs lack the odd element. */
INLINE void tile_step(enum form form, size_t rows, size_t vectors, size_t j, bool half, lines a, lines b, tile_sums acc)
{
    v16 bj[VECTORS];

    UNROLL_FOR(size_t c = 0; c < vectors; c++) {
        bj[c] = v_load(b.p + j * b.stride + c * 16);
        if (half)
            bj[c] = v_even_of(bj[c]);
    }
    UNROLL_FOR(size_t r = 0; r < rows; r++) {
        const v16 aj = v_set(a.p[r * a.stride + j]);

        UNROLL_FOR(size_t c = 0; c < vectors; c++)
            acc[r][c] = form == PAIRS ? v_fma_pairs(aj, bj[c], acc[r][c]) : v_fma(aj, bj[c], acc[r][c]);
    }
}

/* Adds the products of numbers first .. end - 1, at most 512. Where a pair lacks its odd number, a has zero there. */
INLINE void tile_block(enum form form, size_t rows, size_t vectors, size_t first, size_t end, lines a, lines b,
                       tile_sums acc)
{
    if (form == PAIRS) {
        for (size_t j = first / 2; j < end / 2; j++)
            tile_step(form, rows, vectors, j, false, a, b, acc);
        if (end % 2)
            tile_step(form, rows, vectors, end / 2, true, a, b, acc);
        return;
    }
    for (size_t j = first; j + 1 < end; j += 2) {
        tile_step(form, rows, vectors, j + 1, false, a, b, acc);
        tile_step(form, rows, vectors, j, false, a, b, acc);
    }
    if (end % 2) {
        UNROLL_FOR(size_t r = 0; r < rows; r++)
            UNROLL_FOR(size_t c = 0; c < vectors; c++)
                acc[r][c] = v_add(acc[r][c], v_zero()); /* the missing element: 0 * 0 is added */
        tile_step(form, rows, vectors, end - 1, false, a, b, acc);
    }
}

/* out[r][..] = sum over j < depth of a[r][j] b[j][..], in the order of section 3; `resume` continues from the sums
 * in out.  form, rows and vectors are constants where this is inlined, so that the sums stay in registers. */
INLINE void tile_product(enum form form, size_t rows, size_t vectors, size_t depth, bool resume, lines a, lines b,
                         lines out)
{
    tile_sums acc;

    for (size_t first = 0; first < depth; first += 512) {
        const size_t end = depth - first < 512 ? depth : first + 512;

        UNROLL_FOR(size_t r = 0; r < rows; r++)
            UNROLL_FOR(size_t c = 0; c < vectors; c++)
                acc[r][c] = resume ? v_load(out.p + r * out.stride + c * 16) : v_zero();
        tile_block(form, rows, vectors, first, end, a, b, acc);
        UNROLL_FOR(size_t r = 0; r < rows; r++)
            UNROLL_FOR(size_t c = 0; c < vectors; c++) {
                float *total = out.p + r * out.stride + c * 16;

                v_store(total, first ? v_add(v_load(total), acc[r][c]) : acc[r][c]);
            }
    }
}

static lines columns(lines m, size_t vectors) { return (lines){ m.p + vectors * 16, m.stride }; }

/* A whole tile of lines; depth > 0. */
INLINE void tile_lines_of(enum form form, size_t vectors, size_t depth, lines a, lines b, lines out)
{
    size_t c = 0;

    for (; c + GD_TILE_COLS <= vectors; c += GD_TILE_COLS)
        tile_product(form, GD_TILE_ROWS, GD_TILE_COLS, depth, false, a, columns(b, c), columns(out, c));
    for (; c < vectors; c++)
        tile_product(form, GD_TILE_ROWS, 1, depth, false, a, columns(b, c), columns(out, c));
}

/* One line, wide enough to keep the multipliers busy. */
INLINE void tile_line_of(enum form form, size_t vectors, size_t depth, bool resume, lines a, lines b, lines out)
{
    size_t c = 0;

    for (; c + VECTORS <= vectors; c += VECTORS)
        tile_product(form, 1, VECTORS, depth, resume, a, columns(b, c), columns(out, c));
    for (; c < vectors; c++)
        tile_product(form, 1, 1, depth, resume, a, columns(b, c), columns(out, c));
}

static void tile_lines(enum form form, size_t vectors, size_t depth, lines a, lines b, lines out)
{
    if (in_pairs(form))
        tile_lines_of(PAIRS, vectors, depth, a, b, out);
    else
        tile_lines_of(NUMBERS, vectors, depth, a, b, out);
}

static void tile_line(enum form form, size_t vectors, size_t depth, bool resume, lines a, lines b, lines out)
{
    if (in_pairs(form))
        tile_line_of(PAIRS, vectors, depth, resume, a, b, out);
    else
        tile_line_of(NUMBERS, vectors, depth, resume, a, b, out);
}

/* out[r][..] = sum over j < count of the words a[r][j] b[j][..], in the arithmetic of tensor cores. */
static void tensor_lines(gd_tensor_products *products, size_t rows, size_t vectors, size_t count, lines a, lines b,
                         lines out)
{
    gd_tensor_sum(products, (gd_tensor_block){ .rows = rows,
                                               .pairs = count,
                                               .x = a.p,
                                               .x_stride = a.stride * sizeof *a.p,
                                               .w = b.p,
                                               .w_stride = b.stride * sizeof *b.p,
                                               .vectors = vectors,
                                               .sum = out.p,
                                               .sum_stride = out.stride });
}

#endif
