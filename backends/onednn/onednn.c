/* onednn.c - bf16 matmuls with oneDNN, using AMX where the CPU has it; everything else is the cpu backend's.
 *
 * oneDNN multiplies bf16 only with AVX-512 or AMX; elsewhere this backend refuses to open.  Its fp32 matmul runs on
 * every CPU and takes the same path through this code.  Sums are fp32 in oneDNN's own order: derived.h says what is
 * fixed. */
#include "backends/cpu/derived.h"
#include "backends/cpu/device.h"
#include "backends/cpu/ops.h"
#include "backends/onednn/matrix.h"
#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>

extern const gd_backend gd_backend_onednn;

static gd_status onednn_available(gd_dtype operand, gd_error *err)
{
    if (gd_onednn_can(operand))
        return GD_OK;
    return gd_fail(err, GD_EUNSUPPORTED, "oneDNN has no bf16 matmul for this CPU: it needs AVX-512 or AMX");
}

static void onednn_close(gd_device *device)
{
    if (!device)
        return;
    gd_onednn_state_close(device->vendor);
    device->vendor = NULL;
    gd_derived_close(device);
}

static void product(const gd_device *device, unsigned worker, const gd_weight *w, size_t first, const void *x, float *y,
                    float *spare)
{
    (void)spare;
    gd_onednn_matrix_product(device->vendor, w->vendor, worker, first, x, y);
}

static gd_status onednn_open(gd_device **out, const gd_device_options *options, gd_error *err)
{
    gd_device *device;
    gd_status rc = gd_backend_cpu.open(&device, options, err);
    gd_onednn *state = NULL;

    *out = NULL;
    if (rc)
        return rc;
    rc = gd_onednn_state_open(&state, gd_pool_threads(device->pool), err);
    device->vendor = state;
    if (!rc) {
        (void)snprintf(state->derived.about, sizeof state->derived.about, "%s, oneDNN %d.%d.%d",
                       gd_isa_name(device->isa), dnnl_version()->major, dnnl_version()->minor, dnnl_version()->patch);
        rc = gd_derived_find_tile(device, &gd_backend_onednn, product, err);
    }
    if (rc) {
        onednn_close(device);
        return rc;
    }
    *out = device;
    return GD_OK;
}

/* oneDNN pads to blocks of at most 64 x 64. */
static size_t onednn_weight_bytes(const gd_device *device, gd_weight_role role, const gd_view *view)
{
    gd_view padded = *view;

    const size_t most = SIZE_MAX - 63;

    if (role == GD_WEIGHT_MATRIX && view->rank == 2 && view->shape[0] < most && view->shape[1] < most) {
        padded.shape[0] = (view->shape[0] + 63) / 64 * 64;
        padded.shape[1] = (view->shape[1] + 63) / 64 * 64;
    }
    return gd_derived_weight_bytes(device, role, &padded);
}

static void onednn_weight_free(gd_device *device, gd_weight *weight)
{
    if (weight)
        gd_onednn_matrix_free(weight->vendor);
    gd_cpu_weight_free(device, weight);
}

/* oneDNN reorders whole matrices: they are ready once made. */
static gd_status onednn_weight_make(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                                    gd_error *err)
{
    gd_status rc = gd_derived_weight_make(device, out, role, view, err);

    if (!rc && role == GD_WEIGHT_MATRIX) {
        for (size_t i = 0; i < gd_derived_weight_pieces(*out); i++)
            gd_derived_weight_fill(*out, i);
        rc = gd_onednn_matrix_make(device->vendor, *out, err);
    }
    if (rc) {
        onednn_weight_free(device, *out);
        *out = NULL;
    }
    return rc;
}

static size_t onednn_weight_pieces(const gd_weight *weight)
{
    (void)weight;
    return 0;
}

static void onednn_linear(gd_device *device, const gd_call *call) { gd_derived_linear(device, call, product); }

const gd_backend gd_backend_onednn = {
    .name = "onednn",
    .about = "bf16 matmuls by oneDNN (AVX-512, AMX), the rest by cpu",
    .any_order = true,
    GD_CPU_HOST_FUNCTIONS,
    .available = onednn_available,
    .open = onednn_open,
    .close = onednn_close,
    .describe = gd_derived_describe,
    .weight_bytes = onednn_weight_bytes,
    .weight_make = onednn_weight_make,
    .weight_pieces = onednn_weight_pieces,
    .weight_fill = gd_derived_weight_fill,
    .weight_free = onednn_weight_free,
    .prepare = gd_derived_prepare,
    .scratch_bytes = gd_derived_scratch_bytes,
    .run = { GD_CPU_ROW_OPERATIONS, [GD_OP_linear] = onednn_linear },
};
