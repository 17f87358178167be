/* outer_impl.h - running sums over rows (doc/arithmetic.md, section 9), written once for 16 lanes.
 *
 * Both operands are packed in words: a pair of rows or, in fp32, a row, from the last to the first.  The odd row of a
 * pair is taken first; a missing row at the end is zero. */
#include "backends/cpu/attention_block.h"

/* Lines that pass over the columns together: eight leave nothing of the usual ranks, but need 32 registers. */
#if GD_TILE_COLS > 1
enum { OUTER_LINES = 8 };
#else
enum { OUTER_LINES = GD_TILE_ROWS };
#endif

INLINE size_t outer_words(enum form form, size_t rows) { return words(form, rows + rows % 2); }

/* The rows lie far apart and are often in no cache; prefetched this many rows ahead. */
enum { OUTER_AHEAD = 24 };

INLINE void outer_expect(const gd_outer_rows *x, const unsigned char *row, size_t row_bytes)
{
    const uintptr_t ahead = (uintptr_t)row - OUTER_AHEAD * row_bytes; /* perhaps outside: a hint, never read */

    for (size_t byte = 0; byte < x->cols * gd_dtype_size(x->type); byte += 64)
        __builtin_prefetch((const void *)(ahead + byte), 0, 3); /* NOLINT: an address */
}

/* Pairs of rows; `odd` is false for a row without its second. */
INLINE void outer_pair(const gd_outer_rows *x, const unsigned char *even, size_t row_bytes, bool odd, float *packed)
{
    for (size_t i = 0; i < x->cols; i += 16) {
        const v16 low = v_read(even, GD_BF16, i, x->cols - i);

        v_store(packed + i, v_pairs(low, odd ? v_read(even + row_bytes, GD_BF16, i, x->cols - i) : v_zero()));
    }
}

static void outer_pack_pairs(const gd_outer_rows *x, float *packed, size_t width)
{
    const size_t row_bytes = x->stride * sizeof(gd_bf16), whole = x->rows / 2;
    const unsigned char *even = (const unsigned char *)x->at + 2 * whole * row_bytes;

    if (x->rows % 2) {
        outer_pair(x, even, row_bytes, false, packed);
        packed += width;
    }
    for (size_t pair = whole; pair > 0; pair--, packed += width) {
        even -= 2 * row_bytes;
        outer_expect(x, even, row_bytes);
        outer_expect(x, even + row_bytes, row_bytes);
        outer_pair(x, even, row_bytes, true, packed);
    }
}

static void outer_pack_numbers(const gd_outer_rows *x, float *packed, size_t width)
{
    const size_t row_bytes = x->stride * gd_dtype_size(x->type), missing = x->rows % 2;
    const unsigned char *row = (const unsigned char *)x->at + x->rows * row_bytes;

    for (size_t i = 0; missing && i < x->cols; i += 16)
        v_store(packed + i, v_zero());
    packed += missing * width;
    for (size_t left = x->rows; left > 0; left--, packed += width) {
        row -= row_bytes;
        outer_expect(x, row, row_bytes);
        for (size_t i = 0; i < x->cols; i += 16)
            v_store(packed + i, v_read(row, x->type, i, x->cols - i));
    }
}

static void row_pack_outer(const gd_outer_rows *x, float *packed, size_t width)
{
    if (in_pairs(form_of(x->type)))
        outer_pack_pairs(x, packed, width);
    else
        outer_pack_numbers(x, packed, width);
}

/* Some lines and columns of a call. */
typedef struct outer_pass {
    size_t words;
    const float *a, *b;
    size_t a_width;
    float *sum;
    size_t sum_stride;
    const char *next; /* prefetched meanwhile, a cache line for each word, ... */
    size_t step;      /* ... this many bytes apart */
} outer_pass;

/* form, rows and vectors are constants where this is inlined, so that the sums stay in registers. */
INLINE void outer_tile(enum form form, size_t rows, size_t vectors, const outer_pass *p)
{
    const float *a = p->a, *b = p->b;
    const char *next = p->next;
    v16 acc[OUTER_LINES][GD_TILE_COLS];

    UNROLL_FOR(size_t r = 0; r < rows; r++)
        UNROLL_FOR(size_t c = 0; c < vectors; c++)
            acc[r][c] = v_load(p->sum + r * p->sum_stride + c * 16);
    UNROLL_FOR(size_t r = 0; r < rows; r++)
        UNROLL_FOR(size_t c = 0; c < vectors; c++)
            __builtin_prefetch(p->sum + (rows + r) * p->sum_stride + c * 16, 1, 3); /* of the next lines */
    for (size_t j = 0; j < p->words; j++) {
        v16 bj[GD_TILE_COLS];

        UNROLL_FOR(size_t c = 0; c < vectors; c++)
            bj[c] = v_load(b + c * 16);
        UNROLL_FOR(size_t r = 0; r < rows; r++) {
            const v16 ar = v_set(a[r]);

            UNROLL_FOR(size_t c = 0; c < vectors; c++)
                acc[r][c] = form == PAIRS ? v_fma_pairs(ar, bj[c], acc[r][c]) : v_fma(ar, bj[c], acc[r][c]);
        }
        __builtin_prefetch(next, 0, 3);
        next += p->step;
        a += p->a_width;
        b += GD_OUTER_COLS;
    }
    UNROLL_FOR(size_t r = 0; r < rows; r++)
        UNROLL_FOR(size_t c = 0; c < vectors; c++)
            v_store(p->sum + r * p->sum_stride + c * 16, acc[r][c]);
}

/* What pass number `index` prefetches: some rows of the next panel, the first cache line of all rows before the second
 * one. */
INLINE void outer_next(const gd_outer_job *job, size_t index, outer_pass *p)
{
    const size_t size = gd_dtype_size(job->b.type), row_bytes = job->b.stride * size;
    const size_t passes = (job->b.rows + p->words - 1) / p->words, byte = index / passes * 64;

    p->next = (const char *)job->b.at;
    p->step = 0;
    if (byte >= job->more * size)
        return;
    p->next += job->b.cols * size + byte + index % passes * p->words * row_bytes;
    p->step = row_bytes;
}

/* All lines by some of the columns. */
INLINE void outer_column(enum form form, size_t vectors, const gd_outer_job *job, size_t *index, outer_pass p)
{
    const size_t high = OUTER_LINES;

    for (size_t i = 0; i < job->a_cols;) {
        const size_t left = job->a_cols - i, rows = left >= high ? high : left >= 2 ? 2 : 1;

        outer_next(job, (*index)++, &p);
        if (rows == high)
            outer_tile(form, OUTER_LINES, vectors, &p);
        else if (rows == 2)
            outer_tile(form, 2, vectors, &p);
        else
            outer_tile(form, 1, vectors, &p);
        p.a += rows;
        p.sum += rows * p.sum_stride;
        i += rows;
    }
}

INLINE void outer_panel(enum form form, const gd_outer_job *job)
{
    const size_t vectors = (job->b.cols + 15) / 16;
    outer_pass p = { .words = outer_words(form, job->b.rows),
                     .a = job->a,
                     .b = job->scratch,
                     .a_width = job->a_width,
                     .sum = job->sum,
                     .sum_stride = job->sum_stride };
    size_t index = 0, c = 0;

    for (; c + GD_TILE_COLS <= vectors; c += GD_TILE_COLS) {
        outer_column(form, GD_TILE_COLS, job, &index, p);
        p.b += GD_TILE_COLS * 16;
        p.sum += GD_TILE_COLS * 16;
    }
    if (c < vectors)
        outer_column(form, 1, job, &index, p);
}

static void row_outer(const gd_outer_job *job)
{
    row_pack_outer(&job->b, job->scratch, GD_OUTER_COLS);
    if (in_pairs(form_of(job->b.type)))
        outer_panel(PAIRS, job);
    else
        outer_panel(NUMBERS, job);
}
