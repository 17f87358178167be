/* engine.c - runs a plan over a batch on a backend. */
#include "engine/inside.h"

#include "base/error.h"
#include "base/guard.h"
#include "base/mem.h"
#include "base/sysmem.h"

#include <string.h>

static void fill_limits(gd_limits *limits, size_t tile_rows, const gd_plan *plan, const gd_bound *bound, bool train)
{
    *limits = (gd_limits){ .tile_rows = tile_rows,
                           .head_dim = plan->head_dim,
                           .heads = plan->heads,
                           .kv_heads = plan->kv_heads,
                           .labels = plan->labels,
                           .train = train };
    for (size_t s = 0; s < plan->step_count; s++) {
        const gd_plan_step *step = &plan->steps[s];

        if (bound[s].w[0].learns && step->w[0].rank == 2 && step->op != GD_OP_embedding &&
            step->w[0].shape[0] > limits->max_learned)
            limits->max_learned = step->w[0].shape[0];
        if (step->op != GD_OP_linear)
            continue;
        if (step->w[0].shape[0] > limits->max_out)
            limits->max_out = step->w[0].shape[0];
        if (step->w[0].shape[1] > limits->max_in)
            limits->max_in = step->w[0].shape[1];
        if (bound[s].lora.rank > limits->max_rank)
            limits->max_rank = bound[s].lora.rank;
    }
}

static gd_status check_operations(const gd_engine *engine, gd_error *err)
{
    bool needed[GD_OP_COUNT] = { false };

    for (size_t s = 0; s < engine->plan->step_count; s++)
        needed[engine->plan->steps[s].op] = true;
    return gd_backend_missing(engine->backend, needed, err);
}

/* ---- the memory of a batch ---- */

size_t gd_engine_positions_room(size_t positions)
{
    size_t room = 512;

    while (room < positions)
        room *= 2;
    return room;
}

/* The caller's share: the trie and the batch, and 64 bytes of the queue. */
enum { HOST_ROW_BYTES = 192 };

/* Uncounted memory: the C library's free lists, stacks, lines of the input. */
enum { HOST_BYTES = 12 << 20 };

size_t gd_engine_host_bytes(size_t rows) { return rows * HOST_ROW_BYTES + HOST_BYTES; }

/* Labels of texts that have one row each: those of a run, and the caller's. */
static size_t label_bytes(const gd_plan *plan, size_t rows) { return 2 * rows * plan->label_count * sizeof(float); }

static size_t batch_bytes(const void *context, size_t rows)
{
    const gd_engine *engine = context;
    const size_t *line = engine->plan->line_bytes;
    gd_limits limits = engine->limits;
    const size_t tile = gd_engine_round_up(engine->heights.most, 64);
    const size_t longest = engine->max_positions && engine->max_positions < rows ? engine->max_positions : rows;

    limits.max_position = gd_engine_positions_room(longest);
    return gd_large_bytes(line[GD_EXTENT_BATCH] * gd_engine_round_up(rows, 64)) +
           gd_large_bytes(line[GD_EXTENT_TILE] * tile) + gd_large_bytes(line[GD_EXTENT_POOLED] * tile) +
           engine->backend->scratch_bytes(engine->device, &limits) +
           engine->plan->rope_count * limits.max_position * engine->plan->head_dim * sizeof(float) +
           (engine->backend->apart ? 0 : gd_engine_host_bytes(rows) + label_bytes(engine->plan, rows));
}

size_t gd_engine_batch_bytes(const gd_engine *engine, size_t rows) { return batch_bytes(engine, rows); }

static gd_status make_budget(gd_engine *engine, const gd_engine_parts *parts, gd_error *err)
{
    const size_t count = parts->plan->stage_count;
    size_t *stages = gd_alloc(count, sizeof *stages);
    const bool apart = parts->backend->apart;
    const gd_budget_needs needs = { .process = apart ? 0 : gd_memory_resident() + parts->beside,
                                    .stages = stages,
                                    .stage_count = count,
                                    .available = engine->backend->memory_free(engine->device),
                                    .batch = batch_bytes,
                                    .context = engine };
    gd_status rc;

    if (!stages)
        return gd_fail_memory(err, count * sizeof *stages);
    for (size_t s = 0; s < count; s++)
        stages[s] = gd_loader_stage_bytes(engine->loader, s);
    rc = gd_budget_make(&engine->budget, &needs, parts->memory, parts->batch_rows, err);
    gd_loader_keep(engine->loader, engine->budget.kept);
    gd_free(stages);
    return rc;
}

/* ---- opening and closing ---- */

static gd_status open_device(gd_engine *engine, const gd_engine_parts *parts, gd_error *err)
{
    const gd_device_options options = { parts->threads, parts->isa, parts->plan->operand, parts->arithmetic };
    gd_status rc = check_operations(engine, err);

    if (!rc)
        rc = gd_bind(&engine->bound, parts, err);
    if (!rc)
        rc = parts->backend->open(&engine->device, &options, err);
    if (!rc)
        rc = gd_loader_open(&engine->loader, parts->plan, parts->backend, engine->device, engine->bound, err);
    if (rc)
        return rc;
    engine->heights = parts->backend->heights(engine->device);
    fill_limits(&engine->limits, engine->heights.most, parts->plan, engine->bound, parts->learning);
    return GD_OK;
}

gd_status gd_engine_open(gd_engine **out, const gd_engine_parts *parts, gd_error *err)
{
    gd_engine *engine = gd_alloc_zero(1, sizeof *engine);
    gd_status rc;

    *out = NULL;
    if (!engine)
        return gd_fail_memory(err, sizeof *engine);
    engine->plan = parts->plan;
    engine->weights = parts->weights;
    engine->adapter = parts->adapter;
    engine->backend = parts->backend;
    engine->max_positions = parts->max_positions;
    engine->learning = parts->learning;
    rc = open_device(engine, parts, err);
    if (!rc)
        rc = make_budget(engine, parts, err);
    if (rc) {
        gd_engine_close(engine);
        return rc;
    }
    *out = engine;
    return GD_OK;
}

void gd_engine_close(gd_engine *engine)
{
    if (!engine)
        return;
    gd_loader_close(engine->loader);
    gd_engine_release_lines(engine);
    engine->backend->close(engine->device);
    gd_free(engine->rope_cos);
    gd_free(engine->rope_sin);
    gd_free(engine->bound);
    gd_free(engine);
}

const gd_budget *gd_engine_budget(const gd_engine *engine) { return &engine->budget; }

const char *gd_engine_describe(const gd_engine *engine) { return engine->backend->describe(engine->device); }

const char *gd_engine_matmul(const gd_engine *engine) { return engine->backend->matmul(engine->device); }

/* ---- a run ---- */

void gd_engine_observe(gd_engine *engine, gd_engine_observer *observer, void *context)
{
    engine->observer = observer;
    engine->observer_context = context;
}

void gd_engine_watch(gd_engine *engine, const gd_watcher *watcher) { engine->watcher = *watcher; }

gd_status gd_engine_read(gd_engine *engine, const gd_tensor *from, void *host, gd_error *err)
{
    return engine->backend->download(engine->device, host, from->data,
                                     from->rows * from->stride * gd_dtype_size(from->dtype), err);
}

void gd_engine_spread(gd_engine *engine, size_t count, gd_task *task, void *context)
{
    engine->backend->spread(engine->device, count, task, context);
}

const float *gd_engine_rope(const gd_engine *engine, size_t table, const float **sines)
{
    const size_t at = table * engine->limits.max_position * (engine->plan->head_dim / 2);

    *sines = engine->rope_sin + at;
    return engine->rope_cos + at;
}

/* A run: its input, and where the scores go. */
struct run {
    gd_engine *engine;
    const gd_trie *trie;
    gd_device_rows *rows;
    float *scores, *labels; /* labels: NULL if they don't matter */
};

/* A view of `count` lines of a buffer from line `first`. */
static gd_tensor tensor_at(const gd_engine *engine, unsigned buffer, size_t first, size_t count)
{
    const gd_plan_buffer *b = &engine->plan->buffers[buffer];
    char *base = (char *)engine->arena[b->extent] + b->offset * engine->lines[b->extent];

    return (gd_tensor){ .data = base + first * b->cols * gd_dtype_size(b->dtype),
                        .dtype = b->dtype,
                        .rows = count,
                        .cols = b->cols,
                        .stride = b->cols };
}

/* A text may have several pooled rows, and one line of some buffers. */
static size_t lines_in(const gd_engine *engine, unsigned buffer, size_t rows)
{
    return engine->plan->buffers[buffer].of_text ? rows / engine->plan->place_count : rows;
}

/* A buffer of the batch is seen through the tile's window, unless the step reads it whole. */
static gd_tensor step_tensor(const struct run *run, const gd_plan_step *step, unsigned index, const gd_tile *tile)
{
    const gd_engine *engine = run->engine;
    const unsigned buffer = step->in[index];

    if (engine->plan->buffers[buffer].extent != GD_EXTENT_BATCH)
        return tensor_at(engine, buffer, 0, lines_in(engine, buffer, tile->count));
    if (gd_op_table[step->op].whole & GD_IN(index))
        return tensor_at(engine, buffer, 0, run->trie->rows);
    return tensor_at(engine, buffer, tile->first, tile->count);
}

static gd_call call_of(const struct run *run, size_t index, const gd_tile *tile)
{
    const gd_engine *engine = run->engine;
    const gd_plan_step *step = &engine->plan->steps[index];
    const gd_bound *bound = &engine->bound[index];
    const bool batch = engine->plan->buffers[step->out].extent == GD_EXTENT_BATCH;
    gd_call call = { .params = step->params, .tile = tile };

    for (unsigned i = 0; i < step->in_count; i++)
        call.in[i] = step_tensor(run, step, i, tile);
    call.out = tensor_at(engine, step->out, batch ? tile->first : 0, lines_in(engine, step->out, tile->count));
    for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++)
        call.w[i] = bound->w[i].weight;
    if (bound->lora.rank)
        call.lora = (gd_lora_weights){ bound->w[GD_BOUND_LORA_A].weight, bound->w[GD_BOUND_LORA_B].weight,
                                       bound->lora.scale };
    return call;
}

static void watch(const struct run *run, size_t index, size_t count, const gd_call *calls, bool after)
{
    const gd_engine *engine = run->engine;
    const gd_watched seen = { .step = index,
                              .count = count,
                              .gated = count > 1 && engine->plan->steps[index].gated && engine->backend->gated_linears,
                              .calls = calls,
                              .bound = &engine->bound[index],
                              .trie = run->trie };

    if (engine->watcher.call)
        engine->watcher.call(engine->watcher.context, &seen, after);
}

/* Steps that the backend computes in one call. */
typedef enum team { ALONE, GATED, LINEARS, SUMMED } team;

/* Whoever watches sees a linear's output before it is added, too: the bits are the same. */
static team team_of(const gd_engine *engine, const gd_plan_step *step)
{
    const gd_backend *backend = engine->backend;

    if (step->gated && backend->gated_linears)
        return GATED;
    if (step->linears > 1 && backend->linears)
        return LINEARS;
    return step->summed && backend->linear_add && !engine->watcher.call ? SUMMED : ALONE;
}

static size_t team_size(team which, const gd_plan_step *step)
{
    switch (which) {
    case GATED: return 3;
    case LINEARS: return step->linears;
    case SUMMED: return 2;
    default: return 1;
    }
}

/* Runs a step, and those after it that the backend computes in the same call. Returns their number. */
static size_t run_steps(const struct run *run, size_t index, const gd_tile *tile)
{
    const gd_plan_step *step = &run->engine->plan->steps[index];
    const gd_backend *backend = run->engine->backend;
    gd_device *device = run->engine->device;
    const team which = team_of(run->engine, step);
    const size_t count = team_size(which, step);
    gd_call calls[GD_OP_MAX_LINEARS];

    for (size_t i = 0; i < count; i++)
        calls[i] = call_of(run, index + i, tile);
    watch(run, index, count, calls, false);
    switch (which) {
    case GATED: backend->gated_linears(device, calls, &calls[2]); break;
    case LINEARS: backend->linears(device, calls, count); break;
    case SUMMED: backend->linear_add(device, &calls[0], &calls[1]); break;
    default: backend->run[step->op](device, calls);
    }
    watch(run, index, count, calls, true);
    return count;
}

static void run_tile(const struct run *run, const gd_plan_stage *stage, const gd_tile *tile)
{
    const size_t end = stage->first_step + stage->step_count;

    for (size_t s = stage->first_step; s < end;)
        s += run_steps(run, s, tile);
}

static void observe(const gd_engine *engine, size_t stage, size_t lines)
{
    const gd_plan_step *head = &engine->plan->steps[engine->plan->step_count - 1];
    const unsigned buffer = engine->plan->stages[stage].pooled ? head->in[0] : engine->plan->carry;
    gd_tensor hidden;

    if (!engine->observer)
        return;
    hidden = tensor_at(engine, buffer, 0, lines_in(engine, buffer, lines));
    engine->observer(engine->observer_context, stage, &hidden);
}

size_t gd_engine_tile_height(size_t rows, size_t most, size_t step)
{
    const size_t tiles = (rows + most - 1) / most, whole = gd_engine_round_up((rows + tiles - 1) / tiles, step);

    return whole < most ? whole : most;
}

static void run_rows(const struct run *run, size_t index)
{
    const gd_engine *engine = run->engine;
    const size_t rows = run->trie->rows, most = gd_loader_tile_rows(engine->loader, index, engine->heights.most);
    const size_t height = gd_engine_tile_height(rows, most, engine->heights.step);

    for (size_t first = 0; first < rows; first += height) {
        const gd_tile tile = { run->rows, false, first, rows - first < height ? rows - first : height };

        run_tile(run, &engine->plan->stages[index], &tile);
        gd_loader_tile_done(engine->loader, index);
    }
    observe(engine, index, rows);
}

/* Lines of a buffer of pooled rows to where those of the whole run are. */
static gd_status take_lines(const struct run *run, unsigned buffer, const gd_tile *tile, float *to, gd_error *err)
{
    const gd_engine *engine = run->engine;
    const gd_tensor from = tensor_at(engine, buffer, 0, lines_in(engine, buffer, tile->count));
    const size_t first = lines_in(engine, buffer, tile->first);

    return engine->backend->download(engine->device, to + first * from.cols, from.data,
                                     from.rows * from.cols * sizeof(float), err);
}

/* A tile has all pooled rows of a text, or none. */
static size_t whole_texts(const gd_engine *engine, size_t rows) { return rows - rows % engine->plan->place_count; }

static gd_status run_pooled(const struct run *run, size_t index, gd_error *err)
{
    const gd_engine *engine = run->engine;
    const size_t all = run->trie->pooled_count, most = whole_texts(engine, engine->heights.most);
    gd_status rc = GD_OK;

    for (size_t first = 0; !rc && first < all; first += most) {
        const gd_tile tile = { run->rows, true, first, all - first < most ? all - first : most };

        run_tile(run, &engine->plan->stages[index], &tile);
        observe(engine, index, tile.count);
        rc = take_lines(run, engine->plan->score, &tile, run->scores, err);
        if (!rc && run->labels)
            rc = take_lines(run, engine->plan->labels_value, &tile, run->labels, err);
    }
    return rc;
}

static gd_status run_stages(const struct run *run, gd_error *err)
{
    gd_engine *engine = run->engine;
    const gd_plan *plan = engine->plan;
    const size_t few = engine->heights.few;
    gd_status rc = GD_OK;

    gd_loader_forward(engine->loader, run->trie->rows <= few && run->trie->pooled_count <= few);
    for (size_t i = 0; !rc && i < plan->stage_count; i++) {
        rc = gd_loader_next(engine->loader, err);
        if (rc)
            break;
        if (plan->stages[i].pooled)
            rc = run_pooled(run, i, err);
        else
            run_rows(run, i);
        gd_loader_done(engine->loader);
    }
    if (engine->backend->finish) { /* after a failure, too: operations under way read the batch */
        const gd_status finished = engine->backend->finish(engine->device, err);

        rc = rc ? rc : finished;
    }
    if (rc)
        gd_loader_drop(engine->loader);
    return rc;
}

gd_status gd_engine_unchanged(const gd_engine *engine, gd_error *err)
{
    const gd_status rc = gd_weights_unchanged(engine->weights, err);

    return rc || !engine->adapter ? rc : gd_adapter_unchanged(engine->adapter, err);
}

gd_batch_rows gd_engine_rows(const gd_engine *engine, const gd_trie *trie)
{
    return (gd_batch_rows){ .rows = trie->rows,
                            .token = trie->token,
                            .position = trie->position,
                            .segment = trie->row_segment,
                            .segments = trie->segment,
                            .segment_count = trie->segments,
                            .pooled = trie->pooled,
                            .pooled_count = trie->pooled_count,
                            .rope_cos = engine->rope_cos,
                            .rope_sin = engine->rope_sin,
                            .positions = engine->limits.max_position,
                            .tables = engine->plan->rope_count };
}

static gd_status run_batch(gd_engine *engine, const gd_trie *trie, float *scores, float *labels, gd_error *err)
{
    struct run run = { .engine = engine, .trie = trie, .scores = scores, .labels = labels };
    gd_batch_rows rows;
    gd_status rc;

    rc = gd_engine_reserve(engine, trie, err);
    rows = gd_engine_rows(engine, trie);
    if (!rc)
        rc = engine->backend->rows_make(engine->device, &run.rows, &rows, err);
    gd_guard_enter();
    if (!rc)
        rc = run_stages(&run, err);
    gd_guard_leave();
    engine->backend->rows_free(engine->device, run.rows);
    return rc ? rc : gd_engine_unchanged(engine, err);
}

/* A card's memory is its limit, which no option has set: so it is said what would do.  What the batch has reserved is
 * released: a part of it, which may come next, needs less. */
static gd_status fail_on_card(gd_engine *engine, const gd_error *why, gd_error *err)
{
    gd_engine_release_lines(engine);
    return gd_fail(err, GD_ENOMEM, "%s; this model needs at least %zu MiB", why->text,
                   gd_budget_enough_mib(engine->budget.least));
}

gd_status gd_engine_run(gd_engine *engine, const gd_trie *trie, float *scores, gd_error *err)
{
    return gd_engine_run_labels(engine, trie, scores, NULL, err);
}

gd_status gd_engine_run_labels(gd_engine *engine, const gd_trie *trie, float *scores, float *labels, gd_error *err)
{
    gd_error why = { 0 };
    gd_status rc = trie->pooled_count ? run_batch(engine, trie, scores, labels, &why) : GD_OK;

    if (rc == GD_ENOMEM && engine->backend->apart)
        return fail_on_card(engine, &why, err);
    return rc ? gd_fail(err, rc, "%s", why.text) : GD_OK;
}
