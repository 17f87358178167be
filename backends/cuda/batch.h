/* batch.h - a batch's rows on the card: all index arrays in one block, sent once. */
#ifndef GD_CUDA_BATCH_H
#define GD_CUDA_BATCH_H

#include "backends/backend.h"
#include "backends/cuda/driver.h"
#include "backends/cuda/kernels/args.h"

/* Lines that attention computes: those of the batch's rows, or of its pooled rows. */
typedef struct gd_cuda_index {
    const uint32_t *position; /* on the card, [lines] */
    const gd_cuda_job *jobs;  /* on the card */
    const gd_cuda_job *known; /* the same in the host's memory */
    size_t job_count;
} gd_cuda_index;

struct gd_device_rows {
    gd_batch_rows host; /* its arrays belong to the caller */
    gd_cu_address block;
    size_t bytes, room;  /* of which it takes */
    unsigned char *copy; /* the block in the host's memory */
    gd_cuda_index rows, pooled;
    const uint32_t *pooled_row; /* on the card, [pooled_count] */
    const gd_cuda_segment *segments;
    const float *rope_cos, *rope_sin;
};

const gd_cuda_index *gd_cuda_index_of(const gd_tile *tile);

/* The jobs that have lines of the tile: *first, and their number. */
size_t gd_cuda_jobs_of(const gd_tile *tile, size_t *first);

/* The gd_backend functions of batch.c. */
gd_status gd_cuda_rows_make(gd_device *device, gd_device_rows **out, const gd_batch_rows *rows, gd_error *err);
void gd_cuda_rows_free(gd_device *device, gd_device_rows *rows);

#endif
