/* staging.c - memory of the host that the card reads by itself. */
#include "backends/cuda/device.h"

#include "base/error.h"

gd_status gd_cuda_staging_open(gd_device *device, gd_error *err)
{
    gd_cuda_staging *staging = &device->staging;
    const gd_cu_driver *driver = device->driver;
    gd_cu_result rc = 0;

    pthread_mutex_init(&staging->lock, NULL);
    pthread_cond_init(&staging->free, NULL);
    staging->ready = true;
    for (size_t i = 0; !rc && i < GD_CUDA_SLOTS; i++) {
        rc = driver->host_alloc(&staging->slots[i].memory, GD_CUDA_SLOT_BYTES, 0);
        if (!rc)
            rc = driver->event_create(&staging->slots[i].read, GD_CU_EVENT_DISABLE_TIMING);
    }
    return rc ? gd_cu_fail(driver, rc, "memory of the host was prepared for it", err) : GD_OK;
}

void gd_cuda_staging_close(gd_device *device)
{
    gd_cuda_staging *staging = &device->staging;

    if (!staging->ready)
        return;
    for (size_t i = 0; i < GD_CUDA_SLOTS; i++) {
        if (staging->slots[i].read)
            (void)device->driver->event_destroy(staging->slots[i].read);
        if (staging->slots[i].memory)
            (void)device->driver->host_free(staging->slots[i].memory);
    }
    pthread_cond_destroy(&staging->free);
    pthread_mutex_destroy(&staging->lock);
}

static gd_cuda_slot *find(gd_cuda_staging *staging)
{
    for (size_t i = 0; i < GD_CUDA_SLOTS; i++) {
        gd_cuda_slot *slot = &staging->slots[(staging->next + i) % GD_CUDA_SLOTS];

        if (!slot->taken) {
            staging->next = (staging->next + i + 1) % GD_CUDA_SLOTS;
            return slot;
        }
    }
    return NULL;
}

gd_cuda_slot *gd_cuda_slot_take(gd_device *device)
{
    gd_cuda_staging *staging = &device->staging;
    gd_cuda_slot *slot;

    pthread_mutex_lock(&staging->lock);
    while (!(slot = find(staging)))
        pthread_cond_wait(&staging->free, &staging->lock);
    slot->taken = true;
    pthread_mutex_unlock(&staging->lock);
    (void)gd_cuda_failed(device, device->driver->event_finish(slot->read), "it read memory of the host");
    return slot;
}

void gd_cuda_slot_send(gd_device *device, gd_cuda_slot *slot, gd_cu_address to, size_t bytes, gd_cu_stream stream)
{
    gd_cuda_staging *staging = &device->staging;

    if (!gd_cuda_failed(device, device->driver->to_device(to, slot->memory, bytes, stream), "weights were sent to it"))
        (void)gd_cuda_failed(device, device->driver->event_record(slot->read, stream), "weights were sent to it");
    pthread_mutex_lock(&staging->lock);
    slot->taken = false;
    pthread_cond_signal(&staging->free);
    pthread_mutex_unlock(&staging->lock);
}
