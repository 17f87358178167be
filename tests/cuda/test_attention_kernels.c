/* test_attention_kernels.c - the cuda backend's attention, as compiled, against the cpu backend's definition: the same
 * bits, whatever the trie, the tile and the layout of lines. */
#include "tests/backends/attention_case.h"
#include "tests/cuda/kernel_run.h"

#include "backends/cuda/kernels/attention.h"

struct entry {
    const char *name;
    uint32_t threads, number, columns, own, block; /* attention.h */
};

static const struct entry entries[] = {
#define ENTRY(entry, threads, number, columns, own, block) { "gd_" #entry, threads, number, columns, own, block },
    GD_CUDA_ATTENTION(ENTRY)
#undef ENTRY
};

/* A case, and how it is given to the kernels. */
struct attention {
    attention_case c;
    const struct entry *entry;
    gd_arithmetic arithmetic;
    size_t tile, gap; /* rows of a tile; elements between lines, twice as many between those of values */
    unsigned order;
    gd_cuda_job *jobs;
    size_t job_count;
};

static uint32_t shared_bytes(const struct attention *a)
{
    const uint32_t tiles = (uint32_t)((a->c.head_dim * a->entry->number + GD_CUDA_ATTENTION_ROW - 1) /
                                      GD_CUDA_ATTENTION_ROW);

    return GD_CUDA_ATTENTION_SHARED(a->entry->own, a->entry->block, tiles);
}

static uint32_t segment_of(const attention_case *c, size_t row) { return c->segment[case_row(c, row)]; }
static uint32_t position_of(const attention_case *c, size_t row) { return c->position[case_row(c, row)]; }

static void cut_jobs(struct attention *a)
{
    const attention_case *c = &a->c;
    const size_t group = c->heads / c->kv_heads, most = group < GD_CUDA_ATTENTION_LINES ? 64 / group : 1;

    a->jobs = gd_alloc(c->rows, sizeof *a->jobs);
    assert_non_null(a->jobs);
    a->job_count = 0;
    for (size_t r = 0; r < c->rows; r++) {
        gd_cuda_job *last = a->job_count ? &a->jobs[a->job_count - 1] : NULL;

        if (last && last->count < most && segment_of(c, r) == last->segment &&
            position_of(c, r) == last->position + last->count)
            last->count++;
        else
            a->jobs[a->job_count++] = (gd_cuda_job){ (uint32_t)r, 1, position_of(c, r), segment_of(c, r) };
    }
}

/* The same lines `gap` elements further apart; what is between is NaN. */
static void *spread_lines(const void *lines, size_t rows, size_t cols, size_t gap, gd_dtype type)
{
    const size_t size = gd_dtype_size(type), stride = (cols + gap) * size;
    unsigned char *p = gd_alloc_aligned(rows * stride);

    assert_non_null(p);
    memset(p, 0xFF, rows * stride);
    for (size_t r = 0; r < rows; r++)
        memcpy(p + r * stride, (const char *)lines + r * cols * size, cols * size);
    return p;
}

/* The bytes of lines up to the last one's last element. */
static size_t lines_bytes(size_t rows, size_t cols, size_t gap, gd_dtype type)
{
    return ((rows - 1) * (cols + gap) + cols) * gd_dtype_size(type);
}

/* Keys and values of as many rows as are computed by the time that a tile ends. */
static size_t rows_there(const attention_case *c, size_t tile_end) { return c->pooled ? c->keys : tile_end; }

static void run_tile(const struct attention *a, struct kernels *k, gd_cuda_attention args, size_t first, size_t count,
                     unsigned char *out)
{
    const attention_case *c = &a->c;
    const unsigned parts = (unsigned)((c->head_dim + a->entry->columns - 1) / a->entry->columns);
    const size_t size = gd_dtype_size(c->type), out_size = gd_dtype_size(case_out(c)),
                 there = rows_there(c, first + count);
    const size_t q_bytes = lines_bytes(count, c->q_cols, a->gap, c->type);
    const size_t k_bytes = lines_bytes(there, c->k_cols, a->gap, c->type);
    const size_t v_bytes = lines_bytes(there, c->k_cols, 2 * a->gap, c->type);
    const unsigned char *q = args.q;

    args.q = device_reads(k, q + first * args.q_stride * size, q_bytes);
    args.k = device_reads(k, args.k, k_bytes);
    args.v = device_reads(k, args.v, v_bytes);
    args.tile_first = (uint32_t)first;
    args.tile_count = (uint32_t)count;
    args.out.data = device_writes(k, out + first * args.out.stride * out_size,
                                  lines_bytes(count, c->q_cols, a->gap, case_out(c)));
    kernel_run(k, a->entry->name, (const unsigned[]){ (unsigned)a->job_count, (unsigned)c->kv_heads, parts },
               a->entry->threads, shared_bytes(a), &args, sizeof args);
    device_forgets(k, args.q);
    device_forgets(k, args.k);
    device_forgets(k, args.v);
    device_forgets(k, args.out.data);
}

/* Returns [rows, heads * head_dim + gap]. */
static unsigned char *run_kernels(const struct attention *a, struct kernels *k)
{
    const attention_case *c = &a->c;
    const size_t bytes = c->rows * (c->q_cols + a->gap) * gd_dtype_size(case_out(c));
    void *q = spread_lines(c->q, c->rows, c->q_cols, a->gap, c->type);
    void *keys = spread_lines(c->k, c->keys, c->k_cols, a->gap, c->type);
    void *values = spread_lines(c->v, c->keys, c->k_cols, 2 * a->gap, c->type);
    unsigned char *out = gd_alloc_aligned(bytes);
    const gd_cuda_attention args = {
        .q = q,
        .k = keys,
        .v = values,
        .q_stride = c->q_cols + a->gap,
        .k_stride = c->k_cols + a->gap,
        .v_stride = c->k_cols + 2 * a->gap,
        .jobs = device_reads(k, a->jobs, a->job_count * sizeof *a->jobs),
        .segments = device_reads(k, c->segments, c->count * sizeof *c->segments),
        .heads = (uint32_t)c->heads,
        .kv_heads = (uint32_t)c->kv_heads,
        .head_dim = (uint32_t)c->head_dim,
        .window = c->window,
        .type = (uint32_t)c->type,
        .scale = c->scale,
        .softcap = c->softcap,
        .out = { .stride = c->q_cols + a->gap, .type = (uint32_t)case_out(c), .cols = (uint32_t)c->q_cols },
    };

    assert_non_null(out);
    memset(out, CANARY, bytes);
    k->order = a->order;
    for (size_t first = 0; first < c->rows; first += a->tile)
        run_tile(a, k, args, first, c->rows - first < a->tile ? c->rows - first : a->tile, out);
    device_forgets(k, args.jobs);
    device_forgets(k, args.segments);
    gd_free(q);
    gd_free(keys);
    gd_free(values);
    return out;
}

/* The definition's [rows, heads * head_dim]. */
static unsigned char *run_reference(const struct attention *a)
{
    const attention_case *c = &a->c;
    gd_device *device = reference_open(c->type, a->arithmetic);
    const gd_limits limits = { .tile_rows = c->rows,
                               .max_position = c->depth,
                               .head_dim = c->head_dim,
                               .heads = c->heads,
                               .kv_heads = c->kv_heads };
    const gd_batch_rows host = { .rows = c->keys,
                                 .position = c->position,
                                 .segment = c->segment,
                                 .segments = c->segments,
                                 .segment_count = c->count,
                                 .pooled = c->pooled,
                                 .pooled_count = c->pooled ? c->rows : 0 };
    unsigned char *out = gd_alloc_aligned(c->rows * c->q_cols * gd_dtype_size(case_out(c)));
    gd_device_rows *batch;

    assert_non_null(out);
    assert_ok(gd_backend_cpu.prepare(device, &limits, test_err));
    assert_ok(gd_backend_cpu.rows_make(device, &batch, &host, test_err));
    gd_backend_cpu.run[GD_OP_attention](device,
                                        &(gd_call){ .in = { { c->q, c->type, c->rows, c->q_cols, c->q_cols },
                                                            { c->k, c->type, c->keys, c->k_cols, c->k_cols },
                                                            { c->v, c->type, c->keys, c->k_cols, c->k_cols } },
                                                    .out = { out, case_out(c), c->rows, c->q_cols, c->q_cols },
                                                    .params = { .scale = c->scale,
                                                                .softcap = c->softcap,
                                                                .window = c->window,
                                                                .heads = (uint32_t)c->heads,
                                                                .kv_heads = (uint32_t)c->kv_heads,
                                                                .head_dim = (uint32_t)c->head_dim },
                                                    .tile = &(gd_tile){ batch, c->pooled != NULL, 0, c->rows } });
    gd_backend_cpu.rows_free(device, batch);
    gd_backend_cpu.close(device);
    return out;
}

static void check_case(struct attention *a, struct kernels *k)
{
    const attention_case *c = &a->c;
    const size_t size = gd_dtype_size(case_out(c)), stride = (c->q_cols + a->gap) * size;
    unsigned char *want = run_reference(a), *got;

    cut_jobs(a);
    got = run_kernels(a, k);
    for (size_t r = 0; r < c->rows; r++) {
        for (size_t i = 0; i < c->q_cols; i++)
            if (!test_same(test_value(got + r * stride, case_out(c), i),
                           test_value(want, case_out(c), r * c->q_cols + i)))
                fail_msg("%s %s %s tile=%zu gap=%zu order=%u: row %zu (position %u) column %zu is %a, not %a",
                         k->family, a->entry->name, case_name(c), a->tile, a->gap, a->order, r, position_of(c, r), i,
                         (double)test_value(got + r * stride, case_out(c), i),
                         (double)test_value(want, case_out(c), r * c->q_cols + i));
        for (size_t i = c->q_cols * size; i < stride; i++)
            assert_int_equal(got[r * stride + i], CANARY);
    }
    gd_free(a->jobs);
    gd_free(got);
    gd_free(want);
}

static void put_value(void *values, gd_dtype type, size_t i, float x)
{
    if (type == GD_F32)
        ((float *)values)[i] = x;
    else
        ((gd_bf16 *)values)[i] = gd_bf16_from_f32(x);
}

/* Zeros of both signs and numbers whose products are denormal among the operands: sums of them end in a zero whose sign
 * depends on every step. */
static void make_rough(void *values, gd_dtype type, size_t n, uint64_t *state)
{
    static const float factors[] = { 0.0f, -0.0f, 0x1p-70f, 0x1p-126f, 1.0f, 0x1p-64f };

    for (size_t i = 0; i < n; i++) {
        const float x = test_value(values, type, i) * factors[test_below(state, 6)];

        put_value(values, type, i, x);
    }
}

/* All values are tiny, or all but the queries and keys. */
static void make_case_rough(attention_case *c)
{
    uint64_t state = c->seed;

    if (c->seed % 2) {
        make_rough(c->q, c->type, c->rows * c->q_cols, &state);
        make_rough(c->k, c->type, c->keys * c->k_cols, &state);
    }
    make_rough(c->v, c->type, c->keys * c->k_cols, &state);
}

/* What the seed of a trie chooses: everything else that is not given. */
static void choose(struct attention *a, uint64_t seed)
{
    static const size_t heads[][2] = { { 1, 1 }, { 3, 1 }, { 2, 2 }, { 7, 1 }, { 4, 2 }, { 8, 1 }, { 14, 2 } };
    static const uint32_t windows[] = { 0, 1, 0, 48, 65, 0, 200 };
    static const size_t tiles[] = { 1000, 64, 50, 13 };
    static const size_t gaps[] = { 0, 8, 0, 3 };

    a->c.seed = seed;
    a->c.heads = heads[seed % 7][0];
    a->c.kv_heads = heads[seed % 7][1];
    a->c.wide = seed % 2;
    a->c.scale = 1.0f / sqrtf((float)a->c.head_dim);
    a->c.softcap = seed % 4 ? 0.0f : 5.0f;
    a->c.window = windows[seed / 2 % 7];
    a->c.count = 4 + seed % 5;
    a->c.longest = seed % 3 ? 20 : 90;
    a->tile = tiles[seed / 3 % 4];
    a->gap = gaps[seed / 5 % 4];
    a->order = (unsigned)(seed % 4);
}

static void check_trie(struct attention a, struct kernels *k, uint64_t seed, bool rough)
{
    choose(&a, seed);
    attention_case_open(&a.c);
    if (rough)
        make_case_rough(&a.c);
    check_case(&a, k);
    attention_case_close(&a.c);
}

static void check_tries(struct attention a, struct kernels *k)
{
    static const size_t dims[] = { 8, 20, 33, 64, 80, 128, 256, 1, 200, 514, 300 };

    for (uint64_t seed = 0; seed < sizeof dims / sizeof dims[0]; seed++) {
        a.c.head_dim = dims[seed];
        check_trie(a, k, seed, false);
    }
    for (uint64_t seed = 100; seed < 106; seed++) {
        a.c.head_dim = dims[seed % 3];
        check_trie(a, k, seed, true);
    }
}

/* One text of several blocks of keys.  The second tile's first row sees the last key of a block, and then the next one,
 * if there is a window. */
static void check_long(struct attention a, struct kernels *k, uint32_t window, size_t tile)
{
    a.c.head_dim = 16;
    choose(&a, 40);
    a.c.heads = a.c.kv_heads = 1;
    a.c.window = window;
    a.c.count = 2;
    a.c.longest = 400;
    a.tile = tile;
    attention_case_open(&a.c);
    assert_true(a.c.depth > 200);
    assert_true(!window || (position_of(&a.c, tile) + 1 - window) % 64 == 63);
    check_case(&a, k);
    attention_case_close(&a.c);
}

/* More query heads of a key head than lines that are computed together. */
static void check_group(struct attention a, struct kernels *k)
{
    a.c.head_dim = 12;
    choose(&a, 41);
    a.c.heads = 70;
    a.c.kv_heads = 1;
    a.c.longest = 6;
    attention_case_open(&a.c);
    check_case(&a, k);
    attention_case_close(&a.c);
}

/* Rows of several segments in any order, some followed by the next one, some repeated. */
static void check_pooled(struct attention a, struct kernels *k)
{
    enum { POOLED = 40 };
    struct attention pooled;
    uint32_t rows[POOLED];
    uint64_t state = 5;

    a.c.head_dim = 24;
    choose(&a, 42);
    a.c.heads = 6;
    a.c.kv_heads = 2;
    a.c.longest = 60;
    attention_case_open(&a.c);
    for (size_t i = 0; i < POOLED; i++)
        rows[i] = i && test_below(&state, 2) && rows[i - 1] + 1 < a.c.rows ? rows[i - 1] + 1
                                                                           : (uint32_t)test_below(&state, a.c.rows);
    pooled = a;
    attention_case_pool(&pooled.c, &a.c, rows, POOLED);
    pooled.tile = 17;
    check_case(&pooled, k);
    attention_case_unpool(&pooled.c);
    attention_case_close(&a.c);
}

static void *values_of(const float *x, size_t n, gd_dtype type)
{
    void *values = gd_alloc_aligned(n * gd_dtype_size(type));

    assert_non_null(values);
    for (size_t i = 0; i < n; i++)
        put_value(values, type, i, x[i]);
    return values;
}

/* A text whose outputs are zeros, of which a single step too many or too few changes the sign.  In the first block of
 * keys all sums are tiny and negative; the second, with zeros for values, scales them down to -0; in the third, each
 * step's product is a zero or is flushed to one. */
static void check_zeros(struct attention a, struct kernels *k)
{
    enum { ROWS = 150, SECOND = 102, DIM = 8 };
    static const float last[] = { -0x1p-126f, -0.0f, -0x1p-126f, -0.0f, 0.0f, 0x1p-126f };
    attention_case *c = &a.c;
    float q[DIM * ROWS], keys[DIM * ROWS], values[DIM * ROWS];
    uint64_t state = 6;

    c->head_dim = DIM;
    choose(&a, 1);
    c->heads = c->kv_heads = 1;
    c->scale = 1.0f;
    /* A warp has rows on both sides of the last block's first position, and another one begins with its seventh. */
    c->count = 2;
    c->segments[0] = (gd_segment){ 0, SECOND, 0, -1 };
    c->segments[1] = (gd_segment){ SECOND, ROWS - SECOND, SECOND, 0 };
    c->rows = c->keys = c->depth = ROWS;
    c->q_cols = c->k_cols = DIM;
    case_rows(c);
    for (size_t i = 0; i < DIM * ROWS; i++)
        q[i] = i % DIM == 0;
    for (size_t i = 0; i < DIM * ROWS; i++) {
        const size_t block = i / DIM / 64;

        keys[i] = i % DIM || block == 0 ? 0.0f : block == 1 ? 60.0f : 59.0f;
        values[i] = block == 0 ? -0x1p-100f : block == 1 ? 0.0f : last[test_below(&state, 6)];
    }
    c->q = values_of(q, DIM * ROWS, c->type);
    c->k = values_of(keys, DIM * ROWS, c->type);
    c->v = values_of(values, DIM * ROWS, c->type);
    check_case(&a, k);
    attention_case_close(c);
}

/* A key with a NaN and a value with an infinity: rows that see them have a NaN, and no others. */
static void check_strange(struct attention a, struct kernels *k)
{
    a.c.head_dim = 20;
    choose(&a, 3);
    attention_case_open(&a.c);
    put_value(a.c.k, a.c.type, a.c.keys * 2 / 3 * a.c.k_cols, NAN);
    put_value(a.c.v, a.c.type, a.c.keys / 3 * a.c.k_cols + 5, INFINITY);
    check_case(&a, k);
    attention_case_close(&a.c);
}

static void check_all(struct attention a, struct kernels *k)
{
    check_tries(a, k);
    check_long(a, k, 0, 150);
    check_long(a, k, 48, 112);
    check_group(a, k);
    check_pooled(a, k);
    check_zeros(a, k);
}

static void each_tensor(struct kernels *k)
{
    const struct attention a = { .c.type = GD_BF16, .entry = &entries[0], .arithmetic = GD_TENSOR };
    struct attention older = a;

    check_all(a, k);
    k->rule = (gd_tensor_rule){ GD_TENSOR8_RULE };
    older.arithmetic = GD_TENSOR8;
    older.c.head_dim = 80;
    check_trie(older, k, 30, false);
}

static void each_exact(struct kernels *k)
{
    const struct attention bf16 = { .c.type = GD_BF16, .entry = &entries[1] };
    const struct attention f32 = { .c.type = GD_F32, .entry = &entries[1] };

    check_all(bf16, k);
    check_strange(bf16, k);
    check_all(f32, k);
    check_strange(f32, k);
}

static void tensor_cores_attend(void **state)
{
    (void)state;
    for_each_family("attention_tensor", each_tensor);
}

static void multiply_adds_attend(void **state)
{
    (void)state;
    for_each_family("attention_exact", each_exact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensor_cores_attend),
        cmocka_unit_test(multiply_adds_attend),
    };

    if (ptx_is_missing())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
