/* linear.h - the entries of linear_tensor.cu and linear_exact.cu, for the host and for the kernels.
 *
 * A tile's entry is gd_linear_A_LxW: A is tensor, exact or exact_f32, whose operands are fp32; L is its lines, and W
 * the rows of weights that a block takes, which are W columns, or W / 2 of a gated pair.  A launch has
 * gd_cuda_linear_blocks() blocks, in x alone, of the tile's threads and dynamic shared memory.  Every tile gives the
 * same bits: the large ones are for speed, the small ones for few lines or few columns.
 */
#ifndef GD_CUDA_LINEAR_H
#define GD_CUDA_LINEAR_H

#include "backends/cuda/kernels/args.h"

/* X(arithmetic, lines, rows of weights, threads, bytes of shared memory): at most 99 KiB, all that sm_86, 89 and 120
 * have. */
#define GD_CUDA_TENSOR_TILES(X)     \
    X(tensor, 128, 128, 256, 98304) \
    X(tensor, 64, 64, 128, 49152)
#define GD_CUDA_EXACT_TILES(X)     \
    X(exact, 128, 128, 256, 69632) \
    X(exact, 32, 64, 128, 24576)
#define GD_CUDA_EXACT_F32_TILES(X) X(exact_f32, 32, 64, 128, 24576)

static inline uint32_t gd_cuda_linear_blocks(const gd_cuda_linear *a, uint32_t tile_lines, uint32_t tile_weights)
{
    const uint32_t across = a->of[1].w.data ? tile_weights / 2 : tile_weights;

    return ((a->lines + tile_lines - 1) / tile_lines) * ((a->out_cols + across - 1) / across);
}

#endif
