/* attention.c - attention over the trie: cuts a tile into jobs for the kernel.
 *
 * A job is a run of rows of one segment for one key head with all its query heads: neighbouring rows
 * see nearly the same keys, so a block of keys is unpacked once for all of them. */
#include "backends/cpu/attention_jobs.h"
#include "backends/cpu/ops.h"

#include "backends/cpu/batch.h"
#include "backends/cpu/device.h"
#include "base/mem.h"

struct attention_run {
    const gd_device *device;
    const gd_call *call;
    const uint32_t *first; /* [jobs + 1] the tile's rows where jobs begin; the last entry is the tile's end */
    size_t jobs, group;
    unsigned char *workers;
    size_t worker_bytes, path_bytes;
};

size_t gd_attention_job_rows(size_t group) { return group < GD_ATTENTION_LINES ? GD_ATTENTION_LINES / group : 1; }

size_t gd_attention_lowest(size_t position, size_t window)
{
    return (window && position + 1 > window ? position + 1 - window : 0) / GD_ATTENTION_KEYS * GD_ATTENTION_KEYS;
}

/* The bytes of whole cache lines for n + 1 32-bit numbers; n is at most 2^60. */
static size_t numbers_bytes(size_t n) { return (n / 16 + 1) * 64; }

/* Scratch space of one worker: the path, then the kernel's floats. 0 when that overflows. */
static size_t worker_bytes(const gd_limits *limits)
{
    const size_t group = limits->kv_heads ? limits->heads / limits->kv_heads : 1;
    const size_t lines = group > GD_ATTENTION_LINES ? group : GD_ATTENTION_LINES;
    const size_t floats = gd_attention_line_floats(1, lines, limits->head_dim);

    if (floats == 0 || floats >> 60 || limits->max_position >> 60)
        return 0;
    return numbers_bytes(limits->max_position) + numbers_bytes(floats);
}

/* The jobs' first rows come before the workers' parts. */
size_t gd_attention_scratch_bytes(const gd_limits *limits, unsigned threads)
{
    const size_t each = worker_bytes(limits);
    size_t bytes;

    if (each == 0 || limits->tile_rows >> 60 || !gd_mul(each, threads, &bytes) ||
        !gd_add(bytes, numbers_bytes(limits->tile_rows), &bytes))
        return SIZE_MAX / 2;
    return bytes;
}

void gd_attention_find_path(uint32_t *path, const gd_segment *segments, uint32_t last_segment, size_t lowest,
                            size_t last)
{
    int32_t segment = (int32_t)last_segment;
    size_t end = last + 1;

    while (segment >= 0 && end > lowest) {
        const gd_segment *s = &segments[segment];
        const size_t from = s->first_position > lowest ? s->first_position : lowest;

        for (size_t p = from; p < end; p++)
            path[p] = s->first_row + (uint32_t)(p - s->first_position);
        end = from;
        segment = s->parent;
    }
}

/* The maximum or sum of a row's query head, to train; else NULL. */
static float *stat_of(const gd_tensor *kept, size_t row, size_t head)
{
    return kept->data ? (float *)kept->data + row * kept->stride + head : NULL;
}

static void run_job(void *context, size_t index, unsigned worker)
{
    const struct attention_run *run = context;
    const gd_call *call = run->call;
    const gd_op_params *params = &call->params;
    const gd_tile_lines lines = gd_cpu_tile_lines(call->tile);
    const size_t job = index / params->kv_heads, head = index % params->kv_heads;
    const size_t first = run->first[job], count = run->first[job + 1] - first;
    const gd_dtype type = call->in[0].dtype, out_type = call->out.dtype;
    const size_t size = gd_dtype_size(type), position = lines.position[first];
    const size_t q_at = head * run->group * params->head_dim, k_at = head * params->head_dim;
    unsigned char *scratch = run->workers + worker * run->worker_bytes;
    uint32_t *path = (uint32_t *)scratch;

    gd_attention_find_path(path, call->tile->batch->host.segments, lines.segment[first],
                           gd_attention_lowest(position, params->window), position + count - 1);
    run->device->rows->attention(&(gd_attention_job){
        .rows = count,
        .first_position = position,
        .group = run->group,
        .head_dim = params->head_dim,
        .type = type,
        .out_type = out_type,
        .q = (const unsigned char *)call->in[0].data + (first * call->in[0].stride + q_at) * size,
        .k = (const unsigned char *)call->in[1].data + k_at * size,
        .v = (const unsigned char *)call->in[2].data + k_at * size,
        .out = (unsigned char *)call->out.data + (first * call->out.stride + q_at) * gd_dtype_size(out_type),
        .q_stride = call->in[0].stride,
        .k_stride = call->in[1].stride,
        .v_stride = call->in[2].stride,
        .out_stride = call->out.stride,
        .path = path,
        .scale = params->scale,
        .softcap = params->softcap,
        .window = params->window,
        .m = stat_of(&call->kept[0], first, head * run->group),
        .l = stat_of(&call->kept[1], first, head * run->group),
        .stat_stride = call->kept[0].stride,
        .products = run->device->products,
        .scratch = (float *)(scratch + run->path_bytes),
    });
}

size_t gd_attention_cut_jobs(uint32_t *first, gd_tile_lines lines, size_t count, size_t most)
{
    const uint32_t *segment = lines.segment, *position = lines.position;
    size_t jobs = 0;

    for (size_t r = 0; r < count; r++)
        if (r == 0 || segment[r] != segment[r - 1] || position[r] != position[r - 1] + 1 || r - first[jobs - 1] == most)
            first[jobs++] = (uint32_t)r;
    first[jobs] = (uint32_t)count;
    return jobs;
}

void gd_cpu_attention(gd_device *device, const gd_call *call)
{
    const gd_limits *limits = &device->limits;
    const size_t kv_heads = call->params.kv_heads, group = call->params.heads / kv_heads;
    uint32_t *first = device->attention_scratch;
    struct attention_run run = {
        .device = device,
        .call = call,
        .first = first,
        .jobs = gd_attention_cut_jobs(first, gd_cpu_tile_lines(call->tile), call->out.rows,
                                      gd_attention_job_rows(group)),
        .group = group,
        .workers = (unsigned char *)first + numbers_bytes(limits->tile_rows),
        .worker_bytes = worker_bytes(limits),
        .path_bytes = numbers_bytes(limits->max_position),
    };

    gd_pool_run_groups(device->pool, gd_gemm_row_groups(device->pool, call->out.rows), run.jobs * kv_heads, run_job,
                       &run);
}
