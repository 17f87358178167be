/* gemm.c - which kernel, and how the threads share out a product. */
#include "backends/cpu/gemm.h"

const gd_gemm_kernel gd_gemm_kernels[] = {
#define GD_GEMM(variant, operand, rows, straight, needs)                                                              \
    { #variant, needs, GD_##operand, GD_##rows, straight, gd_gemm_##variant##_##operand, gd_gemm_##variant##_finish },
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
    const gd_gemm_job *job[2];
    size_t jobs;    /* products of a panel: 1, or 2 that come together in: */
    const gd_gemm_gated *gated;
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

/* Where the rows of a panel go. */
struct target {
    void *y;
    gd_dtype dtype;
    size_t stride;
};

static struct target target_of(const gd_gemm_job *job, size_t panel, size_t row)
{
    char *y = (char *)job->y + (row * job->stride + panel * GD_GEMM_PANEL) * gd_dtype_size(job->dtype);

    return (struct target){ y, job->dtype, job->stride };
}

static size_t panel_cols(const gd_gemm_job *job, size_t panel)
{
    const size_t left = job->n - panel * GD_GEMM_PANEL;

    return left < GD_GEMM_PANEL ? left : GD_GEMM_PANEL;
}

/* Adapter, bias and rounding of one panel. */
static void finish_panel(const gd_gemm_job *job, size_t panel, size_t row, size_t count, const float *sum,
                         float *lora_sum, const struct room *room, struct target to)
{
    const struct operands lora = { job->kernel, job->low, job->lora, job->m, job->rank };

    if (job->low)
        for (size_t b = 0; b < ceil_div(job->rank, GD_GEMM_BLOCK); b++)
            add_block(&lora, panel, b, row, count, lora_sum, room, weights_at(&lora, panel + 1, 0));
    job->kernel->finish(&(gd_gemm_finish){
        .rows = count,
        .cols = panel_cols(job, panel),
        .sum = sum,
        .bias = job->bias ? job->bias + panel * GD_GEMM_PANEL : NULL,
        .lora = job->low ? lora_sum : NULL,
        .scale = job->scale,
        .y = to.y,
        .dtype = to.dtype,
        .stride = to.stride,
    });
}

/* The same of both products, in place of their sums; then each row's gate meets its values. */
static void finish_gated(const gd_gemm_gated *g, size_t panel, size_t row, size_t count, float *gate, float *up,
                         float *lora_sum, const struct room *room)
{
    char *y = (char *)g->y + (row * g->stride + panel * GD_GEMM_PANEL) * gd_dtype_size(g->dtype);

    finish_panel(g->gate, panel, row, count, gate, lora_sum, room, (struct target){ gate, GD_F32, GD_GEMM_PANEL });
    finish_panel(g->up, panel, row, count, up, lora_sum, room, (struct target){ up, GD_F32, GD_GEMM_PANEL });
    for (size_t r = 0; r < count; r++)
        g->row(panel_cols(g->gate, panel), g->act, gate + r * GD_GEMM_PANEL, up + r * GD_GEMM_PANEL,
               y + r * g->stride * gd_dtype_size(g->dtype), g->dtype);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Guided self-scheduling (Polychronopoulos and Kuck, 1987): a task is a share of the panels that are left, so that the
 * threads end together although some are held up. Returns the panels of the task that begins with `first`. */
static size_t guided(const struct run *run, size_t first)
{
    const size_t left = run->panels - run->cut - first;

    return least(ceil_div(left, 2 * run->threads), GD_GEMM_GROUP / run->jobs);
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
    struct share share = { .rows = run->job[0]->m };
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
    share.row = part * run->job[0]->m / run->parts;
    share.rows = (part + 1) * run->job[0]->m / run->parts - share.row;
    return share;
}

/* What comes after a product of panel p of the group and block b: the weights to fetch meanwhile. */
static const char *next_weights(const struct run *run, const struct operands *products, const struct share *s, size_t b,
                                size_t p, size_t j)
{
    const size_t blocks = ceil_div(run->job[0]->k, GD_GEMM_BLOCK);

    if (j + 1 < run->jobs)
        return weights_at(&products[j + 1], s->first + p, b);
    if (p + 1 < s->panels)
        return weights_at(&products[0], s->first + p + 1, b);
    return b + 1 < blocks ? weights_at(&products[0], s->first, b + 1)
                          : weights_at(&products[0], s->first + s->panels, 0);
}

/* A task at work: its products, and where their sums are, [panel][job][row][32]. */
struct work {
    struct operands products[2];
    float *sums;
    struct room room;
};

static void add_product(const struct run *run, const struct share *s, const struct work *work, size_t b, size_t p,
                        size_t j, const void *next)
{
    add_block(&work->products[j], s->first + p, b, s->row, s->rows,
              work->sums + (p * run->jobs + j) * s->rows * GD_GEMM_PANEL, &work->room, next);
}

/* The blocks are the outer loop, so that the rows' block is read from a near cache by all panels of the group: the rows
 * of a wide input don't fit in any cache. */
static void add_by_blocks(const struct run *run, const struct share *s, const struct work *work)
{
    for (size_t b = 0; b < ceil_div(run->job[0]->k, GD_GEMM_BLOCK); b++)
        for (size_t p = 0; p < s->panels; p++)
            for (size_t j = 0; j < run->jobs; j++)
                add_product(run, s, work, b, p, j, next_weights(run, work->products, s, b, p, j));
}

/* A few rows do fit: the weights are read as they lie in memory. */
static void add_straight(const struct run *run, const struct share *s, const struct work *work)
{
    for (size_t p = 0; p < s->panels; p++)
        for (size_t j = 0; j < run->jobs; j++)
            for (size_t b = 0; b < ceil_div(run->job[0]->k, GD_GEMM_BLOCK); b++)
                add_product(run, s, work, b, p, j, NULL);
}

/* A group of panels for a part of the rows. */
static void run_task(void *context, size_t index, unsigned worker)
{
    const struct run *run = context;
    const gd_gemm_job *job = run->job[0], *other = run->job[run->jobs - 1];
    const struct share s = share_of(run, index);
    float *scratch = run->scratch + worker * worker_floats(job->m), *sums = scratch + 2 * block_floats();
    const struct work work = { .products = { { job->kernel, job->x, job->w, job->m, job->k },
                                             { job->kernel, job->x, other->w, job->m, job->k } },
                               .sums = sums,
                               .room = { scratch, scratch + block_floats() } };
    const size_t sum_floats = s.rows * GD_GEMM_PANEL, jobs = run->jobs;
    float *lora_sum = sums + s.panels * jobs * sum_floats;

    if (s.rows <= job->kernel->straight)
        add_straight(run, &s, &work);
    else
        add_by_blocks(run, &s, &work);
    for (size_t p = 0; p < s.panels; p++) {
        float *sum = sums + p * jobs * sum_floats;

        if (run->gated)
            finish_gated(run->gated, s.first + p, s.row, s.rows, sum, sum + sum_floats, lora_sum, &work.room);
        else
            finish_panel(job, s.first + p, s.row, s.rows, sum, lora_sum, &work.room,
                         target_of(job, s.first + p, s.row));
    }
}

static void run_all(struct run *run, gd_pool *pool)
{
    const size_t m = run->job[0]->m;

    run->panels = ceil_div(run->job[0]->n, GD_GEMM_PANEL);
    run->threads = gd_pool_threads(pool);
    run->parts = 1;
    if (m == 0)
        return;
    /* The last panel of each thread is cut where a part has rows enough for the unpacking of weights to be cheap. */
    if (run->threads > 1 && m >= 2 * GD_GEMM_PART) {
        run->cut = least(run->panels, run->threads);
        run->parts = m / GD_GEMM_PART;
    }
    gd_pool_run(pool, task_count(run), run_task, run);
}

void gd_gemm_run(const gd_gemm_job *job, gd_pool *pool, void *scratch)
{
    struct run run = { .job = { job }, .jobs = 1, .scratch = scratch };

    run_all(&run, pool);
}

void gd_gemm_run_gated(const gd_gemm_gated *gated, gd_pool *pool, void *scratch)
{
    struct run run = { .job = { gated->gate, gated->up }, .jobs = 2, .gated = gated, .scratch = scratch };

    run_all(&run, pool);
}
