/* attention_job.cuh - what a block of the attention kernels computes, and which keys its lines see.
 *
 * A block's lines are the rows of a job, each with the query heads that read one key head: line i is query head
 * i % group of row i / group.  They are computed 64 at a time, against blocks of 64 keys by absolute position. */
#ifndef GD_CUDA_ATTENTION_JOB_CUH
#define GD_CUDA_ATTENTION_JOB_CUH

#include "backends/cuda/kernels/attention.h"
#include "backends/cuda/kernels/common.cuh"

enum { KEYS = 64, LINES = GD_CUDA_ATTENTION_LINES };

typedef struct attention_job {
    uint32_t group, lines;
    uint32_t row;           /* the first, in the tile */
    uint32_t position, end; /* of the first row; after that of the last */
    uint32_t segment, head; /* the last row's segment; the key head */
    uint32_t lowest;        /* the first position of the first block with a visible key */
} attention_job;

/* The 64 lines that are computed now, in shared memory. */
typedef struct attention_lines {
    uint32_t after[LINES];    /* the first position that each does not see */
    float m[LINES], l[LINES]; /* running maximum and sum */
    float c[LINES];           /* what the sums so far are multiplied by; negative: they stay as they are */
} attention_lines;

/* The logit of a key that a line does not see, and its maximum before it has seen any. */
GD_DEVICE float hidden(void) { return gd_float(0xFF800000u); }

/* The part of block x's job that lies in the tile, in shared memory: registers are few.  False if there is none. */
GD_DEVICE bool take_job(const gd_cuda_attention *p, attention_job *job)
{
    const gd_cuda_job whole = p->jobs[blockIdx.x];
    const uint32_t job_end = whole.first + whole.count, tile_end = p->tile_first + p->tile_count;
    const uint32_t first = whole.first > p->tile_first ? whole.first : p->tile_first;
    const uint32_t end = job_end < tile_end ? job_end : tile_end;
    const uint32_t position = whole.position + (first - whole.first);
    const uint32_t sees = p->window && position + 1 > p->window ? position + 1 - p->window : 0;

    if (first >= end)
        return false;
    if (threadIdx.x == 0) {
        job->group = p->heads / p->kv_heads;
        job->lines = (end - first) * (p->heads / p->kv_heads);
        job->row = first - p->tile_first;
        job->position = position;
        job->end = position + (end - first);
        job->segment = whole.segment;
        job->head = blockIdx.y;
        job->lowest = sees / KEYS * KEYS;
    }
    __syncthreads();
    return true;
}

/* The position after that of a line, which is the first that it does not see; 0 for a line that isn't there. */
GD_DEVICE uint32_t after_line(const attention_job *job, uint32_t line)
{
    return line < job->lines ? job->position + line / job->group + 1 : 0;
}

/* Where the elements of a line begin in the columns of queries and of the output, and its row in the tile. */
GD_DEVICE uint32_t line_row(const attention_job *job, uint32_t line) { return job->row + line / job->group; }

GD_DEVICE uint32_t line_col(const attention_job *job, uint32_t line, uint32_t head_dim)
{
    return (job->head * job->group + line % job->group) * head_dim;
}

/* Keys begin .. end - 1; begin is end if there are none. */
typedef struct span {
    uint32_t begin, end;
} span;

/* Those of a block that a line sees. */
GD_DEVICE span visible(uint32_t after, uint32_t start, uint32_t window)
{
    const uint32_t all = after > start ? after - start : 0, end = all < KEYS ? all : KEYS;
    const uint32_t begin = window && all > window ? all - window : 0;

    return { begin < end ? begin : end, end };
}

GD_DEVICE bool is_in(span s, uint32_t key) { return key - s.begin < s.end - s.begin; }

GD_DEVICE bool sees_any(span s) { return s.begin < s.end; }

/* The positions that some of a warp's lines see. The first line sees the earliest, and the last one the latest. */
GD_DEVICE span lines_see(const attention_job *job, uint32_t first, uint32_t count, uint32_t window)
{
    const uint32_t last = first + count < job->lines ? first + count - 1 : job->lines - 1;
    const uint32_t after = after_line(job, first);

    if (first >= job->lines)
        return { 0, 0 };
    return { window && after > window ? after - window : 0, after_line(job, last) };
}

GD_DEVICE bool overlaps(span positions, uint32_t start)
{
    return positions.begin < start + KEYS && positions.end > start;
}

/* The row of the batch at a position of the path that ends in a segment. */
GD_DEVICE uint32_t row_at(const gd_cuda_segment *segments, uint32_t segment, uint32_t position)
{
    const gd_cuda_segment *s = segments + segment;

    while (s->first_position > position)
        s = segments + s->parent;
    return s->first_row + (position - s->first_position);
}

#endif
