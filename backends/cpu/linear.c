/* linear.c - a linear with bias and adapter, from packed operands. */
#include "backends/cpu/linear.h"

#include "backends/cpu/device.h"
#include "backends/cpu/weight.h"

#include <assert.h>

/* Where the parts of device->linear_scratch begin, in bytes.  The adapter's parts exist for each linear that may
 * be computed with others. */
struct parts {
    size_t x;                       /* packed rows [rows, in] */
    size_t low[GD_OP_MAX_LINEARS];  /* the adapter's inner values, [rows, rank], of the operand type */
    size_t lowp[GD_OP_MAX_LINEARS]; /* the same, packed */
    size_t work;                    /* gd_gemm_run's */
    size_t bytes;                   /* all */
};

static struct parts divide(size_t rows, size_t in, size_t rank, gd_dtype operand, unsigned threads)
{
    const size_t low = gd_cpu_line_up(rows * rank * gd_dtype_size(operand)), lowp = gd_gemm_rows_bytes(rows, rank);
    struct parts p = { .work = gd_gemm_rows_bytes(rows, in) };

    for (size_t i = 0; i < GD_OP_MAX_LINEARS; i++) {
        p.low[i] = p.work;
        p.lowp[i] = p.low[i] + low;
        p.work = p.lowp[i] + lowp;
    }
    p.bytes = p.work + gd_gemm_scratch_bytes(rows, threads);
    return p;
}

static size_t at_most(size_t rows, size_t most) { return rows < most ? rows : most; }

size_t gd_linear_scratch_bytes(const gd_limits *limits, gd_dtype operand, unsigned threads)
{
    return divide(at_most(limits->tile_rows, GD_GEMM_ROWS), limits->max_in, limits->max_rank, operand, threads).bytes;
}

/* Packing of rows, shared out in slices. */
struct packing {
    const gd_gemm_kernel *kernel;
    void *packed;
    const void *x;
    size_t stride, rows, cols, slice;
};

static void pack_task(void *context, size_t index, unsigned worker)
{
    const struct packing *p = context;
    const size_t first = index * p->slice;

    (void)worker;
    gd_gemm_pack_rows(p->kernel, p->packed, p->x, p->stride, p->rows, p->cols, first,
                      at_most(p->slice, p->rows - first));
}

static gd_gemm_rows pack(const gd_device *device, void *packed, const void *x, size_t stride, size_t rows, size_t cols)
{
    /* A slice must be worth waking a thread for. */
    const size_t worth = 32768 / cols + 1, even = rows / (2 * gd_pool_threads(device->pool)) + 1;
    struct packing p = { device->gemm, packed, x, stride, rows, cols, worth > even ? worth : even };

    gd_pool_run_groups(device->pool, gd_gemm_row_groups(device->pool, rows), (rows + p.slice - 1) / p.slice, pack_task,
                       &p);
    return gd_gemm_rows_packed(packed, rows);
}

gd_gemm_rows gd_cpu_rows_of(const gd_device *device, void *packed, const void *x, size_t stride, size_t rows,
                            size_t cols)
{
    if (gd_gemm_reads(device->gemm, stride, cols))
        return gd_gemm_rows_there(x, stride);
    return pack(device, packed, x, stride, rows, cols);
}

gd_gemm_weights gd_cpu_weights_of(const gd_weight *w)
{
    return (gd_gemm_weights){ w->packed, &w->view, w->role == GD_WEIGHT_TURNED };
}

/* The adapter's inner values: A x, rounded to the operand type; kept where the call wants them for training. */
static gd_gemm_rows run_low(gd_device *device, const gd_call *call, const struct parts *parts, size_t which,
                            gd_gemm_rows x, size_t first, size_t rows)
{
    const gd_weight *a = call->lora.a;
    const gd_tensor *kept = &call->kept[0];
    const size_t stride = kept->data ? kept->stride : a->out;
    char *scratch = device->linear_scratch, *low = scratch + parts->low[which];
    const gd_gemm_job job = {
        .kernel = device->gemm,
        .m = rows,
        .n = a->out,
        .k = a->in,
        .x = x,
        .w = gd_cpu_weights_of(a),
        .y = kept->data ? (char *)kept->data + first * stride * gd_dtype_size(device->operand) : low,
        .dtype = device->operand,
        .stride = stride,
    };

    gd_gemm_run(&job, 1, device->pool, scratch + parts->work);
    return gd_cpu_rows_of(device, scratch + parts->lowp[which], job.y, stride, rows, a->out);
}

static size_t rank_of(const gd_call *call) { return call->lora.a ? call->lora.a->out : 0; }

/* The product of a call for its rows `first` ..., which are x. The adapter's part is added later. */
static gd_gemm_job job_of(const gd_device *device, const gd_call *call, gd_gemm_rows x, size_t first, size_t rows)
{
    const gd_tensor *out = &call->out;
    const gd_weight *w = call->w[0];

    return (gd_gemm_job){
        .kernel = device->gemm,
        .m = rows,
        .n = w->out,
        .k = w->in,
        .x = x,
        .w = gd_cpu_weights_of(w),
        .bias = call->w[1] ? call->w[1]->vector : NULL,
        .rank = rank_of(call),
        .scale = call->lora.scale,
        .lora = rank_of(call) ? gd_cpu_weights_of(call->lora.b) : (gd_gemm_weights){ 0 },
        .y = (char *)out->data + first * out->stride * gd_dtype_size(out->dtype),
        .dtype = out->dtype,
        .stride = out->stride,
    };
}

static void check_call(const gd_device *device, const gd_call *call)
{
    assert(call->in[0].dtype == device->operand && call->in[0].cols == call->w[0]->in);
    assert(call->out.rows == call->in[0].rows && call->out.cols == call->w[0]->out);
    (void)device, (void)call;
}

/* Whether two tensors share memory. */
static bool overlap(const gd_tensor *a, const gd_tensor *b)
{
    const char *a_end = (const char *)a->data + a->rows * a->stride * gd_dtype_size(a->dtype);
    const char *b_end = (const char *)b->data + b->rows * b->stride * gd_dtype_size(b->dtype);

    return (const char *)a->data < b_end && (const char *)b->data < a_end;
}

/* Runs the first half of the adapters of calls that share their rows, and makes a job of each call. moved: the rows
 * are packed in any case, because the results overwrite them. */
static struct parts begin(gd_device *device, const gd_call *calls, size_t count, bool moved, size_t first, size_t rows,
                          gd_gemm_job *jobs)
{
    const gd_tensor *in = &calls->in[0];
    const void *data = (const char *)in->data + first * in->stride * gd_dtype_size(in->dtype);
    struct parts parts;
    gd_gemm_rows x;
    size_t rank = 0;

    for (size_t i = 0; i < count; i++) {
        check_call(device, &calls[i]);
        rank = rank_of(&calls[i]) > rank ? rank_of(&calls[i]) : rank;
    }
    parts = divide(rows, in->cols, rank, device->operand, gd_pool_threads(device->pool));
    x = (moved ? pack : gd_cpu_rows_of)(device, (char *)device->linear_scratch + parts.x, data, in->stride, rows,
                                        in->cols);
    for (size_t i = 0; i < count; i++) {
        jobs[i] = job_of(device, &calls[i], x, first, rows);
        if (rank_of(&calls[i]))
            jobs[i].low = run_low(device, &calls[i], &parts, i, x, first, rows);
    }
    return parts;
}

void gd_cpu_linears(gd_device *device, const gd_call *calls, size_t count)
{
    const size_t rows = calls->in[0].rows, goes = (rows + GD_GEMM_ROWS - 1) / GD_GEMM_ROWS;
    gd_gemm_job jobs[GD_OP_MAX_LINEARS];
    bool moved = false;

    assert(count <= GD_OP_MAX_LINEARS);
    for (size_t i = 0; i < count; i++)
        moved = moved || overlap(&calls->in[0], &calls[i].out);
    for (size_t i = 0; i < goes; i++) { /* of nearly equal height */
        const size_t first = rows * i / goes;
        const struct parts parts = begin(device, calls, count, moved, first, rows * (i + 1) / goes - first, jobs);

        gd_gemm_run(jobs, count, device->pool, (char *)device->linear_scratch + parts.work);
    }
}

void gd_cpu_linear(gd_device *device, const gd_call *call) { gd_cpu_linears(device, call, 1); }

void gd_cpu_gated_linears(gd_device *device, const gd_call *linears, const gd_call *gated)
{
    const size_t rows = linears->in[0].rows;
    gd_gemm_job jobs[2];
    struct parts parts;

    assert(rows <= GD_GEMM_ROWS);
    parts = begin(device, linears, 2, overlap(&linears->in[0], &gated->out), 0, rows, jobs);
    gd_gemm_run_gated(&(gd_gemm_gated){ .jobs = jobs,
                                        .rows = device->rows,
                                        .act = gated->params.act,
                                        .y = gated->out.data,
                                        .dtype = gated->out.dtype,
                                        .stride = gated->out.stride,
                                        .kept = { gated->kept[0].data, gated->kept[1].data },
                                        .kept_stride = gated->kept[0].stride },
                      device->pool, (char *)device->linear_scratch + parts.work);
}
