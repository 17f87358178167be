/* kernel_run.h - one launch of a kernel in the interpreter, and the cpu backend that knows the right bits.
 *
 * Each range of the device's memory ends exactly behind what the kernel may touch. */
#ifndef GD_TESTS_CUDA_KERNEL_RUN_H
#define GD_TESTS_CUDA_KERNEL_RUN_H

#include "tests/backends/rows_case.h"
#include "tests/cuda/ptx_files.h"

#include "backends/backend.h"
#include "backends/cpu/device.h"
#include "backends/cpu/tensor.h"
#include "backends/cuda/kernels/args.h"

enum { CANARY = 0x5A };

/* The compiled kernels of one file. */
struct kernels {
    const ptx_module *module;
    const char *family;
    ptx_memory *memory;
    gd_tensor_rule rule; /* of mma.sync */
    unsigned order;      /* of blocks, warps and lanes */
};

static inline void *device_reads(const struct kernels *k, const void *host, size_t bytes)
{
    return (void *)(uintptr_t)ptx_memory_add(k->memory, (void *)(uintptr_t)host, bytes, false);
}

static inline void *device_writes(const struct kernels *k, void *host, size_t bytes)
{
    return (void *)(uintptr_t)ptx_memory_add(k->memory, host, bytes, true);
}

static inline void device_forgets(const struct kernels *k, const void *address)
{
    ptx_memory_remove(k->memory, (uintptr_t)address);
}

static inline void kernel_run(const struct kernels *k, const char *entry, const unsigned grid[3], unsigned threads,
                              size_t shared, const void *args, size_t bytes)
{
    const ptx_launch launch = { .entry = entry,
                                .grid = { grid[0], grid[1], grid[2] },
                                .block = { threads, 1, 1 },
                                .shared_bytes = shared,
                                .params = args,
                                .param_bytes = bytes,
                                .mma_products = k->rule.products,
                                .mma_bits = k->rule.bits,
                                .mma_floor = k->rule.floor,
                                .threads = 1,
                                .order = k->order };
    ptx_error err;

    if (!ptx_run(k->module, k->memory, &launch, &err))
        fail_msg("%s: %s", k->family, err.text);
}

/* Opens the generic kernels of the cpu backend: the definition. */
static inline gd_device *reference_open(gd_dtype operand, gd_arithmetic arithmetic)
{
    const gd_device_options options = { .threads = 1, .isa = "generic", .operand = operand, .arithmetic = arithmetic };
    gd_device *device;

    assert_ok(gd_backend_cpu.open(&device, &options, test_err));
    return device;
}

/* Runs each file's tests for each family. */
static inline void for_each_family(const char *file, void (*each)(struct kernels *k))
{
    for (size_t i = 0; i < PTX_FAMILIES; i++) {
        ptx_module *module = ptx_open(file, ptx_families[i]);
        struct kernels k = { module, ptx_families[i], ptx_memory_open(), { GD_TENSOR_RULE }, 0 };

        assert_non_null(k.memory);
        each(&k);
        ptx_memory_close(k.memory);
        ptx_free(module);
    }
}

#endif
