/* gemm.c - which kernel, and how the threads share out a product. */
#include "backends/cpu/gemm.h"

const gd_gemm_kernel gd_gemm_kernels[] = {
#define GD_GEMM(variant, operand, rows, needs)                                                                        \
    { #variant, needs, GD_##operand, GD_##rows, gd_gemm_##variant##_##operand, gd_gemm_##variant##_finish },
#include "backends/cpu/kernels.def"
#undef GD_GEMM
};
const size_t gd_gemm_kernel_count = sizeof gd_gemm_kernels / sizeof gd_gemm_kernels[0];

const gd_gemm_kernel *gd_gemm_pick(gd_isa have, gd_dtype operand)
{
    for (size_t i = 0; i < gd_gemm_kernel_count; i++)
        if ((gd_gemm_kernels[i].needs & ~have) == 0 && gd_gemm_kernels[i].operand == operand)
            return &gd_gemm_kernels[i];
    return NULL; /* only for a type that no matmul takes */
}

/* A worker's scratch space: a block expanded to fp32, the sums of a group of panels, the adapter's of one panel. */
static size_t wide_floats(void) { return (size_t)GD_GEMM_BLOCK * GD_GEMM_PANEL; }

static size_t worker_floats(size_t m) { return wide_floats() + (GD_GEMM_GROUP + 1) * m * GD_GEMM_PANEL; }

size_t gd_gemm_scratch_bytes(size_t m, unsigned threads)
{
    return threads * worker_floats(m < GD_GEMM_ROWS ? m : GD_GEMM_ROWS) * sizeof(float);
}

struct run {
    const gd_gemm_job *job;
    size_t panels, group, groups; /* panels of a task; tasks across the outputs */
    size_t part;                  /* rows of a task */
    float *scratch;
};

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

/* Packed rows and the packed weights that they meet. */
struct operands {
    const gd_gemm_kernel *kernel;
    const void *x, *w;
    size_t m, k;
};

/* The packed weights of block b of a panel. */
static const char *weights_at(const struct operands *o, size_t panel, size_t b)
{
    const size_t pair = panel * ceil_div(o->k, 2) + b * GD_GEMM_BLOCK / 2;

    return (const char *)o->w + pair * 2 * GD_GEMM_PANEL * gd_dtype_size(o->kernel->operand);
}

/* Adds block b of one panel to sum[count][32], for rows row ...; next: the weights that come after. */
static void add_block(const struct operands *o, size_t panel, size_t b, size_t row, size_t count, float *sum,
                      float *wide, const void *next)
{
    const size_t left = ceil_div(o->k, 2) - b * GD_GEMM_BLOCK / 2;
    const char *x = (const char *)o->x + (b * o->m + row) * GD_GEMM_BLOCK * gd_dtype_size(o->kernel->rows);

    o->kernel->block(count, left < GD_GEMM_BLOCK / 2 ? left : GD_GEMM_BLOCK / 2, x, weights_at(o, panel, b), sum, b > 0,
                     wide, next);
}

/* Adapter, bias and rounding of one panel. */
static void finish_panel(const gd_gemm_job *job, size_t panel, size_t row, size_t count, const float *sum,
                         float *lora_sum, float *wide)
{
    const size_t n = panel * GD_GEMM_PANEL;
    const struct operands lora = { job->kernel, job->low, job->lora, job->m, job->rank };

    if (job->low)
        for (size_t b = 0; b < ceil_div(job->rank, GD_GEMM_BLOCK); b++)
            add_block(&lora, panel, b, row, count, lora_sum, wide, weights_at(&lora, panel + 1, 0));
    job->kernel->finish(&(gd_gemm_finish){
        .rows = count,
        .cols = job->n - n < GD_GEMM_PANEL ? job->n - n : GD_GEMM_PANEL,
        .sum = sum,
        .bias = job->bias ? job->bias + n : NULL,
        .lora = job->low ? lora_sum : NULL,
        .scale = job->scale,
        .y = (char *)job->y + (row * job->stride + n) * gd_dtype_size(job->dtype),
        .dtype = job->dtype,
        .stride = job->stride,
    });
}

/* A group of panels for a part of the rows. The blocks are the outer loop, so that the rows' block is read from a
 * near cache by all panels of the group: the rows of a wide input don't fit in any cache. */
static void run_task(void *context, size_t index, unsigned worker)
{
    const struct run *run = context;
    const gd_gemm_job *job = run->job;
    const size_t first = index % run->groups * run->group, row = index / run->groups * run->part;
    const size_t panels = run->panels - first < run->group ? run->panels - first : run->group;
    const size_t count = job->m - row < run->part ? job->m - row : run->part;
    const struct operands product = { job->kernel, job->x, job->w, job->m, job->k };
    float *wide = run->scratch + worker * worker_floats(job->m), *sums = wide + wide_floats();
    const size_t sum_floats = count * GD_GEMM_PANEL, blocks = ceil_div(job->k, GD_GEMM_BLOCK);

    for (size_t b = 0; b < blocks; b++) {
        const char *after = b + 1 < blocks ? weights_at(&product, first, b + 1)
                                           : weights_at(&product, first + panels, 0);

        for (size_t p = 0; p < panels; p++)
            add_block(&product, first + p, b, row, count, sums + p * sum_floats, wide,
                      p + 1 < panels ? weights_at(&product, first + p + 1, b) : after);
    }
    for (size_t p = 0; p < panels; p++)
        finish_panel(job, first + p, row, count, sums + p * sum_floats, sums + panels * sum_floats, wide);
}

void gd_gemm_run(const gd_gemm_job *job, gd_pool *pool, void *scratch)
{
    /* Four tasks a thread or more even out threads that are held up; rows are cut only where panels are few. */
    const size_t panels = ceil_div(job->n, GD_GEMM_PANEL), threads = gd_pool_threads(pool), wanted = 4 * threads;
    const size_t least = ceil_div(panels, GD_GEMM_GROUP), tasks = least > wanted ? least : wanted;
    const size_t parts = threads > 1 && panels < 2 * threads ? ceil_div(2 * threads, panels) : 1;
    struct run run = { job, panels, ceil_div(panels, tasks), 0, 0, scratch };

    if (job->m == 0)
        return;
    run.groups = ceil_div(panels, run.group);
    run.part = ceil_div(job->m, parts);
    gd_pool_run(pool, run.groups * ceil_div(job->m, run.part), run_task, &run);
}
