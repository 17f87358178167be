/* test_rope.c - our pow, sine and cosine against long double, and the rotary tables made with them. */
#include "tests/check.h"

#include "base/realmath.h"
#include "graph/plan.h"

#include <float.h>
#include <math.h>

static uint64_t seed = 1;

/* 0 <= x < 1 (SplitMix64) */
static double uniform(void)
{
    uint64_t z = seed += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* The error of `have` in units of the last place of the true value. */
static double ulps(double have, long double want)
{
    int exponent;

    (void)frexpl(want, &exponent);
    return (double)fabsl(((long double)have - want) / ldexpl(1, exponent - DBL_MANT_DIG));
}

static void functions_are_within_two_ulp(void **state)
{
    double worst_pow = 0, worst_sin = 0, worst_cos = 0;

    (void)state;
    if (LDBL_MANT_DIG < 64)
        skip(); /* long double is no more precise: nothing to compare with */
    for (int i = 0; i < 200000; i++) {
        const double theta = exp(uniform() * 25), y = -uniform(); /* up to 7e10 */
        const double x = i % 2 ? uniform() * 7 : floor(uniform() * 1e6) * exp(-15 * uniform());
        double s, c;

        worst_pow = fmax(worst_pow, ulps(gd_real_pow(theta, y), powl(theta, y)));
        gd_real_sincos(x, &s, &c);
        worst_sin = fmax(worst_sin, ulps(s, sinl(x)));
        worst_cos = fmax(worst_cos, ulps(c, cosl(x)));
    }
    /* multiples of pi / 2 in double, where all but the last digits cancel out */
    for (int n = 1; n < 100000; n++) {
        const double x = n * 0x1.921fb54442d18p+0;
        double s, c;

        gd_real_sincos(x, &s, &c);
        worst_sin = fmax(worst_sin, ulps(s, sinl(x)));
        worst_cos = fmax(worst_cos, ulps(c, cosl(x)));
    }
    print_message("errors in ulp: pow %.3f, sin %.3f, cos %.3f\n", worst_pow, worst_sin, worst_cos);
    assert_true(worst_pow < 1);
    assert_true(worst_sin < 1);
    assert_true(worst_cos < 1);
}

static void functions_know_the_plain_cases(void **state)
{
    double s, c;

    (void)state;
    assert_true(gd_real_pow(10000, 0) == 1);
    assert_true(gd_real_pow(10000, -1) == 1e-4);
    assert_true(gd_real_pow(1e6, -0.5) == 1e-3);
    assert_true(gd_real_pow(2, -100) == 0x1p-100);
    assert_true(gd_real_pow(1, -0.37) == 1);
    gd_real_sincos(0, &s, &c);
    assert_true(s == 0 && c == 1);
    gd_real_sincos(-1, &s, &c);
    assert_true(ulps(s, -0.841470984807896506652502321630298999622563060798371L) < 1);
    gd_real_sincos(0x1p30, &s, &c);
    assert_true(ulps(s, sinl(0x1p30L)) < 2 && ulps(c, cosl(0x1p30L)) < 2);
}

/* As in Transformers 5.3 (modeling_rope_utils.py, _compute_yarn_parameters), but in long double. */
static long double correction_dim(const gd_rope *rope, long double turns, size_t dim)
{
    return dim * logl(rope->original_max_position / (turns * 2 * acosl(-1.0L))) / (2 * logl(rope->theta));
}

static long double yarn_frequency(const gd_rope *rope, long double f, size_t i, size_t dim)
{
    long double low = correction_dim(rope, rope->beta_fast, dim), high = correction_dim(rope, rope->beta_slow, dim);

    low = fmaxl(rope->truncate ? floorl(low) : low, 0);
    high = fminl(rope->truncate ? ceill(high) : high, dim - 1);
    low = fminl(fmaxl((i - low) / (high - low + (low == high ? 0.001L : 0)), 0), 1); /* the ramp */
    return f / rope->factor * low + f * (1 - low);
}

static long double get_mscale(long double factor, long double mscale)
{
    return factor <= 1 ? 1 : 0.1L * mscale * logl(factor) + 1;
}

static long double want_size(const gd_rope *rope)
{
    if (rope->type != GD_ROPE_YARN && rope->type != GD_ROPE_LONGROPE)
        return 1;
    if (rope->attention_factor > 0)
        return rope->attention_factor;
    if (rope->type == GD_ROPE_LONGROPE)
        return rope->factor > 1 ? sqrtl(1 + logl(rope->factor) / logl(rope->original_max_position)) : 1;
    if (rope->mscale > 0 && rope->mscale_all_dim > 0)
        return get_mscale(rope->factor, rope->mscale) / get_mscale(rope->factor, rope->mscale_all_dim);
    return get_mscale(rope->factor, 1);
}

/* The same for all types. */
static long double want_frequency(const gd_rope *rope, size_t i, size_t dim)
{
    const long double f = powl(rope->theta, -(long double)(2 * i) / dim), pi = acosl(-1.0L);
    const long double wave = 2 * pi / f, context = rope->original_max_position;
    long double smooth;

    if (rope->type == GD_ROPE_DEFAULT)
        return f;
    if (rope->type == GD_ROPE_LONGROPE)
        return f / rope->divisor[i];
    if (rope->type == GD_ROPE_YARN)
        return yarn_frequency(rope, f, i, dim);
    if (rope->type == GD_ROPE_LINEAR || wave > context / rope->low_freq_factor)
        return f / rope->factor;
    if (wave < context / rope->high_freq_factor)
        return f;
    smooth = (context / wave - rope->low_freq_factor) / (rope->high_freq_factor - rope->low_freq_factor);
    return (1 - smooth) * f / rope->factor + smooth * f;
}

static gd_rope ropes[] = {
    { .type = GD_ROPE_DEFAULT, .theta = 1e4, .factor = 1 },
    { .type = GD_ROPE_DEFAULT, .theta = 1e6, .factor = 1 },
    { .type = GD_ROPE_LINEAR, .theta = 1e4, .factor = 4 },
    { .type = GD_ROPE_LLAMA3,
      .theta = 5e5,
      .factor = 8,
      .low_freq_factor = 1,
      .high_freq_factor = 4,
      .original_max_position = 64 },
    { .type = GD_ROPE_LLAMA3,
      .theta = 5e5,
      .factor = 32,
      .low_freq_factor = 1,
      .high_freq_factor = 4,
      .original_max_position = 8192 },
    { .type = GD_ROPE_YARN,
      .theta = 1e6,
      .factor = 4,
      .original_max_position = 32768,
      .beta_fast = 32,
      .beta_slow = 1,
      .truncate = true },
    { .type = GD_ROPE_YARN,
      .theta = 1e4,
      .factor = 16,
      .original_max_position = 4096,
      .beta_fast = 24,
      .beta_slow = 2,
      .mscale = 1,
      .mscale_all_dim = 0.4 },
    { .type = GD_ROPE_YARN,
      .theta = 1e4,
      .factor = 0.5,
      .original_max_position = 4,
      .beta_fast = 2,
      .beta_slow = 2,
      .truncate = true,
      .attention_factor = 0.75 },
    { .type = GD_ROPE_LONGROPE, .theta = 1e4, .factor = 32, .original_max_position = 4096 },
    { .type = GD_ROPE_LONGROPE, .theta = 1e4, .factor = 1, .original_max_position = 4096 },
    { .type = GD_ROPE_LONGROPE, .theta = 1e4, .factor = 4, .original_max_position = 64, .attention_factor = 0.75 },
};

static int fill_divisors(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof ropes / sizeof ropes[0]; t++)
        for (size_t i = 0; ropes[t].type == GD_ROPE_LONGROPE && i < GD_ROPE_PAIRS; i++)
            ropes[t].divisor[i] = 1 + 0.3 * (double)i;
    return 0;
}

enum { POSITIONS = 4096, DIM = 128, HALF = DIM / 2 };
static float cosines[POSITIONS * HALF], sines[POSITIONS * HALF];

static void tables_follow_transformers(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof ropes / sizeof ropes[0]; t++) {
        gd_rope_table(&ropes[t], DIM, POSITIONS, cosines, sines);
        for (size_t i = 0; i < HALF; i++) {
            const long double f = want_frequency(&ropes[t], i, DIM), size = want_size(&ropes[t]);

            for (size_t p = 0; p < POSITIONS; p++) { /* half an ulp of float32, plus the angle's rounding */
                const double limit = (size > 1 ? 0x1p-24 : 0x1p-25) + 0x1p-51 * (double)(p * f + 1);

                if (!(fabsl(cosines[p * HALF + i] - size * cosl(p * f)) <= limit) ||
                    !(fabsl(sines[p * HALF + i] - size * sinl(p * f)) <= limit))
                    fail_msg("rope %zu, pair %zu, position %zu", t, i, p);
            }
        }
    }
}

/* The same bits everywhere: hashes computed with gcc and clang on x86-64 and aarch64. */
static void tables_have_these_bits(void **state)
{
    static const uint64_t want[] = { 0xd71c9d4db2f2f928, 0x72d1d42018294c01, 0x7337b34f46517d40, 0xc516be7888e1b229,
                                     0x2739de52b916b844, 0x9b65ef6997fe06a4, 0xe4002a633c02ee7d, 0x45ef9ac50cd8218d,
                                     0x12e240587fadfcd7, 0xee91c1757c98e029, 0x5b0ecc3949dabc9d };

    (void)state;
    for (size_t t = 0; t < sizeof ropes / sizeof ropes[0]; t++) {
        uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a over words */

        gd_rope_table(&ropes[t], DIM, POSITIONS, cosines, sines);
        for (size_t i = 0; i < POSITIONS * HALF; i++) {
            uint32_t bits[2];

            memcpy(&bits[0], &cosines[i], 4);
            memcpy(&bits[1], &sines[i], 4);
            hash = (hash ^ bits[0]) * 0x100000001b3u;
            hash = (hash ^ bits[1]) * 0x100000001b3u;
        }
        if (hash != want[t])
            fail_msg("rope %zu: the hash is 0x%016llx", t, (unsigned long long)hash);
    }
}

/* The first pairs are those of heads as long as the part that rotates; the others have no angle. */
static void a_part_rotates_as_a_head_of_its_length(void **state)
{
    enum { PART = 96, SOME = 64 };
    static float cosine[SOME * PART / 2], sine[SOME * PART / 2];

    (void)state;
    for (size_t t = 0; t < sizeof ropes / sizeof ropes[0]; t++) {
        gd_rope rope = ropes[t];

        gd_rope_table(&rope, PART, SOME, cosine, sine);
        rope.rotary = PART;
        gd_rope_table(&rope, DIM, SOME, cosines, sines);
        for (size_t i = 0; i < SOME * HALF; i++) {
            const size_t p = i / HALF, pair = i % HALF, same = p * PART / 2 + pair;

            assert_true(pair < PART / 2 ? !memcmp(&cosines[i], &cosine[same], 4) && !memcmp(&sines[i], &sine[same], 4)
                                        : fpclassify(sines[i]) == FP_ZERO);
        }
    }
}

static void a_table_may_be_empty(void **state)
{
    (void)state;
    gd_rope_table(&ropes[0], DIM, 0, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_within_two_ulp),
        cmocka_unit_test(functions_know_the_plain_cases),
        cmocka_unit_test(tables_follow_transformers),
        cmocka_unit_test(tables_have_these_bits),
        cmocka_unit_test(a_part_rotates_as_a_head_of_its_length),
        cmocka_unit_test(a_table_may_be_empty),
    };

    return cmocka_run_group_tests(tests, fill_divisors, NULL);
}
