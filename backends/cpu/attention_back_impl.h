/* attention_back_impl.h - the gradients of attention (doc/arithmetic.md, section 9), written once for 16 lanes.
 *
 * Logits and weights are computed again from queries and keys: those of all layers would not fit into memory.  Those of
 * a tile do: the queries' gradients leave them behind for the gradients of keys and values. */
#include "backends/cpu/attention_block.h"

/* Logits from products, and the derivative of the soft-cap at them. */
typedef struct capped {
    v16 logit, slope;
} capped;

INLINE capped cap_logits(v16 product, float scale, float softcap)
{
    const v16 s = v_mul(product, v_set(scale)), cap = v_set(softcap), one = v_set(1.0f);
    v16 ratio;
    capped c = { s, one };

    if (softcap != 0.0f) {
        c.logit = v_mul(cap, v_tanh(v_div(s, cap)));
        ratio = v_div(c.logit, cap);
        c.slope = v_fma(v_negate(ratio), ratio, one);
    }
    return c;
}

/* From the products of 16 keys to the weights and to the products' gradients. */
typedef struct weighed {
    v16 weight, gradient;
} weighed;

/* A line's part of that. */
typedef struct line_stats {
    v16 m, inverse, dot;
} line_stats;

INLINE weighed weigh(const gd_query_back_job *job, capped c, v16 d_weight, line_stats line)
{
    const v16 p = v_mul(v_exp_falling(v_sub(c.logit, line.m)), line.inverse);
    v16 t = v_mul(p, v_sub(d_weight, line.dot));

    if (job->softcap != 0.0f)
        t = v_mul(t, c.slope);
    return (weighed){ p, v_mul(t, v_set(job->scale)) };
}

/* 1 where the query at one position sees the key at the other, else 0. */
INLINE v16 sees(v16 query, v16 key, uint32_t window)
{
    const v16 zero = v_zero(), one = v_set(1.0f), apart = v_sub(query, key);
    const v16 seen = v_select_less(apart, zero, zero, one);

    return window ? v_select_less(apart, v_set((float)window), seen, zero) : seen;
}

INLINE lines cut_lines(float **p, size_t count, size_t stride)
{
    const lines part = { *p, stride };

    *p += count * stride;
    return part;
}

static lines from_line(lines l, size_t line) { return (lines){ l.p + line * l.stride, l.stride }; }

/* products[line][column] of all lines by `vectors` of columns. */
static void all_products(enum form form, size_t count, size_t vectors, size_t depth, lines a, lines b, lines out)
{
    size_t r = 0;

    for (; r + GD_TILE_ROWS <= count; r += GD_TILE_ROWS)
        tile_lines(form, vectors, depth, from_line(a, r), b, from_line(out, r));
    for (; r < count; r++)
        tile_line(form, vectors, depth, false, from_line(a, r), b, from_line(out, r));
}

/* ---- queries ---- */

typedef struct query_state {
    const gd_query_back_job *job;
    enum form form;
    size_t depth, width, count; /* count: lines */
    lines q, d;                 /* [line][depth], in words */
    lines sum;                  /* [line][width] the queries' gradients */
    lines k, v, rows;           /* the block: keys and values turned, and keys as they are */
    lines s, dp, part;          /* of a tile of lines: [64], [64] and [width] */
    float *dots;                /* [line] */
} query_state;

static void open_queries(query_state *st, const gd_query_back_job *job)
{
    float *p = job->scratch;

    st->job = job;
    st->form = form_of(job->type);
    st->depth = (job->head_dim + 1) / 2 * 2;
    st->width = (job->head_dim + 15) / 16 * 16;
    st->count = job->rows * job->group;
    st->k = cut_lines(&p, st->width, KEYS);
    st->v = cut_lines(&p, st->width, KEYS);
    st->rows = cut_lines(&p, KEYS, st->width);
    st->s = cut_lines(&p, GD_TILE_ROWS, KEYS);
    st->dp = cut_lines(&p, GD_TILE_ROWS, KEYS);
    st->part = cut_lines(&p, GD_TILE_ROWS, st->width);
    st->q = cut_lines(&p, st->count, st->width);
    st->d = cut_lines(&p, st->count, st->width);
    st->sum = cut_lines(&p, st->count, st->width);
    st->dots = p;
}

/* Where a line begins in [rows, group * head_dim]. */
INLINE size_t line_at(const gd_query_back_job *job, size_t line, size_t stride)
{
    return line / job->group * stride + line % job->group * job->head_dim;
}

INLINE size_t stat_at(const gd_query_back_job *job, size_t line)
{
    return line / job->group * job->stat_stride + line % job->group;
}

/* Tensors of all layers are in no cache any more: queries are prefetched some rows ahead, a block of keys while the one
 * before it is at work, and the lines that take what a tile leaves behind during its products. */
enum { ROWS_AHEAD = 4 };

INLINE void expect(const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)from + i, 0, 3);
}

INLINE void expect_row(const gd_query_back_job *job, size_t row)
{
    const size_t size = gd_dtype_size(job->type), bytes = job->group * job->head_dim * size;

    if (row >= job->rows)
        return;
    expect((const char *)job->q + row * job->q_stride * size, bytes);
    expect((const char *)job->o + row * job->o_stride * size, bytes);
    expect((const char *)job->d_o + row * job->d_stride * size, bytes);
}

INLINE void expect_keys(const gd_query_back_job *job, size_t start)
{
    const size_t size = gd_dtype_size(job->type), end = job->first_position + job->rows;

    for (size_t j = start; j < start + KEYS && j < end; j++) {
        expect((const char *)job->k + job->path[j] * job->k_stride * size, job->head_dim * size);
        expect((const char *)job->v + job->path[j] * job->v_stride * size, job->head_dim * size);
    }
}

INLINE void expect_to_write(const query_state *st, size_t line, size_t count, size_t start, size_t keys)
{
    const size_t stride = st->job->weight_stride;

    for (size_t r = line; r < line + count; r++)
        for (size_t i = start; i < start + keys; i += 16) {
            __builtin_prefetch(st->job->e + r * stride + i, 1, 3);
            if (!in_pairs(st->form))
                __builtin_prefetch(st->job->p + r * stride + i, 1, 3);
        }
}

static void load_queries(const query_state *st)
{
    const gd_query_back_job *job = st->job;
    const size_t size = gd_dtype_size(job->type), n = job->head_dim;

    for (size_t line = 0; line < st->count; line++) {
        const char *d = (const char *)job->d_o + line_at(job, line, job->d_stride) * size;
        const char *o = (const char *)job->o + line_at(job, line, job->o_stride) * size;
        const char *q = (const char *)job->q + line_at(job, line, job->q_stride) * size;
        v16 dot = v_zero();

        if (line % job->group == 0)
            expect_row(job, line / job->group + ROWS_AHEAD);
        load_line(st->form, job->type, q, n, st->q.p + line * st->q.stride);
        load_line(st->form, job->type, d, n, st->d.p + line * st->d.stride);
        for (size_t i = 0; i < n; i += 16)
            dot = v_fma(v_read(d, job->type, i, n - i), v_read(o, job->type, i, n - i), dot);
        st->dots[line] = v_sum(dot);
        for (size_t i = 0; i < st->width; i += 16)
            v_store(st->sum.p + line * st->sum.stride + i, v_zero());
    }
}

static void load_query_block(const query_state *st, size_t start, size_t keys)
{
    const gd_query_back_job *job = st->job;
    const size_t size = gd_dtype_size(job->type), n = job->head_dim;
    const void *key[KEYS], *value[KEYS];

    for (size_t j = 0; j < keys; j++) {
        key[j] = (const char *)job->k + job->path[start + j] * job->k_stride * size;
        value[j] = (const char *)job->v + job->path[start + j] * job->v_stride * size;
    }
    turn_block(st->form, job->type, key, keys, n, st->k);
    turn_block(st->form, job->type, value, keys, n, st->v);
    copy_block(st->form, job->type, key, keys, n, st->rows);
}

/* Whether a query at a position sees all keys of a block. */
INLINE bool sees_all(size_t position, size_t start, size_t keys, size_t window)
{
    return position >= start + keys - 1 && (window == 0 || position - start < window);
}

/* Gradients and weights of keys i .. i + 15: the gradients in place of the products, and both for the keys' sums. */
INLINE void put_weighed(const query_state *st, float *s, float *e, float *p, size_t i, weighed w)
{
    const bool rounds = st->job->type == GD_BF16;

    if (in_pairs(st->form)) {
        v_store_rounded((gd_bf16 *)(void *)s + i, e + i, w.gradient, w.weight);
        return;
    }
    w.gradient = rounds ? v_round_bf16(w.gradient) : w.gradient;
    v_store(s + i, w.gradient);
    v_store(e + i, w.gradient);
    v_store(p + i, rounds ? v_round_bf16(w.weight) : w.weight);
}

/* The gradients of a line's products with a block, in place of the products. */
static void query_gradients(const query_state *st, size_t line, size_t start, size_t vectors, float *s, const float *dp)
{
    const gd_query_back_job *job = st->job;
    const size_t at = stat_at(job, line), position = job->first_position + line / job->group;
    const line_stats stats = { v_set(job->m[at]), v_set(1.0f / job->l[at]), v_set(st->dots[line]) };
    const bool all = sees_all(position, start, vectors * 16, job->window);
    float *e = job->e + line * job->weight_stride + start, *p = job->p + line * job->weight_stride + start;

    for (size_t i = 0; i < vectors * 16; i += 16) {
        capped c = cap_logits(v_load(s + i), job->scale, job->softcap);

        if (!all) {
            const v16 key = v_add(v_set((float)(start + i)), v_index());
            const v16 seen = sees(v_set((float)position), key, job->window);

            c.logit = v_select_less(v_set(0.5f), seen, c.logit, v_set(-__builtin_inff()));
        }
        put_weighed(st, s, e, p, i, weigh(job, c, v_load(dp + i), stats));
    }
}

static void query_tile(const query_state *st, size_t line, size_t count, size_t start, size_t keys)
{
    const size_t vectors = (keys + 15) / 16;

    expect_to_write(st, line, count, start, keys);
    all_products(st->form, count, vectors, st->depth, from_line(st->q, line), st->k, st->s);
    all_products(st->form, count, vectors, st->depth, from_line(st->d, line), st->v, st->dp);
    for (size_t r = 0; r < count; r++)
        query_gradients(st, line + r, start, vectors, st->s.p + r * KEYS, st->dp.p + r * KEYS);
    all_products(st->form, count, st->width / 16, keys, st->s, st->rows, st->part);
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < st->width; i += 16) {
            float *sum = st->sum.p + (line + r) * st->width + i;

            v_store(sum, v_add(v_load(sum), v_load(st->part.p + r * st->width + i)));
        }
}

static void row_query_back(const gd_query_back_job *job)
{
    const size_t end = job->first_position + job->rows, window = job->window;
    const size_t lowest = window && job->first_position + 1 > window ? job->first_position + 1 - window : 0;
    query_state st;

    open_queries(&st, job);
    expect_keys(job, lowest / KEYS * KEYS);
    load_queries(&st);
    for (size_t start = lowest / KEYS * KEYS; start < end; start += KEYS) {
        const size_t first = start > job->first_position ? start - job->first_position : 0;
        const size_t keys = end - start < KEYS ? end - start : KEYS;

        expect_keys(job, start + KEYS);
        load_query_block(&st, start, keys);
        for (size_t line = first * job->group; line < st.count; line += GD_TILE_ROWS)
            query_tile(&st, line, st.count - line < GD_TILE_ROWS ? st.count - line : GD_TILE_ROWS, start, keys);
    }
    for (size_t line = 0; line < st.count; line++)
        for (size_t i = 0; i < job->head_dim; i += 16)
            v_store_some(job->d_q + line_at(job, line, job->dq_stride) + i, job->head_dim - i,
                         v_load(st.sum.p + line * st.width + i));
}

/* ---- keys and values ---- */

enum { LINES = KEYS }; /* of queries, in a chunk */

typedef struct key_state {
    const gd_key_back_job *job;
    enum form form;
    size_t width;
    lines e, p;     /* the chunk's gradients and weights, in words: [line][64] */
    lines q, d;     /* the chunk, in words: [line][width] */
    lines d_k, d_v; /* [key][width] the sums */
} key_state;

static void open_keys(key_state *st, const gd_key_back_job *job)
{
    float *p = job->scratch;

    st->job = job;
    st->form = form_of(job->type);
    st->width = (job->head_dim + 15) / 16 * 16;
    st->e = cut_lines(&p, LINES, KEYS);
    st->p = cut_lines(&p, LINES, KEYS);
    st->q = cut_lines(&p, LINES, st->width);
    st->d = cut_lines(&p, LINES, st->width);
    st->d_k = cut_lines(&p, KEYS, st->width);
    st->d_v = cut_lines(&p, KEYS, st->width);
}

static void load_sums(const key_state *st)
{
    const gd_key_back_job *job = st->job;
    const size_t n = job->head_dim;

    for (size_t j = 0; j < job->keys; j++)
        for (size_t i = 0; i < n; i += 16) {
            v_store(st->d_k.p + j * st->width + i, v_load_some(job->d_k + j * job->dk_stride + i, n - i));
            v_store(st->d_v.p + j * st->width + i, v_load_some(job->d_v + j * job->dv_stride + i, n - i));
        }
}

static void store_sums(const key_state *st)
{
    const gd_key_back_job *job = st->job;
    const size_t n = job->head_dim;

    for (size_t j = 0; j < job->keys; j++)
        for (size_t i = 0; i < n; i += 16) {
            v_store_some(job->d_k + j * job->dk_stride + i, n - i, v_load(st->d_k.p + j * st->width + i));
            v_store_some(job->d_v + j * job->dv_stride + i, n - i, v_load(st->d_v.p + j * st->width + i));
        }
}

/* Numbers of a line for keys i .. i + 15, or pairs of them; zero for those that it doesn't see. */
INLINE v16 seen_numbers(const gd_key_back_job *job, const struct gd_query_line *line, const float *from, size_t i)
{
    const v16 key = v_add(v_set((float)(job->first_position + i)), v_index());

    if (line->position >= 0 && sees_all((size_t)line->position, job->first_position, job->keys, job->window))
        return v_load(from + i);
    return v_select_less(v_set(0.5f), sees(v_set(line->position), key, job->window), v_load(from + i), v_zero());
}

/* What two lines have for 16 keys. */
INLINE void load_two(const key_state *st, const struct gd_query_line *two, size_t line, size_t i)
{
    const gd_key_back_job *job = st->job;
    const v16 even = seen_numbers(job, two, two->e, i), odd = seen_numbers(job, two + 1, two[1].e, i);
    float *e = st->e.p + i, *p = st->p.p + i;

    if (in_pairs(st->form)) {
        v_store(e + line / 2 * KEYS, v_pairs_of_even(even, odd));
        v_store(p + line / 2 * KEYS, v_pairs_of_odd(even, odd));
        return;
    }
    v_store(e + line * KEYS, even);
    v_store(e + (line + 1) * KEYS, odd);
    v_store(p + line * KEYS, seen_numbers(job, two, two->p, i));
    v_store(p + (line + 1) * KEYS, seen_numbers(job, two + 1, two[1].p, i));
}

/* The lines' numbers lie far apart, often in another core's cache; prefetched this many lines ahead. */
enum { LINES_AHEAD = 16 };

INLINE void expect_line(const key_state *st, const struct gd_query_line *line)
{
    for (size_t i = 0; i < st->job->keys; i += 16) {
        __builtin_prefetch(line->e + i, 0, 3);
        if (!in_pairs(st->form))
            __builtin_prefetch(line->p + i, 0, 3);
    }
}

/* What a task needs before it has prefetched anything: its sums and the first lines. */
INLINE void expect_first(const key_state *st)
{
    const gd_key_back_job *job = st->job;

    for (size_t i = 0; i < LINES_AHEAD && i < job->lines; i++)
        expect_line(st, job->line + i);
    for (size_t j = 0; j < job->keys; j++)
        for (size_t i = 0; i < job->head_dim; i += 16) {
            __builtin_prefetch(job->d_k + j * job->dk_stride + i, 1, 3);
            __builtin_prefetch(job->d_v + j * job->dv_stride + i, 1, 3);
        }
}

static void load_chunk(const key_state *st, size_t first, size_t count)
{
    const gd_key_back_job *job = st->job;
    const struct gd_query_line *line = job->line + first;
    const void *q[LINES], *d[LINES];

    for (size_t j = 0; j < count; j += 2) {
        for (size_t ahead = j + LINES_AHEAD; ahead < j + LINES_AHEAD + 2 && first + ahead < job->lines; ahead++)
            expect_line(st, line + ahead);
        for (size_t i = 0; i < job->keys; i += 16)
            load_two(st, line + j, j, i);
    }
    for (size_t j = 0; j < count; j++) {
        q[j] = line[j].q;
        d[j] = line[j].d_o;
    }
    copy_block(st->form, job->type, q, count, job->head_dim, st->q);
    copy_block(st->form, job->type, d, count, job->head_dim, st->d);
}

/* sum[key][..] of a tile; `count` words of a lie line by line. */
INLINE void add_tile(enum form form, size_t keys, size_t vectors, size_t count, lines a, lines b, lines sum)
{
    tile_sums acc;

    UNROLL_FOR(size_t r = 0; r < keys; r++)
        UNROLL_FOR(size_t c = 0; c < vectors; c++)
            acc[r][c] = v_load(sum.p + r * sum.stride + c * 16);
    for (size_t j = 0; j < count; j++) {
        const size_t at = form == PAIRS ? j : j ^ 1; /* the odd line first */

        tile_step(form, keys, vectors, 0, false, (lines){ a.p + at * a.stride, 1 }, from_line(b, at), acc);
    }
    UNROLL_FOR(size_t r = 0; r < keys; r++)
        UNROLL_FOR(size_t c = 0; c < vectors; c++)
            v_store(sum.p + r * sum.stride + c * 16, acc[r][c]);
}

INLINE void add_keys(enum form form, size_t keys, size_t columns_at_once, const key_state *st, size_t count, lines a,
                     lines b, lines sum)
{
    const size_t vectors = st->width / 16;
    size_t c = 0;

    for (; c + columns_at_once <= vectors; c += columns_at_once)
        add_tile(form, keys, columns_at_once, count, a, columns(b, c), columns(sum, c));
    for (; c < vectors; c++)
        add_tile(form, keys, 1, count, a, columns(b, c), columns(sum, c));
}

/* sum[key] = fma(a[line][key], b[line], sum[key]) for the chunk's lines. */
INLINE void add_lines_of(enum form form, const key_state *st, size_t lines_count, lines a, lines b, lines sum)
{
    const size_t keys = st->job->keys, count = words(form, lines_count);
    size_t j = 0;

    for (; j + GD_TILE_ROWS <= keys; j += GD_TILE_ROWS)
        add_keys(form, GD_TILE_ROWS, GD_TILE_COLS, st, count, (lines){ a.p + j, a.stride }, b, from_line(sum, j));
    for (; j < keys; j++)
        add_keys(form, 1, VECTORS, st, count, (lines){ a.p + j, a.stride }, b, from_line(sum, j));
}

static void add_lines(const key_state *st, size_t count, lines a, lines b, lines sum)
{
    if (in_pairs(st->form))
        add_lines_of(PAIRS, st, count, a, b, sum);
    else
        add_lines_of(NUMBERS, st, count, a, b, sum);
}

static void row_key_back(const gd_key_back_job *job)
{
    key_state st;

    open_keys(&st, job);
    expect_first(&st);
    for (size_t first = 0; first < job->lines; first += LINES) {
        const size_t count = job->lines - first < LINES ? job->lines - first : LINES;

        load_chunk(&st, first, count);
        if (first == 0)
            load_sums(&st);
        add_lines(&st, count, st.e, st.q, st.d_k);
        add_lines(&st, count, st.p, st.d, st.d_v);
    }
    store_sums(&st);
}
