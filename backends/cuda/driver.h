/* driver.h - NVIDIA's driver, found when it is needed: nothing of CUDA is linked, and no file of NVIDIA's is used to
 * build this.
 *
 * The types are the driver's own (CUDA Driver API), under names of ours. */
#ifndef GD_CUDA_DRIVER_H
#define GD_CUDA_DRIVER_H

#include "graph/op.h"
#include "guerdon.h"

#include <stdint.h>

typedef int gd_cu_result; /* 0: no error */
typedef int gd_cu_device;
typedef unsigned long long gd_cu_address;
typedef struct gd_cu_context_st *gd_cu_context;
typedef struct gd_cu_stream_st *gd_cu_stream;
typedef struct gd_cu_event_st *gd_cu_event;
typedef struct gd_cu_module_st *gd_cu_module;
typedef struct gd_cu_function_st *gd_cu_function;

enum {
    GD_CU_OUT_OF_MEMORY = 2,        /* CUDA_ERROR_OUT_OF_MEMORY */
    GD_CU_NO_DEVICE = 100,          /* CUDA_ERROR_NO_DEVICE */
    GD_CU_MAJOR = 75,               /* CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR */
    GD_CU_MINOR = 76,               /* ..._MINOR */
    GD_CU_DYNAMIC_SHARED_BYTES = 8, /* CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES */
    GD_CU_STREAM_NON_BLOCKING = 1,  /* CU_STREAM_NON_BLOCKING */
    GD_CU_EVENT_DISABLE_TIMING = 2, /* CU_EVENT_DISABLE_TIMING */
    GD_CU_LEAST_VERSION = 13000     /* cuDriverGetVersion(): CUDA 13.0, the 580 line, since nvcc 13 makes the kernels */
};

typedef struct gd_cu_driver {
#define GD_CU(name, symbol, arguments) gd_cu_result(*name) arguments;
#include "backends/cuda/driver.def"
#undef GD_CU
    int version; /* 13000: it supports CUDA 13.0 */
} gd_cu_driver;

/* The driver, loaded at the first call and kept; fails with GD_EUNSUPPORTED and says why there is none. */
gd_status gd_cu_driver_get(const gd_cu_driver **out, gd_error *err);

/* A card that can be used. */
typedef struct gd_cu_card {
    gd_cu_device device;
    char name[128];
    int capability; /* 120: sm_120 */
    size_t memory;  /* bytes */
} gd_cu_card;

/* The first card that the driver shows (CUDA_VISIBLE_DEVICES chooses); fails with GD_EUNSUPPORTED, or GD_EDEVICE if it
 * doesn't answer. */
gd_status gd_cu_card_get(gd_cu_card *out, const gd_cu_driver *driver, gd_error *err);

/* The arithmetic of its tensor cores. */
static inline gd_arithmetic gd_cu_arithmetic(const gd_cu_card *card)
{
    return card->capability >= 90 ? GD_TENSOR : GD_TENSOR8;
}

/* Fails with a sentence about what was being done and the driver's own words: GD_ENOMEM for memory, else GD_EDEVICE. */
gd_status gd_cu_fail(const gd_cu_driver *driver, gd_cu_result result, const char *doing, gd_error *err);

#endif
