/* ptx_files.h - the kernels' compiled PTX, for the tests that run it: tests/cuda/FAMILY/NAME.ptx in the build's folder
 * is backends/cuda/kernels/NAME.cu. */
#ifndef GD_TESTS_CUDA_PTX_FILES_H
#define GD_TESTS_CUDA_PTX_FILES_H

#include "tests/check.h"
#include "tests/ptx/ptx.h"

/* What the front ends of nvcc make of a kernel differs between the first two; the third is clang's, where it is. */
static const char *const ptx_families[] = { "compute_80", "compute_120", "clang" };
enum { PTX_FAMILIES = HAVE_CUDA_CLANG ? 3 : 2 };

/* Says why a test of kernels can't run; false if it can. */
static inline bool ptx_is_missing(void)
{
    if (!HAVE_KERNEL_PTX)
        print_message("SKIPPED: there is no program zstd, which unpacks the kernels' stored PTX\n");
    return !HAVE_KERNEL_PTX;
}

static inline ptx_module *ptx_open(const char *name, const char *family)
{
    const char *build = getenv("top_builddir");
    char path[4096];
    ptx_module *module;
    ptx_error err;
    char *text;
    FILE *f;
    long size;

    (void)snprintf(path, sizeof path, "%s/tests/cuda/%s/%s.ptx", build ? build : ".", family, name);
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
