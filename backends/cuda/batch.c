/* batch.c - a batch's rows on the card. */
#include "backends/cuda/batch.h"

#include "backends/cuda/device.h"
#include "base/error.h"
#include "base/mem.h"

#include <string.h>

_Static_assert(sizeof(gd_cuda_segment) == sizeof(gd_segment), "segments are sent as they are");

/* One array of the block. */
struct part {
    const void *from;
    size_t bytes, offset;
};

enum { POSITION, POOLED_ROW, POOLED_POSITION, JOBS, POOLED_JOBS, SEGMENTS, COSINES, SINES, PARTS };

/* Jobs of `count` lines; `line` tells the row of a line, or is NULL where they are the same. `jobs` has room for a job
 * a line. Returns their number. */
static size_t cut_jobs(gd_cuda_job *jobs, const gd_batch_rows *rows, const uint32_t *line, size_t count, size_t most)
{
    size_t jobs_made = 0;

    for (size_t i = 0; i < count; i++) {
        const size_t row = line ? line[i] : i;
        gd_cuda_job *last = jobs_made ? &jobs[jobs_made - 1] : NULL;

        if (last && last->count < most && last->segment == rows->segment[row] &&
            last->position + last->count == rows->position[row])
            last->count++;
        else
            jobs[jobs_made++] = (gd_cuda_job){ (uint32_t)i, 1, rows->position[row], rows->segment[row] };
    }
    return jobs_made;
}

/* Rows that a job of attention may have. */
static size_t job_rows(const gd_limits *limits)
{
    const size_t group = limits->kv_heads ? limits->heads / limits->kv_heads : 1;

    return group < GD_CUDA_ATTENTION_LINES ? GD_CUDA_ATTENTION_LINES / group : 1;
}

static void place(struct part *parts, gd_device_rows *out)
{
    for (size_t i = 0; i < PARTS; i++) {
        parts[i].offset = out->bytes;
        out->bytes += (parts[i].bytes + 63) / 64 * 64;
    }
}

static const void *at(const gd_device_rows *rows, const struct part *part)
{
    return (const void *)(uintptr_t)(rows->block + part->offset);
}

static void point(gd_device_rows *rows, const struct part *parts)
{
    rows->rows.position = at(rows, &parts[POSITION]);
    rows->rows.jobs = at(rows, &parts[JOBS]);
    rows->rows.known = (const gd_cuda_job *)(rows->copy + parts[JOBS].offset);
    rows->pooled_row = at(rows, &parts[POOLED_ROW]);
    rows->pooled.position = at(rows, &parts[POOLED_POSITION]);
    rows->pooled.jobs = at(rows, &parts[POOLED_JOBS]);
    rows->pooled.known = (const gd_cuda_job *)(rows->copy + parts[POOLED_JOBS].offset);
    rows->segments = at(rows, &parts[SEGMENTS]);
    rows->rope_cos = at(rows, &parts[COSINES]);
    rows->rope_sin = at(rows, &parts[SINES]);
}

/* Memory that is kept for the next batch has one of few sizes. */
static size_t room_for(size_t bytes)
{
    size_t room = 64 << 10;

    while (room < bytes)
        room *= 2;
    return room;
}

static gd_status send(gd_device *device, gd_device_rows *rows, struct part *parts, gd_error *err)
{
    gd_status rc;

    place(parts, rows);
    rows->room = room_for(rows->bytes);
    rows->copy = gd_alloc_zero(1, rows->bytes);
    if (!rows->copy)
        return gd_fail_memory(err, rows->bytes);
    rc = gd_cuda_enter(device, err);
    if (!rc)
        rc = gd_cuda_alloc(device, &rows->block, rows->room, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < PARTS; i++)
        if (parts[i].bytes)
            memcpy(rows->copy + parts[i].offset, parts[i].from, parts[i].bytes);
    point(rows, parts);
    return gd_cuda_upload(device, (void *)(uintptr_t)rows->block, rows->copy, rows->bytes, err);
}

/* What the block has, from arrays of the caller's and the two given. */
static void list_parts(struct part *parts, gd_device *device, gd_device_rows *out, gd_cuda_job *jobs,
                       uint32_t *positions)
{
    const gd_batch_rows *host = &out->host;
    const size_t most = job_rows(&device->limits),
                 table = host->tables * host->positions * (device->limits.head_dim / 2) * sizeof(float);
    gd_cuda_job *pooled = jobs + host->rows;

    out->rows.job_count = cut_jobs(jobs, host, NULL, host->rows, most);
    out->pooled.job_count = cut_jobs(pooled, host, host->pooled, host->pooled_count, most);
    for (size_t i = 0; i < host->pooled_count; i++)
        positions[i] = host->position[host->pooled[i]];
    parts[POSITION] = (struct part){ host->position, host->rows * sizeof *host->position, 0 };
    parts[POOLED_ROW] = (struct part){ host->pooled, host->pooled_count * sizeof *host->pooled, 0 };
    parts[POOLED_POSITION] = (struct part){ positions, host->pooled_count * sizeof *positions, 0 };
    parts[JOBS] = (struct part){ jobs, out->rows.job_count * sizeof *jobs, 0 };
    parts[POOLED_JOBS] = (struct part){ pooled, out->pooled.job_count * sizeof *pooled, 0 };
    parts[SEGMENTS] = (struct part){ host->segments, host->segment_count * sizeof *host->segments, 0 };
    parts[COSINES] = (struct part){ host->rope_cos, host->rope_cos ? table : 0, 0 };
    parts[SINES] = (struct part){ host->rope_sin, host->rope_sin ? table : 0, 0 };
}

gd_status gd_cuda_rows_make(gd_device *device, gd_device_rows **out, const gd_batch_rows *rows, gd_error *err)
{
    gd_device_rows *made = gd_alloc_zero(1, sizeof *made);
    gd_cuda_job *jobs = gd_alloc(rows->rows + rows->pooled_count + 1, sizeof *jobs);
    uint32_t *positions = gd_alloc(rows->pooled_count + 1, sizeof *positions);
    struct part parts[PARTS] = { { 0 } };
    gd_status rc = GD_OK;

    *out = NULL;
    if (!made || !jobs || !positions) {
        rc = gd_fail_memory(err, (rows->rows + rows->pooled_count) * sizeof *jobs);
    } else {
        made->host = *rows;
        list_parts(parts, device, made, jobs, positions);
        rc = send(device, made, parts, err);
    }
    gd_free(jobs);
    gd_free(positions);
    if (rc) {
        gd_cuda_rows_free(device, made);
        return rc;
    }
    *out = made;
    return GD_OK;
}

void gd_cuda_rows_free(gd_device *device, gd_device_rows *rows)
{
    if (!rows)
        return;
    gd_cuda_retire(device, rows->block, rows->room);
    gd_free(rows->copy);
    gd_free(rows);
}

const gd_cuda_index *gd_cuda_index_of(const gd_tile *tile)
{
    return tile->pooled ? &tile->batch->pooled : &tile->batch->rows;
}

/* The number of jobs that begin before this line. */
static size_t jobs_before(const gd_cuda_index *lines, size_t line)
{
    size_t low = 0, high = lines->job_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (lines->known[middle].first < line)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t gd_cuda_jobs_of(const gd_tile *tile, size_t *first)
{
    const gd_cuda_index *lines = gd_cuda_index_of(tile);

    *first = jobs_before(lines, tile->first + 1) - 1;
    return jobs_before(lines, tile->first + tile->count) - *first;
}
