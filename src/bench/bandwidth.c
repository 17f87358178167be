/* bandwidth.c - how fast memory is read and written. */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "bench/peak.h"

#include <stdatomic.h>

#define STRIPE ((size_t)1 << 18) /* floats of a task: starting one costs nothing, and the threads finish together */
enum { ROUNDS = 9 };

typedef float four __attribute__((vector_size(16), may_alias)); /* every processor has these */

struct arrays {
    float *a; /* [count] for reading; a, b, c of count / 3 each for the triad */
    size_t count, third;
    _Atomic float wanted; /* so that reading is not optimised away */
};

static size_t stripe(size_t index, size_t count) { return index * STRIPE < count ? index * STRIPE : count; }

/* The thread that first writes a page gets it in memory near its core. */
static void fill_task(void *context, size_t index, unsigned worker)
{
    struct arrays *all = context;

    (void)worker;
    for (size_t i = stripe(index, all->count); i < stripe(index + 1, all->count); i++)
        all->a[i] = 1;
}

/* Four streams at a time: a single one is a tenth slower, since a core prefetches in each. */
static void read_task(void *context, size_t index, unsigned worker)
{
    struct arrays *all = context;
    const size_t begin = stripe(index, all->count), quarter = (stripe(index + 1, all->count) - begin) / 4 / 16 * 16;
    four sums[4] = { { 0 } };

    (void)worker;
    for (size_t i = 0; i < quarter; i += 16)
        for (size_t stream = 0; stream < 4; stream++) {
            const four *p = (const four *)(const void *)(all->a + begin + stream * quarter + i);

            sums[0] += p[0];
            sums[1] += p[1];
            sums[2] += p[2];
            sums[3] += p[3];
        }
    sums[0] += sums[1] + sums[2] + sums[3];
    all->wanted = sums[0][0] + sums[0][1] + sums[0][2] + sums[0][3];
}

static void triad_task(void *context, size_t index, unsigned worker)
{
    struct arrays *all = context;
    float *restrict a = all->a;
    const float *restrict b = a + all->third, *restrict c = b + all->third;

    (void)worker;
    for (size_t i = stripe(index, all->third); i < stripe(index + 1, all->third); i++)
        a[i] = b[i] + 0.5f * c[i];
}

static double rate(gd_pool *pool, struct arrays *all, gd_task *task, size_t count, double bytes)
{
    double best = 0;

    for (int i = 0; i < ROUNDS; i++) {
        const double start = gd_clock();
        double took;

        gd_pool_run(pool, (count + STRIPE - 1) / STRIPE, task, all);
        took = gd_clock() - start;
        if (took > 0 && bytes / took > best)
            best = bytes / took;
    }
    return best;
}

gd_status gd_bench_bandwidth(gd_pool *pool, size_t bytes, double *read, double *triad, gd_error *err)
{
    struct arrays all = { .count = bytes / sizeof(float) };

    all.third = all.count / 3 / 16 * 16;
    all.a = gd_alloc_aligned(bytes);
    if (!all.a)
        return gd_fail_memory(err, bytes);
    gd_pool_run(pool, (all.count + STRIPE - 1) / STRIPE, fill_task, &all);
    *read = rate(pool, &all, read_task, all.count, (double)all.count * sizeof(float));
    *triad = rate(pool, &all, triad_task, all.third, 3.0 * (double)all.third * sizeof(float));
    gd_free(all.a);
    return GD_OK;
}
