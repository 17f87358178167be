/* openblas.c - fp32 matmuls with OpenBLAS; everything else is the cpu backend's.
 *
 * An independent check of our own matmul.  OpenBLAS picks its kernels by itself (OPENBLAS_CORETYPE overrides it) and
 * adds in its own order, so scores differ from the cpu backend's in the last bits; derived.h says what stays fixed.
 * Its own threads are switched off for the whole process while a device is open: ours call it side by side.
 *
 * The library is loaded on demand: when it starts it makes a thread for each core, and they spin for a while, at the
 * expense of every other run. */
#include "backends/cpu/derived.h"
#include "backends/cpu/device.h"
#include "backends/cpu/ops.h"
#include "base/error.h"
#include "base/mem.h"

#include <cblas.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

extern const gd_backend gd_backend_openblas;

/* Stays loaded: its threads can't be taken back. */
static struct library {
    void *handle; /* NULL: it is missing or incomplete */
    __typeof__(cblas_sgemm) *sgemm;
    __typeof__(openblas_set_num_threads) *set_threads;
    __typeof__(openblas_get_num_threads) *get_threads;
    __typeof__(openblas_get_corename) *core_name;
} blas;

static bool find(void *function, const char *name)
{
    void *symbol = dlsym(blas.handle, name);

    memcpy(function, &symbol, sizeof symbol); /* C has no cast from an object pointer to a function pointer */
    return symbol != NULL;
}

static void load(void)
{
    blas.handle = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (blas.handle &&
        !(find(&blas.sgemm, "cblas_sgemm") && find(&blas.set_threads, "openblas_set_num_threads") &&
          find(&blas.get_threads, "openblas_get_num_threads") && find(&blas.core_name, "openblas_get_corename")))
        blas.handle = NULL;
}

struct state {
    gd_derived derived;
    int threads; /* OpenBLAS's setting before */
};

static gd_status openblas_available(gd_dtype operand, gd_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (operand != GD_F32)
        return gd_fail(err, GD_EUNSUPPORTED, "OpenBLAS multiplies in fp32 only: use it with --precision fp32");
    (void)pthread_once(&once, load);
    if (!blas.handle)
        return gd_fail(err, GD_EUNSUPPORTED, "cannot load libopenblas.so.0: install OpenBLAS (Debian: libopenblas0)");
    return GD_OK;
}

static void openblas_close(gd_device *device)
{
    if (device && device->vendor)
        blas.set_threads(((struct state *)device->vendor)->threads);
    gd_derived_close(device);
}

/* y^T = w x^T, so that the rows of the tile are the dimension that OpenBLAS's kernels vectorise: it treats more of
 * them alike in that one. */
static void product(const gd_device *device, unsigned worker, const gd_weight *w, size_t first, const void *x, float *y,
                    float *spare)
{
    const int tile = (int)((const gd_derived *)device->vendor)->tile, cols = (int)gd_derived_cols(w, first);

    (void)worker;
    blas.sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, cols, tile, (int)w->in, 1,
               (const float *)w->packed + first * w->in, (int)w->in, x, (int)w->in, 0, spare, tile);
    for (int r = 0; r < tile; r++)
        for (int c = 0; c < cols; c++)
            y[r * (int)GD_DERIVED_COLS + c] = spare[c * tile + r];
}

static gd_status openblas_open(gd_device **out, const gd_device_options *options, gd_error *err)
{
    gd_device *device;
    gd_status rc = gd_backend_cpu.open(&device, options, err);
    struct state *state = rc ? NULL : gd_alloc_zero(1, sizeof *state);

    *out = NULL;
    if (rc)
        return rc;
    device->vendor = state;
    if (state) {
        state->threads = blas.get_threads();
        (void)snprintf(state->derived.about, sizeof state->derived.about, "%s, OpenBLAS for %s",
                       gd_isa_name(device->isa), blas.core_name());
        blas.set_threads(1);
        rc = gd_derived_find_tile(device, &gd_backend_openblas, product, err);
    } else {
        rc = gd_fail_memory(err, sizeof *state);
    }
    if (rc) {
        openblas_close(device);
        return rc;
    }
    *out = device;
    return GD_OK;
}

/* OpenBLAS's sizes are ints. */
static gd_status openblas_weight_make(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                                      gd_error *err)
{
    if (role == GD_WEIGHT_MATRIX && view->rank == 2 && (view->shape[0] > INT_MAX || view->shape[1] > INT_MAX)) {
        *out = NULL;
        return gd_fail(err, GD_EUNSUPPORTED, "%s: %zu x %zu is too large for OpenBLAS", view->name, view->shape[0],
                       view->shape[1]);
    }
    return gd_derived_weight_make(device, out, role, view, err);
}

static void openblas_linear(gd_device *device, const gd_call *call) { gd_derived_linear(device, call, product); }

const gd_backend gd_backend_openblas = {
    .name = "openblas",
    .about = "fp32 matmuls by OpenBLAS, the rest by cpu",
    .any_order = true,
    GD_CPU_HOST_FUNCTIONS,
    .available = openblas_available,
    .open = openblas_open,
    .close = openblas_close,
    .describe = gd_derived_describe,
    .weight_bytes = gd_derived_weight_bytes,
    .weight_make = openblas_weight_make,
    .weight_pieces = gd_derived_weight_pieces,
    .weight_fill = gd_derived_weight_fill,
    .weight_free = gd_cpu_weight_free,
    .prepare = gd_derived_prepare,
    .scratch_bytes = gd_derived_scratch_bytes,
    .run = { GD_CPU_ROW_OPERATIONS, [GD_OP_linear] = openblas_linear },
};
