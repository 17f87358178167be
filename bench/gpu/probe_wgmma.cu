/* probe_wgmma.cu - single steps by Hopper's wgmma, which the library's kernels don't use: is its arithmetic that of
 * mma.sync?  For sm_90a alone. */
#include "backends/cuda/kernels/common.cuh"
#include "bench/gpu/probe.h"

/* Shared memory with two core matrices of 8 rows of 16 bytes, one behind the other along K, not swizzled.  There is one
 * along N, so that the other distance doesn't matter. */
GD_DEVICE uint64_t descriptor(const void *shared)
{
    const uint64_t address = __cvta_generic_to_shared(shared), apart = 128;

    return (address & 0x3FFFFu) >> 4 | (apart >> 4) << 16 | (apart >> 4) << 32;
}

/* Eight steps at once are the diagonal of the first warp's rows times eight columns; the other warps' rows are zero.
 * A's and D's registers lie as those of mma.sync. */
extern "C" __global__ void __launch_bounds__(GD_WGMMA_THREADS) gd_wgmma_steps(gd_cuda_steps p)
{
    __shared__ alignas(128) uint16_t columns[2][8][8];
    const uint32_t lane = threadIdx.x % 32, row = lane / 4, pair = lane % 4;
    const uint64_t first = (uint64_t)blockIdx.x * GD_WGMMA_STEPS, step = first + row;
    const bool there = threadIdx.x < 32 && step < p.count, diagonal = there && row / 2 == pair;
    const uint16_t *a = p.a + step * 16 + 2 * pair;
    const uint64_t column = first + threadIdx.x / 8 % 8;
    uint32_t x[4] = { 0, 0, 0, 0 };
    float d[4] = { 0.0f, 0.0f, 0.0f, 0.0f };

    columns[threadIdx.x / 64][threadIdx.x / 8 % 8][threadIdx.x % 8] =
        column < p.count ? p.b[column * 16 + threadIdx.x / 64 * 8 + threadIdx.x % 8] : 0;
    if (there) {
        x[0] = a[0] | (uint32_t)a[1] << 16;
        x[2] = a[8] | (uint32_t)a[9] << 16;
    }
    if (diagonal && row % 2 == 0)
        d[0] = p.c[step];
    if (diagonal && row % 2 == 1)
        d[1] = p.c[step];
    asm volatile("fence.proxy.async;" ::: "memory");
    __syncthreads();
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    asm volatile("{ .reg .pred p; setp.ne.b32 p, 1, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, %8, p, 1, 1, 0; }"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "l"(descriptor(columns)));
    asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;" ::: "memory");
    if (diagonal)
        p.d[step] = row % 2 ? d[1] : d[0];
}
