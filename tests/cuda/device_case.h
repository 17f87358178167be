/* device_case.h - a pretended card for a test: the stand-in for the driver, with the kernels' PTX of one family. */
#ifndef GD_TESTS_DEVICE_CASE_H
#define GD_TESTS_DEVICE_CASE_H

#include "tests/check.h"

#include <dlfcn.h>
#include <stdlib.h>

/* Says why a test of the whole backend can't run; false if it can. */
static inline bool device_is_missing(void)
{
    if (!HAVE_CUDA_KERNELS)
        print_message("SKIPPED: the library has no GPU kernels, since there was no nvcc to compile them\n");
    return !HAVE_CUDA_KERNELS;
}

/* Before anything asks for a GPU: the driver is looked for once.  family: "compute_80" or "compute_120"; card: its
 * compute capability. */
static inline void device_pretend(const char *family, const char *card)
{
    static void *driver; /* until the end */
    const char *build = getenv("top_builddir");
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/tests/cuda/%s", build ? build : ".", family);
    assert_int_equal(setenv("GD_STANDIN_PTX", path, 1), 0);
    assert_int_equal(setenv("GD_STANDIN_CARD", card, 1), 0);
    (void)snprintf(path, sizeof path, "%s/tests/cuda/.libs/libcuda.so.1", build ? build : ".");
    /* Once it is there, whoever asks for libcuda.so.1 gets it, by its own name. */
    driver = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!driver)
        fail_msg("%s", dlerror());
}

#endif
