/* attention_logit.cuh - what a product of a query and a key becomes (doc/arithmetic.md, section 6). */
#ifndef GD_CUDA_ATTENTION_LOGIT_CUH
#define GD_CUDA_ATTENTION_LOGIT_CUH

#include "backends/cuda/kernels/attention_job.cuh"
#include "backends/cuda/kernels/math.cuh"

GD_DEVICE float capped(float x, float softcap) { return __fmul_rn(softcap, gd_tanh(__fdiv_rn(x, softcap))); }

#endif
