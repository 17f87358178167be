/* attention_impl.h - attention over the trie (doc/arithmetic.md, section 6), written once for 16 lanes.
 *
 * Keys come in blocks of 64 by absolute position.  A block is unpacked to fp32 once for all lines of the job: the keys
 * transposed, so that lanes are keys, the values as they are, so that lanes are elements of the head.  Then both
 * products are the same small matmul.  (Where the processor multiplies pairs of bf16, they hold pairs instead: two
 * elements of a key, and the values of two keys.)  Lanes are combined only by the sums of section 4, and a line's sums
 * end with its last visible key, so later keys cannot affect it; keys before the window, in the window's first block,
 * get weight zero. */
#include "backends/cpu/attention_block.h"

/* The scratch space, cut up. */
typedef struct attention_state {
    const gd_attention_job *job;
    enum form form;      /* of q, k, v and the weights; sizes below count numbers, not words */
    size_t depth, width; /* head_dim rounded up to a pair, and to whole vectors */
    lines q, o;          /* [line][depth], in words, and [line][width] */
    float *m, *l;        /* [line] running maximum and sum */
    lines k, v;          /* the block: [width][64] and [64][width] */
    lines pv;            /* [line of the tile][width] the block's contribution to o */
    size_t start, keys;  /* the block's first position, and how many keys it has */
} attention_state;

/* The keys of a block that a line sees: begin .. end - 1. */
typedef struct span {
    size_t begin, end;
} span;

/* The part of the block that a line sees, which is not empty. */
static span visible(const attention_state *st, size_t line)
{
    const gd_attention_job *job = st->job;
    const size_t after = job->first_position + line / job->group + 1 - st->start;
    const size_t window = job->window;

    return (span){ window && after > window ? after - window : 0, after < KEYS ? after : KEYS };
}

/* Turns products into logits, masks invisible keys, and returns the new maximum. */
static float logits(const gd_attention_job *job, float *s, span seen, float m)
{
    const v16 hidden = v_set(-__builtin_inff()), cap = v_set(job->softcap);
    v16 largest = v_set(m);

    for (size_t i = 0; i < seen.end; i += 16) {
        const v16 at = v_add(v_set((float)i), v_index());
        v16 x = v_mul(v_load(s + i), v_set(job->scale));

        if (job->softcap != 0.0f)
            x = v_mul(cap, v_tanh(v_div(x, cap)));
        if (seen.begin || seen.end < KEYS) {
            x = v_select_less(at, v_set((float)seen.begin), hidden, x);
            x = v_select_less(at, v_set((float)seen.end), x, hidden);
        }
        v_store(s + i, x);
        largest = v_max(largest, x);
    }
    return v_max_all(largest);
}

/* Turns logits into weights (pairs take half the space), and returns their sum, taken before the weights are
 * rounded. */
static float weights(const attention_state *st, float *s, span seen, float m)
{
    v16 sum = v_zero();

    for (size_t i = 0; i < seen.end; i += 16) {
        const v16 e = v_exp_falling(v_sub(v_load(s + i), v_set(m)));

        sum = v_add(sum, e);
        if (holds_pairs(st->form))
            v_store_bf16((gd_bf16 *)(void *)s + i, e);
        else
            v_store(s + i, st->job->type == GD_BF16 ? v_round_bf16(e) : e);
    }
    return v_sum(sum);
}

/* pv = weights . values in the arithmetic of tensor cores. A key that a line does not see has weight zero, and so its
 * product is not a term. */
static void weigh_values_tensor(const attention_state *st, size_t rows, lines s, const span *seen)
{
    const size_t end = (seen[rows - 1].end + 15) / 16 * 16;

    for (size_t r = 0; r < rows; r++) {
        const size_t own = (seen[r].end + 15) / 16 * 16;

        memset(s.p + r * s.stride + own / 2, 0, (end - own) * sizeof(gd_bf16));
    }
    tensor_lines(st->job->products, rows, st->width / 16, words(st->form, seen[rows - 1].end), s, st->v, st->pv);
}

/* pv = weights . values, each line up to its own last key: whole pairs that all lines see are computed together. */
static void weigh_values(const attention_state *st, size_t rows, lines s, const span *seen)
{
    const size_t vectors = st->width / 16;
    size_t common = seen[0].end, at;

    if (rows == GD_TILE_ROWS && seen[0].end != seen[rows - 1].end)
        common -= common % 2; /* the first line sees the fewest */
    if (rows < GD_TILE_ROWS)
        common = 0;
    if (common)
        tile_lines(st->form, vectors, common, s, st->v, st->pv);
    at = words(st->form, common);
    for (size_t r = 0; r < rows; r++) {
        const lines a = { s.p + r * s.stride + at, s.stride }, b = { st->v.p + at * st->width, st->width };

        if (seen[r].end > common)
            tile_line(st->form, vectors, seen[r].end - common, common > 0, a, b,
                      (lines){ st->pv.p + r * st->width, st->width });
    }
}

/* One block for GD_TILE_ROWS lines, or for fewer, one by one. */
static void attend(const attention_state *st, size_t line, size_t rows)
{
    float products[GD_TILE_ROWS * KEYS], correction[16] = { 0 };
    const lines s = { products, KEYS }, q = { st->q.p + line * st->q.stride, st->q.stride };
    span seen[GD_TILE_ROWS];
    float *m = st->m + line, *l = st->l + line;

    for (size_t r = 0; r < rows; r++)
        seen[r] = visible(st, line + r);
    if (st->form == TENSOR)
        tensor_lines(st->job->products, rows, (seen[rows - 1].end + 15) / 16, st->depth / 2, q, st->k, s);
    else if (rows == GD_TILE_ROWS)
        tile_lines(st->form, (seen[rows - 1].end + 15) / 16, st->depth, q, st->k, s);
    for (size_t r = 0; r < rows; r++) {
        float *own = products + r * KEYS;
        float old;

        if (rows < GD_TILE_ROWS && st->form != TENSOR)
            tile_line(st->form, (seen[r].end + 15) / 16, st->depth, false, (lines){ q.p + r * q.stride, q.stride },
                      st->k, (lines){ own, KEYS });
        old = m[r];
        m[r] = logits(st->job, own, seen[r], old);
        correction[r] = old - m[r];
    }
    v_store(correction, v_exp_falling(v_load(correction)));
    for (size_t r = 0; r < rows; r++)
        l[r] = __builtin_fmaf(l[r], correction[r], weights(st, products + r * KEYS, seen[r], m[r]));
    if (st->form == TENSOR)
        weigh_values_tensor(st, rows, s, seen);
    else
        weigh_values(st, rows, s, seen);
    for (size_t r = 0; r < rows; r++) {
        float *o = st->o.p + (line + r) * st->width, *pv = st->pv.p + r * st->width;

        for (size_t i = 0; i < st->width; i += 16)
            v_store(o + i, v_fma(v_load(o + i), v_set(correction[r]), v_load(pv + i)));
    }
}

static void load_keys(const attention_state *st)
{
    const gd_attention_job *job = st->job;
    const size_t size = gd_dtype_size(job->type), k_bytes = job->k_stride * size, v_bytes = job->v_stride * size;
    const unsigned char *keys = job->k, *values = job->v;
    const void *key[KEYS], *value[KEYS];

    for (size_t j = 0; j < st->keys; j++) {
        key[j] = keys + job->path[st->start + j] * k_bytes;
        value[j] = values + job->path[st->start + j] * v_bytes;
    }
    turn_block(st->form, job->type, key, st->keys, job->head_dim, st->k);
    copy_block(st->form, job->type, value, st->keys, job->head_dim, st->v);
}

static void cut_scratch(attention_state *st, const gd_attention_job *job)
{
    const size_t count = job->rows * job->group;
    float *p = job->scratch;

    st->job = job;
    st->form = job->products ? TENSOR : form_of(job->type);
    st->depth = (job->head_dim + 1) / 2 * 2;
    st->width = (job->head_dim + 15) / 16 * 16;
    st->k = (lines){ p, KEYS };
    p += st->width * KEYS;
    st->v = (lines){ p, st->width };
    p += KEYS * st->width;
    st->pv = (lines){ p, st->width };
    p += GD_ATTENTION_TILE * st->width;
    st->o = (lines){ p, st->width };
    p += count * st->width;
    st->q = (lines){ p, words(st->form, st->depth) };
    p += count * st->depth;
    st->m = p;
    st->l = p + count;
}

static void load_lines(const attention_state *st)
{
    const gd_attention_job *job = st->job;
    const size_t size = gd_dtype_size(job->type);

    for (size_t line = 0; line < job->rows * job->group; line++) {
        const unsigned char *q = job->q;

        q += (line / job->group * job->q_stride + line % job->group * job->head_dim) * size;
        load_line(st->form, job->type, q, job->head_dim, st->q.p + line * st->q.stride);
        for (size_t d = 0; d < st->width; d += 16)
            v_store(st->o.p + line * st->width + d, v_zero());
        st->m[line] = -__builtin_inff();
        st->l[line] = 0.0f;
    }
}

static void store_lines(const attention_state *st)
{
    const gd_attention_job *job = st->job;
    const size_t size = gd_dtype_size(job->out_type);

    for (size_t line = 0; line < job->rows * job->group; line++) {
        const float *o = st->o.p + line * st->width;
        const v16 sum = v_set(st->l[line]);
        unsigned char *out = job->out;

        out += (line / job->group * job->out_stride + line % job->group * job->head_dim) * size;
        for (size_t d = 0; d < job->head_dim; d += 16)
            v_write(out, job->out_type, d, job->head_dim - d, v_div(v_load(o + d), sum));
        if (job->m) {
            const size_t at = line / job->group * job->stat_stride + line % job->group;

            job->m[at] = st->m[line];
            job->l[at] = st->l[line];
        }
    }
}

static void row_attention(const gd_attention_job *job)
{
    const size_t end = job->first_position + job->rows, window = job->window;
    const size_t lowest = window && job->first_position + 1 > window ? job->first_position + 1 - window : 0;
    attention_state st;

    cut_scratch(&st, job);
    load_lines(&st);
    for (st.start = lowest / KEYS * KEYS; st.start < end; st.start += KEYS) {
        /* Rows that see something of the block: from its first position to one window past its last. */
        const size_t first = st.start > job->first_position ? st.start - job->first_position : 0;
        size_t last = end - job->first_position, line;

        if (window && st.start + KEYS - 1 + window < end)
            last = st.start + KEYS - 1 + window - job->first_position;
        st.keys = end - st.start < KEYS ? end - st.start : KEYS;
        load_keys(&st);
        for (line = first * job->group; line + GD_TILE_ROWS <= last * job->group; line += GD_TILE_ROWS)
            attend(&st, line, GD_TILE_ROWS);
        if (line < last * job->group)
            attend(&st, line, last * job->group - line);
    }
    store_lines(&st);
}
