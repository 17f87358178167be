/* cuda.c - the cuda backend: NVIDIA GPUs, by kernels of our own. */
#include "backends/cuda/batch.h"
#include "backends/cuda/ops.h"
#include "backends/cuda/weight.h"

#include <pthread.h>
#include <stdio.h>

static gd_status cuda_card(gd_card *out, gd_error *err)
{
    const gd_cu_driver *driver;
    gd_cu_card card;
    gd_status rc = gd_cu_driver_get(&driver, err);

    *out = (gd_card){ .isa = "" };
    if (!rc)
        rc = gd_cu_card_get(&card, driver, err);
    if (rc)
        return rc;
    (void)snprintf(out->name, sizeof out->name, "%s", card.name);
    (void)snprintf(out->isa, sizeof out->isa, "sm_%d", card.capability);
    out->memory = card.memory;
    out->driver = (unsigned)driver->version;
    out->arithmetic = gd_cu_arithmetic(&card);
    return GD_OK;
}

/* Found once: a card has one. */
static gd_card known;

static void find_card(void) { (void)cuda_card(&known, NULL); }

static const char *cuda_isa(size_t index)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, find_card);
    return index == 0 && known.isa[0] ? known.isa : NULL;
}

/* What its tensor cores do, for which alone a GPU is fast. */
static gd_status cuda_arithmetic(gd_arithmetic *out, gd_dtype operand, gd_error *err)
{
    gd_card card = { .arithmetic = GD_EXACT };
    gd_status rc = gd_cuda_available(operand, err);

    if (!rc)
        rc = cuda_card(&card, err);
    *out = operand == GD_BF16 ? card.arithmetic : GD_EXACT;
    return rc;
}

static const char *cuda_describe(const gd_device *device) { return device->about; }

/* Large tiles keep all of a card's processors busy; on a small card they would leave no room for weights. */
static gd_heights cuda_heights(const gd_device *device)
{
    return (gd_heights){ .step = 128, .most = device->card.memory >> 30 >= 12 ? 8192 : 2048 };
}

static void cuda_spread(gd_device *device, size_t count, gd_task *task, void *context)
{
    gd_pool_run(device->pool, count, task, context);
}

const gd_backend gd_backend_cuda = {
    .contract = GD_BACKEND_CONTRACT,
    .name = "cuda",
    .about = "NVIDIA GPUs from compute capability 8.0 on, by own kernels",
    .apart = true,
    .card = cuda_card,
    .arithmetic = cuda_arithmetic,
    .available = gd_cuda_available,
    .isa = cuda_isa,
    .open = gd_cuda_open,
    .close = gd_cuda_close,
    .describe = cuda_describe,
    .matmul = cuda_describe,
    .heights = cuda_heights,
    .memory_free = gd_cuda_memory_free,
    .buffer_alloc = gd_cuda_buffer_alloc,
    .buffer_free = gd_cuda_buffer_free,
    .upload = gd_cuda_upload,
    .download = gd_cuda_download,
    .rows_make = gd_cuda_rows_make,
    .rows_free = gd_cuda_rows_free,
    .weight_bytes = gd_cuda_weight_bytes,
    .weight_make = gd_cuda_weight_make,
    .weight_pieces = gd_cuda_weight_pieces,
    .weight_fill = gd_cuda_weight_fill,
    .weight_wait = gd_cuda_weight_wait,
    .weight_free = gd_cuda_weight_free,
    .spread = cuda_spread,
    .prepare = gd_cuda_prepare,
    .scratch_bytes = gd_cuda_scratch_bytes,
    .finish = gd_cuda_finish,
    .gated_linears = gd_cuda_gated_linears,
    .linear_add = gd_cuda_linear_add,
    .run = { [GD_OP_embedding] = gd_cuda_embedding_op,
             [GD_OP_rms_norm] = gd_cuda_rms_norm_op,
             [GD_OP_linear] = gd_cuda_linear_op,
             [GD_OP_rope] = gd_cuda_rope_op,
             [GD_OP_attention] = gd_cuda_attention_op,
             [GD_OP_gated] = gd_cuda_gated_op,
             [GD_OP_act] = gd_cuda_act_op,
             [GD_OP_softmax] = gd_cuda_softmax_op,
             [GD_OP_mul] = gd_cuda_mul_op,
             [GD_OP_sum] = gd_cuda_sum_op,
             [GD_OP_mean] = gd_cuda_mean_op,
             [GD_OP_part] = gd_cuda_part_op,
             [GD_OP_affine] = gd_cuda_affine_op,
             [GD_OP_add] = gd_cuda_add_op,
             [GD_OP_round] = gd_cuda_round_op,
             [GD_OP_last_row] = gd_cuda_last_row_op,
             [GD_OP_take] = gd_cuda_take_op,
             [GD_OP_head] = gd_cuda_head_op },
};
