/* probes.c - loads and starts the kernels of probe.cu. */
#include "bench/gpu/probes.h"

#include "base/error.h"
#include "base/mem.h"

#include <zstd.h>

extern const unsigned char gd_probe_image[], gd_probe_image_end[];
extern const unsigned char gd_probe_wgmma_image[], gd_probe_wgmma_image_end[];

static gd_status load(gd_device *device, gd_cu_module *out, const unsigned char *begin, const unsigned char *end,
                      gd_error *err)
{
    const size_t packed = (size_t)(end - begin);
    const unsigned long long bytes = ZSTD_getFrameContentSize(begin, packed);
    void *image = bytes < SIZE_MAX ? gd_alloc_aligned((size_t)bytes) : NULL;
    gd_cu_result rc;

    *out = NULL;
    if (!image || ZSTD_decompress(image, (size_t)bytes, begin, packed) != bytes) {
        gd_free(image);
        return gd_fail(err, GD_ENOMEM, "the probes' kernels cannot be unpacked");
    }
    rc = device->driver->module_load(out, image);
    gd_free(image);
    return rc ? gd_cu_fail(device->driver, rc, "the probes' kernels were loaded", err) : GD_OK;
}

gd_status probes_load(gd_device *device, gd_cu_module *out, gd_error *err)
{
    return load(device, out, gd_probe_image, gd_probe_image_end, err);
}

gd_status probes_load_wgmma(gd_device *device, gd_cu_module *out, gd_error *err)
{
    return load(device, out, gd_probe_wgmma_image, gd_probe_wgmma_image_end, err);
}

bool probes_start(gd_device *device, gd_cu_module module, const char *name, size_t blocks, void *argument)
{
    const gd_cu_driver *driver = device->driver;
    void *arguments[] = { argument };
    gd_cu_function function;
    gd_cu_result rc = driver->function_get(&function, module, name);

    if (!rc)
        rc = driver->launch(function, (unsigned)blocks, 1, 1, GD_PROBE_THREADS, 1, 1, 0, device->compute, arguments,
                            NULL);
    return !gd_cuda_failed(device, rc, name);
}
