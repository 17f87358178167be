/* test_other.c - processors with neither x86's nor AArch64's mode for denormals: the last branch of base/fpenv.h, and
 * plain C. */
#include "tests/check.h"

#include "backends/cpu/gemm.h"
#include "backends/cpu/rows.h"

#include <fenv.h>

#undef __SSE2__
#undef __aarch64__
#include "base/fpenv.h"

static void rounding_is_to_nearest_and_given_back(void **state)
{
    const int before = fegetround();
    uint64_t env;

    (void)state;
    assert_int_equal(fesetround(FE_UPWARD), 0);
    env = gd_fpenv_enter();
    assert_int_equal(fegetround(), FE_TONEAREST);
    gd_fpenv_leave(env);
    assert_int_equal(fegetround(), FE_UPWARD);
    fesetround(before);
}

static void plain_c_needs_nothing(void **state)
{
    (void)state;
    assert_string_equal(gd_row_pick(GD_ISA_GENERIC)->name, "generic");
    assert_string_equal(gd_gemm_pick(GD_ISA_GENERIC, GD_BF16, GD_EXACT)->name, "ref");
    assert_string_equal(gd_gemm_pick(GD_ISA_GENERIC, GD_F32, GD_EXACT)->name, "ref");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_is_to_nearest_and_given_back),
        cmocka_unit_test(plain_c_needs_nothing),
    };

    return cmocka_run_group_tests_name("other", tests, NULL, NULL);
}
