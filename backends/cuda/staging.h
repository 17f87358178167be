/* staging.h - memory of the host that the card reads by itself, for what is on its way there.
 *
 * A slot is taken, filled, sent, and free again when the card has read it; so several threads can fill weights while
 * others are on their way. */
#ifndef GD_CUDA_STAGING_H
#define GD_CUDA_STAGING_H

#include "backends/backend.h"
#include "backends/cuda/driver.h"

#include <pthread.h>

enum { GD_CUDA_SLOTS = 8, GD_CUDA_SLOT_BYTES = 4 << 20 };

typedef struct gd_cuda_slot {
    void *memory;
    gd_cu_event read; /* the last sending */
    bool taken;
} gd_cuda_slot;

typedef struct gd_cuda_staging {
    pthread_mutex_t lock;
    pthread_cond_t free;
    gd_cuda_slot slots[GD_CUDA_SLOTS];
    size_t next; /* in turn, so that the one taken was sent longest ago */
    bool ready;  /* lock and free exist */
} gd_cuda_staging;

gd_status gd_cuda_staging_open(gd_device *device, gd_error *err);
void gd_cuda_staging_close(gd_device *device);

/* A slot of GD_CUDA_SLOT_BYTES that the card reads no more; waits for one. */
gd_cuda_slot *gd_cuda_slot_take(gd_device *device);

/* Sends what is in it on a stream, and lets it go. */
void gd_cuda_slot_send(gd_device *device, gd_cuda_slot *slot, gd_cu_address to, size_t bytes, gd_cu_stream stream);

#endif
