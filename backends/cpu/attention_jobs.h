/* attention_jobs.h - a tile of attention cut into jobs for the kernels, forward and backward. */
#ifndef GD_CPU_ATTENTION_JOBS_H
#define GD_CPU_ATTENTION_JOBS_H

#include "backends/cpu/batch.h"

/* The most rows of a job. */
size_t gd_attention_job_rows(size_t group);

/* A job begins where rows are not consecutive in one segment (pooled rows never are), or when the previous one is
 * full: first[0 .. jobs - 1], and first[jobs] = count. Returns the number of jobs. */
size_t gd_attention_cut_jobs(uint32_t *first, gd_tile_lines lines, size_t count, size_t most);

/* The first position of the block with the first key that a query sees. */
size_t gd_attention_lowest(size_t position, size_t window);

/* Fills in the rows of the path that ends in `segment` at position `last`, down to position `lowest`. */
void gd_attention_find_path(uint32_t *path, const gd_segment *segments, uint32_t segment, size_t lowest, size_t last);

#endif
