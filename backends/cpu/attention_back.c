/* attention_back.c - the gradients of attention over the trie.
 *
 * First those of the tile's queries, cut into jobs as in the forward pass, which leave the weights and the products'
 * gradients behind.  From these each block of keys takes what the tile's queries add to the gradients of its keys and
 * values: a row sees a key if it is in the key's subtree, and rows of a subtree follow one another. */
#include "backends/cpu/attention_jobs.h"
#include "backends/cpu/back.h"
#include "backends/cpu/device.h"
#include "base/mem.h"

/* At most so many bytes of weights and gradients are held, which says how many key heads are done at once; one head may
 * take more. */
#define WEIGHT_BYTES ((size_t)4 << 20)

/* The parts of a worker's scratch space, in bytes. */
struct room {
    size_t path, floats, lines, bytes;
};

/* Shared by all workers: where jobs begin, and weights; then the workers' parts. */
struct layout {
    size_t weights, workers, bytes;
    struct room room;
};

/* From line to line of weights, by position, in floats.  Keys are read by the vector, from any position on; an odd
 * number of cache lines spreads the lines over the caches. */
static size_t weight_stride(const gd_limits *limits)
{
    return (gd_cpu_line_up((limits->max_position + 15) * sizeof(float)) | 64) / sizeof(float);
}

/* Of the queries of one key head: as many weights as gradients. */
static size_t weight_floats(const gd_limits *limits)
{
    const size_t group = limits->kv_heads ? limits->heads / limits->kv_heads : 1;

    return limits->tile_rows * group * weight_stride(limits);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t most(size_t a, size_t b) { return a > b ? a : b; }

static struct layout lay_out(const gd_limits *limits, unsigned threads)
{
    const size_t group = limits->kv_heads ? limits->heads / limits->kv_heads : 1;
    const size_t lines = gd_attention_job_rows(group) * group, one = 2 * weight_floats(limits) * sizeof(float);
    const size_t query = gd_query_back_floats(lines, limits->head_dim), key = gd_key_back_floats(limits->head_dim);
    struct layout l;

    l.room.path = 0;
    l.room.floats = gd_cpu_line_up(limits->max_position * sizeof(uint32_t));
    l.room.lines = l.room.floats + gd_cpu_line_up(most(query, key) * sizeof(float));
    l.room.bytes = l.room.lines + gd_cpu_line_up((limits->tile_rows * group + 2) * sizeof(struct gd_query_line));
    l.weights = gd_cpu_line_up((limits->tile_rows + 1) * sizeof(uint32_t));
    l.workers = l.weights + least(most(one, WEIGHT_BYTES), limits->kv_heads * one);
    l.bytes = l.workers + threads * l.room.bytes;
    return l;
}

size_t gd_attention_back_scratch_bytes(const gd_limits *limits, unsigned threads)
{
    return lay_out(limits, threads).bytes;
}

struct run {
    const gd_device *device;
    const gd_back_call *call;
    const uint32_t *first; /* [jobs + 1] as in the forward pass */
    struct layout layout;
    size_t group;
    size_t head, heads; /* the key heads done at once: head .. head + heads - 1 */
    float *weights;     /* [heads][2][lines][position] the products' gradients, and the weights */
    size_t weight_floats, weight_stride;
};

static const char *element(const gd_tensor *t, size_t row, size_t col)
{
    return (const char *)t->data + (row * t->stride + col) * gd_dtype_size(t->dtype);
}

static char *worker_part(const struct run *run, unsigned worker, size_t part)
{
    char *scratch = run->device->attention_scratch;

    return scratch + run->layout.workers + worker * run->layout.room.bytes + part;
}

enum { GRADIENTS, WEIGHTS };

/* Of a line of the tile: query head line % group of row line / group. */
static float *weights_of(const struct run *run, size_t which, size_t head, size_t line)
{
    return run->weights + (2 * (head - run->head) + which) * run->weight_floats + line * run->weight_stride;
}

/* ---- queries ---- */

static void query_task(void *context, size_t index, unsigned worker)
{
    const struct run *run = context;
    const gd_back_call *call = run->call;
    const gd_op_params *params = &call->params;
    const gd_tile_lines lines = gd_cpu_tile_lines(call->tile);
    const size_t job = index / run->heads, head = run->head + index % run->heads, n = params->head_dim;
    const size_t first = run->first[job], count = run->first[job + 1] - first, q_at = head * run->group * n;
    const size_t position = lines.position[first], stat = first * params->heads + head * run->group;
    uint32_t *path = (uint32_t *)(void *)worker_part(run, worker, run->layout.room.path);

    gd_attention_find_path(path, call->tile->batch->host.segments, lines.segment[first],
                           gd_attention_lowest(position, params->window), position + count - 1);
    run->device->rows->query_back(&(gd_query_back_job){
        .rows = count,
        .first_position = position,
        .group = run->group,
        .head_dim = n,
        .type = call->in[0].dtype,
        .q = element(&call->in[0], first, q_at),
        .o = element(&call->out, first, q_at),
        .d_o = element(&call->d_out, first, q_at),
        .k = element(&call->in[1], 0, head * n),
        .v = element(&call->in[2], 0, head * n),
        .q_stride = call->in[0].stride,
        .o_stride = call->out.stride,
        .d_stride = call->d_out.stride,
        .k_stride = call->in[1].stride,
        .v_stride = call->in[2].stride,
        .path = path,
        .scale = params->scale,
        .softcap = params->softcap,
        .window = params->window,
        .m = (const float *)call->kept[0].data + stat,
        .l = (const float *)call->kept[1].data + stat,
        .stat_stride = params->heads,
        .d_q = (float *)call->d_in[0].data + first * call->d_in[0].stride + q_at,
        .dq_stride = call->d_in[0].stride,
        .e = weights_of(run, GRADIENTS, head, first * run->group),
        .p = weights_of(run, WEIGHTS, head, first * run->group),
        .weight_stride = run->weight_stride,
        .scratch = (float *)(void *)worker_part(run, worker, run->layout.room.floats),
    });
}

/* ---- keys and values ---- */

/* The row of the batch of a line of the tile. */
static size_t row_of(const gd_tile *tile, size_t r)
{
    return tile->pooled ? tile->batch->host.pooled[tile->first + r] : tile->first + r;
}

/* Line number `at` of the tile: query head at % group of row at / group; it may see none of the keys. */
static struct gd_query_line line_of(const struct run *run, const gd_key_block *block, size_t head, size_t at)
{
    const gd_back_call *call = run->call;
    const gd_device_rows *batch = call->tile->batch;
    const size_t r = at / run->group, own = (head * run->group + at % run->group) * call->params.head_dim;
    const size_t row = row_of(call->tile, r);
    const size_t key = batch->host.position[block->first];
    const bool sees = row >= block->first && row < batch->segment_end[block->segment];

    return (struct gd_query_line){
        .q = element(&call->in[0], r, own),
        .d_o = element(&call->d_out, r, own),
        .e = weights_of(run, GRADIENTS, head, at) + key,
        .p = weights_of(run, WEIGHTS, head, at) + key,
        .position = sees ? (float)gd_cpu_tile_lines(call->tile).position[r] : -1.0f,
    };
}

/* The rows of the tile among which are all that see the block: first .. end - 1. */
static struct sight {
    size_t first, end;
} sight_of(const gd_tile *tile, const gd_key_block *block)
{
    const size_t from = block->first, to = tile->batch->segment_end[block->segment];

    if (tile->pooled)
        return (struct sight){ 0, tile->count };
    if (from >= tile->first + tile->count || to <= tile->first)
        return (struct sight){ 0, 0 };
    return (struct sight){ most(from, tile->first) - tile->first, least(to - tile->first, tile->count) };
}

/* The lines that see keys of the block, in pairs from the last to the first. Returns their number, which is even. */
static size_t find_lines(const struct run *run, const gd_key_block *block, size_t head, struct gd_query_line *lines)
{
    const size_t all = run->call->in[0].rows * run->group;
    const struct sight sight = sight_of(run->call->tile, block);
    size_t count = 0;

    for (size_t pair = (sight.end * run->group + 1) / 2; pair-- > sight.first * run->group / 2;) {
        struct gd_query_line *two = lines + count;

        two[0] = two[1] = line_of(run, block, head, 2 * pair);
        if (2 * pair + 1 < all)
            two[1] = line_of(run, block, head, 2 * pair + 1);
        else
            two[1].position = -1.0f;
        if (two[0].position >= 0 || two[1].position >= 0)
            count += 2;
    }
    return count;
}

static void key_task(void *context, size_t index, unsigned worker)
{
    const struct run *run = context;
    const gd_back_call *call = run->call;
    const gd_op_params *params = &call->params;
    const gd_device_rows *batch = call->tile->batch;
    const gd_key_block *block = &batch->key_blocks[index % batch->key_block_count];
    const size_t head = run->head + index / batch->key_block_count, at = head * params->head_dim;
    struct gd_query_line *lines = (struct gd_query_line *)(void *)worker_part(run, worker, run->layout.room.lines);
    const size_t count = find_lines(run, block, head, lines);

    if (count == 0)
        return;
    run->device->rows->key_back(&(gd_key_back_job){
        .keys = block->count,
        .first_position = batch->host.position[block->first],
        .head_dim = params->head_dim,
        .type = call->in[0].dtype,
        .lines = count,
        .line = lines,
        .window = params->window,
        .d_k = (float *)call->d_in[1].data + block->first * call->d_in[1].stride + at,
        .d_v = (float *)call->d_in[2].data + block->first * call->d_in[2].stride + at,
        .dk_stride = call->d_in[1].stride,
        .dv_stride = call->d_in[2].stride,
        .scratch = (float *)(void *)worker_part(run, worker, run->layout.room.floats),
    });
}

void gd_cpu_attention_back(gd_device *device, const gd_back_call *call)
{
    const gd_limits *limits = &device->limits;
    const size_t kv_heads = call->params.kv_heads, group = call->params.heads / kv_heads;
    const struct layout layout = lay_out(limits, gd_pool_threads(device->pool));
    const size_t room = (layout.workers - layout.weights) / (2 * weight_floats(limits) * sizeof(float));
    char *scratch = device->attention_scratch;
    uint32_t *first = (uint32_t *)(void *)scratch;
    const size_t jobs = gd_attention_cut_jobs(first, gd_cpu_tile_lines(call->tile), call->d_out.rows,
                                              gd_attention_job_rows(group));
    struct run run = { .device = device,
                       .call = call,
                       .first = first,
                       .layout = layout,
                       .group = group,
                       .weights = (float *)(void *)(scratch + layout.weights),
                       .weight_floats = weight_floats(limits),
                       .weight_stride = weight_stride(limits) };

    for (; run.head < kv_heads; run.head += run.heads) {
        run.heads = least(room, kv_heads - run.head);
        gd_pool_run_groups(device->pool, gd_gemm_row_groups(device->pool, call->d_out.rows), jobs * run.heads,
                           query_task, &run);
        gd_pool_run(device->pool, call->tile->batch->key_block_count * run.heads, key_task, &run);
    }
}
