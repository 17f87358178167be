/* rows.h - how the host starts the kernels of rows.cu. */
#ifndef GD_CUDA_ROWS_H
#define GD_CUDA_ROWS_H

/* A block of GD_CUDA_ROW_THREADS threads for each line; of gd_steps for each GD_CUDA_BLOCK_STEPS steps. */
#define GD_CUDA_ROW_THREADS 256u
#define GD_CUDA_BLOCK_STEPS (GD_CUDA_ROW_THREADS / 32u * 8u)

#endif
