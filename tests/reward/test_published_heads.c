/* test_published_heads.c - heads of published models on a golden trunk: the scores that their formulas give in float64,
 * and the same bits on every instruction set. */
#include "tests/reward/published.h"

#include "backends/cpu/device.h"

#include <math.h>

static void score(const published *p, const char *isa, const char *precision, float *scores)
{
    gd_options options;

    gd_options_init(&options);
    options.isa = isa;
    options.precision = precision;
    published_score(p, options, scores);
}

/* In fp32 as near as golden models' scores are; in bf16 as near as operands that are rounded allow. */
static void check(const published *p, const char *precision, double most)
{
    float first[PUBLISHED_TEXTS], other[PUBLISHED_TEXTS];
    const char *isa;

    score(p, "generic", precision, first);
    for (size_t i = 0; i < p->count; i++)
        if (!(fabs((double)first[i] - p->want[i]) <= most * fmax(1, fabs(p->want[i]))))
            fail_msg("%s in %s: text %zu scores %.9g, but %.9g in float64", p->name, precision, i, (double)first[i],
                     p->want[i]);
    for (size_t k = 0; (isa = gd_backend_cpu.isa(k)); k++) {
        score(p, isa, precision, other);
        if (memcmp(other, first, p->count * sizeof *first) != 0)
            fail_msg("%s in %s: %s has other bits than generic", p->name, precision, isa);
    }
}

static void they_score_as_their_formulas_say(void **state)
{
    for (size_t i = 0; i < PUBLISHED; i++) {
        published p;

        published_open(&p, *state, &published_heads[i]);
        check(&p, "fp32", 3e-5);
        check(&p, "bf16", 0.15);
        published_close(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_score_as_their_formulas_say),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
