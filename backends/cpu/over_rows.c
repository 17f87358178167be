/* over_rows.c - rows divided among the threads. */
#include "backends/cpu/over_rows.h"

/* A task should take some microseconds: below that, handing it out costs more than it saves. */
enum { TASK_ELEMENTS = 8192 };

struct job {
    gd_cpu_row *row;
    const gd_row_kernels *kernels;
    const void *call;
    size_t rows, per_task;
};

static void run_rows(void *context, size_t index, unsigned worker)
{
    const struct job *job = context;
    const size_t first = index * job->per_task;

    (void)worker;
    for (size_t r = first; r < job->rows && r < first + job->per_task; r++)
        job->row(job->kernels, job->call, r);
}

void gd_cpu_over_rows(gd_device *device, size_t rows, size_t work, gd_cpu_row *row, const void *call)
{
    struct job job = { row, device->rows, call, rows, work < TASK_ELEMENTS ? TASK_ELEMENTS / (work ? work : 1) : 1 };

    gd_pool_run_groups(device->pool, gd_gemm_row_groups(device->pool, rows), (rows + job.per_task - 1) / job.per_task,
                       run_rows, &job);
}
