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
    size_t panels, groups; /* groups of panels, of even size: tasks across the outputs */
    size_t parts;          /* of the rows, of even height */
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
    const size_t group = index % run->groups, part = index / run->groups;
    const size_t first = group * run->panels / run->groups, row = part * job->m / run->parts;
    const size_t panels = (group + 1) * run->panels / run->groups - first;
    const size_t count = (part + 1) * job->m / run->parts - row;
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

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

void gd_gemm_run(const gd_gemm_job *job, gd_pool *pool, void *scratch)
{
    /* At least four tasks a thread even out threads that are held up, a multiple of the threads those that are not.
     * Rows are cut only where panels are few. */
    const size_t panels = ceil_div(job->n, GD_GEMM_PANEL), threads = gd_pool_threads(pool);
    const size_t rounds = ceil_div(panels, GD_GEMM_GROUP * threads);
    struct run run = { job, panels, least(panels, (rounds > 4 ? rounds : 4) * threads), 1, scratch };

    if (job->m == 0)
        return;
    if (threads > 1 && panels < 4 * threads)
        run.parts = least(ceil_div(4 * threads, panels), ceil_div(job->m, GD_GEMM_PANEL));
    gd_pool_run(pool, run.groups * run.parts, run_task, &run);
}
