/* ptx_files.h - the kernels' compiled PTX, for the tests that run it: tests/cuda/compute_ARCH/NAME.ptx in the build's
 * folder is backends/cuda/kernels/NAME.cu. */
#ifndef GD_TESTS_CUDA_PTX_FILES_H
#define GD_TESTS_CUDA_PTX_FILES_H

#include "tests/check.h"
#include "tests/ptx/ptx.h"

/* What the front ends of nvcc make of a kernel differs between these two. */
static const char *const ptx_archs[] = { "80", "120" };
enum { PTX_ARCHS = 2 };

static inline ptx_module *ptx_open(const char *name, const char *arch)
{
    const char *build = getenv("top_builddir");
    char path[4096];
    ptx_module *module;
    ptx_error err;
    char *text;
    FILE *f;
    long size;

    (void)snprintf(path, sizeof path, "%s/tests/cuda/compute_%s/%s.ptx", build ? build : ".", arch, name);
    f = fopen(path, "rb");
    if (!f)
        fail_msg("%s is missing", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size = ftell(f);
    assert_true(size > 0);
    rewind(f);
    text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, f), (size_t)size);
    text[size] = 0;
    fclose(f);
    if (!ptx_load(&module, text, &err))
        fail_msg("%s: %s", path, err.text);
    free(text);
    return module;
}

#endif
