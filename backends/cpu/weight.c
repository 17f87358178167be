/* weight.c - weights from the checkpoint's bytes to the form that the kernels need. */
#include "backends/cpu/weight.h"

#include "backends/cpu/device.h"
#include "base/error.h"
#include "base/mem.h"
#include "quant-free/convert.h"

/* The number of elements, or 0 when the shape is empty, unsuitable or larger than the bytes present. */
static size_t element_count(const gd_view *view)
{
    size_t count = 1;

    if (view->rank == 0 || view->rank > GD_MAX_RANK)
        return 0;
    for (unsigned i = 0; i < view->rank; i++)
        if (!gd_mul(count, view->shape[i], &count) || count > view->bytes)
            return 0;
    return count;
}

gd_status gd_weight_check(gd_weight_role role, const gd_view *view, gd_error *err)
{
    const size_t count = element_count(view);

    if (role != GD_WEIGHT_VECTOR && view->rank != 2)
        return gd_fail(err, GD_EFORMAT, "%s: a matrix needs 2 dimensions, but the tensor has %u", view->name,
                       view->rank);
    if (count == 0 || count * gd_dtype_size(view->dtype) != view->bytes)
        return gd_fail(err, GD_EFORMAT, "%s: the tensor's shape and type do not agree with its %zu bytes", view->name,
                       view->bytes);
    return GD_OK;
}

size_t gd_cpu_weight_bytes(const gd_device *device, gd_weight_role role, const gd_view *view)
{
    size_t bytes = 0;

    if (role == GD_WEIGHT_MATRIX && view->rank == 2 &&
        !gd_gemm_packed_bytes(view->shape[0], view->shape[1], device->operand, &bytes))
        return SIZE_MAX;
    if (role == GD_WEIGHT_TURNED && view->rank == 2 &&
        !gd_gemm_packed_bytes(view->shape[1], view->shape[0], device->operand, &bytes))
        return SIZE_MAX;
    if (role == GD_WEIGHT_VECTOR)
        bytes = element_count(view) * sizeof(float);
    return sizeof(gd_weight) + gd_large_bytes(bytes);
}

static gd_status make_matrix(const gd_device *device, gd_weight *weight, gd_error *err)
{
    size_t bytes;

    if (!gd_gemm_packed_bytes(weight->out, weight->in, device->operand, &bytes))
        return gd_fail_memory(err, SIZE_MAX);
    weight->packed = gd_large_alloc(bytes);
    return weight->packed ? GD_OK : gd_fail_memory(err, bytes);
}

size_t gd_cpu_weight_pieces(const gd_weight *weight)
{
    return weight->packed ? (weight->out + GD_GEMM_PANEL - 1) / GD_GEMM_PANEL : 0;
}

void gd_cpu_weight_fill(gd_weight *weight, size_t piece)
{
    const bool turned = weight->role == GD_WEIGHT_TURNED;

    (turned ? gd_gemm_turn_panel : gd_gemm_pack_panel)(weight->packed, weight->operand, &weight->view, piece);
}

static gd_status load_vector(gd_weight *weight, const gd_view *view, gd_error *err)
{
    weight->out = 1;
    weight->in = element_count(view);
    weight->vector = gd_alloc(weight->in, sizeof *weight->vector);
    if (!weight->vector)
        return gd_fail_memory(err, weight->in * sizeof *weight->vector);
    gd_view_to_f32(view, weight->vector);
    return GD_OK;
}

/* A weight without its packed matrix or vector. */
static gd_status make_bare(const gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                           gd_error *err)
{
    const gd_status rc = gd_weight_check(role, view, err);
    const unsigned last = view->rank - 1, turned = role == GD_WEIGHT_TURNED;

    *out = NULL;
    if (rc)
        return rc;
    *out = gd_alloc_zero(1, sizeof **out);
    if (!*out)
        return gd_fail_memory(err, sizeof **out);
    **out = (gd_weight){ .role = role,
                         .out = view->shape[turned ? last : 0],
                         .in = view->shape[turned ? 0 : last],
                         .operand = device->operand,
                         .view = *view };
    return GD_OK;
}

gd_status gd_cpu_weight_make(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                             gd_error *err)
{
    gd_status rc = make_bare(device, out, role, view, err);

    if (!rc && (role == GD_WEIGHT_MATRIX || role == GD_WEIGHT_TURNED))
        rc = make_matrix(device, *out, err);
    else if (!rc && role == GD_WEIGHT_VECTOR)
        rc = load_vector(*out, view, err);
    if (rc) {
        gd_cpu_weight_free(device, *out);
        *out = NULL;
    }
    return rc;
}

/* Its pages are in memory while it is read; they take no more of it than a packed copy would. */
gd_status gd_cpu_weight_borrow(gd_device *device, gd_weight **out, const gd_view *view, gd_error *err)
{
    *out = NULL;
    if (gd_dtype_size(view->dtype) > gd_dtype_size(device->operand))
        return GD_OK;
    return make_bare(device, out, GD_WEIGHT_MATRIX, view, err);
}

void gd_cpu_weight_free(gd_device *device, gd_weight *weight)
{
    (void)device;
    if (!weight)
        return;
    gd_large_free(weight->packed);
    gd_free(weight->vector);
    gd_free(weight);
}
