/* peak.c - the card's own ceilings: fused multiply-adds, and mma.sync, on registers only; and copies. */
#include "bench/gpu/bench_gpu.h"
#include "bench/gpu/probes.h"
#include "bench/gpu/rate.h"
#include "bench/gpu/result.h"

enum { PROCESSORS = 16 /* CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT */, BLOCKS_EACH = 4 };

struct peak {
    gd_device *device;
    gd_cu_module module;
    const char *kernel;
    unsigned blocks;
    gd_peak argument;
};

static bool start(void *context)
{
    struct peak *p = context;

    return probes_start(p->device, p->module, p->kernel, p->blocks, &p->argument);
}

/* `work`: operations of a thread in a chain's step. */
static void measure(struct peak *p, const char *name, const char *kernel, double work, bool small)
{
    double seconds;

    p->kernel = kernel;
    seconds = rate_seconds(p->device, start, p, small);
    if (bench_done(p->device, "peak", name))
        result_figure("peak", name,
                      work * GD_PEAK_CHAINS * p->argument.rounds * p->blocks * GD_PROBE_THREADS / seconds * 1e-12,
                      "TFLOP/s", "on registers only, %u blocks of %u threads", p->blocks, GD_PROBE_THREADS);
}

static gd_status open_peak(struct peak *p, bool small, gd_error *err)
{
    int processors = 0;
    gd_cu_address out;
    gd_status rc = bench_open(&p->device, err);

    if (!rc && p->device->driver->device_attribute(&processors, PROCESSORS, p->device->card.device))
        rc = gd_cuda_report(p->device, err);
    p->blocks = small || processors < 1 ? 1 : (unsigned)processors * BLOCKS_EACH;
    if (!rc)
        rc = probes_load(p->device, &p->module, err);
    if (!rc)
        rc = gd_cuda_alloc(p->device, &out, (size_t)p->blocks * GD_PROBE_THREADS * sizeof(float), err);
    if (!rc)
        p->argument = (gd_peak){ (float *)(uintptr_t)out, small ? 2 : 4096 };
    return rc;
}

/* Of the host's memory that the card reads by itself, as weights are sent. */
struct copy {
    gd_device *device;
    void *host;
    gd_cu_address card;
    size_t bytes;
};

static bool start_copy(void *context)
{
    const struct copy *c = context;
    const gd_cu_driver *driver = c->device->driver;

    return !gd_cuda_failed(c->device, driver->to_device(c->card, c->host, c->bytes, c->device->compute), "it was sent");
}

static void measure_copy(gd_device *device, bool small)
{
    static const char name[] = "copies to the card";
    struct copy c = { .device = device, .bytes = small ? 1 << 16 : 256 << 20 };
    gd_error err = { 0 };
    double seconds;

    if (gd_cuda_alloc(device, &c.card, c.bytes, &err) || device->driver->host_alloc(&c.host, c.bytes, 0)) {
        result_none("peak", name, "there is no memory for %zu bytes", c.bytes);
    } else {
        seconds = rate_seconds(device, start_copy, &c, small);
        if (bench_done(device, "peak", name))
            result_figure("peak", name, (double)c.bytes / seconds * 1e-9, "GB/s",
                          "from memory that it reads by itself");
    }
    if (c.host)
        (void)device->driver->host_free(c.host);
    gd_cuda_free(device, c.card);
}

bool bench_peak(bool small)
{
    struct peak p = { 0 };
    gd_error err = { 0 };
    const gd_status rc = open_peak(&p, small, &err);

    if (rc) {
        result_none("peak", "peak", "%s", err.text);
    } else {
        measure(&p, "fp32 fused multiply-adds", "gd_peak_fma", 2.0, small);
        /* 16 x 8 x 16 products of a warp's 32 threads */
        measure(&p, "bf16 mma.sync with fp32 sums", "gd_peak_mma", 2.0 * 16 * 8 * 16 / 32, small);
        measure_copy(p.device, small);
        gd_cuda_free(p.device, (gd_cu_address)(uintptr_t)p.argument.out);
    }
    if (p.module)
        (void)p.device->driver->module_unload(p.module);
    gd_cuda_close(p.device);
    return !rc;
}
