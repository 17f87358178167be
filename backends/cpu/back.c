/* back.c - the backward twins that work row by row. */
#include "backends/cpu/back.h"

#include "backends/cpu/outer.h"
#include "backends/cpu/over_rows.h"
#include "backends/cpu/weight.h"
#include "base/mem.h"

#include <string.h>

/* Running sums of a weight's gradient over the lines of a call, divided by columns among the threads. */
struct weight_sums {
    const gd_row_kernels *kernels;
    const gd_back_call *call;
    const float *r; /* rms_norm: of each head of each row */
};

enum { TASK_COLS = 64 };

static void run_columns(gd_device *device, const struct weight_sums *sums, size_t cols, gd_task *task)
{
    gd_pool_run(device->pool, (cols + TASK_COLS - 1) / TASK_COLS, task, (void *)sums);
}

/* Columns of a task, from `first` on. */
static size_t columns_of(size_t cols, size_t first) { return cols - first < TASK_COLS ? cols - first : TASK_COLS; }

static void embedding_task(void *context, size_t index, unsigned worker)
{
    const struct weight_sums *s = context;
    const gd_back_call *call = s->call;
    const gd_tile *tile = call->tile;
    const size_t first = index * TASK_COLS, count = columns_of(call->d_out.cols, first);

    (void)worker;
    for (size_t r = call->d_out.rows; r-- > 0;)
        s->kernels->axpy(count, call->params.scale, (const float *)gd_cpu_line(&call->d_out, r) + first,
                         (float *)gd_cpu_line(&call->d_w[0], tile->batch->host.token[tile->first + r]) + first);
}

void gd_cpu_embedding_back(gd_device *device, const gd_back_call *call)
{
    run_columns(device, &(struct weight_sums){ device->rows, call, NULL }, call->d_out.cols, embedding_task);
}

/* Heads of a row, and their columns. */
static size_t norm_heads(const gd_op_params *params) { return params->heads ? params->heads : 1; }
static size_t norm_cols(const gd_back_call *call)
{
    return call->params.heads ? call->params.head_dim : call->d_out.cols;
}

static void norm_weight_task(void *context, size_t index, unsigned worker)
{
    const struct weight_sums *s = context;
    const gd_back_call *call = s->call;
    const size_t heads = norm_heads(&call->params), cols = norm_cols(call);
    const size_t first = index * TASK_COLS, count = columns_of(cols, first);
    float *sum = (float *)call->d_w[0].data + first;

    (void)worker;
    for (size_t line = call->d_out.rows * heads; line-- > 0;) {
        const size_t row = line / heads, at = line % heads * cols + first;

        s->kernels->norm_weight(count, (const float *)gd_cpu_line(&call->in[0], row) + at, s->r[line],
                                (const float *)gd_cpu_line(&call->d_out, row) + at, sum);
    }
}

struct norm {
    const gd_back_call *call;
    float *r; /* [rows, heads], or NULL */
};

static void rms_norm_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const struct norm *norm = context;
    const gd_back_call *call = norm->call;
    const gd_op_params *params = &call->params;
    const gd_tensor *dx = &call->d_in[0];
    const size_t heads = norm_heads(params), cols = norm_cols(call);

    for (size_t h = 0; h < heads; h++)
        kernels->rms_norm_back(&(gd_norm_back_job){
            .n = cols,
            .x = (const float *)gd_cpu_line(&call->in[0], r) + h * cols,
            .w = call->w->vector,
            .dy = (const float *)gd_cpu_line(&call->d_out, r) + h * cols,
            .eps = params->eps,
            .unit_offset = params->unit_offset,
            .r = norm->r ? norm->r + r * heads + h : NULL,
            .dx = dx->data ? (char *)gd_cpu_line(dx, r) + h * cols * gd_dtype_size(dx->dtype) : NULL,
            .type = dx->dtype,
            .add = call->adds[0],
        });
}

size_t gd_norm_back_scratch_bytes(const gd_limits *limits) { return limits->tile_rows * limits->heads * sizeof(float); }

void gd_cpu_rms_norm_back(gd_device *device, const gd_back_call *call)
{
    const struct norm norm = { call, call->d_w[0].data ? device->linear_scratch : NULL };

    gd_cpu_over_rows(device, call->d_out.rows, 2 * call->d_out.cols, rms_norm_row, &norm);
    if (norm.r)
        run_columns(device, &(struct weight_sums){ device->rows, call, norm.r }, norm_cols(call), norm_weight_task);
}

static void rope_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_back_call *call = context;
    const gd_batch_rows *rows = &call->tile->batch->host;
    const size_t head_dim = call->params.head_dim;
    const size_t position = call->params.table * rows->positions + gd_cpu_tile_lines(call->tile).position[r];
    const size_t at = position * (head_dim / 2);

    kernels->rope_back(call->params.heads, head_dim, gd_op_rotary(&call->params), gd_cpu_line(&call->d_out, r),
                       rows->rope_cos + at, rows->rope_sin + at, gd_cpu_line(&call->d_in[0], r), call->d_in[0].dtype);
}

void gd_cpu_rope_back(gd_device *device, const gd_back_call *call)
{
    gd_cpu_over_rows(device, call->d_out.rows, call->d_out.cols, rope_row, call);
}

static void gated_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_back_call *call = context;

    kernels->gated_back(&(gd_gated_back_job){
        .cols = call->d_out.cols,
        .act = call->params.act,
        .type = call->kept[0].dtype,
        .dy = gd_cpu_line(&call->d_out, r),
        .gate = gd_cpu_line(&call->kept[0], r),
        .up = gd_cpu_line(&call->kept[1], r),
        .d_gate = gd_cpu_line(&call->d_in[0], r),
        .d_up = gd_cpu_line(&call->d_in[1], r),
    });
}

void gd_cpu_gated_back(gd_device *device, const gd_back_call *call)
{
    gd_cpu_over_rows(device, call->d_out.rows, 8 * call->d_out.cols, gated_row, call);
}

/* The gradient of a sum goes to both inputs: copied, rounded, or added to what is there. */
static void add_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_back_call *call = context;
    const float *dy = gd_cpu_line(&call->d_out, r);

    for (size_t i = 0; i < 2; i++) {
        const gd_tensor *to = &call->d_in[i];
        void *line = to->data ? gd_cpu_line(to, r) : NULL;

        if (line && call->adds[i])
            kernels->add(to->cols, line, dy, line, GD_F32);
        else if (line && line != dy)
            kernels->copy(to->cols, dy, GD_F32, line, to->dtype);
    }
}

void gd_cpu_add_back(gd_device *device, const gd_back_call *call)
{
    gd_cpu_over_rows(device, call->d_out.rows, call->d_out.cols, add_row, call);
}

/* Rounding counts as the identity: a sum of one. */
void gd_cpu_round_back(gd_device *device, const gd_back_call *call) { gd_cpu_add_back(device, call); }

struct scattering {
    const gd_row_kernels *kernels;
    const gd_back_call *call;
};

/* Pooled rows one after the other: two may be the same row. */
static void scatter(void *context, size_t index, unsigned worker)
{
    const struct scattering *job = context;
    const gd_back_call *call = job->call;
    const gd_tile *tile = call->tile;

    (void)index, (void)worker;
    for (size_t r = 0; r < call->d_out.rows; r++) {
        float *to = gd_cpu_line(&call->d_in[0], tile->batch->host.pooled[tile->first + r]);

        job->kernels->add(call->d_out.cols, to, gd_cpu_line(&call->d_out, r), to, GD_F32);
    }
}

void gd_cpu_last_row_back(gd_device *device, const gd_back_call *call)
{
    struct scattering job = { device->rows, call };

    gd_pool_run(device->pool, 1, scatter, &job);
}

static void head_row(const gd_row_kernels *kernels, const void *context, size_t r)
{
    const gd_back_call *call = context;
    const size_t n = call->d_in[0].cols;
    const float *ds = gd_cpu_line(&call->d_out, r);
    float *dn = gd_cpu_line(&call->d_in[0], r);

    if (!call->adds[0])
        memset(dn, 0, n * sizeof *dn);
    for (size_t label = 0; label < call->d_out.cols; label++)
        kernels->axpy(n, ds[label], call->w->vector + label * n, dn);
}

/* w' and b' as far as they learn: the sums of s * n and of s * 1. */
static void learn_head(gd_device *device, const gd_back_call *call)
{
    static const float one = 1.0f;
    const gd_tensor ones = { (void *)(uintptr_t)&one, GD_F32, call->d_out.rows, 1, 0 };
    gd_cpu_outer_job jobs[2];
    size_t count = 0;

    if (call->d_w[0].data)
        jobs[count++] = (gd_cpu_outer_job){ call->d_out, call->in[0], call->d_w[0] };
    if (call->d_w[1].data)
        jobs[count++] = (gd_cpu_outer_job){ ones, call->d_out, call->d_w[1] };
    gd_cpu_outer(device, jobs, count, device->linear_scratch);
}

void gd_cpu_head_back(gd_device *device, const gd_back_call *call)
{
    if (call->d_in[0].data) /* the head may learn alone */
        gd_cpu_over_rows(device, call->d_out.rows, call->d_in[0].cols * call->d_out.cols, head_row, call);
    learn_head(device, call);
}

void gd_cpu_clear(gd_device *device, const gd_tensor *tensor)
{
    (void)device;
    memset(tensor->data, 0, tensor->rows * tensor->stride * gd_dtype_size(tensor->dtype));
}
