/* device.c - opens a GPU: its driver, its kernels, its streams. */
#include "backends/cuda/device.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

bool gd_cuda_failed(gd_device *device, gd_cu_result rc, const char *doing)
{
    if (!rc)
        return false;
    pthread_mutex_lock(&device->lock);
    if (!device->failed) {
        device->failed = rc;
        device->doing = doing;
    }
    pthread_mutex_unlock(&device->lock);
    return true;
}

gd_status gd_cuda_report(gd_device *device, gd_error *err)
{
    gd_cu_result failed;
    const char *doing;

    pthread_mutex_lock(&device->lock);
    failed = device->failed;
    doing = device->doing;
    device->failed = 0;
    pthread_mutex_unlock(&device->lock);
    return failed ? gd_cu_fail(device->driver, failed, doing, err) : GD_OK;
}

gd_status gd_cuda_enter(gd_device *device, gd_error *err)
{
    const gd_cu_result rc = device->driver->context_use(device->context);

    return rc ? gd_cu_fail(device->driver, rc, "it was called", err) : GD_OK;
}

gd_status gd_cuda_available(gd_dtype operand, gd_error *err)
{
    const gd_cu_driver *driver;
    gd_cu_card card;
    gd_status rc;

    (void)operand;
    if (!gd_cuda_has_images())
        return gd_fail(
            err, GD_EUNSUPPORTED,
            "this library was built without GPU kernels: nvcc was missing; configure --with-cuda says how to "
            "get it");
    rc = gd_cu_driver_get(&driver, err);
    return rc ? rc : gd_cu_card_get(&card, driver, err);
}

static gd_status check_arithmetic(const gd_device *device, gd_error *err)
{
    const gd_arithmetic own = gd_cu_arithmetic(&device->card);

    if (device->arithmetic == GD_EXACT || device->arithmetic == own)
        return GD_OK;
    return gd_fail(err, GD_EUNSUPPORTED,
                   "the tensor cores of %s (%s) have the arithmetic of numerics %s, not of %s; use %s, or exact",
                   device->card.name, device->about, gd_arithmetic_name(own), gd_arithmetic_name(device->arithmetic),
                   gd_arithmetic_name(own));
}

static gd_status load_image(gd_device *device, gd_cuda_image image, gd_error *err)
{
    void *bytes;
    gd_status rc = gd_cuda_image_open(&bytes, image, err);
    const gd_cu_result result = rc ? 0 : device->driver->module_load(&device->images[image], bytes);

    gd_free(bytes);
    return result ? gd_cu_fail(device->driver, result, "kernels were loaded", err) : rc;
}

static gd_status load_kernels(gd_device *device, gd_error *err)
{
    const gd_cu_driver *driver = device->driver;
    gd_status status = GD_OK;
    gd_cu_result rc = 0;

    for (size_t i = 0; !status && i < GD_IMAGE_COUNT; i++)
        status = load_image(device, (gd_cuda_image)i, err);
    if (status)
        return status;
    for (size_t i = 0; !rc && i < GD_KERNEL_COUNT; i++) {
        const gd_cuda_kernel_info *info = &gd_cuda_kernels[i];

        rc = driver->function_get(&device->kernels[i], device->images[info->image], info->name);
        if (!rc && info->shared > 48 << 10)
            rc = driver->function_set(device->kernels[i], GD_CU_DYNAMIC_SHARED_BYTES, (int)info->shared);
        if (rc)
            return gd_cu_fail(driver, rc, info->name, err);
    }
    return GD_OK;
}

static gd_status make_streams(gd_device *device, gd_error *err)
{
    const gd_cu_driver *driver = device->driver;
    gd_cu_result rc = driver->stream_create(&device->compute, GD_CU_STREAM_NON_BLOCKING);

    if (!rc)
        rc = driver->stream_create(&device->copy, GD_CU_STREAM_NON_BLOCKING);
    if (!rc)
        rc = driver->event_create(&device->copied, GD_CU_EVENT_DISABLE_TIMING);
    return rc ? gd_cu_fail(driver, rc, "its streams were made", err) : GD_OK;
}

static gd_status check_isa(const gd_device *device, const char *isa, gd_error *err)
{
    if (!isa || !strcmp(isa, "auto") || !strcmp(isa, device->about))
        return GD_OK;
    return gd_fail(err, GD_EUNSUPPORTED, "instruction set %s: %s has %s alone", isa, device->card.name, device->about);
}

/* A card that can't say what is free would be taken for one that is full. */
static gd_status check_memory(const gd_device *device, gd_error *err)
{
    size_t unused, total;
    const gd_cu_result rc = device->driver->memory_info(&unused, &total);

    return rc ? gd_cu_fail(device->driver, rc, "it was asked for its free memory", err) : GD_OK;
}

static gd_status start(gd_device *device, const char *isa, gd_error *err)
{
    gd_cu_result result;
    gd_status rc = gd_cu_driver_get(&device->driver, err);

    if (!rc)
        rc = gd_cu_card_get(&device->card, device->driver, err);
    if (rc)
        return rc;
    (void)snprintf(device->about, sizeof device->about, "sm_%d", device->card.capability);
    rc = check_isa(device, isa, err);
    if (!rc)
        rc = check_arithmetic(device, err);
    if (rc)
        return rc;
    result = device->driver->context_retain(&device->context, device->card.device);
    if (result)
        return gd_cu_fail(device->driver, result, "it was opened", err);
    rc = gd_cuda_enter(device, err);
    if (!rc)
        rc = check_memory(device, err);
    if (!rc)
        rc = load_kernels(device, err);
    if (!rc)
        rc = make_streams(device, err);
    if (!rc)
        rc = gd_cuda_staging_open(device, err);
    return rc || device->arithmetic == GD_EXACT ? rc : gd_cuda_self_test(device, err);
}

gd_status gd_cuda_open(gd_device **out, const gd_device_options *options, gd_error *err)
{
    gd_device *device = gd_alloc_zero(1, sizeof *device);
    gd_status rc;

    *out = NULL;
    if (!device)
        return gd_fail_memory(err, sizeof *device);
    pthread_mutex_init(&device->lock, NULL);
    device->operand = options->operand;
    device->arithmetic = options->arithmetic;
    rc = gd_pool_open(&device->pool, options->threads, err);
    if (!rc)
        rc = start(device, options->isa, err);
    if (rc) {
        gd_cuda_close(device);
        return rc;
    }
    *out = device;
    return GD_OK;
}

/* Everything that the driver made. */
static void stop(gd_device *device)
{
    const gd_cu_driver *driver = device->driver;

    (void)driver->context_use(device->context);
    gd_cuda_release_scratch(device);
    gd_cuda_drop_unused(device);
    gd_cuda_staging_close(device);
    if (device->copied)
        (void)driver->event_destroy(device->copied);
    if (device->copy)
        (void)driver->stream_destroy(device->copy);
    if (device->compute)
        (void)driver->stream_destroy(device->compute);
    for (size_t i = 0; i < GD_IMAGE_COUNT; i++)
        if (device->images[i])
            (void)driver->module_unload(device->images[i]);
    (void)driver->context_release(device->card.device);
}

void gd_cuda_close(gd_device *device)
{
    if (!device)
        return;
    if (device->context)
        stop(device);
    gd_pool_close(device->pool);
    pthread_mutex_destroy(&device->lock);
    gd_free(device);
}

gd_status gd_cuda_finish(gd_device *device, gd_error *err)
{
    gd_status rc = gd_cuda_enter(device, err);

    if (rc)
        return rc;
    (void)gd_cuda_failed(device, device->driver->stream_finish(device->copy), "weights were sent to it");
    (void)gd_cuda_failed(device, device->driver->stream_finish(device->compute), "it computed");
    return gd_cuda_report(device, err);
}
