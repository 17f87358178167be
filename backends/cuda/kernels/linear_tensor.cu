/* linear_tensor.cu - linears on tensor cores: doc/arithmetic.md, section 3T.
 *
 * A stage of 64 elements of the tile's lines and rows of weights lies in shared memory while later ones are on their
 * way. A block of 128 elements is a chain of steps in `acc`; then it is added to the fp32 total.  A last stage that
 * isn't full has only the steps that it needs: one more would turn -0 into +0. */
#include "backends/cuda/kernels/copy_async.cuh"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/linear_finish.cuh"
#include "backends/cuda/kernels/tensor_core.cuh"

enum : uint32_t {
    BLOCK = 128,
    STAGE = 64,
    STEP = 16,      /* elements */
    ROW = 2 * STAGE /* bytes of a row in a stage */
};

/* What the compiler knows about a tile. Each warp has a part of it, of 16 x 8 pieces. */
template <uint32_t lines_, uint32_t weights_, uint32_t threads_, uint32_t shared_> struct tile {
    static constexpr uint32_t lines = lines_, weights = weights_, threads = threads_, size = 2, chunks = ROW / 16;
    static constexpr uint32_t warps_down = 2, warps_across = threads / 32 / warps_down;
    static constexpr uint32_t warp_lines = lines / warps_down, warp_weights = weights / warps_across;
    static constexpr uint32_t down = warp_lines / 16, across = warp_weights / 8;
    static constexpr uint32_t half = threads / chunks / 2; /* of a gated pair: linear_product.cuh */
    static constexpr uint32_t stage_bytes = (lines + weights) * ROW, stages = shared_ / stage_bytes;

    static_assert(stages >= 3 && across % 2 == 0, "rows of weights are loaded in pairs of pieces");
    static_assert(half % 8 == 0 && warp_weights % (2 * half) == 0, "a warp has both of a gated pair");
    static_assert(lines * gd_sum_stride(weights) * 4 <= shared_, "the sums must fit at the end");
    typedef float sums[down][across][4];
};

#define EACH_PIECE(i, j)                         \
    UNROLL_FOR(uint32_t i = 0; i < T::down; i++) \
        UNROLL_FOR(uint32_t j = 0; j < T::across; j++)

/* Chunks of 16 bytes are exchanged within a row, so that the same chunk of 8 rows lies in different banks. */
GD_DEVICE uint32_t place_of_chunk(uint32_t row, uint32_t chunk) { return row * ROW + ((chunk ^ (row % 8)) << 4); }

/* Starts the copies of the next stage, from element k on, to x and behind it; beyond the operands' ends it is zero. */
template <class T> GD_DEVICE void copy_stage(gd_product &p, uint32_t x, uint32_t k)
{
    const bool within = gd_is_within<T>(p, k);
    const uint32_t w = x + T::lines * ROW, at_once = gd_rows_at_once<T>();

    UNROLL_FOR(uint32_t i = 0; i < T::lines / at_once; i++)
        gd_copy16(x + place_of_chunk(gd_first_row<T>() + i * at_once, gd_chunk<T>()), p.x.at + i * p.x.apart,
                  within && p.x.exists >> i & 1);
    UNROLL_FOR(uint32_t i = 0; i < T::weights / at_once; i++)
        gd_copy16(w + place_of_chunk(gd_first_weight<T>() + i * gd_weights_apart<T>(), gd_chunk<T>()),
                  p.w.at + i * p.w.apart, within && p.w.exists >> i & 1);
    p.x.at += ROW;
    p.w.at += ROW;
}

/* Where a warp's part begins in the tile. */
template <class T> GD_DEVICE uint32_t warp_line(void) { return threadIdx.x / 32 / T::warps_across * T::warp_lines; }
template <class T> GD_DEVICE uint32_t warp_weight(void) { return threadIdx.x / 32 % T::warps_across * T::warp_weights; }

/* A step of all of the warp's pieces. fresh: it is a block's first. */
template <class T> GD_DEVICE void multiply_step(typename T::sums &acc, uint32_t stage, uint32_t step, bool fresh)
{
    const uint32_t lane = threadIdx.x % 32;
    const uint32_t x = stage + place_of_chunk(warp_line<T>() + lane % 16, 2 * step + lane / 16);
    const uint32_t w = stage + T::lines * ROW +
                       place_of_chunk(warp_weight<T>() + lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2);
    uint32_t a[T::down][4], b[T::across / 2][4];

    UNROLL_FOR(uint32_t i = 0; i < T::down; i++)
        gd_load_matrices(a[i], x + i * 16 * ROW);
    UNROLL_FOR(uint32_t j = 0; j < T::across / 2; j++)
        gd_load_matrices(b[j], w + j * 16 * ROW);
    EACH_PIECE(i, j) {
        const uint32_t *pair = &b[j / 2][j % 2 * 2];

        if (fresh)
            gd_first_step(acc[i][j], a[i], pair[0], pair[1]);
        else
            gd_step(acc[i][j], a[i], pair[0], pair[1]);
    }
}

template <class T> GD_DEVICE void fill(typename T::sums &sums, float value)
{
    EACH_PIECE(i, j)
        UNROLL_FOR(int e = 0; e < 4; e++)
            sums[i][j][e] = value;
}

/* A block's value joins the total, that of an adapter scaled; a factor of 1 makes fma an addition.  The first block
 * isn't added to anything: it may be subnormal, and would be flushed. */
template <class T>
GD_DEVICE void add_block(typename T::sums &total, const typename T::sums &acc, const gd_cuda_linear &a,
                         const gd_place &place, uint32_t product, bool first)
{
    const float scale = product == 0 ? 1.0f : a.of[product == 2].scale;

    UNROLL_FOR(uint32_t row = 0; row < 2 * T::half; row += T::half)
        if (gd_takes_part<T>(place, product, row)) {
            EACH_PIECE(i, j)
                UNROLL_FOR(int e = 0; e < 4; e++)
                    if (j * 8 / T::half % 2 == row / T::half) {
                        const float sum = __fmaf_rn(scale, acc[i][j][e], total[i][j][e]);

                        total[i][j][e] = first ? acc[i][j][e] : sum;
                    }
        }
}

/* Stage number `stage` of a product in shared memory. */
template <class T> GD_DEVICE uint32_t stage_at(uint32_t shared, uint32_t stage)
{
    return shared + stage % T::stages * T::stage_bytes;
}

template <class T> GD_DEVICE void begin_copy(gd_product &p, uint32_t shared, uint32_t stage)
{
    if (stage * STAGE < p.in)
        copy_stage<T>(p, stage_at<T>(shared, stage), stage * STAGE);
    gd_copies_commit();
}

/* Waits for a stage; a later one takes the place of the one before it. */
template <class T> GD_DEVICE uint32_t next_stage(gd_product &p, uint32_t shared, uint32_t stage)
{
    gd_copies_wait<T::stages - 2>();
    __syncthreads();
    begin_copy<T>(p, shared, stage + T::stages - 1);
    return stage_at<T>(shared, stage);
}

/* A whole block. */
template <class T> GD_DEVICE void multiply_block(typename T::sums &acc, gd_product &p, uint32_t shared, uint32_t k)
{
    UNROLL_FOR(uint32_t i = 0; i < BLOCK; i += STAGE) {
        const uint32_t stage = next_stage<T>(p, shared, (k + i) / STAGE);

        UNROLL_FOR(uint32_t step = 0; step < STAGE / STEP; step++)
            multiply_step<T>(acc, stage, step, i == 0 && step == 0);
    }
}

/* The steps of a last block that isn't whole. */
template <class T> GD_DEVICE void multiply_rest(typename T::sums &acc, gd_product &p, uint32_t shared, uint32_t k)
{
    uint32_t stage = 0;

    fill<T>(acc, 0.0f);
    NO_UNROLL
    for (; k < p.in; k += STEP) {
        if (k % STAGE == 0)
            stage = next_stage<T>(p, shared, k / STAGE);
        multiply_step<T>(acc, stage, k % STAGE / STEP, false);
    }
}

template <class T>
GD_DEVICE void multiply(typename T::sums &total, const gd_cuda_linear &a, const gd_place &place, uint32_t shared,
                        uint32_t product)
{
    gd_product p = gd_product_of<T>(a, place, product);
    typename T::sums acc;

    __syncthreads(); /* the previous product's stages have been read */
    NO_UNROLL
    for (uint32_t s = 0; s < T::stages - 1; s++)
        begin_copy<T>(p, shared, s);
    NO_UNROLL
    for (uint32_t k = 0; k < p.in; k += BLOCK) {
        if (k + BLOCK <= p.in)
            multiply_block<T>(acc, p, shared, k);
        else
            multiply_rest<T>(acc, p, shared, k);
        add_block<T>(total, acc, a, place, product, product == 0 && k == 0);
    }
}

/* The tile's first row of weights of a piece, for this lane. */
template <class T> GD_DEVICE uint32_t weight_of(uint32_t j) { return warp_weight<T>() + j * 8 + threadIdx.x % 4 * 2; }

/* Sums without a bias stay as they are, subnormal or not; what follows in a gated pair would flush them. */
template <class T>
GD_DEVICE void add_bias(typename T::sums &total, const gd_cuda_linear &a, const gd_place &place, float *shared)
{
    if (!a.of[0].bias && !a.of[1].bias)
        return;
    gd_bring_biases<T>(a, place, shared);
    EACH_PIECE(i, j)
        UNROLL_FOR(int e = 0; e < 4; e++)
            total[i][j][e] = __fadd_rn(total[i][j][e], shared[weight_of<T>(j) + e % 2]);
}

template <class T> GD_DEVICE void write_sums(const typename T::sums &total, float *sums)
{
    const uint32_t row = warp_line<T>() + threadIdx.x % 32 / 4;

    EACH_PIECE(i, j)
        UNROLL_FOR(uint32_t h = 0; h < 2; h++)
            *(float2 *)(sums + (row + i * 16 + h * 8) * gd_sum_stride(T::weights) +
                        weight_of<T>(j)) = make_float2(total[i][j][2 * h], total[i][j][2 * h + 1]);
}

template <class T> GD_DEVICE void run(const gd_cuda_linear &a)
{
    extern __shared__ __align__(128) unsigned char shared[];
    const gd_place place = gd_place_of<T>(a);
    typename T::sums total;

    NO_UNROLL
    for (uint32_t product = 0; product < GD_PRODUCTS; product++) {
        multiply<T>(total, a, place, gd_shared(shared), product);
        if (product == 0)
            add_bias<T>(total, a, place, (float *)shared);
    }
    __syncthreads(); /* the last stages have been read */
    write_sums<T>(total, (float *)shared);
    gd_finish<T>(a, place, (float *)shared);
}

#define ENTRY(ARITHMETIC, LINES, WEIGHTS, THREADS, SHARED)                                     \
    extern "C" __global__ void __launch_bounds__(THREADS, 1)                                   \
        gd_linear_##ARITHMETIC##_##LINES##x##WEIGHTS(const __grid_constant__ gd_cuda_linear a) \
    {                                                                                          \
        run<tile<LINES, WEIGHTS, THREADS, SHARED>>(a);                                         \
    }

GD_CUDA_TENSOR_TILES(ENTRY)
