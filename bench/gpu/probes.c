/* probes.c - loads and starts the kernels of probe.cu. */
#include "bench/gpu/probes.h"

#include "base/error.h"
#include "base/mem.h"

#include <zstd.h>

extern const unsigned char gd_probe_image[], gd_probe_image_end[];

gd_status probes_load(gd_device *device, gd_cu_module *out, gd_error *err)
{
    const size_t packed = (size_t)(gd_probe_image_end - gd_probe_image);
    const unsigned long long bytes = ZSTD_getFrameContentSize(gd_probe_image, packed);
    void *image = bytes < SIZE_MAX ? gd_alloc_aligned((size_t)bytes) : NULL;
    gd_cu_result rc;

    *out = NULL;
    if (!image || ZSTD_decompress(image, (size_t)bytes, gd_probe_image, packed) != bytes) {
        gd_free(image);
        return gd_fail(err, GD_ENOMEM, "the probes' kernels cannot be unpacked");
    }
    rc = device->driver->module_load(out, image);
    gd_free(image);
    return rc ? gd_cu_fail(device->driver, rc, "the probes' kernels were loaded", err) : GD_OK;
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
