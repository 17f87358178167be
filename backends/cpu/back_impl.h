/* back_impl.h - the backward twins of the row kernels (doc/arithmetic.md, section 9), written once for 16 lanes. */
#include "backends/cpu/attention_block.h"
#include "backends/cpu/math.h"

/* x' = r * fma(-k, x, u), u = y' * w, k = (sum(u * x) * r * r) / n. */
INLINE v16 weighed_gradient(const gd_norm_back_job *job, size_t i)
{
    const v16 w = v_load_some(job->w + i, job->n - i);

    return v_mul(v_load_some(job->dy + i, job->n - i), job->unit_offset ? v_add(v_set(1.0f), w) : w);
}

static void row_rms_norm_back(const gd_norm_back_job *job)
{
    const size_t n = job->n;
    v16 squares = v_zero(), products = v_zero(), k;
    float r;

    for (size_t i = 0; i < n; i += 16) {
        const v16 x = v_load_some(job->x + i, n - i);

        squares = v_fma(x, x, squares);
        products = v_fma(weighed_gradient(job, i), x, products);
    }
    r = 1.0f / __builtin_sqrtf(v_sum(squares) / (float)n + job->eps);
    if (job->r)
        *job->r = r;
    k = v_set(-(v_sum(products) * (r * r) / (float)n));
    for (size_t i = 0; job->dx && i < n; i += 16) {
        v16 d = v_mul(v_set(r), v_fma(k, v_load_some(job->x + i, n - i), weighed_gradient(job, i)));

        if (job->add)
            d = v_add(v_load_some((const float *)job->dx + i, n - i), d);
        v_write(job->dx, job->type, i, n - i, d);
    }
}

static void row_axpy(size_t n, float a, const float *x, float *y)
{
    const v16 factor = v_set(a);

    for (size_t i = 0; i < n; i += 16)
        v_store_some(y + i, n - i, v_fma(factor, v_load_some(x + i, n - i), v_load_some(y + i, n - i)));
}

static void row_norm_weight(size_t n, const float *x, float r, const float *dy, float *sum)
{
    const v16 factor = v_set(r);

    for (size_t i = 0; i < n; i += 16)
        v_store_some(sum + i, n - i,
                     v_fma(v_load_some(dy + i, n - i), v_mul(v_load_some(x + i, n - i), factor),
                           v_load_some(sum + i, n - i)));
}

typedef struct activated {
    v16 value, slope;
} activated;

/* silu(g) and silu'(g). */
INLINE activated silu_slope(v16 g)
{
    const v16 one = v_set(1.0f), below = v_add(one, v_exp(v_negate(g))), s = v_div(one, below);

    return (activated){ v_div(g, below), v_mul(s, v_fma(g, v_sub(one, s), one)) };
}

/* gelu(g) and gelu'(g). */
INLINE activated gelu_slope(v16 g)
{
    const v16 one = v_set(1.0f), half = v_set(0.5f), c = v_set(0x1.988454p-1f);
    const v16 inner = v_mul(c, v_fma(v_set(0x1.6e4e26p-5f), v_mul(v_mul(g, g), g), g));
    const v16 t = v_tanh(inner), bent = v_mul(c, v_fma(v_set(0x1.12ba9ep-3f), v_mul(g, g), one));
    const v16 flat = v_mul(half, v_add(one, t)), rest = v_fma(v_negate(t), t, one);

    return (activated){ v_mul(v_mul(half, g), v_add(one, t)), v_fma(v_mul(v_mul(half, g), rest), bent, flat) };
}

INLINE void gated_back_as(const gd_gated_back_job *job, gd_activation act, gd_dtype type)
{
    const size_t n = job->cols;

    for (size_t i = 0; i < n; i += 16) {
        const v16 g = v_read(job->gate, type, i, n - i), u = v_read(job->up, type, i, n - i);
        const v16 dy = v_load_some(job->dy + i, n - i);
        const activated a = act == GD_ACT_SILU ? silu_slope(g) : gelu_slope(g);

        v_write(job->d_gate, type, i, n - i, v_mul(v_mul(dy, u), a.slope));
        v_write(job->d_up, type, i, n - i, v_mul(dy, a.value));
    }
}

static void row_gated_back(const gd_gated_back_job *job)
{
    if (job->act == GD_ACT_SILU && job->type == GD_BF16)
        gated_back_as(job, GD_ACT_SILU, GD_BF16);
    else if (job->act == GD_ACT_SILU)
        gated_back_as(job, GD_ACT_SILU, GD_F32);
    else
        gated_back_as(job, GD_ACT_GELU_TANH, job->type);
}

/* ---- running sums over rows ----
 *
 * Both operands are packed in pairs of rows, the last pair first; within a pair the odd row is taken first.  A missing
 * row at the end is zero.  So a product in the order of section 3 is the running sum from the last row to the first. */

/* The place of a row among packed numbers. */
INLINE size_t outer_place(size_t rows, size_t row) { return ((rows + 1) / 2 - 1 - row / 2) * 2 + row % 2; }

/* A word of a row pair: of row 2 * pair + 1, if there is one, and of row 2 * pair. */
INLINE v16 outer_pair(const void *x, size_t row_bytes, size_t rows, size_t pair, size_t i, size_t left)
{
    const unsigned char *even = (const unsigned char *)x + 2 * pair * row_bytes;
    const v16 low = v_read(even, GD_BF16, i, left);
    const v16 high = 2 * pair + 1 < rows ? v_read(even + row_bytes, GD_BF16, i, left) : v_zero();

    return v_pairs(low, high);
}

/* 16 words of the operand, of columns i ..., at place `at`: of a row, or of a pair of rows. */
INLINE v16 outer_words(enum form form, const void *x, size_t stride, gd_dtype type, size_t rows, size_t at, size_t i,
                       size_t left)
{
    const size_t row_bytes = stride * gd_dtype_size(type), pairs = (rows + 1) / 2;
    size_t row;

    if (in_pairs(form))
        return outer_pair(x, row_bytes, rows, pairs - 1 - at, i, left);
    row = (pairs - 1 - at / 2) * 2 + at % 2;
    return row < rows ? v_read((const unsigned char *)x + row * row_bytes, type, i, left) : v_zero();
}

INLINE size_t outer_depth(size_t rows) { return rows + rows % 2; }

/* packed[column][word] */
static void row_pack_outer(size_t rows, size_t cols, const void *a, size_t stride, gd_dtype type, float *packed)
{
    const enum form form = form_of(type);
    const size_t count = words(form, outer_depth(rows)), line = GD_OUTER_WORDS(rows);
    v16 square[16];
    float turned[16 * 16];

    for (size_t c = 0; c < cols; c += 16)
        for (size_t at = 0; at < count; at += 16) {
            const size_t left = count - at < 16 ? count - at : 16;

            for (size_t i = 0; i < 16; i++)
                square[i] = i < left ? outer_words(form, a, stride, type, rows, at + i, c, cols - c) : v_zero();
            v_transpose(square, turned, 16);
            for (size_t i = 0; i < 16 && c + i < cols; i++)
                memcpy(packed + (c + i) * line + at, turned + i * 16, left * sizeof *turned);
        }
}

/* Some lines by the columns. */
INLINE void outer_lines(enum form form, size_t rows, size_t vectors, size_t depth, lines a, lines b, lines sum)
{
    size_t c = 0;

    for (; c + GD_TILE_COLS <= vectors; c += GD_TILE_COLS)
        tile_product(form, rows, GD_TILE_COLS, depth, true, a, columns(b, c), columns(sum, c));
    for (; c < vectors; c++)
        tile_product(form, rows, 1, depth, true, a, columns(b, c), columns(sum, c));
}

static lines outer_from(lines m, size_t line) { return (lines){ m.p + line * m.stride, m.stride }; }

/* A block of lines by the columns, at most 512 numbers deep. Ranks are often powers of two, which leave two lines. */
INLINE void outer_block(enum form form, size_t a_cols, size_t vectors, size_t depth, lines a, lines b, lines sum)
{
    size_t i = 0;

    for (; i + GD_TILE_ROWS <= a_cols; i += GD_TILE_ROWS)
        outer_lines(form, GD_TILE_ROWS, vectors, depth, outer_from(a, i), b, outer_from(sum, i));
    for (; i + 2 <= a_cols; i += 2)
        outer_lines(form, 2, vectors, depth, outer_from(a, i), b, outer_from(sum, i));
    for (; i < a_cols; i++)
        tile_line_of(form, vectors, depth, true, (lines){ a.p + i * a.stride, a.stride }, b,
                     (lines){ sum.p + i * sum.stride, sum.stride });
}

static void outer_sums(enum form form, size_t a_cols, size_t vectors, size_t depth, lines a, lines b, lines sum)
{
    for (size_t at = 0; at < depth; at += 512) {
        const size_t word = words(form, at), here = depth - at < 512 ? depth - at : 512;
        const lines from = { a.p + word, a.stride }, by = { b.p + word * b.stride, b.stride };

        if (in_pairs(form))
            outer_block(PAIRS, a_cols, vectors, here, from, by, sum);
        else
            outer_block(NUMBERS, a_cols, vectors, here, from, by, sum);
    }
}

/* A task reads a few columns of every row, which lie far apart and are often in no cache; prefetched this many words
 * ahead. */
enum { OUTER_AHEAD = 12 };

INLINE void outer_expect(const gd_outer_job *job, enum form form, size_t at)
{
    const size_t size = gd_dtype_size(job->type), each = in_pairs(form) ? 2 : 1;

    for (size_t back = at * each; back < (at + 1) * each && back < job->rows; back++)
        for (size_t byte = 0; byte < job->b_cols * size; byte += 64)
            __builtin_prefetch((const char *)job->b + (job->rows - 1 - back) * job->b_stride * size + byte, 0, 3);
}

static void row_outer(const gd_outer_job *job)
{
    const enum form form = form_of(job->type);
    const size_t depth = outer_depth(job->rows), vectors = (job->b_cols + 15) / 16, width = vectors * 16;

    for (size_t at = 0; at < words(form, depth); at++) {
        outer_expect(job, form, at + OUTER_AHEAD);
        for (size_t c = 0; c < job->b_cols; c += 16)
            v_store(job->scratch + at * width + c,
                    outer_words(form, job->b, job->b_stride, job->type, job->rows, at, c, job->b_cols - c));
    }
    outer_sums(form, job->a_cols, vectors, depth, (lines){ (float *)job->a, GD_OUTER_WORDS(job->rows) },
               (lines){ job->scratch, width }, (lines){ job->sum, job->sum_stride });
}
