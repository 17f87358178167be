/* test_attention_back.c - the gradients of attention over the trie: against double precision, and the same bits
 * whatever the instruction set, the tiles and the threads (doc/arithmetic.md, section 9). */
#include "tests/backends/attention_case.h"

#include "backends/cpu/back.h"

enum { MOST_HEADS = 14 };

/* The gradients of one case, F32. */
struct gradients {
    float *q, *k, *v;
    size_t q_count, k_count;
};

static void gradients_close(struct gradients *g)
{
    gd_free(g->q);
    gd_free(g->k);
    gd_free(g->v);
}

/* A device with scratch space that starts as NaN. */
static void device_open(gd_device *device, const attention_case *c, const gd_row_kernels *kernels, unsigned threads,
                        size_t tile)
{
    const gd_limits limits = { .train = true,
                               .tile_rows = tile,
                               .max_position = c->depth,
                               .head_dim = c->head_dim,
                               .heads = c->heads,
                               .kv_heads = c->kv_heads };
    const size_t forward = gd_attention_scratch_bytes(&limits, threads);
    const size_t back = gd_attention_back_scratch_bytes(&limits, threads), bytes = forward > back ? forward : back;

    *device = (gd_device){ .rows = kernels, .limits = limits, .attention_scratch = gd_alloc_aligned(bytes) };
    assert_non_null(device->attention_scratch);
    memset(device->attention_scratch, 0xFF, bytes);
    assert_ok(gd_pool_open(&device->pool, threads, test_err));
}

static void device_close(gd_device *device)
{
    gd_pool_close(device->pool);
    gd_free(device->attention_scratch);
}

static gd_op_params params_of(const attention_case *c)
{
    return (gd_op_params){ .scale = c->scale,
                           .softcap = c->softcap,
                           .window = c->window,
                           .heads = (uint32_t)c->heads,
                           .kv_heads = (uint32_t)c->kv_heads,
                           .head_dim = (uint32_t)c->head_dim };
}

/* Lines first .. first + count - 1 of a matrix. */
static gd_tensor part_of(const void *data, gd_dtype type, size_t cols, size_t first, size_t count)
{
    return (gd_tensor){ (char *)data + first * cols * gd_dtype_size(type), type, count, cols, cols };
}

/* One tile there and back; `room` has space for its output and its statistics. */
static void run_tile(gd_device *device, const attention_case *c, const void *d, const gd_tile *tile, char *room,
                     const struct gradients *to)
{
    const size_t first = tile->first, count = tile->count, stats = count * c->heads * sizeof(float);
    const gd_tensor q = part_of(c->q, c->type, c->q_cols, first, count);
    const gd_tensor k = part_of(c->k, c->type, c->k_cols, 0, c->keys);
    const gd_tensor v = part_of(c->v, c->type, c->k_cols, 0, c->keys);
    const gd_tensor m = part_of(room, GD_F32, c->heads, 0, count),
                    l = part_of(room + stats, GD_F32, c->heads, 0, count);
    const gd_tensor o = part_of(room + 2 * stats, c->type, c->q_cols, 0, count);

    gd_cpu_attention(device,
                     &(gd_call){ .in = { q, k, v }, .out = o, .kept = { m, l }, .params = params_of(c), .tile = tile });
    gd_cpu_attention_back(device, &(gd_back_call){ .in = { q, k, v },
                                                   .out = o,
                                                   .kept = { m, l },
                                                   .d_out = part_of(d, c->type, c->q_cols, first, count),
                                                   .d_in = { part_of(to->q, GD_F32, c->q_cols, first, count),
                                                             part_of(to->k, GD_F32, c->k_cols, 0, c->keys),
                                                             part_of(to->v, GD_F32, c->k_cols, 0, c->keys) },
                                                   .params = params_of(c),
                                                   .tile = tile });
}

/* Tiles come up from the last to the first. */
static struct gradients run(const attention_case *c, const void *d, const gd_row_kernels *kernels, unsigned threads,
                            size_t tile)
{
    const gd_batch_rows host = { .rows = c->keys,
                                 .position = c->position,
                                 .segment = c->segment,
                                 .segments = c->segments,
                                 .segment_count = c->count,
                                 .pooled = c->pooled,
                                 .pooled_count = c->pooled ? c->rows : 0,
                                 .train = true };
    struct gradients g = { .q_count = c->rows * c->q_cols, .k_count = c->keys * c->k_cols };
    char *room = gd_alloc_aligned(c->rows * (2 * c->heads + c->q_cols) * sizeof(float));
    gd_device_rows *batch;
    gd_device device;

    assert_non_null(room);
    g.q = gd_alloc_zero(g.q_count, sizeof *g.q);
    g.k = gd_alloc_zero(g.k_count, sizeof *g.k);
    g.v = gd_alloc_zero(g.k_count, sizeof *g.v);
    assert_true(g.q && g.k && g.v);
    device_open(&device, c, kernels, threads, tile);
    assert_ok(gd_cpu_rows_make(&device, &batch, &host, test_err));
    for (size_t first = (c->rows - 1) / tile * tile;; first -= tile) {
        const gd_tile rows = { batch, c->pooled != NULL, first, c->rows - first < tile ? c->rows - first : tile };

        run_tile(&device, c, d, &rows, room, &g);
        if (first == 0)
            break;
    }
    gd_cpu_rows_free(&device, batch);
    device_close(&device);
    gd_free(room);
    return g;
}

/* ---- double precision ---- */

/* Sums with the sizes of their terms, to which rounding errors are relative. */
struct exact {
    double *q, *k, *v, *q_size, *k_size, *v_size;
};

/* What one line's key at position p contributes. */
struct weight {
    double p, e, e_size;
};

static double line_d(const attention_line *a, const void *d, size_t i)
{
    return test_value(d, a->c->type, a->row * a->c->q_cols + a->head * a->c->head_dim + i);
}

/* The logit of the key at position p, and its derivative by the product of query and key. */
static double line_logit(const attention_line *a, size_t p, double *slope)
{
    const attention_case *c = a->c;
    const double scale = (double)c->scale, cap = (double)c->softcap;
    double s = 0;

    for (size_t i = 0; i < c->head_dim; i++)
        s += (double)line_q(a, i) * (double)line_kv(a, c->k, p, i);
    s *= scale;
    *slope = cap != 0 ? scale * (1 - tanh(s / cap) * tanh(s / cap)) : scale;
    return cap != 0 ? cap * tanh(s / cap) : s;
}

/* The weights of a line and the gradients of its products. */
static void weigh_line(const attention_line *a, const void *d, struct weight *w)
{
    double largest = -INFINITY, sum = 0, mean = 0, mean_size = 0, slope;

    for (size_t p = a->begin; p < a->end; p++) {
        w[p].p = line_logit(a, p, &slope);
        largest = fmax(largest, w[p].p);
    }
    for (size_t p = a->begin; p < a->end; p++)
        sum += w[p].p = exp(w[p].p - largest);
    for (size_t p = a->begin; p < a->end; p++) {
        w[p].p /= sum;
        w[p].e = w[p].e_size = 0;
        for (size_t i = 0; i < a->c->head_dim; i++) {
            const double product = line_d(a, d, i) * (double)line_kv(a, a->c->v, p, i);

            w[p].e += product;
            w[p].e_size += fabs(product);
        }
        mean += w[p].p * w[p].e;
        mean_size += w[p].p * w[p].e_size;
    }
    for (size_t p = a->begin; p < a->end; p++) {
        (void)line_logit(a, p, &slope);
        w[p].e = slope * w[p].p * (w[p].e - mean);
        w[p].e_size = slope * w[p].p * (w[p].e_size + mean_size);
    }
}

static void add_line(const attention_line *a, const void *d, const struct weight *w, struct exact *x)
{
    const attention_case *c = a->c;
    const size_t at = a->row * c->q_cols + a->head * c->head_dim;
    const size_t kv_head = a->head / (c->heads / c->kv_heads);

    for (size_t p = a->begin; p < a->end; p++)
        for (size_t i = 0; i < c->head_dim; i++) {
            const size_t kv = a->path[p] * c->k_cols + kv_head * c->head_dim + i;
            const double q = line_q(a, i), k = line_kv(a, c->k, p, i), dd = line_d(a, d, i);

            x->q[at + i] += w[p].e * k;
            x->q_size[at + i] += w[p].e_size * fabs(k);
            x->k[kv] += w[p].e * q;
            x->k_size[kv] += w[p].e_size * fabs(q);
            x->v[kv] += w[p].p * dd;
            x->v_size[kv] += w[p].p * fabs(dd);
        }
}

static void check_values(const attention_case *c, const char *what, const float *got, const double *want,
                         const double *size, size_t count)
{
    const double unit = c->type == GD_BF16 ? 0x1p-8 : 0x1p-18;

    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - want[i]) <= unit * size[i]))
            fail_msg("%s: %s %zu is %.9g, exactly %.9g: more than %.3g off", case_name(c), what, i, (double)got[i],
                     want[i], unit * size[i]);
}

static void check_exact(const attention_case *c, const void *d, const struct gradients *g)
{
    double *room = gd_alloc_zero(2 * (g->q_count + 2 * g->k_count), sizeof *room);
    struct exact x = { .q = room };
    uint32_t *path = gd_alloc(c->depth, sizeof *path);
    struct weight *w = gd_alloc(c->depth, sizeof *w);

    assert_true(room && path && w);
    x.k = x.q + g->q_count;
    x.v = x.k + g->k_count;
    x.q_size = x.v + g->k_count;
    x.k_size = x.q_size + g->q_count;
    x.v_size = x.k_size + g->k_count;
    for (size_t row = 0; row < c->rows; row++) {
        case_path(c, case_row(c, row), path);
        for (size_t head = 0; head < c->heads; head++) {
            const attention_line a = line_open(c, row, head, path);

            weigh_line(&a, d, w);
            add_line(&a, d, w, &x);
        }
    }
    check_values(c, "the query's gradient", g->q, x.q, x.q_size, g->q_count);
    check_values(c, "the key's gradient", g->k, x.k, x.k_size, g->k_count);
    check_values(c, "the value's gradient", g->v, x.v, x.v_size, g->k_count);
    gd_free(room);
    gd_free(path);
    gd_free(w);
}

/* ---- bits ---- */

static void check_same(const attention_case *c, const struct gradients *want, const struct gradients *got,
                       const gd_row_kernels *kernels, unsigned threads, size_t tile)
{
    if (memcmp(want->q, got->q, want->q_count * sizeof(float)) != 0 ||
        memcmp(want->k, got->k, want->k_count * sizeof(float)) != 0 ||
        memcmp(want->v, got->v, want->k_count * sizeof(float)) != 0)
        fail_msg("%s: other bits with %s, %u threads and tiles of %zu", case_name(c), kernels->name, threads, tile);
}

static void check_gradients(const attention_case *c)
{
    static const size_t tiles[] = { 2, 6, 42, 4096 };
    uint64_t state = c->seed + 17;
    void *d = test_values(c->rows * c->q_cols, c->type, &state);
    struct gradients want = run(c, d, &gd_rows_generic, 1, 4096);
    const gd_isa have = gd_isa_detect();

    check_exact(c, d, &want);
    for (size_t i = 0; i < gd_row_variant_count; i++)
        for (size_t t = 0; !(gd_row_variants[i]->needs & ~have) && t < sizeof tiles / sizeof tiles[0]; t++) {
            struct gradients got = run(c, d, gd_row_variants[i], (unsigned)(1 + t % 3), tiles[t]);

            check_same(c, &want, &got, gd_row_variants[i], (unsigned)(1 + t % 3), tiles[t]);
            gradients_close(&got);
        }
    gradients_close(&want);
    gd_free(d);
}

static void shapes_follow_double_precision(void **state)
{
    static const size_t dims[] = { 2, 7, 16, 24, 64 };
    static const size_t heads[][2] = { { 1, 1 }, { 3, 1 }, { 4, 2 }, { MOST_HEADS, 2 } };
    static const uint32_t windows[] = { 0, 1, 48, 65 };

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        attention_case c = { .seed = seed,
                             .head_dim = dims[seed % 5],
                             .heads = heads[seed % 4][0],
                             .kv_heads = heads[seed % 4][1],
                             .type = seed % 3 ? GD_BF16 : GD_F32,
                             .scale = 0.25f,
                             .softcap = seed % 5 == 2 ? 3.0f : 0,
                             .window = windows[seed / 4 % 4],
                             .count = 1 + seed % 9,
                             .longest = seed % 2 ? 90 : 20 };

        attention_case_open(&c);
        check_gradients(&c);
        attention_case_close(&c);
    }
}

/* Any rows in any order, some of them twice. */
static void pooled_rows_follow_double_precision(void **state)
{
    enum { POOLED = 37 };

    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        attention_case c = { .seed = 100 + seed,
                             .head_dim = seed % 2 ? 16 : 24,
                             .heads = 6,
                             .kv_heads = 2,
                             .type = seed % 2 ? GD_BF16 : GD_F32,
                             .scale = 0.25f,
                             .window = seed % 3 ? 0 : 48,
                             .count = 10,
                             .longest = 70 };
        uint32_t rows[POOLED];
        uint64_t random = seed;
        attention_case pooled;

        attention_case_open(&c);
        for (size_t i = 0; i < POOLED; i++)
            rows[i] = i % 5 == 4 ? rows[i - 1] : (uint32_t)test_below(&random, c.rows);
        attention_case_pool(&pooled, &c, rows, POOLED);
        check_gradients(&pooled);
        attention_case_unpool(&pooled);
        attention_case_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_follow_double_precision),
        cmocka_unit_test(pooled_rows_follow_double_precision),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
