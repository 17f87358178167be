/* memory.c - the card's memory. */
#include "backends/cuda/device.h"

#include "base/error.h"
#include "base/mem.h"

/* Blocks of one size are all alike; the first fits. */
static gd_cuda_block *take(gd_device *device, size_t bytes)
{
    for (gd_cuda_block **at = &device->memory.unused; *at; at = &(*at)->next)
        if ((*at)->bytes == bytes) {
            gd_cuda_block *found = *at;

            *at = found->next;
            return found;
        }
    return NULL;
}

/* The copies that will fill it come after the kernels that read it. */
static gd_cu_address reuse(gd_device *device, gd_cuda_block *block)
{
    const gd_cu_address address = block->address;

    (void)gd_cuda_failed(device, device->driver->stream_await(device->copy, block->read, 0), "it awaited its memory");
    (void)device->driver->event_destroy(block->read);
    gd_free(block);
    return address;
}

gd_status gd_cuda_alloc(gd_device *device, gd_cu_address *out, size_t bytes, gd_error *err)
{
    gd_cuda_block *block = take(device, bytes);
    gd_cu_result rc;

    *out = 0;
    if (block) {
        *out = reuse(device, block);
        return GD_OK;
    }
    rc = device->driver->memory_alloc(out, bytes);
    if (rc == GD_CU_OUT_OF_MEMORY && device->memory.unused) {
        gd_cuda_drop_unused(device);
        rc = device->driver->memory_alloc(out, bytes);
    }
    if (!rc)
        return GD_OK;
    *out = 0;
    if (rc == GD_CU_OUT_OF_MEMORY)
        return gd_fail(err, GD_ENOMEM, "%s has no %zu bytes of memory left: %zu of its %zu bytes are free",
                       device->card.name, bytes, gd_cuda_memory_free(device), device->card.memory);
    return gd_cu_fail(device->driver, rc, "memory was taken", err);
}

void gd_cuda_free(gd_device *device, gd_cu_address address)
{
    if (address)
        (void)gd_cuda_failed(device, device->driver->memory_free(address), "memory was freed");
}

void gd_cuda_retire(gd_device *device, gd_cu_address address, size_t bytes)
{
    gd_cuda_block *block = address ? gd_alloc_zero(1, sizeof *block) : NULL;

    if (block && device->driver->event_create(&block->read, GD_CU_EVENT_DISABLE_TIMING)) {
        gd_free(block);
        block = NULL;
    }
    if (!block) {
        gd_cuda_free(device, address);
        return;
    }
    block->address = address;
    block->bytes = bytes;
    (void)gd_cuda_failed(device, device->driver->event_record(block->read, device->compute), "memory was given back");
    block->next = device->memory.unused;
    device->memory.unused = block;
}

void gd_cuda_drop_unused(gd_device *device)
{
    while (device->memory.unused) {
        gd_cuda_block *block = device->memory.unused;

        device->memory.unused = block->next;
        gd_cuda_free(device, block->address);
        (void)device->driver->event_destroy(block->read);
        gd_free(block);
    }
}

size_t gd_cuda_memory_free(const gd_device *device)
{
    size_t unused = 0, total = 0;

    return device->driver->memory_info(&unused, &total) ? 0 : unused;
}

gd_status gd_cuda_buffer_alloc(gd_device *device, void **out, size_t bytes, gd_error *err)
{
    gd_cu_address address;
    gd_status rc = gd_cuda_enter(device, err);

    *out = NULL;
    if (!rc)
        rc = gd_cuda_alloc(device, &address, bytes, err);
    if (!rc)
        *out = (void *)(uintptr_t)address;
    return rc;
}

void gd_cuda_buffer_free(gd_device *device, void *buffer) { gd_cuda_free(device, (gd_cu_address)(uintptr_t)buffer); }

gd_status gd_cuda_upload(gd_device *device, void *buffer, const void *host, size_t bytes, gd_error *err)
{
    gd_status rc = gd_cuda_enter(device, err);

    if (rc)
        return rc;
    (void)gd_cuda_failed(device,
                         device->driver->to_device((gd_cu_address)(uintptr_t)buffer, host, bytes, device->compute),
                         "numbers were sent to it");
    return gd_cuda_report(device, err);
}

gd_status gd_cuda_download(gd_device *device, void *host, const void *buffer, size_t bytes, gd_error *err)
{
    gd_status rc = gd_cuda_enter(device, err);

    if (rc)
        return rc;
    if (!gd_cuda_failed(device, device->driver->to_host(host, (gd_cu_address)(uintptr_t)buffer, bytes, device->compute),
                        "results were fetched"))
        (void)gd_cuda_failed(device, device->driver->stream_finish(device->compute), "it computed");
    return gd_cuda_report(device, err);
}
