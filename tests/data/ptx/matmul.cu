/* matmul.cu - small kernels of the kind that the cuda backend has, for tests/ptx/test_ptx_kernels.c: out[m][n] is the
 * product of row m of x and row n of w, in blocks of 128 (tensor cores) or 512 (fp32). m and n are multiples of 32.
 *
 *     nvcc -std=c++17 -ftz=true -fmad=false -prec-div=true -prec-sqrt=true -arch=compute_80 -ptx \
 *         -o matmul_80.ptx matmul.cu
 *
 * and the same with 120. */
#include <stdint.h>

struct matmul {
    const uint16_t *x, *w; /* [lines, depth], [cols, depth] */
    float *out;            /* [lines, cols] */
    uint32_t lines, cols, depth;
};

enum { TILE = 32, STEP = 32, STAGES = 3, LINE = STEP * 2 + 16 /* bytes: no two rows of a matrix share banks */ };

static __device__ void copy_16(uint32_t to, const void *from, bool in)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(in ? 16 : 0) : "memory");
}

/* One stage: 32 elements of 32 rows of x and of w. 128 threads: each copies 16 bytes of both. */
static __device__ void load_stage(uint32_t stage, const matmul &a, uint32_t k)
{
    const uint32_t row = threadIdx.x / 4, at = k + threadIdx.x % 4 * 8, to = stage + row * LINE + threadIdx.x % 4 * 16;
    const bool in = at < a.depth;

    copy_16(to, a.x + (uint64_t)(blockIdx.y * TILE + row) * a.depth + (in ? at : 0), in);
    copy_16(to + TILE * LINE, a.w + (uint64_t)(blockIdx.x * TILE + row) * a.depth + (in ? at : 0), in);
}

static __device__ void load_4(uint32_t r[4], uint32_t at)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at)
                 : "memory");
}

static __device__ void multiply(float c[4], const uint32_t a[4], uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Four warps, each with 16 lines by 16 columns. */
extern "C" __global__ void __launch_bounds__(128) matmul_tensor(const __grid_constant__ matmul a)
{
    __shared__ __align__(128) unsigned char stages[STAGES][2 * TILE * LINE];
    const uint32_t base = (uint32_t)__cvta_generic_to_shared(stages), lane = threadIdx.x % 32;
    const uint32_t line = threadIdx.x / 64 * 16, col = threadIdx.x / 32 % 2 * 16, steps = (a.depth + STEP - 1) / STEP;
    float acc[2][4] = {}, total[2][4];

    for (uint32_t s = 0; s < STAGES - 1; s++) {
        if (s < steps)
            load_stage(base + s * 2 * TILE * LINE, a, s * STEP);
        asm volatile("cp.async.commit_group;" ::: "memory");
    }
    for (uint32_t s = 0; s < steps; s++) {
        const uint32_t stage = base + s % STAGES * 2 * TILE * LINE;

        asm volatile("cp.async.wait_group %0;" ::"n"(STAGES - 2) : "memory");
        __syncthreads();
        if (s + STAGES - 1 < steps)
            load_stage(base + (s + STAGES - 1) % STAGES * 2 * TILE * LINE, a, (s + STAGES - 1) * STEP);
        asm volatile("cp.async.commit_group;" ::: "memory");
        for (uint32_t k = 0; k < STEP; k += 16) {
            uint32_t x[4], w[4];

            load_4(x, stage + (line + lane % 16) * LINE + k * 2 + lane / 16 * 16);
            load_4(w, stage + (TILE + col + lane % 8 + lane / 16 * 8) * LINE + k * 2 + lane / 8 % 2 * 16);
            multiply(acc[0], x, w[0], w[1]);
            multiply(acc[1], x, w[2], w[3]);
        }
        if (s % 4 == 3 || s + 1 == steps)
            for (int i = 0; i < 8; i++) {
                total[i / 4][i % 4] = s < 4 ? acc[i / 4][i % 4] : total[i / 4][i % 4] + acc[i / 4][i % 4];
                acc[i / 4][i % 4] = 0;
            }
    }
    for (int i = 0; i < 8; i++)
        a.out[(uint64_t)(blockIdx.y * TILE + line + i % 4 / 2 * 8 + lane / 4) * a.cols + blockIdx.x * TILE + col +
              i / 4 * 8 + lane % 4 * 2 + i % 2] = total[i / 4][i % 4];
}

static __device__ float widened(uint16_t x) { return __uint_as_float((uint32_t)x << 16); }

/* 256 threads, each with one line and four columns. */
extern "C" __global__ void __launch_bounds__(256) matmul_exact(const __grid_constant__ matmul a)
{
    __shared__ float x[TILE][TILE + 2], w[TILE][TILE + 2];
    const uint32_t line = threadIdx.x / 8, col = threadIdx.x % 8;
    float acc[4] = {}, total[4];

    for (uint32_t first = 0; first < a.depth; first += TILE) {
        for (uint32_t i = threadIdx.x; i < TILE * TILE; i += 256) {
            const uint32_t row = i / TILE, at = first + i % TILE;

            x[row][i % TILE] = at < a.depth ? widened(a.x[(uint64_t)(blockIdx.y * TILE + row) * a.depth + at]) : 0;
            w[row][i % TILE] = at < a.depth ? widened(a.w[(uint64_t)(blockIdx.x * TILE + row) * a.depth + at]) : 0;
        }
        __syncthreads();
        for (uint32_t k = 0; k < TILE && first + k < a.depth; k++)
            for (int i = 0; i < 4; i++)
                acc[i] = __fmaf_rn(x[line][k ^ 1], w[col + 8 * i][k ^ 1], acc[i]);
        __syncthreads();
        if (first % 512 == 512 - TILE || first + TILE >= a.depth)
            for (int i = 0; i < 4; i++) {
                total[i] = first < 512 ? acc[i] : total[i] + acc[i];
                acc[i] = 0;
            }
    }
    for (int i = 0; i < 4; i++)
        a.out[(uint64_t)(blockIdx.y * TILE + line) * a.cols + blockIdx.x * TILE + col + 8 * i] = total[i];
}
