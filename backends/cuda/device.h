/* device.h - an opened GPU.
 *
 * Work is only started: kernels on one stream, in the order of the calls, and copies of weights on another.  Whatever
 * fails in between is noted, and reported by the next call that can fail, at the latest by finish(). */
#ifndef GD_CUDA_DEVICE_H
#define GD_CUDA_DEVICE_H

#include "backends/backend.h"
#include "backends/cuda/driver.h"
#include "backends/cuda/kernels/kernels.h"
#include "backends/cuda/memory.h"
#include "backends/cuda/staging.h"

#include <pthread.h>

struct gd_device {
    const gd_cu_driver *driver;
    gd_cu_card card;
    char about[16]; /* "sm_120" */
    gd_dtype operand;
    gd_arithmetic arithmetic;
    gd_pool *pool;
    gd_cu_context context;
    gd_cu_module images[GD_IMAGE_COUNT];
    gd_cu_function kernels[GD_KERNEL_COUNT];
    gd_cu_stream compute, copy;
    gd_cu_event copied;      /* what weight_wait() awaits */
    gd_cuda_memory memory;   /* what is free for the next weight */
    gd_cuda_staging staging; /* weights and rows of tables on their way */
    gd_limits limits;        /* what scratch was reserved for */
    struct gd_cuda_scratch {
        gd_cu_address padded; /* inputs whose lines are not aligned */
        gd_cu_address low[2]; /* bf16(A x) of the adapter, for two linears */
        gd_cu_address before; /* outputs to which a large adapter is added */
        gd_cu_address table_rows;
    } scratch;
    pthread_mutex_t lock; /* of the failure */
    gd_cu_result failed;  /* the first since it was reported; 0: none */
    const char *doing;    /* what failed */
};

/* Notes the first failure. Returns whether it is one. */
bool gd_cuda_failed(gd_device *device, gd_cu_result rc, const char *doing);

/* Reports what was noted, and forgets it. */
gd_status gd_cuda_report(gd_device *device, gd_error *err);

/* The calling thread's work is for this device from now on. */
gd_status gd_cuda_enter(gd_device *device, gd_error *err);

/* The gd_backend functions of device.c. */
gd_status gd_cuda_available(gd_dtype operand, gd_error *err);
gd_status gd_cuda_open(gd_device **out, const gd_device_options *options, gd_error *err);
void gd_cuda_close(gd_device *device);
gd_status gd_cuda_finish(gd_device *device, gd_error *err);

/* Frees the scratch space. */
void gd_cuda_release_scratch(gd_device *device);

/* Compares steps of the card's tensor cores with the contract's; fails with GD_EUNSUPPORTED where they differ. */
gd_status gd_cuda_self_test(gd_device *device, gd_error *err);

#endif
