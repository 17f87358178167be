/* ops.c - operations that work row by row: rows divided among the threads, one kernel call per row. */
#include "backends/cpu/ops.h"

#include "backends/cpu/batch.h"
#include "backends/cpu/device.h"
#include "backends/cpu/weight.h"

/* A task should take some microseconds: below that, handing it out costs more than it saves. */
enum { TASK_ELEMENTS = 8192 };

struct row_job {
    const gd_call *call;
    const gd_row_kernels *kernels;
    void (*row)(const struct row_job *job, size_t r);
    size_t per_task;
};

static void run_rows(void *context, size_t index, unsigned worker)
{
    const struct row_job *job = context;
    const size_t rows = job->call->out.rows, first = index * job->per_task;

    (void)worker;
    for (size_t r = first; r < rows && r < first + job->per_task; r++)
        job->row(job, r);
}

/* Runs `row` for every row of the output; `cols` says how much work a row takes. */
static void over_rows(gd_device *device, const gd_call *call, size_t cols, void (*row)(const struct row_job *, size_t))
{
    struct row_job job = { call, device->rows, row, cols < TASK_ELEMENTS ? TASK_ELEMENTS / (cols ? cols : 1) : 1 };

    gd_pool_run_groups(device->pool, gd_gemm_row_groups(device->pool, call->out.rows),
                       (call->out.rows + job.per_task - 1) / job.per_task, run_rows, &job);
}

static void *line_of(const gd_tensor *t, size_t row)
{
    return (unsigned char *)t->data + row * t->stride * gd_dtype_size(t->dtype);
}

/* Values are copied as stored; all types are exact in fp32. */
static void embedding_row(const struct row_job *job, size_t r)
{
    const gd_call *call = job->call;
    const gd_view *table = &call->w[0]->view;
    const gd_tile *tile = call->tile;
    const size_t cols = call->out.cols, token = tile->batch->host.token[tile->first + r];
    const unsigned char *line = table->data;

    job->kernels->embedding(cols, line + token * cols * gd_dtype_size(table->dtype), table->dtype, call->params.scale,
                            line_of(&call->out, r), call->out.dtype);
}

void gd_cpu_embedding(gd_device *device, const gd_call *call)
{
    over_rows(device, call, call->out.cols, embedding_row);
}

static void rms_norm_row(const struct row_job *job, size_t r)
{
    const gd_call *call = job->call;
    const gd_op_params *params = &call->params;
    const size_t heads = params->heads ? params->heads : 1;
    const size_t cols = params->heads ? params->head_dim : call->out.cols;
    const float *x = line_of(&call->in[0], r);
    unsigned char *out = line_of(&call->out, r);

    for (size_t h = 0; h < heads; h++)
        job->kernels->rms_norm(cols, x + h * cols, call->w[0]->vector, params->eps, params->unit_offset,
                               out + h * cols * gd_dtype_size(call->out.dtype), call->out.dtype);
}

void gd_cpu_rms_norm(gd_device *device, const gd_call *call) { over_rows(device, call, call->out.cols, rms_norm_row); }

static void rope_row(const struct row_job *job, size_t r)
{
    const gd_call *call = job->call;
    const gd_batch_rows *rows = &call->tile->batch->host;
    const size_t head_dim = call->params.head_dim;
    const size_t at = gd_cpu_tile_lines(call->tile).position[r] * (head_dim / 2);

    job->kernels->rope(call->params.heads, head_dim, line_of(&call->in[0], r), rows->rope_cos + at, rows->rope_sin + at,
                       line_of(&call->out, r), call->out.dtype);
}

void gd_cpu_rope(gd_device *device, const gd_call *call) { over_rows(device, call, call->out.cols, rope_row); }

static void gated_row(const struct row_job *job, size_t r)
{
    const gd_call *call = job->call;

    job->kernels->gated(&(gd_gated_job){
        .rows = 1,
        .cols = call->out.cols,
        .act = call->params.act,
        .gate = line_of(&call->in[0], r),
        .up = line_of(&call->in[1], r),
        .out = line_of(&call->out, r),
        .type = call->out.dtype,
    });
}

void gd_cpu_gated(gd_device *device, const gd_call *call)
{
    over_rows(device, call, call->out.cols * 4, gated_row); /* an exp or a tanh is worth several plain operations */
}

static void add_row(const struct row_job *job, size_t r)
{
    const gd_call *call = job->call;

    job->kernels->add(call->out.cols, line_of(&call->in[0], r), line_of(&call->in[1], r), line_of(&call->out, r),
                      call->out.dtype);
}

void gd_cpu_add(gd_device *device, const gd_call *call) { over_rows(device, call, call->out.cols, add_row); }

static void last_row_row(const struct row_job *job, size_t r)
{
    const gd_call *call = job->call;
    const gd_tile *tile = call->tile;

    job->kernels->copy(call->out.cols, line_of(&call->in[0], tile->batch->host.pooled[tile->first + r]),
                       call->in[0].dtype, line_of(&call->out, r), call->out.dtype);
}

void gd_cpu_last_row(gd_device *device, const gd_call *call) { over_rows(device, call, call->out.cols, last_row_row); }

static void head_row(const struct row_job *job, size_t r)
{
    const gd_call *call = job->call;
    const size_t n = call->in[0].cols;
    float *out = line_of(&call->out, r);

    for (size_t label = 0; label < call->out.cols; label++)
        out[label] = job->kernels->dot(n, line_of(&call->in[0], r), call->w[0]->vector + label * n);
}

void gd_cpu_head(gd_device *device, const gd_call *call)
{
    over_rows(device, call, call->in[0].cols * call->out.cols, head_row);
}
