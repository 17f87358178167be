/* copy_async.cuh - copies from global to shared memory that go on while the block computes (cp.async, sm_80).
 *
 * Copies belong to the group that their thread commits next; groups end in order. A thread that has waited sees its own
 * copies; the others' after a barrier. */
#ifndef GD_CUDA_COPY_ASYNC_CUH
#define GD_CUDA_COPY_ASYNC_CUH

#include "backends/cuda/kernels/common.cuh"

/* A shared address, as instructions take it. */
GD_DEVICE uint32_t gd_shared(const void *p) { return (uint32_t)__cvta_generic_to_shared(p); }

/* 16 bytes, both addresses multiples of 16. Without `there` nothing is read, and they become zero. */
GD_DEVICE void gd_copy16(uint32_t to, const void *from, bool there)
{
    const uint32_t bytes = there ? 16 : 0;

    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

GD_DEVICE void gd_copies_commit(void) { asm volatile("cp.async.commit_group;" ::: "memory"); }

/* Until at most `pending` of the groups that were committed last are still going on. */
template <int pending> GD_DEVICE void gd_copies_wait(void)
{
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

#endif
