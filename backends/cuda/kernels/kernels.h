/* kernels.h - the compiled kernels: their names, how they are started, and the images that the driver loads. */
#ifndef GD_CUDA_KERNELS_H
#define GD_CUDA_KERNELS_H

#include "backends/cuda/kernels/attention.h"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/rows.h"

#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum gd_cuda_kernel {
#define GD_KERNEL(name, image, threads, shared, lines, weights) GD_KERNEL_##name,
#include "backends/cuda/kernels/kernels.def"
#undef GD_KERNEL
    GD_KERNEL_COUNT
} gd_cuda_kernel;

/* A file of kernels is an image. */
typedef enum gd_cuda_image {
#define GD_IMAGE(name) GD_IMAGE_##name,
#include "backends/cuda/kernels/images.def"
#undef GD_IMAGE
    GD_IMAGE_COUNT
} gd_cuda_image;

typedef struct gd_cuda_kernel_info {
    const char *name; /* "gd_linear_tensor_128x128": the entry */
    gd_cuda_image image;
    unsigned threads;        /* of a block */
    size_t shared;           /* bytes of dynamic shared memory */
    uint32_t lines, weights; /* linears: the lines, and rows of weights, of a block */
} gd_cuda_kernel_info;

extern const gd_cuda_kernel_info gd_cuda_kernels[GD_KERNEL_COUNT];

/* Whether there are any: false if the library was built without nvcc. */
bool gd_cuda_has_images(void);

/* An image as the driver takes it, which the caller frees with gd_free(). */
gd_status gd_cuda_image_open(void **out, gd_cuda_image image, gd_error *err);

#endif
