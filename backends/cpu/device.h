/* device.h - an opened CPU backend. openblas and onednn share it, with another linear. */
#ifndef GD_CPU_DEVICE_H
#define GD_CPU_DEVICE_H

#include "backends/backend.h"
#include "backends/cpu/batch.h"
#include "backends/cpu/gemm.h"
#include "backends/cpu/isa.h"
#include "backends/cpu/rows.h"
#include "base/pool.h"

/* Whole cache lines, with which the parts of scratch space begin. */
static inline size_t gd_cpu_line_up(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

struct gd_device {
    gd_isa isa;
    gd_dtype operand; /* GD_BF16 or GD_F32 */
    gd_pool *pool;
    const gd_row_kernels *rows;   /* norms, rope, attention ...: rows.h */
    const gd_gemm_kernel *gemm;   /* matmul for `operand`: gemm.h */
    gd_tensor_products *products; /* of attention; NULL: the exact ones of `rows` */
    gd_limits limits;             /* what scratch was reserved for */
    void *linear_scratch;         /* gd_linear_scratch_bytes() */
    void *attention_scratch;      /* gd_attention_scratch_bytes() */
    void *vendor;                 /* a derived backend's own state */
};

/* The functions of the cpu backend, for derived backends to inherit; those below by name, for their static tables. */
extern const gd_backend gd_backend_cpu;
const char *gd_cpu_isa(size_t index);
const char *gd_cpu_matmul(const gd_device *device);
gd_heights gd_cpu_heights(const gd_device *device);
size_t gd_cpu_memory_free(const gd_device *device);
gd_status gd_cpu_buffer_alloc(gd_device *device, void **out, size_t bytes, gd_error *err);
void gd_cpu_buffer_free(gd_device *device, void *buffer);
gd_status gd_cpu_upload(gd_device *device, void *buffer, const void *host, size_t bytes, gd_error *err);
gd_status gd_cpu_download(gd_device *device, void *host, const void *buffer, size_t bytes, gd_error *err);

void gd_cpu_spread(gd_device *device, size_t count, gd_task *task, void *context);

/* The entries shared by every backend that computes in the host's memory on this device's threads. */
#define GD_CPU_HOST_FUNCTIONS                                                                                  \
    .contract = GD_BACKEND_CONTRACT, .isa = gd_cpu_isa, .matmul = gd_cpu_matmul, .heights = gd_cpu_heights,    \
    .memory_free = gd_cpu_memory_free, .buffer_alloc = gd_cpu_buffer_alloc, .buffer_free = gd_cpu_buffer_free, \
    .upload = gd_cpu_upload, .download = gd_cpu_download, .rows_make = gd_cpu_rows_make,                       \
    .rows_free = gd_cpu_rows_free, .spread = gd_cpu_spread

/* prepare() for a linear that needs linear_bytes of scratch space. */
gd_status gd_cpu_reserve(gd_device *device, const gd_limits *limits, size_t linear_bytes, gd_error *err);

#endif
