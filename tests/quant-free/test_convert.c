/* test_convert.c - the numbers of views: exact widening, one rounding, rows, misaligned bytes. */
#include "tests/check.h"

#include "quant-free/convert.h"

#include <float.h>
#include <math.h>

/* Reference rounding to bf16, by value: the nearer neighbour, or on a tie the one with an even last
 * bit. */
static gd_bf16 nearest(float f)
{
    uint32_t bits;
    gd_bf16 low;
    double below, above;

    memcpy(&bits, &f, 4);
    low = (gd_bf16)(bits >> 16); /* towards zero */
    below = fabs((double)gd_bf16_to_f32(low));
    above = (low & 0x7FFF) == 0x7F7F ? 0x1p128 : fabs((double)gd_bf16_to_f32((gd_bf16)(low + 1)));
    if (fabs((double)f) - below == above - fabs((double)f))
        return (gd_bf16)(low + (low & 1));
    return fabs((double)f) - below < above - fabs((double)f) ? low : (gd_bf16)(low + 1);
}

static void f32_is_rounded_to_nearest_even(void **state)
{
    uint32_t bits = 1;

    (void)state;
    for (int i = 0; i < 2000000; i++) {
        const uint32_t tie = i % 3 == 0 ? (bits & 0xFFFF0000u) | 0x8000u : bits; /* a third are exact ties */
        gd_bf16 got;
        float f;

        bits = bits * 1664525u + 1013904223u;
        memcpy(&f, &tie, 4);
        if (!isfinite(f))
            continue;
        got = gd_bf16_from_f32(f);
        if (got != nearest(f))
            fail_msg("%a becomes %04x, not %04x", f, got, nearest(f));
    }
    assert_int_equal(gd_bf16_from_f32(INFINITY), 0x7F80);
    assert_int_equal(gd_bf16_from_f32(-INFINITY), 0xFF80);
    assert_int_equal(gd_bf16_from_f32(0x1.FFp127f), 0x7F80); /* the tie at the top rounds to infinity */
    assert_true(isnan(gd_bf16_to_f32(gd_bf16_from_f32(NAN))));
    assert_int_equal(gd_bf16_from_f32(-0.0f), 0x8000);
}

/* Every half, against its definition. */
static void halves_are_widened_exactly(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const int exp = (int)(h >> 10 & 31), mant = (int)(h & 1023);
        const double size = exp == 0 ? ldexp(mant, -24) : ldexp(1024 + mant, exp - 25);
        const float f = gd_f16_to_f32((uint16_t)h);

        if (exp == 31) {
            assert_true(mant ? isnan(f) : isinf(f));
            assert_int_equal(!!signbit(f), h >> 15);
            continue;
        }
        assert_true((double)f == (h >> 15 ? -size : size));
        assert_int_equal(!!signbit(f), h >> 15);
    }
}

/* Between every two neighbours: the middle rounds to the even one, the floats next to it to the nearer one. */
static void floats_are_rounded_to_the_nearest_half(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 0x7C00; h++) { /* 0x7C00 is infinity, in the place of a half of 65536 */
        const float low = gd_f16_to_f32((uint16_t)h), high = h == 0x7BFF ? 65536 : gd_f16_to_f32((uint16_t)(h + 1));
        const float middle = (low + high) / 2; /* exact: a half has 13 bits fewer */

        assert_int_equal(gd_f16_from_f32(low), h);
        assert_int_equal(gd_f16_from_f32(-low), h | 0x8000);
        assert_int_equal(gd_f16_from_f32(middle), h + (h & 1));
        assert_int_equal(gd_f16_from_f32(nextafterf(middle, 0)), h);
        assert_int_equal(gd_f16_from_f32(nextafterf(middle, INFINITY)), h + 1);
    }
    assert_int_equal(gd_f16_from_f32(FLT_MAX), 0x7C00);
    assert_int_equal(gd_f16_from_f32(-INFINITY), 0xFC00);
    assert_int_equal(gd_f16_from_f32(FLT_TRUE_MIN), 0);
    assert_true(isnan(gd_f16_to_f32(gd_f16_from_f32(NAN))));
}

static void what_is_not_finite_is_told(void **state)
{
    static const struct {
        gd_dtype type;
        float largest, over;
    } types[] = { { GD_F16, 0x1.FFDFFEp15f, 0x1.FFEp15f },
                  { GD_BF16, 0x1.FEFFFEp127f, 0x1.FFp127f },
                  { GD_F32, FLT_MAX, INFINITY } };
    uint32_t out[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const float good[3] = { types[i].largest, -types[i].largest, 0 };
        const float bad[3] = { 0, -types[i].over, 0 }, nan[3] = { 0, 0, NAN };

        assert_true(gd_f32_to_type(types[i].type, good, 3, out));
        assert_false(gd_f32_to_type(types[i].type, bad, 3, out));
        assert_false(gd_f32_to_type(types[i].type, nan, 3, out));
        assert_true(gd_f32_to_type(types[i].type, bad, 0, out));
    }
}

/* The same six numbers in each type, starting at each of four offsets. */
static void views_are_converted_wherever_they_lie(void **state)
{
    static const float numbers[6] = { 1.0f, -2.5f, 0.0f, 0.00390625f, 100.0f, -1.0f };
    static const uint16_t halves[6] = { 0x3C00, 0xC100, 0, 0x1C00, 0x5640, 0xBC00 };
    uint16_t brains[6];
    const void *bytes[3] = { brains, numbers, halves };

    (void)state;
    for (int i = 0; i < 6; i++)
        brains[i] = gd_bf16_from_f32(numbers[i]);
    for (unsigned type = GD_BF16; type <= GD_F16; type++) {
        for (size_t at = 0; at < 4; at++) {
            unsigned char room[32];
            const size_t size = gd_dtype_size((gd_dtype)type);
            const gd_view v = { "v", (gd_dtype)type, 2, { 3, 2 }, room + at, 6 * size, false, 0, 0 };
            gd_bf16 to16[7] = { [6] = 0xABCD };
            float to32[7] = { [6] = 77 };

            memcpy(room + at, bytes[type], 6 * size);
            assert_int_equal(gd_view_elements(&v), 6);
            assert_int_equal(gd_view_row_elements(&v), 2);
            gd_view_to_f32(&v, to32);
            gd_view_to_bf16(&v, to16);
            assert_memory_equal(to32, numbers, sizeof numbers);
            assert_memory_equal(to16, brains, sizeof brains);
            gd_view_rows_to_f32(&v, 1, 2, to32);
            gd_view_rows_to_bf16(&v, 2, 1, to16);
            assert_memory_equal(to32, numbers + 2, 4 * sizeof *numbers);
            assert_memory_equal(to16, brains + 4, 2 * sizeof *brains);
            assert_true(to32[6] == 77 && to16[6] == 0xABCD); /* nothing after the end is written */
            assert_true(gd_view_finite(&v));
            assert_false(gd_view_all_zero(&v));
        }
    }
}

static void special_numbers_are_seen(void **state)
{
    static const uint16_t zeros[3] = { 0, 0x8000, 0 }, nan16[3] = { 0, 0x7FC0, 0 }, inf_half[3] = { 0, 0, 0xFC00 };
    const gd_view zero = { "z", GD_BF16, 1, { 3 }, zeros, 6, false, 0, 0 },
                  nans = { "n", GD_BF16, 1, { 3 }, nan16, 6, false, 0, 0 };
    const gd_view inf = { "i", GD_F16, 1, { 3 }, inf_half, 6, false, 0, 0 },
                  scalar = { "s", GD_F16, 0, { 0 }, zeros, 2, false, 0, 0 };
    const gd_view none = { "e", GD_F32, 2, { 0, 4 }, NULL, 0, false, 0, 0 };

    (void)state;
    assert_true(gd_view_all_zero(&zero) && gd_view_finite(&zero));
    assert_false(gd_view_finite(&nans));
    assert_false(gd_view_finite(&inf));
    assert_int_equal(gd_view_elements(&scalar), 1);
    assert_int_equal(gd_view_row_elements(&scalar), 1);
    assert_int_equal(gd_view_elements(&none), 0);
    gd_view_to_f32(&none, NULL);
    gd_view_to_bf16(&none, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_is_rounded_to_nearest_even),         cmocka_unit_test(halves_are_widened_exactly),
        cmocka_unit_test(floats_are_rounded_to_the_nearest_half), cmocka_unit_test(what_is_not_finite_is_told),
        cmocka_unit_test(views_are_converted_wherever_they_lie),  cmocka_unit_test(special_numbers_are_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
