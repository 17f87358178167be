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

/* A worker's scratch space: a block that was packed just now, one expanded to fp32, the sums of a group of panels, the
 * adapter's of one panel. */
static size_t block_floats(void) { return (size_t)GD_GEMM_BLOCK * GD_GEMM_PANEL; }

static size_t worker_floats(size_t m) { return 2 * block_floats() + (GD_GEMM_GROUP + 1) * m * GD_GEMM_PANEL; }

size_t gd_gemm_scratch_bytes(size_t m, unsigned threads)
{
    return threads * worker_floats(m < GD_GEMM_ROWS ? m : GD_GEMM_ROWS) * sizeof(float);
}

struct run {
    const gd_gemm_job *job;
    size_t panels, threads;
    size_t cut;     /* the last panels, a task each ... */
    size_t parts;   /* ... or several, of rows */
    float *scratch;
};

/* What one task does. */
struct share {
    size_t first, panels, row, rows;
};

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

/* Packed rows and the weights that they meet. */
struct operands {
    const gd_gemm_kernel *kernel;
    const void *x;
    gd_gemm_weights w;
    size_t m, k;
};

/* A worker's scratch space, but for the sums. */
struct room {
    float *fresh, *wide; /* a block each: packed just now; expanded to fp32 */
};

/* The packed weights of block b of a panel; NULL where they are not packed yet. */
static const char *weights_at(const struct operands *o, size_t panel, size_t b)
{
    const size_t pair = panel * ceil_div(o->k, 2) + b * GD_GEMM_BLOCK / 2;
    const char *packed = o->w.packed;

    return packed ? packed + pair * 2 * GD_GEMM_PANEL * gd_dtype_size(o->kernel->operand) : NULL;
}

/* Adds block b of one panel to sum[count][32], for rows row ...; next: the weights that come after. */
static void add_block(const struct operands *o, size_t panel, size_t b, size_t row, size_t count, float *sum,
                      const struct room *room, const void *next)
{
    const size_t left = ceil_div(o->k, 2) - b * GD_GEMM_BLOCK / 2;
    const char *x = (const char *)o->x + (b * o->m + row) * GD_GEMM_BLOCK * gd_dtype_size(o->kernel->rows);
    const void *w = weights_at(o, panel, b);

    if (!w) {
        gd_gemm_pack_block(room->fresh, o->kernel->operand, o->w.view, panel, b);
        w = next = room->fresh; /* nothing to fetch but what is near */
    }
    o->kernel->block(count, left < GD_GEMM_BLOCK / 2 ? left : GD_GEMM_BLOCK / 2, x, w, sum, b > 0, room->wide, next);
}

/* Adapter, bias and rounding of one panel. */
static void finish_panel(const gd_gemm_job *job, size_t panel, size_t row, size_t count, const float *sum,
                         float *lora_sum, const struct room *room)
{
    const size_t n = panel * GD_GEMM_PANEL;
    const struct operands lora = { job->kernel, job->low, job->lora, job->m, job->rank };

    if (job->low)
        for (size_t b = 0; b < ceil_div(job->rank, GD_GEMM_BLOCK); b++)
            add_block(&lora, panel, b, row, count, lora_sum, room, weights_at(&lora, panel + 1, 0));
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

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Guided self-scheduling (Polychronopoulos and Kuck, 1987): a task is a share of the panels that are left, so that the
 * threads end together although some are held up. Returns the panels of the task that begins with `first`. */
static size_t guided(const struct run *run, size_t first)
{
    const size_t left = run->panels - run->cut - first;

    return least(ceil_div(left, 2 * run->threads), GD_GEMM_GROUP);
}

static size_t task_count(const struct run *run)
{
    size_t tasks = 0;

    for (size_t first = 0; first < run->panels - run->cut; first += guided(run, first))
        tasks++;
    return tasks + run->cut * run->parts;
}

static struct share share_of(const struct run *run, size_t index)
{
    struct share share = { .rows = run->job->m };
    size_t part;

    while (index > 0 && share.first < run->panels - run->cut) {
        share.first += guided(run, share.first);
        index--;
    }
    if (share.first < run->panels - run->cut) {
        share.panels = guided(run, share.first);
        return share;
    }
    part = index % run->parts;
    share.first += index / run->parts;
    share.panels = 1;
    share.row = part * run->job->m / run->parts;
    share.rows = (part + 1) * run->job->m / run->parts - share.row;
    return share;
}

/* A group of panels for a part of the rows. The blocks are the outer loop, so that the rows' block is read from a
 * near cache by all panels of the group: the rows of a wide input don't fit in any cache. */
static void run_task(void *context, size_t index, unsigned worker)
{
    const struct run *run = context;
    const gd_gemm_job *job = run->job;
    const struct share s = share_of(run, index);
    const struct operands product = { job->kernel, job->x, job->w, job->m, job->k };
    float *scratch = run->scratch + worker * worker_floats(job->m), *sums = scratch + 2 * block_floats();
    const struct room room = { scratch, scratch + block_floats() };
    const size_t sum_floats = s.rows * GD_GEMM_PANEL, blocks = ceil_div(job->k, GD_GEMM_BLOCK);

    for (size_t b = 0; b < blocks; b++) {
        const char *after = b + 1 < blocks ? weights_at(&product, s.first, b + 1)
                                           : weights_at(&product, s.first + s.panels, 0);

        for (size_t p = 0; p < s.panels; p++)
            add_block(&product, s.first + p, b, s.row, s.rows, sums + p * sum_floats, &room,
                      p + 1 < s.panels ? weights_at(&product, s.first + p + 1, b) : after);
    }
    for (size_t p = 0; p < s.panels; p++)
        finish_panel(job, s.first + p, s.row, s.rows, sums + p * sum_floats, sums + s.panels * sum_floats, &room);
}

void gd_gemm_run(const gd_gemm_job *job, gd_pool *pool, void *scratch)
{
    const size_t panels = ceil_div(job->n, GD_GEMM_PANEL), threads = gd_pool_threads(pool);
    struct run run = { job, panels, threads, 0, 1, scratch };

    if (job->m == 0)
        return;
    /* The last panel of each thread is cut where a part has rows enough for the unpacking of weights to be cheap. */
    if (threads > 1 && job->m >= 2 * GD_GEMM_PART) {
        run.cut = least(panels, threads);
        run.parts = job->m / GD_GEMM_PART;
    }
    gd_pool_run(pool, task_count(&run), run_task, &run);
}
