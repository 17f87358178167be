/* probes.h - probe.cu's kernels on an opened card, and random numbers to ask about. */
#ifndef GD_BENCH_GPU_PROBES_H
#define GD_BENCH_GPU_PROBES_H

#include "backends/cuda/ops.h"
#include "bench/gpu/probe.h"

/* The module of probe.cu, which the caller unloads; and that of probe_wgmma.cu, which is for sm_90 alone. */
gd_status probes_load(gd_device *device, gd_cu_module *out, gd_error *err);
gd_status probes_load_wgmma(gd_device *device, gd_cu_module *out, gd_error *err);

/* Starts a kernel of it; false, and noted at the device, if it can't be. */
bool probes_start(gd_device *device, gd_cu_module module, const char *name, size_t blocks, void *argument);

/* Any 64 bits, equally likely (SplitMix64). */
static inline uint64_t probes_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline uint32_t probes_below(uint64_t *state, uint32_t end)
{
    return (uint32_t)((probes_random(state) >> 32) * end >> 32);
}

#endif
