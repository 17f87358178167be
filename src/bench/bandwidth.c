/* bandwidth.c - how fast memory comes in, and goes by. */
#include "base/error.h"
#include "base/mem.h"
#include "bench/peak.h"

#include <stdatomic.h>
#include <string.h>

#define STRIPE ((size_t)1 << 16) /* floats of a task: its start costs nothing, and the threads end together */
enum { ROUNDS = 7, ABSENT = 0x55 }; /* no byte of 1.0f or 1.5f */

typedef struct arrays {
    float *a;                 /* [count] for reading; a, b, c of count / 3 each for the triad */
    size_t count, third;
    _Atomic int wanted;       /* so that what was read is used */
} arrays;

static size_t stripe(size_t index, size_t count) { return index * STRIPE < count ? index * STRIPE : count; }

/* The thread that writes a page first gets it near to itself. */
static void fill_task(void *context, size_t index, unsigned worker)
{
    arrays *const all = context;

    (void)worker;
    for (size_t i = stripe(index, all->count); i < stripe(index + 1, all->count); i++)
        all->a[i] = 1;
}

/* The C library's search for a byte that isn't there touches every byte, as fast as its authors know how to. */
static void read_task(void *context, size_t index, unsigned worker)
{
    arrays *const all = context;
    const size_t begin = stripe(index, all->count), end = stripe(index + 1, all->count);

    (void)worker;
    if (memchr(all->a + begin, ABSENT, (end - begin) * sizeof *all->a))
        all->wanted = 1;
}

static void triad_task(void *context, size_t index, unsigned worker)
{
    arrays *const all = context;
    float *restrict a = all->a;
    const float *restrict b = a + all->third, *restrict c = b + all->third;

    (void)worker;
    for (size_t i = stripe(index, all->third); i < stripe(index + 1, all->third); i++)
        a[i] = b[i] + 0.5f * c[i];
}

static double rate(gd_pool *pool, arrays *all, gd_task *task, size_t count, double bytes)
{
    double best = 0;

    for (int i = 0; i < ROUNDS; i++) {
        const double start = gd_bench_now();
        double took;

        gd_pool_run(pool, (count + STRIPE - 1) / STRIPE, task, all);
        took = gd_bench_now() - start;
        if (took > 0 && bytes / took > best)
            best = bytes / took;
    }
    return best;
}

gd_status gd_bench_bandwidth(gd_pool *pool, size_t bytes, double *read, double *triad, gd_error *err)
{
    arrays all = { .count = bytes / sizeof(float) };

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
