/* attention_back_impl.h - the gradients of attention (doc/arithmetic.md, section 9), written once for 16 lanes.
 *
 * Logits and weights are computed again from queries and keys: they would not fit into memory.  For the queries'
 * gradients lanes are keys, as in the forward pass; for those of keys and values lanes are lines of queries. */
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

/* From the products of 16 queries and keys to the weights and to the products' gradients. */
typedef struct weighed {
    v16 weight, gradient;
} weighed;

INLINE weighed weigh(v16 product, v16 d_weight, float scale, float softcap, v16 seen, v16 m, v16 inverse, v16 dot)
{
    const v16 none = v_set(-__builtin_inff()), half = v_set(0.5f);
    const capped c = cap_logits(product, scale, softcap);
    const v16 p = v_mul(v_exp_falling(v_sub(v_select_less(half, seen, c.logit, none), m)), inverse);
    v16 t = v_mul(p, v_sub(d_weight, dot));

    if (softcap != 0.0f)
        t = v_mul(t, c.slope);
    return (weighed){ p, v_mul(t, v_set(scale)) };
}

/* 1 where the query at one position sees the key at the other, else 0. */
INLINE v16 sees(v16 query, v16 key, uint32_t window)
{
    const v16 zero = v_zero(), one = v_set(1.0f), apart = v_sub(query, key);
    const v16 seen = v_select_less(apart, zero, zero, one);

    return window ? v_select_less(apart, v_set((float)window), seen, zero) : seen;
}

/* 16 numbers of an operand of the next product, at place `at` of a line. */
INLINE void put_operand(enum form form, gd_dtype type, float *line, size_t at, v16 v)
{
    if (in_pairs(form))
        v_store_bf16((gd_bf16 *)(void *)line + at, v);
    else
        v_store(line + at, type == GD_BF16 ? v_round_bf16(v) : v);
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

static void load_queries(const query_state *st)
{
    const gd_query_back_job *job = st->job;
    const size_t size = gd_dtype_size(job->type), n = job->head_dim;

    for (size_t line = 0; line < st->count; line++) {
        const char *d = (const char *)job->d_o + line_at(job, line, job->d_stride) * size;
        const char *o = (const char *)job->o + line_at(job, line, job->o_stride) * size;
        const char *q = (const char *)job->q + line_at(job, line, job->q_stride) * size;
        v16 dot = v_zero();

        load_line(st->form, job->type, q, n, st->q.p + line * st->q.stride);
        load_line(st->form, job->type, d, n, st->d.p + line * st->d.stride);
        for (size_t i = 0; i < n; i += 16)
            dot = v_fma(v_read(d, job->type, i, n - i), v_read(o, job->type, i, n - i), dot);
        job->dots[stat_at(job, line)] = v_sum(dot);
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

/* The gradients of a line's products with a block, in place of the products. */
static void query_gradients(const query_state *st, size_t line, size_t start, size_t vectors, float *s, const float *dp)
{
    const gd_query_back_job *job = st->job;
    const size_t at = stat_at(job, line);
    const v16 m = v_set(job->m[at]), inverse = v_set(1.0f / job->l[at]), dot = v_set(job->dots[at]);
    const v16 position = v_set((float)(job->first_position + line / job->group));

    for (size_t i = 0; i < vectors * 16; i += 16) {
        const v16 key = v_add(v_set((float)(start + i)), v_index());
        const weighed w = weigh(v_load(s + i), v_load(dp + i), job->scale, job->softcap,
                                sees(position, key, job->window), m, inverse, dot);

        put_operand(st->form, job->type, s, i, w.gradient);
    }
}

static void query_tile(const query_state *st, size_t line, size_t count, size_t start, size_t keys)
{
    const size_t vectors = (keys + 15) / 16;

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
    load_queries(&st);
    for (size_t start = lowest / KEYS * KEYS; start < end; start += KEYS) {
        const size_t first = start > job->first_position ? start - job->first_position : 0;
        const size_t keys = end - start < KEYS ? end - start : KEYS;

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
    size_t depth, width;
    lines k, v;           /* [key][depth], in words */
    lines q, d;           /* the chunk turned: [depth][64] */
    lines q_rows, d_rows; /* the chunk as it is */
    lines s, dp;          /* [key][64] products, then the weights and their gradients */
    lines d_k, d_v;       /* [key][width] the sums */
} key_state;

static void open_keys(key_state *st, const gd_key_back_job *job)
{
    float *p = job->scratch;

    st->job = job;
    st->form = form_of(job->type);
    st->depth = (job->head_dim + 1) / 2 * 2;
    st->width = (job->head_dim + 15) / 16 * 16;
    st->k = cut_lines(&p, KEYS, st->width);
    st->v = cut_lines(&p, KEYS, st->width);
    st->q = cut_lines(&p, st->width, LINES);
    st->d = cut_lines(&p, st->width, LINES);
    st->q_rows = cut_lines(&p, LINES, st->width);
    st->d_rows = cut_lines(&p, LINES, st->width);
    st->s = cut_lines(&p, KEYS, LINES);
    st->dp = cut_lines(&p, KEYS, LINES);
    st->d_k = cut_lines(&p, KEYS, st->width);
    st->d_v = cut_lines(&p, KEYS, st->width);
}

static void load_key_lines(const key_state *st)
{
    const gd_key_back_job *job = st->job;
    const size_t size = gd_dtype_size(job->type), n = job->head_dim;

    for (size_t j = 0; j < job->keys; j++) {
        load_line(st->form, job->type, (const char *)job->k + j * job->k_stride * size, n, st->k.p + j * st->width);
        load_line(st->form, job->type, (const char *)job->v + j * job->v_stride * size, n, st->v.p + j * st->width);
        for (size_t i = 0; i < n; i += 16) {
            v_store(st->d_k.p + j * st->width + i, v_load_some(job->d_k + j * job->dk_stride + i, n - i));
            v_store(st->d_v.p + j * st->width + i, v_load_some(job->d_v + j * job->dv_stride + i, n - i));
        }
    }
}

static void store_key_lines(const key_state *st)
{
    const gd_key_back_job *job = st->job;
    const size_t n = job->head_dim;

    for (size_t j = 0; j < job->keys; j++)
        for (size_t i = 0; i < n; i += 16) {
            v_store_some(job->d_k + j * job->dk_stride + i, n - i, v_load(st->d_k.p + j * st->width + i));
            v_store_some(job->d_v + j * job->dv_stride + i, n - i, v_load(st->d_v.p + j * st->width + i));
        }
}

static void load_chunk(const key_state *st, const struct gd_query_line *line, size_t count)
{
    const gd_key_back_job *job = st->job;
    const void *q[LINES], *d[LINES];

    for (size_t i = 0; i < count; i++) {
        q[i] = line[i].q;
        d[i] = line[i].d_o;
    }
    turn_block(st->form, job->type, q, count, job->head_dim, st->q);
    turn_block(st->form, job->type, d, count, job->head_dim, st->d);
    copy_block(st->form, job->type, q, count, job->head_dim, st->q_rows);
    copy_block(st->form, job->type, d, count, job->head_dim, st->d_rows);
}

/* What 16 lines have in common with all keys. */
typedef struct line_lanes {
    v16 position, m, inverse, dot;
} line_lanes;

static line_lanes lanes_of(const struct gd_query_line *line, size_t count)
{
    float position[16], m[16], l[16], dot[16];

    for (size_t i = 0; i < 16; i++) {
        position[i] = i < count ? line[i].position : -1;
        m[i] = i < count ? line[i].m : 0;
        l[i] = i < count ? line[i].l : 1;
        dot[i] = i < count ? line[i].dot : 0;
    }
    return (line_lanes){ v_load(position), v_load(m), v_div(v_set(1.0f), v_load(l)), v_load(dot) };
}

/* Products become weights and their gradients, both operands of the sums. */
static void key_gradients(const key_state *st, const struct gd_query_line *line, size_t count)
{
    const gd_key_back_job *job = st->job;

    for (size_t i = 0; i < count; i += 16) {
        const line_lanes lanes = lanes_of(line + i, count - i);

        for (size_t j = 0; j < job->keys; j++) {
            float *s = st->s.p + j * LINES, *dp = st->dp.p + j * LINES;
            const v16 key = v_set((float)(job->first_position + j));
            const v16 seen = sees(lanes.position, key, job->window);
            const weighed w = weigh(v_load(s + i), v_load(dp + i), job->scale, job->softcap, seen, lanes.m,
                                    lanes.inverse, lanes.dot);

            put_operand(st->form, job->type, s, i, w.gradient);
            put_operand(st->form, job->type, dp, i, w.weight);
        }
    }
}

/* sum[key] = fma(a[key][line], rows[line], sum[key]) for the chunk's lines. */
static void add_lines(const key_state *st, size_t count, lines a, lines rows, lines sum)
{
    outer_sums(st->form, st->job->keys, st->width / 16, count, a, rows, sum);
}

static void row_key_back(const gd_key_back_job *job)
{
    key_state st;

    open_keys(&st, job);
    load_key_lines(&st);
    for (size_t first = 0; first < job->lines; first += LINES) {
        const size_t count = job->lines - first < LINES ? job->lines - first : LINES, vectors = (count + 15) / 16;

        load_chunk(&st, job->line + first, count);
        all_products(st.form, job->keys, vectors, st.depth, st.k, st.q, st.s);
        all_products(st.form, job->keys, vectors, st.depth, st.v, st.d, st.dp);
        key_gradients(&st, job->line + first, count);
        add_lines(&st, count, st.s, st.q_rows, st.d_k);
        add_lines(&st, count, st.dp, st.d_rows, st.d_v);
    }
    store_key_lines(&st);
}
