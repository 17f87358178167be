/* cpu.c - the cpu backend: the reference, from which openblas and onednn inherit. */
#include "backends/cpu/back.h"
#include "backends/cpu/device.h"
#include "backends/cpu/linear.h"
#include "backends/cpu/ops.h"
#include "backends/cpu/weight.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sysmem.h"

#include <string.h>

static gd_status cpu_available(gd_dtype operand, gd_error *err)
{
    (void)operand, (void)err;
    return GD_OK;
}

static gd_status cpu_open(gd_device **out, const gd_device_options *options, gd_error *err)
{
    gd_device *device = gd_alloc_zero(1, sizeof *device);
    gd_status rc;

    *out = NULL;
    if (!device)
        return gd_fail_memory(err, sizeof *device);
    device->operand = options->operand;
    rc = gd_isa_parse(&device->isa, options->isa, gd_isa_detect(), err);
    if (!rc)
        rc = gd_pool_open(&device->pool, options->threads, err);
    if (rc) {
        gd_backend_cpu.close(device);
        return rc;
    }
    device->rows = gd_row_pick(device->isa);
    device->gemm = gd_gemm_pick(device->isa, options->operand, options->arithmetic);
    device->products = device->gemm->products;
    *out = device;
    return GD_OK;
}

static void cpu_close(gd_device *device)
{
    if (!device)
        return;
    gd_pool_close(device->pool);
    gd_free(device->linear_scratch);
    gd_free(device->attention_scratch);
    gd_free(device);
}

static const char *cpu_describe(const gd_device *device) { return gd_isa_name(device->isa); }

const char *gd_cpu_matmul(const gd_device *device) { return device->gemm->name; }

gd_status gd_cpu_buffer_alloc(gd_device *device, void **out, size_t bytes, gd_error *err)
{
    (void)device;
    *out = gd_large_alloc(bytes);
    return *out ? GD_OK : gd_fail_memory(err, bytes);
}

void gd_cpu_buffer_free(gd_device *device, void *buffer)
{
    (void)device;
    gd_large_free(buffer);
}

void gd_cpu_spread(gd_device *device, size_t count, gd_task *task, void *context)
{
    gd_pool_run(device->pool, count, task, context);
}

gd_status gd_cpu_upload(gd_device *device, void *buffer, const void *host, size_t bytes, gd_error *err)
{
    (void)device, (void)err;
    memcpy(buffer, host, bytes);
    return GD_OK;
}

gd_status gd_cpu_download(gd_device *device, void *host, const void *buffer, size_t bytes, gd_error *err)
{
    (void)device, (void)err;
    memcpy(host, buffer, bytes);
    return GD_OK;
}

const char *gd_cpu_isa(size_t index) { return gd_isa_level(gd_isa_detect(), index); }

gd_heights gd_cpu_heights(const gd_device *device)
{
    (void)device;
    /* With this few rows, packing the weights anew for each tile takes no longer than writing them to memory. */
    return (gd_heights){ .step = GD_GEMM_STEP, .most = GD_GEMM_BEST_ROWS, .few = 4 * GD_GEMM_BEST_ROWS };
}

size_t gd_cpu_memory_free(const gd_device *device)
{
    (void)device;
    return gd_memory_available();
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t linear_bytes(const gd_device *device, const gd_limits *limits)
{
    const unsigned threads = gd_pool_threads(device->pool);
    const size_t forward = gd_linear_scratch_bytes(limits, device->operand, threads);
    const size_t back = larger(gd_linear_back_scratch_bytes(limits, device->operand, threads),
                               gd_norm_back_scratch_bytes(limits));

    return limits->train ? larger(forward, back) : forward;
}

static size_t attention_bytes(const gd_limits *limits, unsigned threads)
{
    const size_t forward = gd_attention_scratch_bytes(limits, threads);

    return limits->train ? larger(forward, gd_attention_back_scratch_bytes(limits, threads)) : forward;
}

static size_t cpu_scratch_bytes(const gd_device *device, const gd_limits *limits)
{
    const unsigned threads = gd_pool_threads(device->pool);

    return linear_bytes(device, limits) + attention_bytes(limits, threads);
}

static gd_status replace(void **buffer, size_t bytes, gd_error *err)
{
    gd_free(*buffer);
    *buffer = gd_alloc_aligned(bytes);
    return *buffer ? GD_OK : gd_fail_memory(err, bytes);
}

gd_status gd_cpu_reserve(gd_device *device, const gd_limits *limits, size_t linear_bytes, gd_error *err)
{
    gd_status rc = replace(&device->linear_scratch, linear_bytes, err);

    if (!rc)
        rc = replace(&device->attention_scratch, attention_bytes(limits, gd_pool_threads(device->pool)), err);
    device->limits = *limits;
    return rc;
}

static gd_status cpu_prepare(gd_device *device, const gd_limits *limits, gd_error *err)
{
    return gd_cpu_reserve(device, limits, linear_bytes(device, limits), err);
}

const gd_backend gd_backend_cpu = {
    .name = "cpu",
    .about = "the reference: the same bits on every CPU",
    GD_CPU_HOST_FUNCTIONS,
    .available = cpu_available,
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .weight_bytes = gd_cpu_weight_bytes,
    .weight_make = gd_cpu_weight_make,
    .weight_pieces = gd_cpu_weight_pieces,
    .weight_fill = gd_cpu_weight_fill,
    .weight_borrow = gd_cpu_weight_borrow,
    .weight_free = gd_cpu_weight_free,
    .prepare = cpu_prepare,
    .scratch_bytes = cpu_scratch_bytes,
    .linears = gd_cpu_linears,
    .gated_linears = gd_cpu_gated_linears,
    .run = { GD_CPU_ROW_OPERATIONS, [GD_OP_linear] = gd_cpu_linear },
    .back = { GD_CPU_BACK_OPERATIONS },
    .clear = gd_cpu_clear,
};
