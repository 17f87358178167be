/* outer.c - running sums over rows, divided by columns among the threads. */
#include "backends/cpu/outer.h"

#include <assert.h>

/* Columns that a task packs, ... */
enum { PACKED = 16 };
/* ... and those whose sums it computes. */
enum { PANEL = GD_OUTER_COLS };

struct outer {
    const gd_device *device;
    const gd_cpu_outer_job *jobs;
    size_t count, rows;
    float *packed[GD_CPU_OUTER_JOBS];
    float *workers;
};

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

static size_t width_of(const gd_cpu_outer_job *job) { return ceil_div(job->a.cols, 16) * 16; }

/* Columns first ... of a tensor, at most `most`. */
static gd_outer_rows columns(const gd_tensor *t, size_t first, size_t most)
{
    const size_t left = t->cols - first;

    return (gd_outer_rows){ t->rows, left < most ? left : most, (const char *)t->data + first * gd_dtype_size(t->dtype),
                            t->stride, t->dtype };
}

static void pack_task(void *context, size_t index, unsigned worker)
{
    const struct outer *o = context;
    size_t j = 0;
    gd_outer_rows part;

    (void)worker;
    for (; index >= ceil_div(o->jobs[j].a.cols, PACKED); j++)
        index -= ceil_div(o->jobs[j].a.cols, PACKED);
    part = columns(&o->jobs[j].a, index * PACKED, PACKED);
    o->device->rows->pack_outer(&part, o->packed[j] + index * PACKED, width_of(&o->jobs[j]));
}

static void sums_task(void *context, size_t index, unsigned worker)
{
    const struct outer *o = context;
    const gd_cpu_outer_job *job = o->jobs;
    size_t first;

    for (; index >= ceil_div(job->b.cols, PANEL); job++)
        index -= ceil_div(job->b.cols, PANEL);
    first = index * PANEL;
    o->device->rows->outer(&(gd_outer_job){
        .b = columns(&job->b, first, PANEL),
        .more = first + PANEL < job->b.cols ? columns(&job->b, first + PANEL, PANEL).cols : 0,
        .a_cols = job->a.cols,
        .a = o->packed[job - o->jobs],
        .a_width = width_of(job),
        .sum = (float *)job->sums.data + first,
        .sum_stride = job->sums.stride,
        .scratch = o->workers + worker * GD_OUTER_WORDS(o->rows) * PANEL,
    });
}

size_t gd_cpu_outer_bytes(size_t rows, size_t lines, unsigned threads)
{
    const size_t widths = lines + GD_CPU_OUTER_JOBS * 15; /* each is rounded up to 16 */

    return GD_OUTER_WORDS(rows) * (widths + threads * PANEL) * sizeof(float);
}

/* Neighbouring panels go to one worker, which prefetches the next. */
void gd_cpu_outer(gd_device *device, const gd_cpu_outer_job *jobs, size_t count, void *scratch)
{
    struct outer o = { device, jobs, count, count ? jobs->a.rows : 0, { NULL }, scratch };
    const size_t threads = gd_pool_threads(device->pool);
    size_t packs = 0, panels = 0;

    assert(count <= GD_CPU_OUTER_JOBS);
    for (size_t j = 0; j < count; j++) {
        o.packed[j] = o.workers;
        o.workers += GD_OUTER_WORDS(o.rows) * width_of(&jobs[j]);
        packs += ceil_div(jobs[j].a.cols, PACKED);
        panels += ceil_div(jobs[j].b.cols, PANEL);
    }
    if (!count)
        return;
    gd_pool_run(device->pool, packs, pack_task, &o);
    gd_pool_run_groups(device->pool, threads < GD_POOL_GROUPS ? threads : GD_POOL_GROUPS, panels, sums_task, &o);
}
