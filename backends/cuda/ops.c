/* ops.c - the operations other than linears: each starts one kernel. */
#include "backends/cuda/ops.h"

#include "backends/cuda/batch.h"
#include "backends/cuda/weight.h"
#include "backends/cuda/kernels/rows.h"

#include <string.h>

/* Starts a kernel with some bytes of dynamic shared memory. */
static void launch(gd_device *device, gd_cuda_kernel kernel, const size_t blocks[3], size_t shared, void *argument)
{
    const gd_cuda_kernel_info *info = &gd_cuda_kernels[kernel];
    void *arguments[] = { argument };

    if (blocks[0] && blocks[1] && blocks[2])
        (void)gd_cuda_failed(device,
                             device->driver->launch(device->kernels[kernel], (unsigned)blocks[0], (unsigned)blocks[1],
                                                    (unsigned)blocks[2], info->threads, 1, 1, (unsigned)shared,
                                                    device->compute, arguments, NULL),
                             info->name);
}

void gd_cuda_start(gd_device *device, gd_cuda_kernel kernel, size_t blocks, void *argument)
{
    launch(device, kernel, (const size_t[]){ blocks, 1, 1 }, gd_cuda_kernels[kernel].shared, argument);
}

static uint32_t lines_of(const gd_call *call) { return (uint32_t)call->out.rows; }

/* A kernel that takes a line a block. */
static void start_lines(gd_device *device, gd_cuda_kernel kernel, const gd_call *call, void *argument)
{
    gd_cuda_start(device, kernel, call->out.rows, argument);
}

/* ---- embedding: the table stays in its file; rows of it are sent as they are ---- */

/* Some lines of a tile, and where their rows of the table go. */
struct gather {
    const gd_view *table;
    const uint32_t *token;
    size_t count, row_bytes;
    unsigned char *to;
};

enum { GATHERED = 64 }; /* rows of a task */

static void gather_rows(void *context, size_t index, unsigned worker)
{
    const struct gather *g = context;
    const size_t first = index * GATHERED, end = g->count - first < GATHERED ? g->count : first + GATHERED;

    (void)worker;
    for (size_t i = first; i < end; i++)
        memcpy(g->to + i * g->row_bytes, (const char *)g->table->data + g->token[i] * g->row_bytes, g->row_bytes);
}

/* As many rows at a time as a slot has room for. */
static void send_rows(gd_device *device, const gd_weight *table, const uint32_t *token, size_t count)
{
    const size_t row_bytes = table->in * gd_dtype_size(table->view.dtype), room = GD_CUDA_SLOT_BYTES / row_bytes;

    for (size_t first = 0; first < count; first += room) {
        const size_t some = count - first < room ? count - first : room;
        gd_cuda_slot *slot = gd_cuda_slot_take(device);
        struct gather gather = { &table->view, token + first, some, row_bytes, slot->memory };

        gd_pool_run(device->pool, gd_cuda_ceil(some, GATHERED), gather_rows, &gather);
        gd_cuda_slot_send(device, slot, device->scratch.table_rows + first * row_bytes, some * row_bytes,
                          device->compute);
    }
}

void gd_cuda_embedding_op(gd_device *device, const gd_call *call)
{
    const gd_weight *table = call->w[0];
    gd_cuda_embedding argument = { .row = (const void *)(uintptr_t)device->scratch.table_rows,
                                   .row_type = gd_cuda_type(table->view.dtype),
                                   .lines = lines_of(call),
                                   .scale = call->params.scale,
                                   .out = gd_cuda_out(&call->out) };

    send_rows(device, table, call->tile->batch->host.token + call->tile->first, call->out.rows);
    start_lines(device, GD_KERNEL_embedding, call, &argument);
}

/* ---- line by line ---- */

void gd_cuda_rms_norm_op(gd_device *device, const gd_call *call)
{
    gd_cuda_rms_norm argument = { .x = call->in[0].data,
                                  .w = gd_cuda_vector_of(call->w[0]),
                                  .x_stride = call->in[0].stride,
                                  .lines = lines_of(call),
                                  .heads = call->params.heads ? call->params.heads : 1,
                                  .unit_offset = call->params.unit_offset,
                                  .eps = call->params.eps,
                                  .out = gd_cuda_out(&call->out) };

    start_lines(device, GD_KERNEL_rms_norm, call, &argument);
}

void gd_cuda_rope_op(gd_device *device, const gd_call *call)
{
    const gd_device_rows *batch = call->tile->batch;
    const size_t from = call->params.table * batch->host.positions * (call->params.head_dim / 2);
    gd_cuda_rope argument = { .x = call->in[0].data,
                              .cos_table = batch->rope_cos + from,
                              .sin_table = batch->rope_sin + from,
                              .position = gd_cuda_index_of(call->tile)->position + call->tile->first,
                              .x_stride = call->in[0].stride,
                              .lines = lines_of(call),
                              .heads = call->params.heads,
                              .head_dim = call->params.head_dim,
                              .rotary = (uint32_t)gd_op_rotary(&call->params),
                              .out = gd_cuda_out(&call->out) };

    start_lines(device, GD_KERNEL_rope, call, &argument);
}

static void start_pair(gd_device *device, gd_cuda_kernel kernel, const gd_call *call)
{
    gd_cuda_pair argument = { .x = call->in[0].data,
                              .y = call->in[1].data,
                              .x_stride = call->in[0].stride,
                              .y_stride = call->in[1].stride,
                              .lines = lines_of(call),
                              .act = gd_cuda_act(call->params.act),
                              .out = gd_cuda_out(&call->out) };

    start_lines(device, kernel, call, &argument);
}

void gd_cuda_gated_op(gd_device *device, const gd_call *call) { start_pair(device, GD_KERNEL_gated, call); }

void gd_cuda_add_op(gd_device *device, const gd_call *call) { start_pair(device, GD_KERNEL_add, call); }

/* index: the line of x for each of the output's, or NULL: its own. */
static void start_copy(gd_device *device, const gd_call *call, const uint32_t *index)
{
    gd_cuda_copy argument = { .x = call->in[0].data,
                              .index = index,
                              .x_stride = call->in[0].stride,
                              .x_type = gd_cuda_type(call->in[0].dtype),
                              .lines = lines_of(call),
                              .out = gd_cuda_out(&call->out) };

    start_lines(device, GD_KERNEL_copy, call, &argument);
}

void gd_cuda_round_op(gd_device *device, const gd_call *call) { start_copy(device, call, NULL); }

void gd_cuda_last_row_op(gd_device *device, const gd_call *call)
{
    start_copy(device, call, call->tile->batch->pooled_row + call->tile->first);
}

/* Lines that are further apart are lines of a longer stride. */
void gd_cuda_take_op(gd_device *device, const gd_call *call)
{
    const gd_tensor *x = &call->in[0];
    gd_cuda_copy argument = { .x = (const char *)x->data + call->params.from * x->stride * gd_dtype_size(x->dtype),
                              .x_stride = call->params.every * x->stride,
                              .x_type = gd_cuda_type(x->dtype),
                              .lines = lines_of(call),
                              .out = gd_cuda_out(&call->out) };

    start_lines(device, GD_KERNEL_copy, call, &argument);
}

void gd_cuda_head_op(gd_device *device, const gd_call *call)
{
    gd_cuda_head argument = { .x = call->in[0].data,
                              .w = gd_cuda_vector_of(call->w[0]),
                              .bias = call->w[1] ? gd_cuda_vector_of(call->w[1]) : NULL,
                              .x_stride = call->in[0].stride,
                              .lines = lines_of(call),
                              .n = (uint32_t)call->in[0].cols,
                              .labels = (uint32_t)call->out.cols,
                              .out = gd_cuda_out(&call->out) };

    start_lines(device, GD_KERNEL_head, call, &argument);
}

/* ---- attention ---- */

/* A kernel takes heads of any length; it needs the less memory, the shorter they are. */
static void start_attention(gd_device *device, size_t jobs, gd_cuda_attention *argument)
{
    static const struct {
        gd_cuda_kernel kernel;
        uint32_t tile_cols, columns, own, block;
    } kernels[] = {
#define KERNEL(name, threads, number, columns, own, block) \
    { GD_KERNEL_##name, GD_CUDA_ATTENTION_ROW / (number), columns, own, block },
        GD_CUDA_ATTENTION(KERNEL)
#undef KERNEL
    };
    const size_t i = device->arithmetic == GD_EXACT;
    const size_t tiles = gd_cuda_ceil(argument->head_dim, kernels[i].tile_cols);
    const size_t blocks[] = { jobs, argument->kv_heads, gd_cuda_ceil(argument->head_dim, kernels[i].columns) };

    launch(device, kernels[i].kernel, blocks, GD_CUDA_ATTENTION_SHARED(kernels[i].own, kernels[i].block, tiles),
           argument);
}

void gd_cuda_attention_op(gd_device *device, const gd_call *call)
{
    const gd_cuda_index *index = gd_cuda_index_of(call->tile);
    const gd_op_params *params = &call->params;
    size_t first;
    const size_t jobs = gd_cuda_jobs_of(call->tile, &first);
    gd_cuda_attention argument = { .q = call->in[0].data,
                                   .k = call->in[1].data,
                                   .v = call->in[2].data,
                                   .q_stride = call->in[0].stride,
                                   .k_stride = call->in[1].stride,
                                   .v_stride = call->in[2].stride,
                                   .jobs = index->jobs + first,
                                   .segments = call->tile->batch->segments,
                                   .tile_first = (uint32_t)call->tile->first,
                                   .tile_count = (uint32_t)call->tile->count,
                                   .heads = params->heads,
                                   .kv_heads = params->kv_heads,
                                   .head_dim = params->head_dim,
                                   .window = params->window,
                                   .type = gd_cuda_type(call->in[0].dtype),
                                   .scale = params->scale,
                                   .softcap = params->softcap,
                                   .out = gd_cuda_out(&call->out) };

    start_attention(device, jobs, &argument);
}
