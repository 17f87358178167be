/* linear_product.cuh - which products a block of a linear computes, and where its tile lies. */
#ifndef GD_CUDA_LINEAR_PRODUCT_CUH
#define GD_CUDA_LINEAR_PRODUCT_CUH

#include "backends/cuda/kernels/common.cuh"

/* One after the other: x by the weights (by both of a gated pair at once), then the product of each adapter. */
enum : uint32_t { GD_PRODUCTS = 3 };

/* The first line and column of a tile, and where lines and columns end. */
typedef struct gd_place {
    uint32_t line, lines, col, cols;
    bool gated;
} gd_place;

/* Blocks that run together should share operands: they go down 8 tiles, and then to the next column. */
template <class T> GD_DEVICE gd_place gd_place_of(const gd_cuda_linear &a)
{
    const bool gated = a.of[1].w.data != NULL;
    const uint32_t across = gated ? T::weights / 2 : T::weights;
    const uint32_t tiles_down = (a.lines + T::lines - 1) / T::lines, tiles_across = (a.out_cols + across - 1) / across;
    const uint32_t band = blockIdx.x / (8 * tiles_across), within = blockIdx.x - band * 8 * tiles_across;
    const uint32_t height = min(8u, tiles_down - 8 * band), col = within / height;
    gd_place place;

    place.line = (8 * band + within - col * height) * T::lines;
    place.col = col * across;
    place.lines = a.lines;
    place.cols = a.out_cols;
    place.gated = gated;
    return place;
}

/* A tile takes consecutive rows of weights.  Of a gated pair it takes T::half rows of the first matrix, then those of
 * the second for the same columns, and so on: whoever holds a column's gate can hold its up, too. */
template <class T> GD_DEVICE bool gd_is_second(uint32_t row) { return row / T::half % 2; }

template <class T> GD_DEVICE uint32_t gd_column_of(const gd_place &place, uint32_t row)
{
    return place.col + (place.gated ? row / (2 * T::half) * T::half + row % T::half : row);
}

/* Whether a product has a part in the sums of a row of weights. */
template <class T> GD_DEVICE bool gd_takes_part(const gd_place &place, uint32_t product, uint32_t row)
{
    return !place.gated || product == 0 || gd_is_second<T>(row) == (product == 2);
}

/* What a thread brings to shared memory: of each stage 16 bytes of some rows, all of one matrix.  `at` goes along the
 * rows with the stages: an address computed from the arguments each time would cost more instructions. */
typedef struct gd_source {
    const char *at;  /* the next stage's, of the first row */
    uint64_t apart;  /* bytes from row to row */
    uint32_t exists; /* bit i: row i is not beyond the matrix's end */
} gd_source;

GD_DEVICE gd_source gd_source_of(const void *data, uint64_t row_bytes, uint32_t first, uint32_t apart, uint32_t count,
                                 uint32_t end)
{
    gd_source s = { (const char *)data + first * row_bytes, apart * row_bytes, 0 };

    UNROLL_FOR(uint32_t i = 0; i < count; i++)
        s.exists |= (uint32_t)(first + i * apart < end) << i;
    return s;
}

/* A product, as one thread sees it. in is 0: there is none. */
typedef struct gd_product {
    gd_source x, w;
    uint32_t in;
} gd_product;

/* The rows of a stage that all threads bring together, a chunk of 16 bytes each; this thread's among them. */
template <class T> GD_DEVICE constexpr uint32_t gd_rows_at_once(void) { return T::threads / T::chunks; }
template <class T> GD_DEVICE uint32_t gd_first_row(void) { return threadIdx.x / T::chunks; }
template <class T> GD_DEVICE uint32_t gd_chunk(void) { return threadIdx.x % T::chunks; }

/* The tile's rows of weights that a thread brings are this far apart, and are all of the first matrix of a gated pair
 * or all of the second: half of the threads bring the one, half the other. */
template <class T> GD_DEVICE constexpr uint32_t gd_weights_apart(void)
{
    return T::half == T::weights / 2 ? gd_rows_at_once<T>() / 2 : gd_rows_at_once<T>();
}

template <class T> GD_DEVICE uint32_t gd_first_weight(void)
{
    const uint32_t at_once = gd_rows_at_once<T>() / 2;

    static_assert(T::half == T::weights / 2 || T::half == at_once, "rows at one distance");
    return gd_first_row<T>() / at_once * T::half + gd_first_row<T>() % at_once;
}

/* Product `which` of those of a linear. */
template <class T> GD_DEVICE gd_product gd_product_of(const gd_cuda_linear &a, const gd_place &place, uint32_t which)
{
    const gd_cuda_weights &of = a.of[which == 2];
    const bool second = place.gated && gd_is_second<T>(gd_first_weight<T>());
    const gd_cuda_matrix w = which ? of.b : second ? a.of[1].w : a.of[0].w;
    const uint32_t at_once = gd_rows_at_once<T>();
    gd_product p;

    p.x = gd_source_of(which ? of.low : a.x, (which ? of.low_stride : a.x_stride) * T::size,
                       place.line + gd_first_row<T>(), at_once, T::lines / at_once, place.lines);
    p.w = gd_source_of(w.data, w.stride * T::size, gd_column_of<T>(place, gd_first_weight<T>()),
                       place.gated ? at_once / 2 : gd_weights_apart<T>(), T::weights / at_once, place.cols);
    p.x.at += gd_chunk<T>() * 16;
    p.w.at += gd_chunk<T>() * 16;
    p.in = which == 0 ? a.in : of.b.data ? of.rank : 0;
    return p;
}

/* Whether a stage from element k on has elements for this thread. */
template <class T> GD_DEVICE bool gd_is_within(const gd_product &p, uint32_t k)
{
    return k + gd_chunk<T>() * (16 / T::size) < p.in;
}

/* The tile's biases, brought to shared memory by all of its threads together.  Whoever has none gets -0: added, it
 * changes no number that is not subnormal. */
template <class T> GD_DEVICE void gd_bring_biases(const gd_cuda_linear &a, const gd_place &place, float *to)
{
    const uint32_t row = threadIdx.x, col = gd_column_of<T>(place, row);
    const float *bias = a.of[place.gated && gd_is_second<T>(row)].bias;

    static_assert(T::threads >= T::weights, "a thread for each");
    __syncthreads(); /* the last stages have been read */
    if (row < T::weights)
        to[row] = bias && col < place.cols ? bias[col] : -0.0f;
    __syncthreads();
}

#endif
