/* memory.h - the card's memory.
 *
 * Freeing memory of the card waits for all that runs there.  So a weight's memory is kept instead, and given to the
 * next weight of the same size once the kernels that were started before have read it: layers of a streamed model go in
 * and out without a pause. */
#ifndef GD_CUDA_MEMORY_H
#define GD_CUDA_MEMORY_H

#include "backends/backend.h"
#include "backends/cuda/driver.h"

typedef struct gd_cuda_block {
    gd_cu_address address;
    size_t bytes;
    gd_cu_event read; /* comes when nothing reads it any more */
    struct gd_cuda_block *next;
} gd_cuda_block;

typedef struct gd_cuda_memory {
    gd_cuda_block *unused;
} gd_cuda_memory;

/* Memory that is freed by gd_cuda_free(); `copy` waits until nobody reads it any more. *out is 0 after a failure. */
gd_status gd_cuda_alloc(gd_device *device, gd_cu_address *out, size_t bytes, gd_error *err);

/* Keeps it for the next gd_cuda_alloc() of so many bytes. 0 is fine. */
void gd_cuda_retire(gd_device *device, gd_cu_address address, size_t bytes);

/* Waits for what reads it, and frees it. 0 is fine. */
void gd_cuda_free(gd_device *device, gd_cu_address address);

/* Frees all that was kept. */
void gd_cuda_drop_unused(gd_device *device);

/* The gd_backend functions of memory.c. */
size_t gd_cuda_memory_free(const gd_device *device);
gd_status gd_cuda_buffer_alloc(gd_device *device, void **out, size_t bytes, gd_error *err);
void gd_cuda_buffer_free(gd_device *device, void *buffer);
gd_status gd_cuda_upload(gd_device *device, void *buffer, const void *host, size_t bytes, gd_error *err);
gd_status gd_cuda_download(gd_device *device, void *host, const void *buffer, size_t bytes, gd_error *err);

#endif
