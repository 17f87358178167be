/* test_derived.c - openblas and onednn: within the error bound of fp32 sums, and the same bits with any other rows. */
#include "tests/backends/linear_case.h"

static gd_device *device_for(const gd_backend *backend, gd_dtype operand, unsigned threads, const struct linear *l)
{
    const gd_limits limits = { .tile_rows = l->rows,
                               .max_in = l->in,
                               .max_out = l->out,
                               .max_rank = l->rank,
                               .max_position = 1,
                               .head_dim = 2,
                               .heads = 1,
                               .kv_heads = 1 };
    gd_device *device;

    assert_ok(backend->open(&device, &(gd_device_options){ .threads = threads, .operand = operand }, test_err));
    assert_ok(backend->prepare(device, &limits, test_err));
    return device;
}

static float *run(const gd_backend *backend, const struct linear *l, unsigned threads)
{
    gd_device *device = device_for(backend, l->operand, threads, l);
    float *y = gd_alloc(l->rows * l->out, sizeof *y);

    assert_non_null(y);
    linear_run(backend, device, l, y);
    backend->close(device);
    return y;
}

/* Calls `each` for the derived backends with every operand type that can run here. */
static void for_each(void (*each)(const gd_backend *backend, gd_dtype operand))
{
    for (const gd_backend *const *b = gd_backends_all(); *b; b++)
        for (int operand = GD_BF16; operand <= GD_F32; operand++)
            if (strcmp((*b)->name, "cpu") != 0 && !(*b)->available((gd_dtype)operand, NULL))
                each(*b, (gd_dtype)operand);
}

/* One output in double precision, and the error bound of fp32 sums in any order: (k + 2) u sum|terms| for each sum, and
 * one rounding to the operand type for each of the adapter's inner values. */
static double expected(const struct linear *l, size_t row, size_t n, double *bound)
{
    const double unit = 0x1p-24, rounding = l->operand == GD_BF16 ? 0x1p-8 : 0x1p-23;
    double sum = 0, size = 0, lora = 0, lora_bound = 0;

    for (size_t k = 0; k < l->in; k++) {
        const double term = (double)test_element(l->x, l->operand, row * l->in + k) *
                            (double)test_element(l->w, l->operand, n * l->in + k);

        sum += term;
        size += fabs(term);
    }
    *bound = (double)(l->in + 2) * unit * size;
    for (size_t r = 0; r < l->rank; r++) {
        const double b = (double)test_element(l->b, l->operand, n * l->rank + r);
        double low = 0, low_size = 0;

        for (size_t k = 0; k < l->in; k++) {
            const double term = (double)test_element(l->x, l->operand, row * l->in + k) *
                                (double)test_element(l->a, l->operand, r * l->in + k);

            low += term;
            low_size += fabs(term);
        }
        lora += low * b;
        lora_bound += fabs(b) * (rounding * fabs(low) + (double)(l->in + 2) * unit * low_size) +
                      (double)(l->rank + 2) * unit * fabs(low * b);
    }
    sum += (l->bias ? (double)l->bias_values[n] : 0) + (double)l->scale * lora;
    *bound += (double)l->scale * lora_bound + 4 * unit * (fabs(sum) + size) +
              (l->output == GD_BF16 ? 0x1p-8 * fabs(sum) : 0);
    return sum;
}

static void check(const gd_backend *backend, struct linear l, uint64_t seed)
{
    float *y;

    linear_make(&l, seed);
    y = run(backend, &l, 2);
    for (size_t i = 0; i < l.rows * l.out; i++) {
        double bound, want = expected(&l, i / l.out, i % l.out, &bound);

        if (!(fabs((double)y[i] - want) <= bound))
            fail_msg("%s rows=%zu in=%zu out=%zu rank=%zu operand=%d output=%d bias=%d seed=%llu: row %zu, output %zu: "
                     "%.9g, expected %.9g within %.2g",
                     backend->name, l.rows, l.in, l.out, l.rank, (int)l.operand, (int)l.output, (int)l.bias,
                     (unsigned long long)seed, i / l.out, i % l.out, (double)y[i], want, bound);
    }
    gd_free(y);
    linear_drop(&l);
}

static void each_bound(const gd_backend *backend, gd_dtype operand)
{
    static const size_t shapes[][4] = { { 1, 64, 32, 0 },   { 3, 65, 33, 8 },     { 65, 130, 257, 16 },
                                        { 64, 96, 512, 4 }, { 130, 31, 40, 300 }, { 600, 40, 10, 1 } };
    uint64_t seed = 1;

    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (unsigned which = 0; which < 4; which++, seed++)
            check(backend,
                  (struct linear){ .rows = shapes[s][0],
                                   .in = shapes[s][1],
                                   .out = shapes[s][2],
                                   .rank = shapes[s][3],
                                   .operand = operand,
                                   .bias = which & 1,
                                   .output = which & 2 ? GD_BF16 : GD_F32 },
                  seed);
}

static void error_against_float64(void **state)
{
    (void)state;
    for_each(each_bound);
}

/* Single rows, rows at other places, and other numbers of threads: the same bits. */
static void each_company(const gd_backend *backend, gd_dtype operand)
{
    struct linear
        all = { .rows = 197, .in = 203, .out = 300, .rank = 5, .operand = operand, .output = GD_F32, .bias = true };
    const size_t size = gd_dtype_size(operand);
    float *want;

    linear_make(&all, 50);
    want = run(backend, &all, 1);
    for (unsigned threads = 1; threads <= 7; threads += threads) {
        float *again = run(backend, &all, threads);

        assert_memory_equal(again, want, all.rows * all.out * sizeof *want);
        gd_free(again);
    }
    for (size_t first = 0; first < all.rows; first += 23) {
        struct linear part = all;
        float *y;

        part.rows = 1 + first % 3;
        part.rows = part.rows < all.rows - first ? part.rows : all.rows - first;
        part.x = gd_alloc_aligned(part.rows * all.in * size);
        memcpy(part.x, (char *)all.x + first * all.in * size, part.rows * all.in * size);
        y = run(backend, &part, 2);
        assert_memory_equal(y, want + first * all.out, part.rows * all.out * sizeof *want);
        gd_free(part.x);
        gd_free(y);
    }
    gd_free(want);
    linear_drop(&all);
}

static void company_and_threads_do_not_change_a_bit(void **state)
{
    (void)state;
    for_each(each_company);
}

/* Both libraries multiply in fp32 on every CPU, so a build that has them can always test them. */
static void what_was_compiled_is_there(void **state)
{
    const gd_backend *found;

    (void)state;
    (void)found;
#if HAVE_OPENBLAS
    assert_ok(gd_backend_find(&found, "openblas", GD_F32, test_err));
#endif
#if HAVE_ONEDNN
    assert_ok(gd_backend_find(&found, "onednn", GD_F32, test_err));
#endif
}

static void what_cannot_run_says_why(void **state)
{
    (void)state;
    for (const gd_backend *const *b = gd_backends_all(); *b; b++) {
        for (int operand = GD_BF16; operand <= GD_F32; operand++) {
            const gd_backend *found;
            gd_error why = { 0 }, err = { 0 };

            if (!(*b)->available((gd_dtype)operand, &why))
                continue;
            printf("%s in %s skipped: %s\n", (*b)->name, operand == GD_F32 ? "fp32" : "bf16", why.text);
            assert_int_equal(gd_backend_find(&found, (*b)->name, (gd_dtype)operand, &err), GD_EUNSUPPORTED);
            assert_non_null(strstr(err.text, why.text));
        }
    }
}

/* Every allocation fails once: an error, and nothing leaks. */
static void each_failure(const gd_backend *backend, gd_dtype operand)
{
    struct linear l = { .rows = 3, .in = 20, .out = 300, .rank = 0, .operand = operand, .output = GD_F32 };
    gd_view view;

    linear_make(&l, 60);
    view = view_of(l.w, operand, l.out, l.in);
    for (uint64_t n = 1;; n++) {
        const uint64_t live = gd_mem_live();
        gd_device *device;
        gd_weight *w = NULL;
        gd_status rc;

        gd_mem_fail_from(n);
        rc = backend->open(&device, &(gd_device_options){ .threads = 1, .operand = operand }, NULL);
        if (!rc) {
            rc = gd_backend_load(backend, device, &w, GD_WEIGHT_MATRIX, &view, NULL);
            gd_mem_fail_from(0);
            assert_true(rc ? !w : w != NULL);
            backend->weight_free(device, w);
            backend->close(device);
        }
        gd_mem_fail_from(0);
        assert_int_equal(gd_mem_live(), live);
        if (!rc)
            break;
        assert_int_equal(rc, GD_ENOMEM);
    }
    linear_drop(&l);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    for_each(each_failure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_against_float64),      cmocka_unit_test(company_and_threads_do_not_change_a_bit),
        cmocka_unit_test(what_was_compiled_is_there), cmocka_unit_test(what_cannot_run_says_why),
        cmocka_unit_test(no_memory_is_an_error),
    };

    return cmocka_run_group_tests_name("derived", tests, NULL, NULL);
}
