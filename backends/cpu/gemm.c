/* gemm.c - choosing a kernel, and dividing a product among the threads. */
#include "backends/cpu/gemm.h"

/* A block of a product in the arithmetic of tensor cores, whose own blocks are shorter. */
static void tensor_block(const gd_gemm_block *b, gd_tensor_products *products)
{
    gd_tensor_sum(products, (gd_tensor_block){ .rows = b->m,
                                               .pairs = b->pairs,
                                               .x = b->x,
                                               .x_stride = b->stride * sizeof(gd_bf16),
                                               .w = b->w,
                                               .w_stride = 2 * GD_GEMM_PANEL * sizeof(gd_bf16),
                                               .vectors = GD_GEMM_PANEL / 16,
                                               .sum = b->sum,
                                               .sum_stride = GD_GEMM_PANEL,
                                               .add = b->add });
}

#define GD_GEMM(variant, operand, rows, anywhere, straight, needs)
#define GD_TENSOR(variant, arithmetic, needs) \
    static void variant##_##arithmetic(const gd_gemm_block *b) { tensor_block(b, gd_tensor_##variant##_##arithmetic); }
#include "backends/cpu/kernels.def"
#undef GD_GEMM
#undef GD_TENSOR

const gd_gemm_kernel gd_gemm_kernels[] = {
#define GD_GEMM(variant, operand, rows, anywhere, straight, needs) \
    { #variant,                                                    \
      needs,                                                       \
      GD_##operand,                                                \
      GD_EXACT,                                                    \
      GD_##rows,                                                   \
      anywhere,                                                    \
      straight,                                                    \
      gd_gemm_##variant##_##operand,                               \
      gd_gemm_##variant##_finish,                                  \
      NULL },
#define GD_TENSOR(variant, arithmetic, needs) \
    { #variant,                               \
      needs,                                  \
      GD_BF16,                                \
      GD_##arithmetic,                        \
      GD_BF16,                                \
      true,                                   \
      0,                                      \
      variant##_##arithmetic,                 \
      gd_gemm_##variant##_finish,             \
      gd_tensor_##variant##_##arithmetic },
#include "backends/cpu/kernels.def"
#undef GD_GEMM
#undef GD_TENSOR
};
const size_t gd_gemm_kernel_count = sizeof gd_gemm_kernels / sizeof gd_gemm_kernels[0];

const gd_gemm_kernel *gd_gemm_pick(gd_isa have, gd_dtype operand, gd_arithmetic arithmetic)
{
    for (size_t i = 0; i < gd_gemm_kernel_count; i++)
        if ((gd_gemm_kernels[i].needs & ~have) == 0 && gd_gemm_kernels[i].operand == operand &&
            gd_gemm_kernels[i].arithmetic == arithmetic)
            return &gd_gemm_kernels[i];
    return NULL;
}

/* A worker's scratch space: a freshly packed block, a block expanded to fp32, the sums of a group of panels, and the
 * adapter's sums of one panel. */
static size_t block_floats(void) { return (size_t)GD_GEMM_BLOCK * GD_GEMM_PANEL; }

static size_t worker_floats(size_t m) { return 2 * block_floats() + (GD_GEMM_GROUP + 1) * m * GD_GEMM_PANEL; }

size_t gd_gemm_row_groups(const gd_pool *pool, size_t rows)
{
    const size_t threads = gd_pool_threads(pool), most = threads < GD_POOL_GROUPS ? threads : GD_POOL_GROUPS;
    const size_t worth = rows / GD_GEMM_GROUP_ROWS;

    return worth < 1 ? 1 : worth < most ? worth : most;
}

size_t gd_gemm_scratch_bytes(size_t m, unsigned threads)
{
    return threads * worker_floats(m < GD_GEMM_ROWS ? m : GD_GEMM_ROWS) * sizeof(float);
}

struct run {
    const gd_gemm_job *jobs; /* of the same rows; their panels follow one another, ... */
    size_t count;
    const gd_gemm_gated *gated; /* ... or there are two, and panels of the same number are paired here */
    size_t m, k;
    size_t groups;          /* of rows */
    size_t panels, threads; /* of a group */
    size_t cut;             /* the last panels, a task each ... */
    size_t parts;           /* ... or several, of rows */
    size_t tasks;           /* of a group */
    float *scratch;
};

/* The work of one task. */
struct share {
    size_t first, panels, row, rows;
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

static size_t panels_of(const gd_gemm_job *job) { return ceil_div(job->n, GD_GEMM_PANEL); }

/* Products of a panel of the run. */
static size_t width_of(const struct run *run) { return run->gated ? 2 : 1; }

/* A panel of one of the jobs. */
struct place {
    const gd_gemm_job *job;
    size_t panel;
};

/* Product j of a panel of the run. */
static struct place place_of(const struct run *run, size_t panel, size_t j)
{
    struct place at = { run->jobs, panel };

    if (run->gated)
        at.job += j;
    else
        while (at.job + 1 < run->jobs + run->count && at.panel >= panels_of(at.job))
            at.panel -= panels_of(at.job++);
    return at;
}

/* Rows and the weights they are multiplied by. */
struct operands {
    const gd_gemm_kernel *kernel;
    gd_gemm_rows x;
    gd_gemm_weights w;
    size_t k;
};

/* A worker's scratch space, except the sums. */
struct room {
    float *fresh, *wide; /* one block each: freshly packed; expanded to fp32 */
};

/* The packed weights of block b of a panel; NULL where they are not packed yet. */
static const char *weights_at(const struct operands *o, size_t panel, size_t b)
{
    const size_t pair = panel * ceil_div(o->k, 2) + b * GD_GEMM_BLOCK / 2;
    const char *packed = o->w.packed;

    return packed ? packed + pair * 2 * GD_GEMM_PANEL * gd_dtype_size(o->kernel->operand) : NULL;
}

/* Adds block b of one panel to sum[count][32], for rows row ...; next: the weights after these. */
static void add_block(const struct operands *o, size_t panel, size_t b, size_t row, size_t count, float *sum,
                      const struct room *room, const void *next)
{
    const size_t left = ceil_div(o->k, 2) - b * GD_GEMM_BLOCK / 2;
    const size_t at = (b * o->x.block + row * o->x.stride) * gd_dtype_size(o->kernel->rows);
    const void *w = weights_at(o, panel, b);

    if (!w) {
        (o->w.turned ? gd_gemm_turn_block : gd_gemm_pack_block)(room->fresh, o->kernel->operand, o->w.view, panel, b);
        w = next = room->fresh; /* nothing to fetch: it is in cache */
    }
    o->kernel->block(&(gd_gemm_block){
        .m = count,
        .pairs = least(left, GD_GEMM_BLOCK / 2),
        .x = (const char *)o->x.at + at,
        .stride = o->x.stride,
        .w = w,
        .sum = sum,
        .add = b > 0,
        .wide = room->wide,
        .next = next,
    });
}

/* Where a panel's rows are written. */
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
    const struct operands lora = { job->kernel, job->low, job->lora, job->rank };

    if (job->rank)
        for (size_t b = 0; b < ceil_div(job->rank, GD_GEMM_BLOCK); b++)
            add_block(&lora, panel, b, row, count, lora_sum, room, weights_at(&lora, panel + 1, 0));
    job->kernel->finish(&(gd_gemm_finish){
        .rows = count,
        .cols = panel_cols(job, panel),
        .sum = sum,
        .bias = job->bias ? job->bias + panel * GD_GEMM_PANEL : NULL,
        .lora = job->rank ? lora_sum : NULL,
        .scale = job->scale,
        .y = to.y,
        .dtype = to.dtype,
        .stride = to.stride,
        .add = job->add,
    });
}

/* The same for a product whose sums are its output, apart from what is still to be added. */
static void finish_in_place(const gd_gemm_job *job, size_t panel, size_t row, size_t count, float *sum, float *lora_sum,
                            const struct room *room)
{
    if (job->bias || job->rank)
        finish_panel(job, panel, row, count, sum, lora_sum, room, (struct target){ sum, GD_F32, GD_GEMM_PANEL });
}

/* Applies each row's gate to its values. */
static void finish_gated(const gd_gemm_gated *g, size_t panel, size_t row, size_t count, float *gate, float *up,
                         float *lora_sum, const struct room *room)
{
    const size_t size = gd_dtype_size(g->dtype), kept = (row * g->kept_stride + panel * GD_GEMM_PANEL) * size;

    finish_in_place(&g->jobs[0], panel, row, count, gate, lora_sum, room);
    finish_in_place(&g->jobs[1], panel, row, count, up, lora_sum, room);
    g->rows->gated(&(gd_gated_job){
        .rows = count,
        .cols = panel_cols(&g->jobs[0], panel),
        .act = g->act,
        .gate = gate,
        .up = up,
        .in_stride = GD_GEMM_PANEL,
        .out = (char *)g->y + (row * g->stride + panel * GD_GEMM_PANEL) * size,
        .type = g->dtype,
        .out_stride = g->stride,
        .kept = { g->kept[0] ? (char *)g->kept[0] + kept : NULL, g->kept[0] ? (char *)g->kept[1] + kept : NULL },
        .kept_stride = g->kept_stride,
    });
}

/* Guided self-scheduling (Polychronopoulos and Kuck, 1987): a task is a share of the remaining panels, so that the
 * threads finish together even if some are delayed. Returns the number of panels of the task that starts at `first`. */
static size_t guided(const struct run *run, size_t first)
{
    const size_t left = run->panels - run->cut - first;

    return least(ceil_div(left, 2 * run->threads), GD_GEMM_GROUP / width_of(run));
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
    const size_t group = index / run->tasks, first = group * run->m / run->groups;
    const size_t rows = (group + 1) * run->m / run->groups - first;
    struct share share = { .row = first, .rows = rows };
    size_t part;

    index %= run->tasks;
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
    share.row = first + part * rows / run->parts;
    share.rows = first + (part + 1) * rows / run->parts - share.row;
    return share;
}

static struct operands operands_of(const gd_gemm_job *job)
{
    return (struct operands){ job->kernel, job->x, job->w, job->k };
}

/* The weights used after product j of panel p of the group and block b, to fetch meanwhile. */
static const char *next_weights(const struct run *run, const struct share *s, size_t b, size_t p, size_t j)
{
    const bool more = b + 1 < ceil_div(run->k, GD_GEMM_BLOCK);
    struct place next;
    struct operands o;

    if (j + 1 < width_of(run))
        next = place_of(run, s->first + p, j + 1);
    else if (p + 1 < s->panels)
        next = place_of(run, s->first + p + 1, 0);
    else
        next = place_of(run, more ? s->first : s->first + s->panels, 0);
    if (j + 1 == width_of(run) && p + 1 == s->panels)
        b = more ? b + 1 : 0;
    o = operands_of(next.job);
    return weights_at(&o, next.panel, b);
}

/* A running task; the sums of its products are [panel][product][row][32]. */
struct work {
    float *sums;
    struct room room;
};

static float *sums_of(const struct run *run, const struct share *s, const struct work *work, size_t p, size_t j)
{
    return work->sums + (p * width_of(run) + j) * s->rows * GD_GEMM_PANEL;
}

static void add_product(const struct run *run, const struct share *s, const struct work *work, size_t b, size_t p,
                        size_t j, const void *next)
{
    const struct place at = place_of(run, s->first + p, j);
    const struct operands o = operands_of(at.job);

    add_block(&o, at.panel, b, s->row, s->rows, sums_of(run, s, work, p, j), &work->room, next);
}

/* The blocks are the outer loop, so that all panels of the group read the rows' block from a near cache: the rows of a
 * wide input don't fit in any. */
static void add_by_blocks(const struct run *run, const struct share *s, const struct work *work)
{
    for (size_t b = 0; b < ceil_div(run->k, GD_GEMM_BLOCK); b++)
        for (size_t p = 0; p < s->panels; p++)
            for (size_t j = 0; j < width_of(run); j++)
                add_product(run, s, work, b, p, j, next_weights(run, s, b, p, j));
}

/* A few rows do fit: the weights are read in memory order. */
static void add_straight(const struct run *run, const struct share *s, const struct work *work)
{
    for (size_t p = 0; p < s->panels; p++)
        for (size_t j = 0; j < width_of(run); j++)
            for (size_t b = 0; b < ceil_div(run->k, GD_GEMM_BLOCK); b++)
                add_product(run, s, work, b, p, j, NULL);
}

static void finish_share(const struct run *run, const struct share *s, const struct work *work, float *lora_sum)
{
    for (size_t p = 0; p < s->panels; p++) {
        const struct place at = place_of(run, s->first + p, 0);
        float *sum = sums_of(run, s, work, p, 0);

        if (run->gated)
            finish_gated(run->gated, at.panel, s->row, s->rows, sum, sums_of(run, s, work, p, 1), lora_sum,
                         &work->room);
        else
            finish_panel(at.job, at.panel, s->row, s->rows, sum, lora_sum, &work->room,
                         target_of(at.job, at.panel, s->row));
    }
}

/* A group of panels for a part of the rows. */
static void run_task(void *context, size_t index, unsigned worker)
{
    const struct run *run = context;
    const struct share s = share_of(run, index);
    float *scratch = run->scratch + worker * worker_floats(run->m);
    const struct work work = { scratch + 2 * block_floats(), { scratch, scratch + block_floats() } };

    if (s.rows <= run->jobs->kernel->straight)
        add_straight(run, &s, &work);
    else
        add_by_blocks(run, &s, &work);
    finish_share(run, &s, &work, sums_of(run, &s, &work, s.panels, 0));
}

static void run_all(struct run *run, gd_pool *pool)
{
    run->m = run->jobs->m;
    run->k = run->jobs->k;
    for (size_t j = 0; j < (run->gated ? 1 : run->count); j++)
        run->panels += panels_of(&run->jobs[j]);
    run->groups = gd_gemm_row_groups(pool, run->m);
    run->threads = ceil_div(gd_pool_threads(pool), run->groups);
    run->parts = 1;
    if (run->m == 0)
        return;
    /* The last panel of each thread is cut into parts if a part has enough rows to make up for unpacking weights. */
    if (gd_pool_threads(pool) > 1 && run->m / run->groups >= 2 * GD_GEMM_PART) {
        run->cut = least(run->panels, run->threads);
        run->parts = run->m / run->groups / GD_GEMM_PART;
    }
    run->tasks = task_count(run);
    gd_pool_run_groups(pool, run->groups, run->groups * run->tasks, run_task, run);
}

void gd_gemm_run(const gd_gemm_job *jobs, size_t count, gd_pool *pool, void *scratch)
{
    struct run run = { .jobs = jobs, .count = count, .scratch = scratch };

    run_all(&run, pool);
}

void gd_gemm_run_gated(const gd_gemm_gated *gated, gd_pool *pool, void *scratch)
{
    struct run run = { .jobs = gated->jobs, .count = 2, .gated = gated, .scratch = scratch };

    run_all(&run, pool);
}
