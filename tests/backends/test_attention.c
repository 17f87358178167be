/* test_attention.c - attention over the trie: the bits of doc/arithmetic.md, section 6, and their error. */
#include "tests/backends/attention_case.h"

/* Section 3 for n products, given by `pair`. */
struct product {
    const attention_line *a;
    const float *e; /* NULL: query times key; else weights times values */
    size_t at;      /* position of the key, or of the block */
    size_t d;       /* element of the values */
};

static float product_step(const struct product *p, size_t i, float acc)
{
    const attention_case *c = p->a->c;

    return p->e ? fmaf(p->e[i], line_kv(p->a, c->v, p->at + i, p->d), acc)
                : fmaf(line_q(p->a, i), line_kv(p->a, c->k, p->at, i), acc);
}

static float product_sum(const struct product *p, size_t n)
{
    float total = 0;

    for (size_t first = 0; first < n; first += 512) {
        const size_t end = n - first < 512 ? n : first + 512;
        float acc = 0;

        for (size_t i = first; i < end; i += 2) {
            acc = i + 1 < end ? product_step(p, i + 1, acc) : fmaf(0, 0, acc);
            acc = product_step(p, i, acc);
        }
        total = first ? total + acc : acc;
    }
    return total;
}

/* Section 4: missing elements are zero. */
static float lanes_sum(const float x[64])
{
    float lane[16] = { 0 };

    for (size_t i = 0; i < 64; i++)
        lane[i % 16] += x[i];
    for (size_t half = 8; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static float function(void (*f)(size_t n, const float *x, float *y), float x)
{
    float y;

    f(1, &x, &y);
    return y;
}

/* Section 6, spelled out for one line. */
static void contract_line(const attention_line *a, float *o)
{
    const attention_case *c = a->c;
    float m = -INFINITY, l = 0;

    memset(o, 0, c->head_dim * sizeof *o);
    for (size_t start = a->begin / 64 * 64; start < a->end; start += 64) {
        const size_t keys = a->end - start < 64 ? a->end - start : 64;
        float s[64], e[64] = { 0 }, old = m, correction;

        for (size_t j = 0; j < keys; j++) {
            s[j] = product_sum(&(struct product){ a, NULL, start + j, 0 }, c->head_dim) * c->scale;
            if (c->softcap != 0)
                s[j] = c->softcap * function(gd_rows_generic.tanh, s[j] / c->softcap);
            if (start + j >= a->begin)
                m = s[j] > m ? s[j] : m;
        }
        for (size_t j = 0; j < keys; j++)
            e[j] = start + j >= a->begin ? function(gd_rows_generic.exp, s[j] - m) : 0;
        correction = function(gd_rows_generic.exp, old - m);
        l = fmaf(l, correction, lanes_sum(e));
        for (size_t j = 0; j < keys; j++)
            e[j] = c->type == GD_BF16 ? gd_bf16_to_f32(gd_bf16_from_f32(e[j])) : e[j];
        for (size_t d = 0; d < c->head_dim; d++)
            o[d] = fmaf(o[d], correction, product_sum(&(struct product){ a, e, start, d }, keys));
    }
    for (size_t d = 0; d < c->head_dim; d++)
        o[d] = case_out(c) == GD_BF16 ? gd_bf16_to_f32(gd_bf16_from_f32(o[d] / l)) : o[d] / l;
}

/* Double precision; *slack becomes a bound for the error of fp32 (or bf16), for every element. */
static void exact_line(const attention_line *a, double *o, double *slack)
{
    const attention_case *c = a->c;
    const double u = 0x1p-24, rounding = c->type == GD_BF16 ? 0x1p-7 : u, n = (double)(a->end - a->begin);
    double sum = 0, largest = 0;

    memset(o, 0, c->head_dim * sizeof *o);
    memset(slack, 0, c->head_dim * sizeof *slack);
    for (size_t p = a->begin; p < a->end; p++) {
        double s = 0, size = 0, e;

        for (size_t d = 0; d < c->head_dim; d++) {
            const double x = (double)line_q(a, d) * (double)line_kv(a, c->k, p, d) * (double)c->scale;

            s += x;
            size += fabs(x);
        }
        if (c->softcap != 0)
            s = c->softcap * tanh(s / c->softcap);
        e = exp(s); /* the inputs are small */
        sum += e;
        largest = size > largest ? size : largest;
        for (size_t d = 0; d < c->head_dim; d++) {
            o[d] += e * (double)line_kv(a, c->v, p, d);
            slack[d] += e * fabs((double)line_kv(a, c->v, p, d));
        }
    }
    /* Logits have an error of (head_dim + 8) u times their size, weights twice that; then the sums over n keys; then
     * the rounding of the weights and of the result (half an ULP of bf16 is up to 2^-8 of a value). */
    for (size_t d = 0; d < c->head_dim; d++) {
        o[d] /= sum;
        slack[d] *= (2 * ((double)c->head_dim + 8) * u * (largest + 1) + (n + 16) * u + rounding) / sum;
    }
}

static const gd_row_kernels *variant; /* the one being checked */

static void check_line(const attention_line *a, const void *out)
{
    const attention_case *c = a->c;
    const size_t at = a->row * c->q_cols + a->head * c->head_dim;
    float contract[600];
    double exact[600], slack[600];

    contract_line(a, contract);
    exact_line(a, exact, slack);
    for (size_t d = 0; d < c->head_dim; d++) {
        const float got = test_value(out, case_out(c), at + d);

        if (!test_same(got, contract[d]))
            fail_msg("%s %s: row %zu head %zu element %zu is %a, not %a", variant->name, case_name(c), a->row, a->head,
                     d, (double)got, (double)contract[d]);
        if (!(fabs((double)got - exact[d]) <= slack[d]))
            fail_msg("%s %s: row %zu head %zu element %zu is %.9g, exactly %.9g: more than %.3g off", variant->name,
                     case_name(c), a->row, a->head, d, (double)got, exact[d], slack[d]);
    }
}

/* One head of every row against the contract and against double precision. */
static void check_rows(const attention_case *c, const void *out)
{
    uint32_t *path = gd_alloc(c->depth, sizeof *path);
    uint64_t env;

    assert_non_null(path);
    env = gd_fpenv_enter();
    for (size_t row = 0; row < c->rows; row++) {
        attention_line a;

        case_path(c, case_row(c, row), path);
        a = line_open(c, row, (row + c->seed) % c->heads, path);
        check_line(&a, out);
    }
    gd_fpenv_leave(env);
    gd_free(path);
}

static void check_case(attention_case c)
{
    void *out;

    attention_case_open(&c);
    out = attention_case_run(&c, variant, 1, c.rows);
    check_rows(&c, out);
    gd_free(out);
    attention_case_close(&c);
}

static void each_shape(const gd_row_kernels *kernels)
{
    static const size_t dims[] = { 2, 7, 16, 24, 32, 64, 80, 128, 256, 600 };
    static const size_t heads[][2] = { { 1, 1 }, { 3, 1 }, { 2, 2 }, { 7, 1 }, { 4, 2 }, { 14, 2 } };
    static const uint32_t windows[] = { 0, 1, 48, 64, 65 };
    uint64_t seed = 1;

    variant = kernels;
    for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
        for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++, seed++) {
            const size_t h = seed % (dims[d] > 80 ? 4 : 6);

            check_case((attention_case){ .seed = seed,
                                         .head_dim = dims[d],
                                         .heads = heads[h][0],
                                         .kv_heads = heads[h][1],
                                         .type = seed % 3 ? GD_BF16 : GD_F32,
                                         .wide = seed % 4 == 1,
                                         .scale = 1.0f / sqrtf((float)dims[d]),
                                         .softcap = seed % 4 ? 0.0f : 5.0f,
                                         .window = windows[w],
                                         .count = 12,
                                         .longest = dims[d] > 80 ? 20 : 50 });
        }
}

static void shapes_follow_the_contract(void **state)
{
    (void)state;
    test_each_variant(each_shape);
}

static void same_bits(const attention_case *c, const void *want, size_t want_row, const void *got, size_t got_row,
                      const char *what)
{
    const size_t bytes = c->q_cols * gd_dtype_size(case_out(c));

    if (memcmp((const char *)want + want_row * bytes, (const char *)got + got_row * bytes, bytes) != 0)
        fail_msg("%s %s: row %zu has different bits %s", variant->name, case_name(c), want_row, what);
}

/* A row of another segment, one position after this one, if there is one: it only looks like the next row. */
static uint32_t stranger(const attention_case *c, uint32_t row, uint64_t *state)
{
    const size_t start = test_below(state, c->rows);

    for (size_t i = 0; i < c->rows; i++) {
        const size_t other = (start + i) % c->rows;

        if (c->position[other] == c->position[row] + 1 && c->segment[other] != c->segment[row])
            return (uint32_t)other;
    }
    return (uint32_t)start;
}

/* Random rows, some followed by the next one, by one that looks like it, or by themselves. */
static void choose_rows(uint32_t *rows, size_t count, const attention_case *c)
{
    uint64_t state = c->seed;

    rows[0] = 0;
    for (size_t i = 1; i < count; i++) {
        const uint32_t before = rows[i - 1];

        switch (test_below(&state, 5)) {
        case 0: rows[i] = before; break;
        case 1: rows[i] = before + 1 < c->rows ? before + 1 : 0; break;
        case 2: rows[i] = stranger(c, before, &state); break;
        default: rows[i] = (uint32_t)test_below(&state, c->rows); break;
        }
    }
}

/* Rows of several segments, anywhere in them: no job may take one for the successor of another. */
static void check_pooled(attention_case c)
{
    enum { POOLED = 60 };
    static const size_t tiles[] = { 1, 7, POOLED };
    uint32_t rows[POOLED];
    attention_case pooled;
    void *want;

    attention_case_open(&c);
    choose_rows(rows, POOLED, &c);
    attention_case_pool(&pooled, &c, rows, POOLED);
    want = attention_case_run(&pooled, variant, 1, POOLED);
    check_rows(&pooled, want);
    for (size_t i = 0; i < sizeof tiles / sizeof tiles[0]; i++) {
        void *out = attention_case_run(&pooled, variant, 2, tiles[i]);

        for (size_t row = 0; row < POOLED; row++)
            same_bits(&pooled, want, row, out, row, "in other tiles of pooled rows");
        gd_free(out);
    }
    gd_free(want);
    attention_case_unpool(&pooled);
    attention_case_close(&c);
}

static void each_pool(const gd_row_kernels *kernels)
{
    static const uint32_t windows[] = { 0, 1, 48, 65 };

    variant = kernels;
    for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++)
        for (uint64_t seed = 200; seed < 204; seed++)
            check_pooled((attention_case){ .seed = seed + 10 * w,
                                           .head_dim = seed % 2 ? 16 : 24,
                                           .heads = seed % 2 ? 2 : 6,
                                           .kv_heads = 2,
                                           .type = seed % 3 ? GD_BF16 : GD_F32,
                                           .scale = 0.25f,
                                           .window = windows[w],
                                           .count = 12,
                                           .longest = 60 });
}

static void pooled_rows_follow_the_contract(void **state)
{
    (void)state;
    test_each_variant(each_pool);
}

static void check_splits(const attention_case *c, const void *want)
{
    const struct {
        size_t tile;
        unsigned threads;
    } splits[] = {
        { 1, 1 }, { 7, 2 }, { 64, 3 }, { c->rows, 7 }, { 50, 2 },
    };

    for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
        void *out = attention_case_run(c, variant, splits[i].threads, splits[i].tile);
        char what[80];

        (void)snprintf(what, sizeof what, "in tiles of %zu on %u threads", splits[i].tile, splits[i].threads);
        for (size_t row = 0; row < c->rows; row++)
            same_bits(c, want, row, out, row, what);
        gd_free(out);
    }
}

static void check_alone(const attention_case *c, const void *want)
{
    uint32_t *path = gd_alloc(c->depth, sizeof *path);

    assert_non_null(path);
    for (size_t s = 0; s < c->count; s++) {
        const size_t row = c->segments[s].first_row + c->segments[s].length - 1;
        attention_case alone;
        void *out;

        attention_case_alone(&alone, c, row);
        case_path(c, row, path);
        out = attention_case_run(&alone, variant, 1, alone.rows);
        for (size_t p = 0; p < alone.rows; p++)
            same_bits(c, want, path[p], out, p, "when its text is on its own");
        gd_free(out);
        attention_case_close(&alone);
    }
    gd_free(path);
}

/* Keys and values that a text must not see are NaN. */
static void check_poison(const attention_case *c, const void *want)
{
    const size_t bytes = c->k_cols * gd_dtype_size(c->type);
    uint32_t *path = gd_alloc(c->depth, sizeof *path);
    bool *seen = gd_alloc(c->rows, sizeof *seen);

    assert_true(path && seen);
    for (size_t s = 0; s < c->count; s++) {
        const size_t row = c->segments[s].first_row + test_below(&(uint64_t){ c->seed + s }, c->segments[s].length);
        attention_case poisoned = *c;
        void *out;

        case_path(c, row, path);
        memset(seen, 0, c->rows * sizeof *seen);
        for (size_t p = 0; p <= c->position[row]; p++)
            seen[path[p]] = true;
        poisoned.k = gd_alloc_aligned(c->rows * bytes);
        poisoned.v = gd_alloc_aligned(c->rows * bytes);
        assert_true(poisoned.k && poisoned.v);
        memset(poisoned.k, 0xFF, c->rows * bytes);
        memset(poisoned.v, 0xFF, c->rows * bytes);
        for (size_t r = 0; r < c->rows; r++)
            if (seen[r]) {
                memcpy((char *)poisoned.k + r * bytes, (char *)c->k + r * bytes, bytes);
                memcpy((char *)poisoned.v + r * bytes, (char *)c->v + r * bytes, bytes);
            }
        out = attention_case_run(&poisoned, variant, 1, c->rows);
        for (size_t p = 0; p <= c->position[row]; p++)
            same_bits(c, want, path[p], out, path[p], "when keys outside its path are NaN");
        gd_free(out);
        gd_free(poisoned.k);
        gd_free(poisoned.v);
    }
    gd_free(path);
    gd_free(seen);
}

static void each_company(const gd_row_kernels *kernels)
{
    static const uint32_t windows[] = { 0, 1, 48, 64, 65 };

    variant = kernels;
    for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++) {
        attention_case c = { .seed = 100 + w,
                             .head_dim = w % 2 ? 16 : 24,
                             .heads = w % 2 ? 2 : 6,
                             .kv_heads = 2,
                             .type = w % 2 ? GD_F32 : GD_BF16,
                             .wide = w == 2,
                             .scale = 0.25f,
                             .softcap = w == 3 ? 3.0f : 0.0f,
                             .window = windows[w],
                             .count = 9,
                             .longest = 90 };
        void *want;

        attention_case_open(&c);
        want = attention_case_run(&c, kernels, 1, c.rows);
        check_splits(&c, want);
        check_alone(&c, want);
        check_poison(&c, want);
        gd_free(want);
        attention_case_close(&c);
    }
}

static void company_changes_no_bit(void **state)
{
    (void)state;
    test_each_variant(each_company);
}

static void scratch_sizes_are_checked(void **state)
{
    const gd_limits sane = { .tile_rows = 256, .max_position = 4096, .head_dim = 64, .heads = 14, .kv_heads = 2 };
    gd_limits huge = sane;

    (void)state;
    assert_true(gd_attention_scratch_bytes(&sane, 2) < 1u << 20);
    huge.head_dim = SIZE_MAX / 64;
    assert_true(gd_attention_scratch_bytes(&huge, 1) == SIZE_MAX / 2);
    huge = sane;
    huge.max_position = SIZE_MAX / 4;
    assert_true(gd_attention_scratch_bytes(&huge, 1) == SIZE_MAX / 2);
    huge = sane;
    huge.tile_rows = SIZE_MAX;
    assert_true(gd_attention_scratch_bytes(&huge, 1) == SIZE_MAX / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_follow_the_contract),
        cmocka_unit_test(pooled_rows_follow_the_contract),
        cmocka_unit_test(company_changes_no_bit),
        cmocka_unit_test(scratch_sizes_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
