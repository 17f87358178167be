/* linear_back.c - the gradients of a linear, of its weights, and of its adapter: doc/arithmetic.md, section 9. */
#include "backends/cpu/back.h"

#include "backends/cpu/linear.h"
#include "backends/cpu/outer.h"
#include "backends/cpu/over_rows.h"
#include "backends/cpu/weight.h"
#include "quant-free/bf16.h"

#include <assert.h>

/* Where the parts of device->linear_scratch begin, in bytes. */
struct parts {
    size_t g;      /* the outputs' gradients, packed: [rows, out] */
    size_t sums;   /* dot(g, B) [rows, rank], F32 */
    size_t e;      /* the same, scaled and rounded */
    size_t packed; /* e, packed */
    size_t work;   /* gd_gemm_run's or gd_cpu_outer's */
    size_t bytes;  /* all */
};

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* learned: outputs whose weights learn, at most. */
static struct parts divide(size_t rows, size_t out, size_t rank, size_t learned, unsigned threads)
{
    struct parts p = { .sums = gd_cpu_line_up(gd_gemm_rows_bytes(rows, out)) };

    p.e = p.sums + gd_cpu_line_up(rows * rank * sizeof(float));
    p.packed = p.e + gd_cpu_line_up(rows * rank * sizeof(float));
    p.work = p.packed + gd_cpu_line_up(gd_gemm_rows_bytes(rows, rank));
    p.bytes = p.work +
              larger(gd_gemm_scratch_bytes(rows, threads), gd_cpu_outer_bytes(rows, 2 * rank + learned + 1, threads));
    return p;
}

size_t gd_linear_back_scratch_bytes(const gd_limits *limits, gd_dtype operand, unsigned threads)
{
    const size_t rows = limits->tile_rows < GD_GEMM_ROWS ? limits->tile_rows : GD_GEMM_ROWS;

    (void)operand;
    return divide(rows, limits->max_out, larger(limits->max_rank, limits->labels), limits->max_learned, threads).bytes;
}

struct scaled {
    const float *sums;
    float scale;
    gd_tensor e;
};

static void scale_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const struct scaled *s = context;

    kernels->embedding(s->e.cols, s->sums + r * s->e.cols, GD_F32, s->scale, gd_cpu_line(&s->e, r), s->e.dtype);
}

/* e = bf16(scale * dot(g, B)). */
static gd_tensor inner_gradients(gd_device *device, const gd_back_call *call, const struct parts *parts, gd_gemm_rows g)
{
    const size_t rows = call->d_out.rows, rank = call->b->out;
    char *scratch = device->linear_scratch;
    const gd_tensor e = { scratch + parts->e, device->operand, rows, rank, rank };
    const gd_gemm_job job = {
        .kernel = device->gemm,
        .m = rows,
        .n = rank,
        .k = call->b->in,
        .x = g,
        .w = gd_cpu_weights_of(call->b),
        .y = scratch + parts->sums,
        .dtype = GD_F32,
        .stride = rank,
    };

    gd_gemm_run(&job, 1, device->pool, scratch + parts->work);
    gd_cpu_over_rows(device, rows, rank, scale_row, &(struct scaled){ job.y, call->scale, e });
    return e;
}

/* x' = dot(g, W) + dot(e, A). */
static void input_gradients(gd_device *device, const gd_back_call *call, const struct parts *parts, gd_gemm_rows g,
                            const gd_tensor *e)
{
    char *scratch = device->linear_scratch;
    gd_gemm_job job = {
        .kernel = device->gemm,
        .m = call->d_out.rows,
        .n = call->w->out,
        .k = call->w->in,
        .x = g,
        .w = gd_cpu_weights_of(call->w),
        .scale = 1.0f,
        .y = call->d_in[0].data,
        .dtype = call->d_in[0].dtype,
        .stride = call->d_in[0].stride,
        .add = call->adds[0],
    };

    if (e) {
        job.rank = e->cols;
        job.low = gd_cpu_rows_of(device, scratch + parts->packed, e->data, e->stride, e->rows, e->cols);
        job.lora = gd_cpu_weights_of(call->a);
    }
    gd_gemm_run(&job, 1, device->pool, scratch + parts->work);
}

/* A', B', W' and the bias', as far as they learn: the sums of e * x, g * (A x), g * x and 1 * g. */
static void weight_gradients(gd_device *device, const gd_back_call *call, const gd_tensor *e, void *work)
{
    static const gd_bf16 one_bf16 = 0x3F80;
    static const float one_f32 = 1.0f;
    const gd_tensor *g = &call->d_out;
    const gd_tensor ones = { device->operand == GD_BF16 ? (void *)&one_bf16 : (void *)&one_f32, device->operand,
                             g->rows, 1, 0 };
    gd_cpu_outer_job jobs[GD_CPU_OUTER_JOBS];
    size_t count = 0;

    if (call->d_a.data)
        jobs[count++] = (gd_cpu_outer_job){ *e, call->in[0], call->d_a };
    if (call->d_b.data)
        jobs[count++] = (gd_cpu_outer_job){ call->kept[0], *g, call->d_b };
    if (call->d_w[0].data)
        jobs[count++] = (gd_cpu_outer_job){ *g, call->in[0], call->d_w[0] };
    if (call->d_w[1].data)
        jobs[count++] = (gd_cpu_outer_job){ ones, *g, call->d_w[1] };
    gd_cpu_outer(device, jobs, count, work);
}

void gd_cpu_linear_back(gd_device *device, const gd_back_call *call)
{
    const gd_tensor *d_out = &call->d_out;
    const struct parts parts = divide(d_out->rows, d_out->cols, call->b ? call->b->out : 0,
                                      call->d_w[0].data ? d_out->cols : 0, gd_pool_threads(device->pool));
    char *scratch = device->linear_scratch;
    const gd_gemm_rows g = gd_cpu_rows_of(device, scratch + parts.g, d_out->data, d_out->stride, d_out->rows,
                                          d_out->cols);
    gd_tensor e = { 0 };

    assert(d_out->rows <= GD_GEMM_ROWS && d_out->dtype == device->operand);
    if (call->b)
        e = inner_gradients(device, call, &parts, g);
    if (call->d_in[0].data)
        input_gradients(device, call, &parts, g, call->b ? &e : NULL);
    weight_gradients(device, call, &e, scratch + parts.work);
}
