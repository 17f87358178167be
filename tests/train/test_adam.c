/* test_adam.c - the optimiser: AdamW's formula, the same bits on any number of threads, denormals, decay. */
#include "tests/check.h"

#include "base/mem.h"
#include "train/adam.h"

#include <math.h>

/* More than two tasks, the last of them short. */
enum { COUNT = 40001, LISTED = 3 };

static const gd_adam adam = { 0.9, 0.999, 1e-8, 0.1 };

struct room {
    float value[LISTED][COUNT], gradient[LISTED][COUNT], m[LISTED][COUNT], v[LISTED][COUNT];
    gd_parameter p[LISTED];
    const gd_parameter *list[LISTED];
};

/* Numbers of many sizes; of the first parameter's gradients, the squares are denormal. */
static void fill(struct room *room)
{
    for (size_t l = 0; l < LISTED; l++) {
        for (size_t i = 0; i < COUNT; i++) {
            const float x = (float)((i * 7919 + l * 104729) % 1000) / 500 - 1;

            room->value[l][i] = x;
            room->gradient[l][i] = l == 0 ? 1e-19f * (2 + x) : x * 0.01f;
            room->m[l][i] = room->v[l][i] = 0;
        }
        room->p[l] = (gd_parameter){ room->value[l], room->gradient[l],  room->m[l],
                                     room->v[l],     l == 1 ? 5 : COUNT, l != 2 };
        room->list[l] = &room->p[l];
    }
}

static struct room *run(unsigned threads, size_t steps)
{
    struct room *room = gd_alloc(1, sizeof *room);
    gd_pool *pool;

    assert_non_null(room);
    assert_ok(gd_pool_open(&pool, threads, test_err));
    fill(room);
    for (size_t step = 1; step <= steps; step++)
        gd_adam_step(&adam, &(gd_adam_moment){ step, 0.01, 0.5 }, room->list, LISTED, pool);
    gd_pool_close(pool);
    return room;
}

static void first_step_is_that_of_the_formula(void **state)
{
    struct room *before = gd_alloc(1, sizeof *before), *after = run(1, 1);

    (void)state;
    assert_non_null(before);
    fill(before);
    for (size_t l = 0; l < LISTED; l++)
        for (size_t i = 0; i < before->p[l].count; i++) {
            const double g = 0.5 * (double)before->gradient[l][i], x = (double)before->value[l][i];
            const double want = x * (l == 2 ? 1 : 1 - 0.01 * 0.1) - 0.01 * g / (fabs(g) + 1e-8);

            assert_true(fabs((double)after->value[l][i] - want) <= 1e-6 * (1 + fabs(want)));
        }
    gd_free(before);
    gd_free(after);
}

static void threads_do_not_change_a_bit(void **state)
{
    struct room *one = run(1, 3);

    (void)state;
    for (unsigned threads = 2; threads <= 4; threads++) {
        struct room *more = run(threads, 3);

        for (size_t l = 0; l < LISTED; l++) {
            assert_memory_equal(one->value[l], more->value[l], one->p[l].count * sizeof(float));
            assert_memory_equal(one->m[l], more->m[l], one->p[l].count * sizeof(float));
            assert_memory_equal(one->v[l], more->v[l], one->p[l].count * sizeof(float));
        }
        gd_free(more);
    }
    gd_free(one);
}

static void denormals_are_kept(void **state)
{
    struct room *room = run(2, 1);

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        assert_true(room->v[0][i] > 0 && room->v[0][i] < 0x1p-126f);
    gd_free(room);
}

static void squares_are_sums_of_each(void **state)
{
    struct room *room = run(1, 0);
    double sums[LISTED], want = 0;
    gd_pool *pool;

    (void)state;
    assert_ok(gd_pool_open(&pool, 2, test_err));
    gd_gradient_squares(room->list, LISTED, sums, pool);
    for (size_t i = 0; i < 5; i++)
        want += (double)room->gradient[1][i] * (double)room->gradient[1][i];
    assert_true(sums[1] == want);
    room->gradient[2][COUNT - 1] = NAN;
    gd_gradient_squares(room->list, LISTED, sums, pool);
    assert_true(isnan(sums[2]) && isfinite(sums[0]));
    gd_pool_close(pool);
    gd_free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_step_is_that_of_the_formula),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(denormals_are_kept),
        cmocka_unit_test(squares_are_sums_of_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
