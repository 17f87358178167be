/* attention_out.cuh - a warp's results on their way from registers to memory.
 *
 * They pass through shared memory: then adjacent threads write adjacent columns, and the divisions are a short loop. */
#ifndef GD_CUDA_ATTENTION_OUT_CUH
#define GD_CUDA_ATTENTION_OUT_CUH

#include "backends/cuda/kernels/attention_job.cuh"

/* The block's `cols` columns of lines first .. first + lines - 1: o / l, as far as the job has lines and the head has
 * columns.  o: [lines][cols]; l: [lines]. */
GD_DEVICE void put_lines(const gd_cuda_attention *p, const attention_job *job, uint32_t first, uint32_t lines,
                         uint32_t cols, const float *o, const float *l)
{
    const uint32_t head_dim = p->head_dim;

    NO_UNROLL
    for (uint32_t i = threadIdx.x % 32; i < lines * cols; i += 32) {
        const uint32_t line = i / cols, col = blockIdx.z * cols + i % cols;

        if (first + line < job->lines && col < head_dim)
            gd_put(p->out, line_row(job, first + line), line_col(job, first + line, head_dim) + col,
                   __fdiv_rn(o[i], l[line]));
    }
}

#endif
