/* weight.c - weights from the checkpoint's bytes to the card. */
#include "backends/cuda/weight.h"

#include "backends/cuda/device.h"
#include "base/error.h"
#include "base/mem.h"
#include "quant-free/convert.h"

#include <string.h>

size_t gd_cuda_stride(size_t cols, gd_dtype type)
{
    const size_t whole = 16 / gd_dtype_size(type);

    return (cols + whole - 1) / whole * whole;
}

gd_cuda_matrix gd_cuda_matrix_of(const gd_weight *weight)
{
    return weight ? (gd_cuda_matrix){ (const void *)(uintptr_t)weight->address, weight->stride }
                  : (gd_cuda_matrix){ NULL, 0 };
}

const float *gd_cuda_vector_of(const gd_weight *weight)
{
    return weight ? (const float *)(uintptr_t)weight->address : NULL;
}

size_t gd_cuda_weight_bytes(const gd_device *device, gd_weight_role role, const gd_view *view)
{
    size_t bytes = 0;

    if (role == GD_WEIGHT_MATRIX && view->rank == 2 &&
        !gd_mul(view->shape[0], gd_cuda_stride(view->shape[1], device->operand) * gd_dtype_size(device->operand),
                &bytes))
        return SIZE_MAX;
    if (role == GD_WEIGHT_VECTOR)
        bytes = gd_view_elements(view) * sizeof(float);
    return bytes;
}

static size_t line_bytes(const gd_weight *weight) { return weight->stride * gd_dtype_size(weight->type); }

/* Lines that fit into a slot. */
static size_t piece_lines(const gd_weight *weight) { return GD_CUDA_SLOT_BYTES / line_bytes(weight); }

size_t gd_cuda_weight_pieces(const gd_weight *weight)
{
    return weight->role == GD_WEIGHT_MATRIX ? (weight->out + piece_lines(weight) - 1) / piece_lines(weight) : 0;
}

/* Tensor cores may compute with subnormal numbers, which the contract takes for zero. */
static void flush(gd_bf16 *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = numbers[i] & 0x7F80u ? numbers[i] : (gd_bf16)(numbers[i] & 0x8000u);
}

/* Lines as the card has them, with zeros after each. */
static void convert(const gd_weight *weight, size_t first, size_t count, void *to)
{
    const size_t each = weight->stride == weight->in ? count : 1, bytes = line_bytes(weight);

    if (each == 1)
        memset(to, 0, count * bytes);
    for (size_t i = 0; i < count; i += each) {
        char *at = (char *)to + i * bytes;

        if (weight->type == GD_BF16)
            gd_view_rows_to_bf16(&weight->view, first + i, each, (gd_bf16 *)at);
        else
            gd_view_rows_to_f32(&weight->view, first + i, each, (float *)at);
    }
    if (weight->device->arithmetic != GD_EXACT)
        flush(to, count * weight->stride);
}

void gd_cuda_weight_fill(gd_weight *weight, size_t piece)
{
    gd_device *device = weight->device;
    const size_t first = piece * piece_lines(weight), left = weight->out - first;
    const size_t count = left < piece_lines(weight) ? left : piece_lines(weight);
    gd_cuda_slot *slot;

    if (gd_cuda_failed(device, device->driver->context_use(device->context), "weights were sent to it"))
        return;
    slot = gd_cuda_slot_take(device);
    convert(weight, first, count, slot->memory);
    gd_cuda_slot_send(device, slot, weight->address + first * line_bytes(weight), count * line_bytes(weight),
                      device->copy);
}

static void send_vector(gd_weight *weight, const float *numbers)
{
    for (size_t at = 0; at < weight->bytes; at += GD_CUDA_SLOT_BYTES) {
        const size_t left = weight->bytes - at, bytes = left < GD_CUDA_SLOT_BYTES ? left : GD_CUDA_SLOT_BYTES;
        gd_cuda_slot *slot = gd_cuda_slot_take(weight->device);

        memcpy(slot->memory, (const char *)numbers + at, bytes);
        gd_cuda_slot_send(weight->device, slot, weight->address + at, bytes, weight->device->copy);
    }
}

static gd_status fill_vector(gd_weight *weight, gd_error *err)
{
    float *numbers = gd_alloc(weight->in, sizeof *numbers);

    if (!numbers)
        return gd_fail_memory(err, weight->in * sizeof *numbers);
    gd_view_to_f32(&weight->view, numbers);
    send_vector(weight, numbers);
    gd_free(numbers);
    return GD_OK;
}

static gd_status check(gd_weight_role role, const gd_view *view, gd_error *err)
{
    const gd_status rc = gd_weight_check(role, view, err);

    if (rc)
        return rc;
    if (role != GD_WEIGHT_VECTOR && view->shape[1] > GD_CUDA_SLOT_BYTES / sizeof(float) - 4)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: lines of %zu elements are too long for the cuda backend", view->name,
                       view->shape[1]);
    return GD_OK;
}

gd_status gd_cuda_weight_make(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                              gd_error *err)
{
    const bool vector = role == GD_WEIGHT_VECTOR;
    gd_status rc = check(role, view, err);
    gd_weight *weight = rc ? NULL : gd_alloc_zero(1, sizeof *weight);

    *out = NULL;
    if (rc)
        return rc;
    if (!weight)
        return gd_fail_memory(err, sizeof *weight);
    *weight = (gd_weight){ .device = device,
                           .role = role,
                           .out = vector ? 1 : view->shape[0],
                           .in = vector ? gd_view_elements(view) : view->shape[1],
                           .type = vector ? GD_F32 : device->operand,
                           .bytes = gd_cuda_weight_bytes(device, role, view),
                           .view = *view };
    weight->stride = gd_cuda_stride(weight->in, weight->type);
    rc = gd_cuda_enter(device, err);
    if (!rc && role != GD_WEIGHT_TABLE)
        rc = gd_cuda_alloc(device, &weight->address, weight->bytes, err);
    if (!rc && vector)
        rc = fill_vector(weight, err);
    if (rc) {
        gd_cuda_weight_free(device, weight);
        return rc;
    }
    *out = weight;
    return GD_OK;
}

/* Kernels from now on wait for all that was sent until now. */
gd_status gd_cuda_weight_wait(gd_device *device, gd_weight *weight, gd_error *err)
{
    gd_status rc = gd_cuda_enter(device, err);

    if (rc || !weight->address)
        return rc;
    if (!gd_cuda_failed(device, device->driver->event_record(device->copied, device->copy), "weights were sent to it"))
        (void)gd_cuda_failed(device, device->driver->stream_await(device->compute, device->copied, 0),
                             "weights were sent to it");
    return gd_cuda_report(device, err);
}

void gd_cuda_weight_free(gd_device *device, gd_weight *weight)
{
    if (!weight)
        return;
    gd_cuda_retire(device, weight->address, weight->bytes);
    gd_free(weight);
}
