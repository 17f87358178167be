/* linear_finish.cuh - the end of a linear: a tile of sums goes through shared memory, so that whole pieces of lines are
 * read and written, and the activation's code is there once. */
#ifndef GD_CUDA_LINEAR_FINISH_CUH
#define GD_CUDA_LINEAR_FINISH_CUH

#include "backends/cuda/kernels/linear_product.cuh"
#include "backends/cuda/kernels/math.cuh"

/* Lines of sums are this many floats apart: then 4 lines of 8 lie in different banks. */
GD_DEVICE constexpr uint32_t gd_sum_stride(uint32_t weights) { return weights + 8; }

/* Where a tile's column lies among its rows of weights: of a gated pair, the first matrix's. */
template <class T> GD_DEVICE uint32_t gd_row_of(bool gated, uint32_t col)
{
    return gated ? col / T::half * 2 * T::half + col % T::half : col;
}

/* Of a gated pair: act(y0) * y1 takes the place of y0. */
template <class T> GD_DEVICE void gd_gate(uint32_t act, float *sums, uint32_t lines)
{
    NO_UNROLL
    for (uint32_t i = threadIdx.x; i < lines * T::weights / 2; i += T::threads) {
        const uint32_t line = i / (T::weights / 2), col = i % (T::weights / 2);
        float *y = sums + line * gd_sum_stride(T::weights) + gd_row_of<T>(true, col);

        *y = __fmul_rn(gd_activation(act, *y), y[T::half]);
    }
}

/* Four columns of a line: the sums, onto what is there if the linear is. */
GD_DEVICE void gd_finish4(const gd_cuda_linear &a, uint32_t line, uint32_t col, const float *sums)
{
    __align__(16) float y[4], before[4];

    *(float4 *)y = *(const float4 *)sums;
    if (a.before) {
        gd_get4(a.before, a.before_stride, line, col, a.out_cols, before);
        UNROLL_FOR(int i = 0; i < 4; i++)
            y[i] = __fmaf_rn(a.scale, y[i], before[i]);
    }
    gd_put4(a.out, line, col, a.out_cols, y);
}

/* All of the block's threads together.  sums: [T::lines][T::weights], lines gd_sum_stride() apart. */
template <class T> GD_DEVICE void gd_finish(const gd_cuda_linear &a, const gd_place &place, float *sums)
{
    const uint32_t lines = min(T::lines, place.lines - place.line);
    const uint32_t across = place.gated ? T::weights / 2 : T::weights;

    __syncthreads(); /* the sums are there */
    if (place.gated) {
        gd_gate<T>(a.act, sums, lines);
        __syncthreads();
    }
    NO_UNROLL
    for (uint32_t i = threadIdx.x * 4; i < lines * across; i += T::threads * 4) {
        const uint32_t line = place.gated ? i / (T::weights / 2) : i / T::weights, col = i & (across - 1);

        if (place.col + col < place.cols)
            gd_finish4(a, place.line + line, place.col + col,
                       sums + line * gd_sum_stride(T::weights) + gd_row_of<T>(place.gated, col));
    }
}

#endif
