/* kernels.c - the table of the kernels, and their images. */
#include "backends/cuda/kernels/kernels.h"

#include "base/error.h"
#include "base/mem.h"

#include <zstd.h>

const gd_cuda_kernel_info gd_cuda_kernels[GD_KERNEL_COUNT] = {
#define GD_KERNEL(name, image, threads, shared, lines, weights) \
    { "gd_" #name, GD_IMAGE_##image, threads, shared, lines, weights },
#include "backends/cuda/kernels/kernels.def"
#undef GD_KERNEL
};

#if HAVE_CUDA_KERNELS
#define GD_IMAGE(name) extern const unsigned char gd_cuda_##name##_image[], gd_cuda_##name##_image_end[];
#include "backends/cuda/kernels/images.def"
#undef GD_IMAGE

static const struct {
    const unsigned char *begin, *end;
} images[GD_IMAGE_COUNT] = {
#define GD_IMAGE(name) { gd_cuda_##name##_image, gd_cuda_##name##_image_end },
#include "backends/cuda/kernels/images.def"
#undef GD_IMAGE
};

bool gd_cuda_has_images(void) { return true; }

gd_status gd_cuda_image_open(void **out, gd_cuda_image image, gd_error *err)
{
    const size_t packed = (size_t)(images[image].end - images[image].begin);
    const unsigned long long bytes = ZSTD_getFrameContentSize(images[image].begin, packed);

    *out = bytes < SIZE_MAX ? gd_alloc_aligned((size_t)bytes) : NULL;
    if (!*out)
        return gd_fail_memory(err, (size_t)bytes);
    if (ZSTD_decompress(*out, (size_t)bytes, images[image].begin, packed) == bytes)
        return GD_OK;
    gd_free(*out);
    *out = NULL;
    return gd_fail(err, GD_ENOMEM, "the library's GPU kernels cannot be unpacked");
}
#else
bool gd_cuda_has_images(void) { return false; }

gd_status gd_cuda_image_open(void **out, gd_cuda_image image, gd_error *err)
{
    (void)image;
    *out = NULL;
    return gd_fail(err, GD_EUNSUPPORTED, "this library was built without GPU kernels");
}
#endif
