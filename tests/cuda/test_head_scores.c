/* test_head_scores.c - heads of several nodes on a pretended card have the cpu backend's bits. */
#include "tests/cuda/device_case.h"
#include "tests/reward/published.h"

static void score(const published *p, const char *backend, const char *precision, float *scores)
{
    gd_options options;

    gd_options_init(&options);
    options.backend = backend;
    options.precision = precision;
    options.numerics = "exact";
    published_score(p, options, scores);
}

static void check(const published *p, const char *precision)
{
    float want[PUBLISHED_TEXTS], have[PUBLISHED_TEXTS];

    score(p, "cpu", precision, want);
    score(p, "cuda", precision, have);
    for (size_t i = 0; i < p->count; i++)
        if (memcmp(&want[i], &have[i], sizeof want[i]) != 0)
            fail_msg("%s in %s: text %zu scores %.9g on the card, but %.9g on the CPU", p->name, precision, i,
                     (double)have[i], (double)want[i]);
}

static void they_have_the_bits_of_the_cpu(void **state)
{
    for (size_t i = 0; i < PUBLISHED; i++) {
        published p;

        published_open(&p, *state, &published_heads[i]);
        p.count = 3;
        check(&p, i % 2 ? "fp32" : "bf16");
        published_close(&p);
    }
}

static int setup(void **state)
{
    device_pretend("compute_120", "120");
    return dir_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_have_the_bits_of_the_cpu),
    };

    if (device_is_missing())
        return 77;
    return cmocka_run_group_tests(tests, setup, dir_teardown);
}
