/* test_isa.c - the values of --isa, on this CPU and others. */
#include "tests/check.h"

#include "backends/cpu/gemm.h"
#include "backends/cpu/rows.h"

enum { X86 = GD_ISA_AVX2 | GD_ISA_AVX512, ARM = GD_ISA_NEON };

static void each_level_holds_those_below(void **state)
{
    static const struct {
        const char *name;
        gd_isa have, want;
    } cases[] = {
        { NULL, X86, X86 },
        { "auto", ARM, ARM },
        { "auto", GD_ISA_GENERIC, GD_ISA_GENERIC },
        { "generic", X86, GD_ISA_GENERIC },
        { "generic", ARM, GD_ISA_GENERIC },
        { "avx2", X86, GD_ISA_AVX2 },
        { "avx512", X86, X86 },
        { "neon", ARM, ARM },
        { "auto", X86 | GD_ISA_AVX512BF16, X86 | GD_ISA_AVX512BF16 },
        { "auto", X86 | GD_ISA_AVX512BF16 | GD_ISA_SLOW_BF16, X86 },
        { "avx512bf16", X86 | GD_ISA_AVX512BF16 | GD_ISA_SLOW_BF16, X86 | GD_ISA_AVX512BF16 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_isa isa = 99;

        assert_ok(gd_isa_parse(&isa, cases[i].name, cases[i].have, test_err));
        assert_int_equal(isa, cases[i].want);
    }
}

static void what_a_cpu_lacks_is_refused(void **state)
{
    static const struct {
        const char *name;
        gd_isa have;
        gd_status status;
        const char *sentence;
    } cases[] = {
        { "neon", X86, GD_EUNSUPPORTED, "this CPU does not support neon; it can run: generic, avx2, avx512" },
        { "avx2", ARM, GD_EUNSUPPORTED, "this CPU does not support avx2; it can run: generic, neon" },
        { "avx512bf16", X86, GD_EUNSUPPORTED,
          "this CPU does not support avx512bf16; it can run: generic, avx2, avx512" },
        { "neon", GD_ISA_GENERIC, GD_EUNSUPPORTED, "this CPU does not support neon; it can run: generic" },
        { "sse", ARM, GD_EUSAGE, "unknown instruction set \"sse\"; this CPU can run: generic, neon" },
        { "", X86, GD_EUSAGE, "unknown instruction set \"\"; this CPU can run: generic, avx2, avx512" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_error err = { 0 };
        gd_isa isa;

        assert_int_equal(gd_isa_parse(&isa, cases[i].name, cases[i].have, &err), cases[i].status);
        assert_string_equal(err.text, cases[i].sentence);
    }
}

static void the_best_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(gd_isa_name(GD_ISA_GENERIC), "generic");
    assert_string_equal(gd_isa_name(GD_ISA_AVX2), "avx2");
    assert_string_equal(gd_isa_name(X86), "avx512");
    assert_string_equal(gd_isa_name(X86 | GD_ISA_AVX512BF16), "avx512bf16");
    assert_string_equal(gd_isa_name(ARM), "neon");
    assert_string_equal(gd_isa_name(X86 | GD_ISA_AVX512BF16 | GD_ISA_SLOW_BF16), "avx512");
}

static void levels_end_with_the_best(void **state)
{
    static const char *const usual[] = { "generic", "avx2", "avx512", "avx512bf16" };
    static const char *const slow[] = { "generic", "avx2", "avx512bf16", "avx512" };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(gd_isa_level(X86 | GD_ISA_AVX512BF16, i), usual[i]);
        assert_string_equal(gd_isa_level(X86 | GD_ISA_AVX512BF16 | GD_ISA_SLOW_BF16, i), slow[i]);
    }
    assert_null(gd_isa_level(X86 | GD_ISA_AVX512BF16, 4));
    assert_string_equal(gd_isa_level(GD_ISA_GENERIC, 0), "generic");
    assert_null(gd_isa_level(GD_ISA_GENERIC, 1));
    assert_string_equal(gd_isa_level(ARM, 1), "neon");
    assert_null(gd_isa_level(ARM, 2));
}

/* The default on this CPU. */
static void this_cpu_gets_its_best(void **state)
{
    const gd_isa have = gd_isa_detect();

    (void)state;
#if HAVE_NEON
    assert_int_equal(have, GD_ISA_NEON);
    assert_string_equal(gd_gemm_pick(have, GD_BF16, GD_EXACT)->name, "neon");
    assert_string_equal(gd_gemm_pick(have, GD_F32, GD_EXACT)->name, "neon");
    assert_string_equal(gd_row_pick(have)->name, "neon");
#else
    assert_false(have & GD_ISA_NEON);
#endif
    print_message("this CPU: %s\n", gd_isa_name(have));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_holds_those_below), cmocka_unit_test(what_a_cpu_lacks_is_refused),
        cmocka_unit_test(the_best_has_a_name),          cmocka_unit_test(levels_end_with_the_best),
        cmocka_unit_test(this_cpu_gets_its_best),
    };

    return cmocka_run_group_tests_name("isa", tests, NULL, NULL);
}
