/* test_gemm.c - every matmul kernel that this CPU has gives the bits of doc/arithmetic.md, section 3. */
#include "tests/backends/gemm_case.h"
#include "tests/emulate/gemm_emulated.h"

/* The type of the operands, or the arithmetic where there is another. */
static const char *type_name(const gd_gemm_kernel *kernel)
{
    if (kernel->arithmetic != GD_EXACT)
        return kernel->arithmetic == GD_TENSOR ? "tensor" : "tensor8";
    return kernel->operand == GD_F32 ? "F32" : "BF16";
}

/* An output by the definition. */
static float want_of(const gd_gemm_kernel *kernel, const struct gemm_case *c, size_t row, size_t col)
{
    static const gd_tensor_rule rules[] = { [GD_TENSOR] = { GD_TENSOR_RULE }, [GD_TENSOR8] = { GD_TENSOR8_RULE } };

    if (kernel->arithmetic == GD_EXACT)
        return test_dot(c->x, c->w, c->operand, row * c->k, col * c->k, c->k);
    return test_tensor_dot(&rules[kernel->arithmetic], (const gd_bf16 *)c->x + row * c->k,
                           (const gd_bf16 *)c->w + col * c->k, c->k);
}

/* One kernel against the definition. */
static void check_rows(const gd_gemm_kernel *kernel, gd_pool *pool, struct gemm_case c)
{
    size_t wrong = 0, first = 0, strays;
    uint64_t env;
    float *y;

    c.operand = kernel->operand;
    gemm_case_open(&c);
    y = gd_alloc(c.m * c.n, sizeof *y);
    assert_non_null(y);
    strays = gemm_case_run(&c, kernel, pool, y);
    env = gd_fpenv_enter();
    for (size_t i = c.m * c.n; i-- > 0;) {
        if (!test_same(y[i], want_of(kernel, &c, i / c.n, i % c.n))) {
            wrong++;
            first = i;
        }
    }
    gd_fpenv_leave(env);
    if (wrong || strays)
        fail_msg("gemm:%s:%s m=%zu n=%zu k=%zu fill=%d seed=%llu rows=%s threads=%u: %zu wrong (first: row %zu, "
                 "column %zu), %zu stray writes",
                 kernel->name, type_name(kernel), c.m, c.n, c.k, (int)c.fill, (unsigned long long)c.seed,
                 c.there ? "there" : "packed", gd_pool_threads(pool), wrong, first / c.n, first % c.n, strays);
    gd_free(y);
    gemm_case_close(&c);
}

/* With packed rows, and with rows read in place. */
static void check(const gd_gemm_kernel *kernel, gd_pool *pool, struct gemm_case c)
{
    check_rows(kernel, pool, c);
    c.there = true;
    if (gd_gemm_reads(kernel, c.k, c.k))
        check_rows(kernel, pool, c);
}

/* The sources of the AVX-512 kernels with intrinsics in plain C, so that they are tested on every CPU. */
static const gd_gemm_kernel emulated[] = {
    { "avx512bf16 (emulated)", 0, GD_BF16, GD_EXACT, GD_BF16, true, 6, emulated_gemm_avx512bf16_BF16,
      emulated_gemm_avx512bf16_finish, NULL },
    { "avx512 (emulated)", 0, GD_BF16, GD_EXACT, GD_F32, false, 2, emulated_gemm_avx512_BF16,
      emulated_gemm_avx512_finish, NULL },
    { "avx512 (emulated)", 0, GD_F32, GD_EXACT, GD_F32, false, 6, emulated_gemm_avx512_F32, emulated_gemm_avx512_finish,
      NULL },
};
static const size_t emulated_count = sizeof emulated / sizeof emulated[0];

/* Calls `each` for every kernel that can run here, and for the emulated ones. */
static void for_each_kernel(void (*each)(const gd_gemm_kernel *kernel, gd_pool *pool), unsigned threads)
{
    const gd_isa have = gd_isa_detect();
    gd_pool *pool;

    assert_ok(gd_pool_open(&pool, threads, test_err));
    for (size_t i = 0; i < gd_gemm_kernel_count; i++) {
        const gd_gemm_kernel *kernel = &gd_gemm_kernels[i];

        if ((kernel->needs & ~have) == 0)
            each(kernel, pool);
    }
    for (size_t i = 0; i < emulated_count; i++)
        each(&emulated[i], pool);
    gd_pool_close(pool);
}

static void each_small(const gd_gemm_kernel *kernel, gd_pool *pool)
{
    static const size_t rows[] = { 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 28, 29, 31 };
    static const size_t cols[] = { 1, 31, 32, 33, 70 };
    static const size_t depths[] = { 1, 2, 3, 7, 64 };
    uint64_t seed = 1;

    for (size_t a = 0; a < sizeof rows / sizeof rows[0]; a++)
        for (size_t b = 0; b < sizeof cols / sizeof cols[0]; b++)
            for (size_t d = 0; d < sizeof depths / sizeof depths[0]; d++, seed++)
                check(kernel, pool,
                      (struct gemm_case){ .m = rows[a],
                                          .n = cols[b],
                                          .k = depths[d],
                                          .seed = seed,
                                          .fill = seed % 3 ? FILL_NORMAL : FILL_RANGE });
}

static void small_shapes_with_every_tail(void **state)
{
    (void)state;
    for_each_kernel(each_small, 1);
}

static void each_depth(const gd_gemm_kernel *kernel, gd_pool *pool)
{
    static const size_t depths[] = { 510, 511, 512, 513, 514, 1023, 1024, 1025, 1537, 2000, 4864 };

    for (size_t d = 0; d < sizeof depths / sizeof depths[0]; d++)
        for (size_t m = 1; m <= 19; m += 6)
            check(kernel, pool,
                  (struct gemm_case){ .m = m,
                                      .n = 33,
                                      .k = depths[d],
                                      .seed = 1000 + d,
                                      .fill = d % 2 ? FILL_NORMAL : FILL_RANGE });
    for (size_t k = 1; k < 600; k += 17)
        check(kernel, pool, (struct gemm_case){ .m = 2, .n = 3, .k = k, .seed = 2000 + k });
}

static void depths_around_the_blocks(void **state)
{
    (void)state;
    for_each_kernel(each_depth, 1);
}

static void each_odd_value(const gd_gemm_kernel *kernel, gd_pool *pool)
{
    for (uint64_t seed = 1; seed <= 4; seed++) { /* k = 1: a product of -0 is the whole sum */
        check(kernel, pool, (struct gemm_case){ .m = 20, .n = 40, .k = 1, .seed = seed, .fill = FILL_TINY });
        for (size_t m = 5; m <= 20; m += 15) {
            check(kernel, pool, (struct gemm_case){ .m = m, .n = 40, .k = 77, .seed = seed, .fill = FILL_SPECIAL });
            check(kernel, pool, (struct gemm_case){ .m = m, .n = 40, .k = 601, .seed = seed, .fill = FILL_TINY });
        }
    }
}

static void infinities_nans_and_denormals(void **state)
{
    (void)state;
    for_each_kernel(each_odd_value, 1);
}

static void each_split(const gd_gemm_kernel *kernel, gd_pool *pool)
{
    static const size_t shapes[][3] = { { 1, 500, 513 },
                                        { 40, 20, 600 },
                                        { 37, 300, 130 },
                                        { 9, 1100, 70 },
                                        { 512, 64, 9 } };

    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        check(kernel, pool,
              (struct gemm_case){ .m = shapes[s][0], .n = shapes[s][1], .k = shapes[s][2], .seed = 3000 + s });
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    for_each_kernel(each_split, 1);
    for_each_kernel(each_split, 2);
    for_each_kernel(each_split, 3);
    for_each_kernel(each_split, 7);
}

/* A row's sums do not depend on the other rows: all rows together against one by one. */
static void each_company(const gd_gemm_kernel *kernel, gd_pool *pool)
{
    struct gemm_case c = { .m = 29, .n = 48, .k = 700, .operand = kernel->operand, .seed = 4000 };
    float *all = gd_alloc(c.m * c.n, sizeof *all), *one = gd_alloc(c.n, sizeof *one);
    struct gemm_case alone;

    gemm_case_open(&c);
    gemm_case_run(&c, kernel, pool, all);
    for (size_t i = 0; i < c.m; i++) {
        alone = c;
        alone.m = 1;
        alone.x = (char *)c.x + i * c.k * gd_dtype_size(c.operand);
        gemm_case_run(&alone, kernel, pool, one);
        assert_memory_equal(one, all + i * c.n, c.n * sizeof *one);
    }
    gd_free(all);
    gd_free(one);
    gemm_case_close(&c);
}

static void company_does_not_change_a_bit(void **state)
{
    (void)state;
    for_each_kernel(each_company, 2);
}

/* |fl(x.w) - x.w| <= (k + 2) u sum|x_i w_i| for any order of summation; that is loose at large k, so the root
 * mean square over all outputs must also be within what blocks of 512 give: about u sqrt(512) of the terms. */
static void each_close(const gd_gemm_kernel *kernel, gd_pool *pool)
{
    struct gemm_case c = { .m = 7, .n = 64, .k = 4864, .operand = kernel->operand, .seed = 5000 };
    float *y = gd_alloc(c.m * c.n, sizeof *y);
    double squares = 0, allowed = 0;

    gemm_case_open(&c);
    gemm_case_run(&c, kernel, pool, y);
    for (size_t i = 0; i < c.m * c.n; i++) {
        double want = 0, size = 0, power = 0, off;

        for (size_t k = 0; k < c.k; k++) {
            const double term = (double)test_element(c.x, c.operand, i / c.n * c.k + k) *
                                (double)test_element(c.w, c.operand, i % c.n * c.k + k);

            want += term;
            size += fabs(term);
            power += term * term;
        }
        off = fabs((double)y[i] - want);
        assert_true(off <= (double)(c.k + 2) * 0x1p-24 * size + (double)c.k * 0x1p-126); /* false for NaN */
        squares += off * off;
        allowed += 512.0 * 0x1p-48 * power;
    }
    /* A step of a tensor core cuts off up to an ulp, each time towards zero, but a block has only 8 or 16 steps. */
    assert_true(squares <= (kernel->arithmetic == GD_EXACT ? 0.25 : 1.0) * allowed);
    gd_free(y);
    gemm_case_close(&c);
}

static void error_against_float64(void **state)
{
    (void)state;
    for_each_kernel(each_close, 1);
}

static void the_pick_is_a_function_of_its_arguments(void **state)
{
    (void)state;
    assert_string_equal(gd_gemm_pick(GD_ISA_GENERIC, GD_BF16, GD_EXACT)->name, "ref");
    assert_string_equal(gd_gemm_pick(GD_ISA_GENERIC, GD_F32, GD_EXACT)->name, "ref");
    assert_null(gd_gemm_pick(GD_ISA_GENERIC, GD_F16, GD_EXACT));
    assert_null(gd_gemm_pick(GD_ISA_GENERIC, GD_F32, GD_TENSOR));
    assert_int_equal(gd_gemm_pick(GD_ISA_GENERIC, GD_BF16, GD_TENSOR8)->arithmetic, GD_TENSOR8);
#if HAVE_AVX2
    assert_string_equal(gd_gemm_pick(GD_ISA_AVX2, GD_BF16, GD_EXACT)->name, "avx2");
    assert_string_equal(gd_gemm_pick(GD_ISA_AVX2, GD_F32, GD_EXACT)->name, "avx2");
#endif
#if HAVE_AVX512
    assert_string_equal(gd_gemm_pick(GD_ISA_AVX2 | GD_ISA_AVX512, GD_BF16, GD_EXACT)->name, "avx512");
#endif
#if HAVE_AVX512BF16
    assert_string_equal(gd_gemm_pick(GD_ISA_AVX2 | GD_ISA_AVX512 | GD_ISA_AVX512BF16, GD_BF16, GD_EXACT)->name,
                        "avx512bf16");
    assert_string_equal(gd_gemm_pick(GD_ISA_AVX2 | GD_ISA_AVX512 | GD_ISA_AVX512BF16, GD_F32, GD_EXACT)->name,
                        "avx512");
#endif
#if HAVE_NEON
    assert_string_equal(gd_gemm_pick(GD_ISA_NEON, GD_BF16, GD_EXACT)->name, "neon");
    assert_string_equal(gd_gemm_pick(GD_ISA_NEON, GD_F32, GD_EXACT)->name, "neon");
#endif
    for (size_t i = 0; i < gd_gemm_kernel_count; i++)
        assert_ptr_equal(gd_gemm_pick(gd_gemm_kernels[i].needs, gd_gemm_kernels[i].operand,
                                      gd_gemm_kernels[i].arithmetic),
                         &gd_gemm_kernels[i]);
}

/* Prints which kernels ran; with GD_EXPECT_KERNELS=NAME it fails if that one did not. */
static void say_what_ran(void **state)
{
    const gd_isa have = gd_isa_detect();
    const char *expected = getenv("GD_EXPECT_KERNELS");
    bool ran_expected = !expected;

    (void)state;
    for (size_t i = 0; i < gd_gemm_kernel_count; i++) {
        const gd_gemm_kernel *kernel = &gd_gemm_kernels[i];
        const bool can = (kernel->needs & ~have) == 0;

        printf("gemm:%s:%s %s\n", kernel->name, type_name(kernel),
               can ? "tested" : "skipped: this CPU lacks its instruction set");
        if (can && expected && !strcmp(expected, kernel->name))
            ran_expected = true;
    }
    for (size_t i = 0; i < emulated_count; i++)
        printf("gemm:%s:%s tested\n", emulated[i].name, type_name(&emulated[i]));
    if (!ran_expected)
        fail_msg("GD_EXPECT_KERNELS is %s, but no such kernel could be tested", expected);
}

/* Threads get rows of their own if there are enough: at least half of an engine's tile for each. */
static void rows_are_grouped_by_threads(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 5; threads++) {
        gd_pool *pool;

        assert_ok(gd_pool_open(&pool, threads, test_err));
        assert_int_equal(gd_gemm_row_groups(pool, 0), 1);
        assert_int_equal(gd_gemm_row_groups(pool, GD_GEMM_BEST_ROWS - 1), 1);
        assert_int_equal(gd_gemm_row_groups(pool, GD_GEMM_BEST_ROWS), threads < 2 ? threads : 2);
        assert_int_equal(gd_gemm_row_groups(pool, 1 << 20), threads);
        gd_pool_close(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_grouped_by_threads),
        cmocka_unit_test(small_shapes_with_every_tail),
        cmocka_unit_test(depths_around_the_blocks),
        cmocka_unit_test(infinities_nans_and_denormals),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(company_does_not_change_a_bit),
        cmocka_unit_test(error_against_float64),
        cmocka_unit_test(the_pick_is_a_function_of_its_arguments),
        cmocka_unit_test(say_what_ran),
    };

    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
