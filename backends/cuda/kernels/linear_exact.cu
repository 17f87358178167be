/* linear_exact.cu - linears in the contract's own order: doc/arithmetic.md, section 3.
 *
 * A stage of some elements of the tile's lines and rows of weights lies in shared memory, widened to fp32 and turned,
 * so that a thread reads an element of four lines at once; the next stage is in registers on its way there.  A block of
 * 512 elements is a chain of fused multiply-adds in `acc`, of each pair the odd element first; then it is added to the
 * total.  Pairs that only fill the last stage are -0 times +0: that changes no sum, where +0 would turn -0 into +0. */
#include "backends/cuda/kernels/copy_async.cuh"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/linear_finish.cuh"

enum : uint32_t { BLOCK = 512, THREADS_ACROSS = 16 };

/* What the compiler knows about a tile.  Each thread has `down` lines, in groups of four, and `across` rows of weights
 * in two groups, the second of which is half a tile further: of a gated pair, the second matrix. */
template <typename operand_, uint32_t lines_, uint32_t weights_, uint32_t threads_, uint32_t shared_> struct tile {
    typedef operand_ operand; /* uint16_t, a bf16, or float */
    static constexpr uint32_t lines = lines_, weights = weights_, threads = threads_, half = weights / 2;
    static constexpr uint32_t down = lines * THREADS_ACROSS / threads, across = weights / THREADS_ACROSS;
    static constexpr uint32_t group = across / 2, groups_apart = lines / (down / 4);
    static constexpr uint32_t stage = lines >= 128 ? 16 : 32; /* elements: more where they are soon used up */
    static constexpr uint32_t size = sizeof(operand), chunk = 16 / size,
                              chunks = stage / chunk; /* of a row in a stage */
    static constexpr uint32_t x_parts = lines * chunks / threads, w_parts = weights * chunks / threads;
    static constexpr uint32_t stage_floats = stage * (lines + weights);

    static_assert(down % 4 == 0 && group % 2 == 0 && x_parts > 0, "vectors of four lines, and of two or four weights");
    static_assert(2 * stage_floats * 4 <= shared_, "two stages");
    static_assert(lines * gd_sum_stride(weights) * 4 <= shared_, "the sums must fit at the end");
    typedef float sums[down][across];
};

#define EACH_SUM(i, j)                           \
    UNROLL_FOR(uint32_t i = 0; i < T::down; i++) \
        UNROLL_FOR(uint32_t j = 0; j < T::across; j++)

/* The thread's lines and rows of weights in the tile. */
template <class T> GD_DEVICE uint32_t line_of(uint32_t i)
{
    return i / 4 * T::groups_apart + threadIdx.x / THREADS_ACROSS * 4 + i % 4;
}

template <class T> GD_DEVICE uint32_t weight_of(uint32_t j)
{
    return j / T::group * T::half + threadIdx.x % THREADS_ACROSS * T::group + j % T::group;
}

/* Element k of a row lies in line k of a stage.  Chunks have their rows exchanged: then those that a warp writes lie in
 * different banks. */
template <class T> GD_DEVICE uint32_t exchange(uint32_t k) { return k / T::chunk * (32 / T::chunks); }

/* A stage on its way from global to shared memory. */
template <class T> struct parts {
    uint4 x[T::x_parts], w[T::w_parts];
};

GD_DEVICE uint4 read_chunk(const char *from, bool exists)
{
    return exists ? *(const uint4 *)from : make_uint4(0, 0, 0, 0);
}

/* A chunk of x of which `left` elements exist: the pairs behind them become -0. */
template <class T> GD_DEVICE uint4 fill_up(uint4 chunk, uint32_t left)
{
    const uint32_t word = 4 / T::size; /* elements */
    const uint32_t zero = 0x80000000u | 0x8000u * (word == 2);

    return make_uint4(left > 0 ? chunk.x : zero, left > word / 2 * 2 ? chunk.y : zero,
                      left > 2 * word / 2 * 2 ? chunk.z : zero, left > 3 * word / 2 * 2 ? chunk.w : zero);
}

/* The next stage, from element k on. */
template <class T> GD_DEVICE void read_stage(parts<T> &part, gd_product &p, uint32_t k)
{
    const bool within = gd_is_within<T>(p, k);

    UNROLL_FOR(uint32_t i = 0; i < T::x_parts; i++)
        part.x[i] = read_chunk(p.x.at + i * p.x.apart, within && p.x.exists >> i & 1);
    UNROLL_FOR(uint32_t i = 0; i < T::w_parts; i++)
        part.w[i] = read_chunk(p.w.at + i * p.w.apart, within && p.w.exists >> i & 1);
    p.x.at += T::stage * T::size;
    p.w.at += T::stage * T::size;
}

/* Element i of a chunk. */
GD_DEVICE float element_of(uint4 chunk, uint32_t i, uint16_t)
{
    const uint32_t pairs[4] = { chunk.x, chunk.y, chunk.z, chunk.w };

    return i % 2 ? gd_bf16_high(pairs[i / 2]) : gd_bf16_low(pairs[i / 2]);
}

GD_DEVICE float element_of(uint4 chunk, uint32_t i, float)
{
    const uint32_t values[4] = { chunk.x, chunk.y, chunk.z, chunk.w };

    return gd_float(values[i]);
}

/* rows: of the stage's lines. */
template <class T> GD_DEVICE void write_chunk(float *to, uint32_t rows, uint32_t row, uint4 chunk)
{
    const uint32_t k = gd_chunk<T>() * T::chunk;

    to += k * rows + (row ^ exchange<T>(k));
    UNROLL_FOR(uint32_t i = 0; i < T::chunk; i++)
        to[i * rows] = element_of(chunk, i, typename T::operand());
}

/* The stage from element k on. */
template <class T> GD_DEVICE void write_stage(float *stage, const parts<T> &part, const gd_product &p, uint32_t k)
{
    const uint32_t first = k + gd_chunk<T>() * T::chunk, left = first < p.in ? p.in - first : 0;

    UNROLL_FOR(uint32_t i = 0; i < T::x_parts; i++)
        write_chunk<T>(stage, T::lines, gd_first_row<T>() + i * gd_rows_at_once<T>(), fill_up<T>(part.x[i], left));
    UNROLL_FOR(uint32_t i = 0; i < T::w_parts; i++)
        write_chunk<T>(stage + T::stage * T::lines, T::weights, gd_first_weight<T>() + i * gd_weights_apart<T>(),
                       part.w[i]);
}

/* Four or two floats at a shared address. */
template <uint32_t count> GD_DEVICE void read_vector(float *to, uint32_t from)
{
    if (count == 4)
        asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                     : "=f"(to[0]), "=f"(to[1]), "=f"(to[2]), "=f"(to[3])
                     : "r"(from)
                     : "memory");
    else
        asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(to[0]), "=f"(to[1]) : "r"(from) : "memory");
}

/* Shared addresses of the thread's first line and row of weights in the first stage. */
typedef struct operands {
    uint32_t lines, weights;
} operands;

/* Kept, since the compiler would find them anew in the innermost loop. */
template <class T> GD_DEVICE operands own_of(const float *shared)
{
    operands own = { gd_shared(shared + line_of<T>(0)), gd_shared(shared + T::stage * T::lines + weight_of<T>(0)) };

    asm volatile("" : "+r"(own.lines), "+r"(own.weights));
    return own;
}

/* An element of all of the thread's sums. */
template <class T> GD_DEVICE void multiply_element(typename T::sums &acc, operands own)
{
    float x[T::down], w[T::across];

    UNROLL_FOR(uint32_t i = 0; i < T::down; i += 4)
        read_vector<4>(x + i, own.lines + i / 4 * T::groups_apart * 4);
    UNROLL_FOR(uint32_t j = 0; j < T::across; j += T::group)
        read_vector<T::group>(w + j, own.weights + j / T::group * T::half * 4);
    EACH_SUM(i, j)
        acc[i][j] = __fmaf_rn(x[i], w[j], acc[i][j]);
}

/* A stage, in pairs. */
template <class T> GD_DEVICE void multiply_stage(typename T::sums &acc, operands own, uint32_t stage)
{
    NO_UNROLL
    for (uint32_t chunk = 0; chunk < T::stage; chunk += T::chunk)
        UNROLL_FOR(uint32_t i = 0; i < T::chunk; i++) {
            const uint32_t k = chunk + (i ^ 1), floats = stage * T::stage_floats;

            multiply_element<T>(acc, { (own.lines ^ exchange<T>(chunk) * 4) + (floats + k * T::lines) * 4,
                                       (own.weights ^ exchange<T>(chunk) * 4) + (floats + k * T::weights) * 4 });
        }
}

template <class T> GD_DEVICE void fill(typename T::sums &sums, float value)
{
    EACH_SUM(i, j)
        sums[i][j] = value;
}

/* A block's value joins the total, that of an adapter scaled.  A factor of 1 makes fma an addition, and -0 is what the
 * first block is added to without a change. */
template <class T>
GD_DEVICE void add_block(typename T::sums &total, const typename T::sums &acc, const gd_cuda_linear &a,
                         const gd_place &place, uint32_t product)
{
    const float scale = product == 0 ? 1.0f : a.of[product == 2].scale;

    UNROLL_FOR(uint32_t first = 0; first < T::across; first += T::group)
        if (gd_takes_part<T>(place, product, first / T::group * T::half))
            UNROLL_FOR(uint32_t i = 0; i < T::down; i++)
                UNROLL_FOR(uint32_t j = first; j < first + T::group; j++)
                    total[i][j] = __fmaf_rn(scale, acc[i][j], total[i][j]);
}

/* All stages of a product, block by block: while one is multiplied, the next is on its way. */
template <class T>
GD_DEVICE void multiply(typename T::sums &total, const gd_cuda_linear &a, const gd_place &place, float *shared,
                        uint32_t product)
{
    gd_product p = gd_product_of<T>(a, place, product);
    const operands own = own_of<T>(shared);
    typename T::sums acc;
    parts<T> part;

    if (p.in == 0)
        return;
    read_stage<T>(part, p, 0);
    write_stage<T>(shared, part, p, 0);
    __syncthreads();
    NO_UNROLL
    for (uint32_t k = 0; k < p.in;) {
        const uint32_t end = min(p.in, k + BLOCK);

        fill<T>(acc, 0.0f);
        NO_UNROLL
        for (; k < end; k += T::stage) {
            const uint32_t next = k + T::stage;

            if (next < p.in)
                read_stage<T>(part, p, next);
            multiply_stage<T>(acc, own, k / T::stage % 2);
            if (next < p.in)
                write_stage<T>(shared + next / T::stage % 2 * T::stage_floats, part, p, next);
            __syncthreads();
        }
        add_block<T>(total, acc, a, place, product);
    }
}

template <class T>
GD_DEVICE void add_bias(typename T::sums &total, const gd_cuda_linear &a, const gd_place &place, float *shared)
{
    gd_bring_biases<T>(a, place, shared);
    EACH_SUM(i, j)
        total[i][j] = __fadd_rn(total[i][j], shared[weight_of<T>(j)]);
    __syncthreads(); /* stages may take the place */
}

template <class T> GD_DEVICE void write_sums(const typename T::sums &total, float *sums)
{
    UNROLL_FOR(uint32_t i = 0; i < T::down; i++)
        UNROLL_FOR(uint32_t j = 0; j < T::across; j += 2)
            *(float2 *)(sums + line_of<T>(i) * gd_sum_stride(T::weights) +
                        weight_of<T>(j)) = make_float2(total[i][j], total[i][j + 1]);
}

template <class T> GD_DEVICE void run(const gd_cuda_linear &a)
{
    extern __shared__ __align__(128) float shared[];
    const gd_place place = gd_place_of<T>(a);
    typename T::sums total;

    fill<T>(total, -0.0f);
    NO_UNROLL
    for (uint32_t product = 0; product < GD_PRODUCTS; product++) {
        multiply<T>(total, a, place, shared, product);
        if (product == 0)
            add_bias<T>(total, a, place, shared);
    }
    write_sums<T>(total, shared); /* the last stage has been read */
    gd_finish<T>(a, place, shared);
}

#define ENTRY(OPERAND, ARITHMETIC, LINES, WEIGHTS, THREADS, SHARED)                            \
    extern "C" __global__ void __launch_bounds__(THREADS, 1)                                   \
        gd_linear_##ARITHMETIC##_##LINES##x##WEIGHTS(const __grid_constant__ gd_cuda_linear a) \
    {                                                                                          \
        run<tile<OPERAND, LINES, WEIGHTS, THREADS, SHARED>>(a);                                \
    }
#define BF16_ENTRY(...) ENTRY(uint16_t, __VA_ARGS__)
#define F32_ENTRY(...) ENTRY(float, __VA_ARGS__)

GD_CUDA_EXACT_TILES(BF16_ENTRY)
GD_CUDA_EXACT_F32_TILES(F32_ENTRY)
