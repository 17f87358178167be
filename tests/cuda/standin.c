/* standin.c - the functions of NVIDIA's driver, as the stand-in has them. */
#include "tests/cuda/standin.h"

#include "backends/cuda/kernels/args.h"
#include "bench/gpu/probe.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { ONE_DEVICE = 1, NOT_FOUND = 500, INVALID = 1 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void standin_enter(void) { pthread_mutex_lock(&lock); }
void standin_leave(void) { pthread_mutex_unlock(&lock); }

const char *standin_setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value && *value ? value : otherwise;
}

/* ---- calls, counted ---- */

static struct counted {
    const char *name;
    unsigned long calls;
} counted[] = {
#define GD_CU(name, symbol, arguments) { #symbol, 0 },
#include "backends/cuda/driver.def"
#undef GD_CU
};

static __attribute__((destructor)) void write_calls(void)
{
    const char *path = getenv("GD_STANDIN_CALLS");
    FILE *f = path ? fopen(path, "w") : NULL;

    for (size_t i = 0; f && i < sizeof counted / sizeof counted[0]; i++)
        fprintf(f, "%s %lu\n", counted[i].name, counted[i].calls);
    if (f)
        (void)fclose(f);
}

bool standin_fails(const char *function, gd_cu_result *error)
{
    const char *fail = standin_setting("GD_STANDIN_FAIL", "");
    const size_t length = strlen(function);
    unsigned long call = 0;
    char *end;

    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        if (!strcmp(counted[i].name, function))
            call = ++counted[i].calls;
    if (strncmp(fail, function, length) || fail[length] != ':' || strtoul(fail + length + 1, &end, 10) != call)
        return false;
    *error = *end == ':' ? atoi(end + 1) : 719;
    return true;
}

/* A function of the driver: counted, under the lock, failing where it has to. */
#define DRIVER(symbol, parameters, body)    \
    EXPORT gd_cu_result symbol parameters;  \
    EXPORT gd_cu_result symbol parameters   \
    {                                       \
        gd_cu_result rc = 0;                \
                                            \
        standin_enter();                    \
        if (!standin_fails(#symbol, &rc)) { \
            body                            \
        }                                   \
        standin_leave();                    \
        return rc;                          \
    }

DRIVER(cuInit, (unsigned flags), { rc = flags ? INVALID : 0; })
DRIVER(cuDriverGetVersion, (int *version), { *version = atoi(standin_setting("GD_STANDIN_VERSION", "13000")); })
DRIVER(cuDeviceGetCount, (int *count),
       { *count = strcmp(standin_setting("GD_STANDIN_CARD", "90"), "none") ? ONE_DEVICE : 0; })
DRIVER(cuDeviceGet, (gd_cu_device * device, int ordinal), { *device = ordinal; })
DRIVER(cuDeviceGetName, (char *name, int bytes, gd_cu_device device), {
    (void)device;
    (void)snprintf(name, (size_t)bytes, "Stand-in");
})
DRIVER(cuDeviceTotalMem_v2, (size_t * bytes, gd_cu_device device), {
    size_t unused;

    (void)device;
    standin_memory(&unused, bytes);
})
DRIVER(cuDeviceGetAttribute, (int *value, int attribute, gd_cu_device device), {
    const int card = atoi(standin_setting("GD_STANDIN_CARD", "90"));

    (void)device;
    *value = attribute == GD_CU_MAJOR ? card / 10 : card % 10;
})

static int context;

DRIVER(cuDevicePrimaryCtxRetain, (gd_cu_context * out, gd_cu_device device), {
    (void)device;
    *out = (gd_cu_context)&context;
})
DRIVER(cuDevicePrimaryCtxRelease_v2, (gd_cu_device device), {
    (void)device;
    rc = standin_finish_all();
})
DRIVER(cuCtxSetCurrent, (gd_cu_context given), { rc = given ? 0 : INVALID; })

DRIVER(cuMemGetInfo_v2, (size_t * unused, size_t *total), { standin_memory(unused, total); })
DRIVER(cuMemAlloc_v2, (gd_cu_address * address, size_t bytes), {
    *address = standin_alloc(bytes);
    rc = *address ? 0 : GD_CU_OUT_OF_MEMORY;
})
DRIVER(cuMemFree_v2, (gd_cu_address address), {
    rc = standin_finish_all();
    if (!standin_free(address))
        rc = INVALID;
})
DRIVER(cuMemHostAlloc, (void **memory, size_t bytes, unsigned flags), {
    (void)flags;
    *memory = standin_pin(bytes);
    rc = *memory ? 0 : GD_CU_OUT_OF_MEMORY;
})
DRIVER(cuMemFreeHost, (void *memory), {
    rc = standin_finish_all();
    if (!standin_unpin(memory))
        rc = INVALID;
})

/* ---- what streams are given ---- */

static unsigned char *copy_of(const void *from, size_t bytes)
{
    unsigned char *copy = malloc(bytes ? bytes : 1);

    if (!copy)
        abort();
    memcpy(copy, from, bytes);
    return copy;
}

DRIVER(cuMemcpyHtoDAsync_v2, (gd_cu_address to, const void *from, size_t bytes, gd_cu_stream stream), {
    void *host;

    memcpy(&host, &from, sizeof host);
    standin_push(stream, &(standin_task){ .kind = STANDIN_TO_DEVICE,
                                          .address = to,
                                          .host = host,
                                          .copy = standin_is_pinned(from) ? NULL : copy_of(from, bytes),
                                          .bytes = bytes });
})
/* Into memory that isn't pinned: done when it returns. */
DRIVER(cuMemcpyDtoHAsync_v2, (void *to, gd_cu_address from, size_t bytes, gd_cu_stream stream), {
    standin_push(stream, &(standin_task){ .kind = STANDIN_TO_HOST, .address = from, .host = to, .bytes = bytes });
    if (!standin_is_pinned(to))
        rc = standin_finish(stream);
})
DRIVER(cuMemsetD8Async, (gd_cu_address to, unsigned char value, size_t bytes, gd_cu_stream stream), {
    standin_push(stream, &(standin_task){ .kind = STANDIN_FILL, .address = to, .value = value, .bytes = bytes });
})
DRIVER(cuStreamCreate, (gd_cu_stream * stream, unsigned flags), {
    (void)flags;
    *stream = standin_stream();
    rc = *stream ? 0 : GD_CU_OUT_OF_MEMORY;
})
DRIVER(cuStreamDestroy_v2, (gd_cu_stream stream), { standin_stream_free(stream); })
DRIVER(cuStreamSynchronize, (gd_cu_stream stream), { rc = standin_finish(stream); })
DRIVER(cuStreamWaitEvent, (gd_cu_stream stream, gd_cu_event event, unsigned flags), {
    (void)flags;
    standin_await(stream, event);
})
DRIVER(cuEventCreate, (gd_cu_event * event, unsigned flags), {
    (void)flags;
    *event = standin_event();
    rc = *event ? 0 : GD_CU_OUT_OF_MEMORY;
})
DRIVER(cuEventDestroy_v2, (gd_cu_event event), { standin_event_free(event); })
DRIVER(cuEventRecord, (gd_cu_event event, gd_cu_stream stream), { standin_record(stream, event); })
DRIVER(cuEventSynchronize, (gd_cu_event event), { rc = standin_finish_event(event); })

/* ---- kernels ---- */

/* Sizes of the kernels' arguments, which a real driver finds in the image. */
static const struct kernel {
    const char *begins;
    size_t bytes;
} kernels[] = {
    { "gd_embedding", sizeof(gd_cuda_embedding) },
    { "gd_rms_norm", sizeof(gd_cuda_rms_norm) },
    { "gd_rope", sizeof(gd_cuda_rope) },
    { "gd_gated", sizeof(gd_cuda_pair) },
    { "gd_act", sizeof(gd_cuda_act_args) },
    { "gd_softmax", sizeof(gd_cuda_softmax) },
    { "gd_mul", sizeof(gd_cuda_mul) },
    { "gd_sum", sizeof(gd_cuda_sum) },
    { "gd_part", sizeof(gd_cuda_part) },
    { "gd_affine", sizeof(gd_cuda_affine) },
    { "gd_add", sizeof(gd_cuda_pair) },
    { "gd_copy", sizeof(gd_cuda_copy) },
    { "gd_head", sizeof(gd_cuda_head) },
    { "gd_steps", sizeof(gd_cuda_steps) },
    { "gd_linear_", sizeof(gd_cuda_linear) },
    { "gd_attention_", sizeof(gd_cuda_attention) },
    { "gd_probe_", sizeof(gd_probe) },
    { "gd_peak_", sizeof(gd_peak) },
};

static size_t param_bytes(const char *name)
{
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        if (!strncmp(name, kernels[i].begins, strlen(kernels[i].begins)))
            return kernels[i].bytes;
    return 0;
}

static int image;

DRIVER(cuModuleLoadData, (gd_cu_module * module, const void *bytes), {
    (void)bytes;
    *module = (gd_cu_module)&image;
    rc = standin_load();
})
DRIVER(cuModuleUnload, (gd_cu_module module), {
    (void)module;
    standin_unload();
})
DRIVER(cuModuleGetFunction, (gd_cu_function * function, gd_cu_module module, const char *name), {
    void *found;

    (void)module;
    memcpy(&found, &name, sizeof found);
    *function = found;
    rc = standin_has(name) && param_bytes(name) ? 0 : NOT_FOUND;
})
DRIVER(cuFuncSetAttribute, (gd_cu_function function, int attribute, int value), {
    (void)function;
    rc = attribute == GD_CU_DYNAMIC_SHARED_BYTES && value > 99 << 10 ? INVALID : 0;
})
DRIVER(cuLaunchKernel,
       (gd_cu_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
        unsigned block_z, unsigned shared, gd_cu_stream stream, void **arguments, void **extra),
       {
           const char *name = (const char *)function;
           const size_t bytes = param_bytes(name);

           rc = extra || grid_y > 65535 || grid_z > 65535 || block_x * block_y * block_z > 1024 ? INVALID : 0;
           if (!rc)
               standin_push(stream, &(standin_task){ .kind = STANDIN_LAUNCH,
                                                     .launch = { .kernel = name,
                                                                 .grid = { grid_x, grid_y, grid_z },
                                                                 .block = { block_x, block_y, block_z },
                                                                 .shared = shared,
                                                                 .params = copy_of(arguments[0], bytes),
                                                                 .param_bytes = bytes } });
       })
DRIVER(cuGetErrorName, (gd_cu_result error, const char **name),
       { *name = error == GD_CU_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OF_THE_STAND_IN"; })
DRIVER(cuGetErrorString, (gd_cu_result error, const char **text), {
    *text = standin_fault() ? standin_fault() : error == GD_CU_OUT_OF_MEMORY ? "out of memory" : "a planted failure";
})
