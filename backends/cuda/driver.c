/* driver.c - loads NVIDIA's driver, and puts its errors into sentences. */
#include "backends/cuda/driver.h"

#include "base/error.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* What the first attempt found; it is not repeated. */
static struct found {
    gd_cu_driver driver;
    gd_error why; /* status GD_OK: it works */
} found;

static void find(void *handle, void *function, const char *symbol)
{
    void *at = dlsym(handle, symbol);

    if (!at && !found.why.status)
        gd_fail(&found.why, GD_EUNSUPPORTED, "NVIDIA's driver has no function %s: it is too old; CUDA 13.0 is needed",
                symbol);
    memcpy(function, &at, sizeof at); /* C has no cast from an object pointer to a function pointer */
}

static void find_all(void *handle)
{
#define GD_CU(name, symbol, arguments) find(handle, &found.driver.name, #symbol);
#include "backends/cuda/driver.def"
#undef GD_CU
}

static void start(void)
{
    gd_cu_driver *driver = &found.driver;
    gd_cu_result rc = driver->driver_version(&driver->version);

    if (!rc && driver->version < GD_CU_LEAST_VERSION) {
        gd_fail(&found.why, GD_EUNSUPPORTED,
                "NVIDIA's driver is for CUDA %d.%d, but 13.0 or later is needed: version 580", driver->version / 1000,
                driver->version % 1000 / 10);
        return;
    }
    if (!rc)
        rc = driver->init(0);
    if (rc == GD_CU_NO_DEVICE)
        gd_fail(&found.why, GD_EUNSUPPORTED, "there is no NVIDIA GPU, or CUDA_VISIBLE_DEVICES hides it");
    else if (rc)
        gd_cu_fail(driver, rc, "starting NVIDIA's driver", &found.why);
}

static void load(void)
{
    void *handle = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);

    if (!handle) {
        gd_fail(&found.why, GD_EUNSUPPORTED, "cannot load libcuda.so.1: there is no NVIDIA driver");
        return;
    }
    find_all(handle);
    if (!found.why.status)
        start();
}

gd_status gd_cu_driver_get(const gd_cu_driver **out, gd_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, load);
    *out = &found.driver;
    return found.why.status ? gd_fail(err, found.why.status, "%s", found.why.text) : GD_OK;
}

gd_status gd_cu_fail(const gd_cu_driver *driver, gd_cu_result result, const char *doing, gd_error *err)
{
    const char *name = NULL, *text = NULL;

    if (driver->error_name(result, &name) || !name)
        name = "an unknown error";
    if (driver->error_text(result, &text) || !text)
        text = "no description";
    return gd_fail(err, result == GD_CU_OUT_OF_MEMORY ? GD_ENOMEM : GD_EDEVICE, "the GPU failed while %s: %s (%s, %d)",
                   doing, text, name, result);
}

gd_status gd_cu_card_get(gd_cu_card *out, const gd_cu_driver *driver, gd_error *err)
{
    int count = 0, major = 0, minor = 0;
    gd_cu_result rc = driver->device_count(&count);

    memset(out, 0, sizeof *out);
    if (!rc && count == 0)
        return gd_fail(err, GD_EUNSUPPORTED, "there is no NVIDIA GPU, or CUDA_VISIBLE_DEVICES hides it");
    if (!rc)
        rc = driver->device_get(&out->device, 0);
    if (!rc)
        rc = driver->device_name(out->name, (int)sizeof out->name, out->device);
    if (!rc)
        rc = driver->device_memory(&out->memory, out->device);
    if (!rc)
        rc = driver->device_attribute(&major, GD_CU_MAJOR, out->device);
    if (!rc)
        rc = driver->device_attribute(&minor, GD_CU_MINOR, out->device);
    if (rc)
        return gd_cu_fail(driver, rc, "it was asked what it is", err);
    out->capability = major * 10 + minor;
    if (out->capability < 80)
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s has compute capability %d.%d, but 8.0 or later is needed, for bf16 tensor cores", out->name,
                       major, minor);
    return GD_OK;
}
