/* attention_case.h - a random trie with its queries, keys and values; attention by the backend, by the contract
 * spelled out for one line, and in double precision. */
#ifndef GD_TESTS_ATTENTION_CASE_H
#define GD_TESTS_ATTENTION_CASE_H

#include "tests/backends/rows_case.h"

#include "backends/cpu/device.h"
#include "backends/cpu/ops.h"

enum { SEGMENTS = 16 };

typedef struct attention_case {
    uint64_t seed;
    size_t head_dim, heads, kv_heads;
    gd_dtype type;
    bool wide; /* the output is F32, regardless of the type */
    float scale, softcap;
    uint32_t window;
    size_t count, longest; /* segments; most rows of a segment */
    /* made by attention_case_open */
    gd_segment segments[SEGMENTS];
    size_t rows, keys, depth;     /* rows of q; rows of k and v: all of the batch; longest path */
    uint32_t *position, *segment; /* [keys] */
    const uint32_t *pooled;       /* [rows] the places of the rows of q in the batch; NULL: they are the batch's rows */
    void *q, *k, *v;
    size_t q_cols, k_cols;
} attention_case;

/* The row of the batch that row `row` of q is. */
static inline size_t case_row(const attention_case *c, size_t row) { return c->pooled ? c->pooled[row] : row; }

static inline gd_dtype case_out(const attention_case *c) { return c->wide ? GD_F32 : c->type; }

static inline const char *case_name(const attention_case *c)
{
    static char name[200];

    (void)snprintf(name, sizeof name,
                   "seed=%llu head_dim=%zu heads=%zu kv_heads=%zu %s%s softcap=%g window=%u rows=%zu",
                   (unsigned long long)c->seed, c->head_dim, c->heads, c->kv_heads, c->type == GD_F32 ? "F32" : "BF16",
                   c->wide ? " to F32" : "", (double)c->softcap, c->window, c->rows);
    return name;
}

static inline void case_rows(attention_case *c)
{
    c->position = gd_alloc(c->rows, sizeof *c->position);
    c->segment = gd_alloc(c->rows, sizeof *c->segment);
    assert_true(c->position && c->segment);
    for (size_t s = 0; s < c->count; s++)
        for (uint32_t i = 0; i < c->segments[s].length; i++) {
            c->position[c->segments[s].first_row + i] = c->segments[s].first_position + i;
            c->segment[c->segments[s].first_row + i] = (uint32_t)s;
        }
}

/* A new segment is a child of the previous one or of one of its ancestors: depth-first order. */
static inline void attention_case_open(attention_case *c)
{
    uint64_t state = c->seed * 1000003u;

    assert_true(c->count <= SEGMENTS);
    c->rows = c->depth = 0;
    for (size_t s = 0; s < c->count; s++) {
        gd_segment *new = &c->segments[s];
        int32_t parent = (int32_t)s - 1;

        while (parent >= 0 && test_below(&state, 3) == 0)
            parent = c->segments[parent].parent;
        new->parent = parent;
        new->first_row = (uint32_t)c->rows;
        new->length = (uint32_t)(1 + test_below(&state, test_below(&state, 2) ? c->longest : 3));
        new->first_position = parent < 0 ? 0 : c->segments[parent].first_position + c->segments[parent].length;
        c->rows += new->length;
        if (new->first_position + new->length > c->depth)
            c->depth = new->first_position + new->length;
    }
    c->keys = c->rows;
    case_rows(c);
    c->q_cols = c->heads * c->head_dim;
    c->k_cols = c->kv_heads * c->head_dim;
    c->q = test_values(c->rows * c->q_cols, c->type, &state);
    c->k = test_values(c->rows * c->k_cols, c->type, &state);
    c->v = test_values(c->rows * c->k_cols, c->type, &state);
}

static inline void attention_case_close(attention_case *c)
{
    gd_free(c->position);
    gd_free(c->segment);
    gd_free(c->q);
    gd_free(c->k);
    gd_free(c->v);
}

/* The rows that a row of the batch sees without a window: path[p] for p = 0 .. its position. */
static inline void case_path(const attention_case *c, size_t row, uint32_t *path)
{
    int32_t segment = (int32_t)c->segment[row];

    for (uint32_t p = c->position[row] + 1, r = (uint32_t)row; p-- > 0; r--) {
        path[p] = r;
        if (r == c->segments[segment].first_row && p > 0) {
            segment = c->segments[segment].parent;
            r = c->segments[segment].first_row + c->segments[segment].length; /* the loop subtracts one */
        }
    }
}

/* The text that ends at a row, on its own: one segment, with the queries, keys and values of the row's path. */
static inline void attention_case_alone(attention_case *alone, const attention_case *c, size_t row)
{
    const size_t size = gd_dtype_size(c->type), length = c->position[row] + 1;
    uint32_t *path = gd_alloc(length, sizeof *path);

    assert_non_null(path);
    case_path(c, row, path);
    *alone = *c;
    alone->count = 1;
    alone->rows = alone->keys = alone->depth = length;
    alone->segments[0] = (gd_segment){ 0, (uint32_t)length, 0, -1 };
    case_rows(alone);
    alone->q = gd_alloc_aligned(length * c->q_cols * size);
    alone->k = gd_alloc_aligned(length * c->k_cols * size);
    alone->v = gd_alloc_aligned(length * c->k_cols * size);
    assert_true(alone->q && alone->k && alone->v);
    for (size_t p = 0; p < length; p++) {
        const size_t q = c->q_cols * size, k = c->k_cols * size;

        memcpy((char *)alone->q + p * q, (const char *)c->q + path[p] * q, q);
        memcpy((char *)alone->k + p * k, (const char *)c->k + path[p] * k, k);
        memcpy((char *)alone->v + p * k, (const char *)c->v + path[p] * k, k);
    }
    gd_free(path);
}

/* The case with some of its rows pooled, in any order, possibly repeated: q has only these. Keys and values stay those
 * of the case. */
static inline void attention_case_pool(attention_case *pooled, const attention_case *c, const uint32_t *rows,
                                       size_t count)
{
    const size_t bytes = c->q_cols * gd_dtype_size(c->type);

    *pooled = *c;
    pooled->rows = count;
    pooled->pooled = rows;
    pooled->q = gd_alloc_aligned(count * bytes);
    assert_non_null(pooled->q);
    for (size_t i = 0; i < count; i++)
        memcpy((char *)pooled->q + i * bytes, (const char *)c->q + rows[i] * bytes, bytes);
}

static inline void attention_case_unpool(attention_case *pooled) { gd_free(pooled->q); }

/* The backend's attention, tile by tile.  Scratch space starts as NaN and ends in a canary, so that reads of
 * unwritten values and writes past the end are noticed. Returns [rows, heads * head_dim] of case_out(). */
static inline void *attention_case_run(const attention_case *c, const gd_row_kernels *kernels, unsigned threads,
                                       size_t tile)
{
    const gd_limits limits = { .tile_rows = tile,
                               .max_position = c->depth,
                               .head_dim = c->head_dim,
                               .heads = c->heads,
                               .kv_heads = c->kv_heads };
    const size_t bytes = gd_attention_scratch_bytes(&limits, threads), size = gd_dtype_size(c->type);
    const size_t out_size = gd_dtype_size(case_out(c));
    unsigned char *scratch = gd_alloc_aligned(bytes + 64);
    void *out = gd_alloc_aligned(c->rows * c->q_cols * out_size);
    gd_device device = { .rows = kernels, .limits = limits, .attention_scratch = scratch };
    const gd_batch_rows host = { .rows = c->keys,
                                 .position = c->position,
                                 .segment = c->segment,
                                 .segments = c->segments,
                                 .segment_count = c->count,
                                 .pooled = c->pooled,
                                 .pooled_count = c->pooled ? c->rows : 0 };
    gd_device_rows *batch;

    assert_true(scratch && out);
    memset(scratch, 0xFF, bytes + 64);
    assert_ok(gd_pool_open(&device.pool, threads, test_err));
    assert_ok(gd_cpu_rows_make(&device, &batch, &host, test_err));
    for (size_t first = 0; first < c->rows; first += tile) {
        const size_t count = c->rows - first < tile ? c->rows - first : tile;
        const gd_tile rows = { batch, c->pooled != NULL, first, count };
        const gd_call call = {
            .in = { { (char *)c->q + first * c->q_cols * size, c->type, count, c->q_cols, c->q_cols },
                    { c->k, c->type, c->keys, c->k_cols, c->k_cols },
                    { c->v, c->type, c->keys, c->k_cols, c->k_cols } },
            .out = { (char *)out + first * c->q_cols * out_size, case_out(c), count, c->q_cols, c->q_cols },
            .params = { .scale = c->scale,
                        .softcap = c->softcap,
                        .window = c->window,
                        .heads = (uint32_t)c->heads,
                        .kv_heads = (uint32_t)c->kv_heads,
                        .head_dim = (uint32_t)c->head_dim },
            .tile = &rows,
        };

        gd_cpu_attention(&device, &call);
    }
    gd_cpu_rows_free(&device, batch);
    gd_pool_close(device.pool);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(scratch[bytes + i], 0xFF);
    gd_free(scratch);
    return out;
}

/* One line: query head `head` of a row. */
typedef struct attention_line {
    const attention_case *c;
    size_t row, head, begin, end; /* sees positions begin .. end - 1 */
    const uint32_t *path;
} attention_line;

static inline attention_line line_open(const attention_case *c, size_t row, size_t head, const uint32_t *path)
{
    const size_t end = c->position[case_row(c, row)] + 1;

    return (attention_line){ c, row, head, c->window && end > c->window ? end - c->window : 0, end, path };
}

static inline float line_q(const attention_line *a, size_t d)
{
    return test_value(a->c->q, a->c->type, a->row * a->c->q_cols + a->head * a->c->head_dim + d);
}

/* Element d of the key or value at position p. */
static inline float line_kv(const attention_line *a, const void *what, size_t p, size_t d)
{
    const size_t head = a->head / (a->c->heads / a->c->kv_heads);

    return test_value(what, a->c->type, a->path[p] * a->c->k_cols + head * a->c->head_dim + d);
}

#endif
