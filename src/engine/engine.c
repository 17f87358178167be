/* engine.c - runs a plan over a batch on a backend. */
#include "engine/engine.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sysmem.h"
#include "engine/bind.h"
#include "engine/loader.h"

#include <string.h>

/* Rows that go through a layer together: enough for a matmul to run at its peak, few enough that their activations
 * stay in the last cache.  Tiles are whole steps high where they can: a step is what the kernels' own tiles divide,
 * of 6 rows (AVX2) and of 14 (AVX-512). */
#define TILE_STEP 42u
#define TILE_ROWS (6 * TILE_STEP)

/* So few rows that packing the weights anew for each tile takes no longer than filling memory with them. */
#define FEW_ROWS (4 * TILE_ROWS)

struct gd_engine {
    const gd_plan *plan;
    const gd_backend *backend;
    gd_device *device;
    gd_bound *bound;  /* [plan->step_count] */
    gd_limits limits; /* what the device is prepared for */
    gd_loader *loader;
    gd_budget budget;
    size_t max_positions; /* tokens of the longest text that may come; 0: unknown */
    size_t lines[3];      /* by gd_extent: lines that the arenas have */
    void *arena[3];
    uint32_t *pooled_position, *pooled_segment; /* of a tile of texts */
    gd_engine_observer *observer;
    void *observer_context;
    float *rope_cos, *rope_sin; /* [limits.max_position, head_dim / 2] */
};

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

static void fill_limits(gd_limits *limits, const gd_plan *plan, const gd_bound *bound)
{
    *limits = (gd_limits){ .tile_rows = TILE_ROWS,
                           .head_dim = plan->head_dim,
                           .heads = plan->heads,
                           .kv_heads = plan->kv_heads };
    for (size_t s = 0; s < plan->step_count; s++) {
        const gd_plan_step *step = &plan->steps[s];

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

/* ---- what a batch takes ---- */

/* Rotary tables and scratch space grow with the longest text, by doubling. */
static size_t positions_room(size_t positions)
{
    size_t room = 512;

    while (room < positions)
        room *= 2;
    return room;
}

/* Of the caller's side: the trie and the batch, and 64 bytes of the queue. */
enum { HOST_ROW_BYTES = 192 };

/* Of whatever nobody counts: the C library's free lists, stacks, lines of the input. */
enum { HOST_BYTES = 12 << 20 };

static size_t batch_bytes(const void *context, size_t rows)
{
    const gd_engine *engine = context;
    const size_t *line = engine->plan->line_bytes;
    gd_limits limits = engine->limits;
    const size_t longest = engine->max_positions && engine->max_positions < rows ? engine->max_positions : rows;

    limits.max_position = positions_room(longest);
    return gd_large_bytes(line[GD_EXTENT_BATCH] * round_up(rows, 64)) +
           gd_large_bytes(line[GD_EXTENT_TILE] * TILE_ROWS) + gd_large_bytes(line[GD_EXTENT_TEXTS] * TILE_ROWS) +
           engine->backend->scratch_bytes(engine->device, &limits) +
           limits.max_position * engine->plan->head_dim * sizeof(float) + rows * HOST_ROW_BYTES + HOST_BYTES;
}

static gd_status make_budget(gd_engine *engine, const gd_engine_parts *parts, gd_error *err)
{
    const size_t count = parts->plan->stage_count;
    size_t *stages = gd_alloc(count, sizeof *stages);
    const gd_budget_needs needs = { .process = gd_memory_resident(),
                                    .stages = stages,
                                    .stage_count = count,
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

/* ---- its life ---- */

static gd_status open_device(gd_engine *engine, const gd_engine_parts *parts, gd_error *err)
{
    const gd_device_options options = { parts->threads, parts->isa, parts->plan->operand };
    gd_status rc = check_operations(engine, err);

    if (!rc)
        rc = gd_bind(&engine->bound, parts, err);
    if (!rc)
        rc = parts->backend->open(&engine->device, &options, err);
    if (!rc)
        rc = gd_loader_open(&engine->loader, parts->plan, parts->backend, engine->device, engine->bound, err);
    if (rc)
        return rc;
    fill_limits(&engine->limits, parts->plan, engine->bound);
    engine->pooled_position = gd_alloc(TILE_ROWS, sizeof *engine->pooled_position);
    engine->pooled_segment = gd_alloc(TILE_ROWS, sizeof *engine->pooled_segment);
    if (!engine->pooled_position || !engine->pooled_segment)
        return gd_fail_memory(err, TILE_ROWS * 2 * sizeof *engine->pooled_position);
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
    engine->backend = parts->backend;
    engine->max_positions = parts->max_positions;
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
    for (int e = 0; e < 3; e++)
        if (engine->arena[e])
            engine->backend->buffer_free(engine->device, engine->arena[e]);
    engine->backend->close(engine->device);
    gd_free(engine->pooled_position);
    gd_free(engine->pooled_segment);
    gd_free(engine->rope_cos);
    gd_free(engine->rope_sin);
    gd_free(engine->bound);
    gd_free(engine);
}

const gd_budget *gd_engine_budget(const gd_engine *engine) { return &engine->budget; }

const char *gd_engine_describe(const gd_engine *engine) { return engine->backend->describe(engine->device); }

/* ---- memory: had before a run, never in it ---- */

static gd_status reserve_lines(gd_engine *engine, gd_extent extent, size_t lines, gd_error *err)
{
    size_t bytes;

    lines = round_up(lines, 64); /* keeps every buffer of the arena aligned: plan.h */
    if (lines <= engine->lines[extent])
        return GD_OK;
    if (engine->arena[extent])
        engine->backend->buffer_free(engine->device, engine->arena[extent]);
    engine->arena[extent] = NULL;
    engine->lines[extent] = 0;
    if (!gd_mul(lines, engine->plan->line_bytes[extent], &bytes))
        return gd_fail_memory(err, SIZE_MAX);
    if (engine->backend->buffer_alloc(engine->device, &engine->arena[extent], bytes, err))
        return GD_ENOMEM;
    engine->lines[extent] = lines;
    return GD_OK;
}

static gd_status reserve_positions(gd_engine *engine, size_t positions, gd_error *err)
{
    const size_t half = engine->plan->head_dim / 2;
    gd_limits limits = engine->limits;
    const size_t room = positions_room(positions);
    gd_status rc;

    if (positions <= limits.max_position)
        return GD_OK;
    gd_free(engine->rope_cos);
    gd_free(engine->rope_sin);
    engine->limits.max_position = 0;
    engine->rope_cos = gd_alloc(room, half * sizeof(float));
    engine->rope_sin = gd_alloc(room, half * sizeof(float));
    if (!engine->rope_cos || !engine->rope_sin)
        return gd_fail_memory(err, 2 * room * half * sizeof(float));
    gd_rope_table(&engine->plan->rope, engine->plan->head_dim, room, engine->rope_cos, engine->rope_sin);
    limits.max_position = room;
    rc = engine->backend->prepare(engine->device, &limits, err);
    if (!rc)
        engine->limits = limits;
    return rc;
}

static gd_status reserve(gd_engine *engine, const gd_trie *trie, gd_error *err)
{
    const size_t widest = trie->rows < trie->texts ? trie->texts : trie->rows; /* tiles hold texts, too */
    const size_t tile = widest < TILE_ROWS ? widest : TILE_ROWS;
    size_t positions = 1;
    gd_status rc;

    for (size_t r = 0; r < trie->rows; r++)
        if (trie->position[r] >= positions)
            positions = (size_t)trie->position[r] + 1;
    rc = reserve_positions(engine, positions, err);
    if (!rc)
        rc = reserve_lines(engine, GD_EXTENT_BATCH, trie->rows, err);
    if (!rc)
        rc = reserve_lines(engine, GD_EXTENT_TILE, tile, err);
    if (!rc)
        rc = reserve_lines(engine, GD_EXTENT_TEXTS, TILE_ROWS, err);
    return rc;
}

/* ---- a run ---- */

void gd_engine_observe(gd_engine *engine, gd_engine_observer *observer, void *context)
{
    engine->observer = observer;
    engine->observer_context = context;
}

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

/* Buffers of the batch are seen through the tile's window, but for the two readers of the whole batch. */
static gd_tensor step_tensor(const gd_engine *engine, const gd_plan_step *step, unsigned index, const gd_rows *rows,
                             size_t batch_rows)
{
    const unsigned buffer = step->in[index];
    const bool whole = (step->op == GD_OP_attention && index > 0) || step->op == GD_OP_last_row;

    if (engine->plan->buffers[buffer].extent != GD_EXTENT_BATCH)
        return tensor_at(engine, buffer, 0, rows->count);
    return whole ? tensor_at(engine, buffer, 0, batch_rows) : tensor_at(engine, buffer, rows->first_row, rows->count);
}

static gd_call call_of(const gd_engine *engine, size_t index, const gd_rows *rows, size_t batch_rows)
{
    const gd_plan_step *step = &engine->plan->steps[index];
    const gd_bound *bound = &engine->bound[index];
    gd_call call = { .params = step->params, .rows = rows };

    for (unsigned i = 0; i < step->in_count; i++)
        call.in[i] = step_tensor(engine, step, i, rows, batch_rows);
    if (engine->plan->buffers[step->out].extent == GD_EXTENT_BATCH)
        call.out = tensor_at(engine, step->out, rows->first_row, rows->count);
    else
        call.out = tensor_at(engine, step->out, 0, rows->count);
    for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++)
        call.w[i] = bound->w[i].weight;
    if (bound->lora.rank)
        call.lora = (gd_lora_weights){ bound->w[GD_BOUND_LORA_A].weight, bound->w[GD_BOUND_LORA_B].weight,
                                       bound->lora.scale };
    return call;
}

static void run_step(gd_engine *engine, size_t index, const gd_rows *rows, size_t batch_rows)
{
    const gd_call call = call_of(engine, index, rows, batch_rows);

    engine->backend->run[engine->plan->steps[index].op](engine->device, &call);
}

/* Runs a step, with those behind it that the backend can do in one. Returns how many. */
static size_t run_steps(gd_engine *engine, const gd_plan_stage *stage, size_t index, const gd_rows *rows,
                        size_t batch_rows)
{
    const gd_backend *backend = engine->backend;
    const bool gates = backend->gated_linears && gd_plan_gates(engine->plan, stage, index);
    const size_t alike = backend->linears ? gd_plan_linears(engine->plan, stage, index, GD_BACKEND_LINEARS) : 0;
    const size_t count = gates ? 3 : alike;
    gd_call calls[GD_BACKEND_LINEARS];

    if (count < 2) {
        run_step(engine, index, rows, batch_rows);
        return 1;
    }
    for (size_t i = 0; i < count; i++)
        calls[i] = call_of(engine, index + i, rows, batch_rows);
    if (gates)
        backend->gated_linears(engine->device, calls, &calls[2]);
    else
        backend->linears(engine->device, calls, count);
    return count;
}

static void run_tile(gd_engine *engine, const gd_plan_stage *stage, const gd_rows *rows, size_t batch_rows)
{
    const size_t end = stage->first_step + stage->step_count;

    for (size_t s = stage->first_step; s < end;)
        s += run_steps(engine, stage, s, rows, batch_rows);
}

static void observe(gd_engine *engine, size_t stage, size_t lines)
{
    const gd_plan_step *head = &engine->plan->steps[engine->plan->step_count - 1];
    gd_tensor hidden;

    if (!engine->observer)
        return;
    hidden = tensor_at(engine, engine->plan->stages[stage].over_texts ? head->in[0] : engine->plan->carry, 0, lines);
    engine->observer(engine->observer_context, stage, &hidden);
}

/* Of about equal height: 260 rows are 168 + 92, not 252 + 8. */
static size_t tile_height(size_t rows, size_t most)
{
    const size_t tiles = (rows + most - 1) / most, whole = round_up((rows + tiles - 1) / tiles, TILE_STEP);

    return whole < most ? whole : most;
}

static void run_rows(gd_engine *engine, size_t index, gd_rows *rows, size_t batch_rows)
{
    const gd_plan_stage *stage = &engine->plan->stages[index];
    const size_t height = tile_height(batch_rows, gd_loader_tile_rows(engine->loader, index, TILE_ROWS));

    for (size_t first = 0; first < batch_rows; first += height) {
        rows->first_row = first;
        rows->count = batch_rows - first < height ? batch_rows - first : height;
        run_tile(engine, stage, rows, batch_rows);
        gd_loader_tile_done(engine->loader, index);
    }
    observe(engine, index, batch_rows);
}

static gd_status run_texts(gd_engine *engine, size_t index, const gd_rows *rows, size_t batch_rows, size_t text_count,
                           float *scores, gd_error *err)
{
    const gd_plan_stage *stage = &engine->plan->stages[index];
    gd_rows texts = *rows;
    gd_status rc = GD_OK;

    texts.first_row = 0;
    texts.position = engine->pooled_position;
    texts.segment = engine->pooled_segment;

    for (size_t first = 0; !rc && first < text_count; first += texts.count) {
        texts.count = text_count - first < TILE_ROWS ? text_count - first : TILE_ROWS;
        texts.pooled = rows->pooled + first;
        for (size_t t = 0; t < texts.count; t++) {
            engine->pooled_position[t] = rows->position[texts.pooled[t]];
            engine->pooled_segment[t] = rows->segment[texts.pooled[t]];
        }
        run_tile(engine, stage, &texts, batch_rows);
        observe(engine, index, texts.count);
        rc = engine->backend->download(engine->device, scores + first,
                                       tensor_at(engine, engine->plan->score, 0, texts.count).data,
                                       texts.count * sizeof(float), err);
    }
    return rc;
}

gd_status gd_engine_run(gd_engine *engine, const gd_trie *trie, float *scores, gd_error *err)
{
    const gd_plan *plan = engine->plan;
    gd_rows rows = { .token = trie->token,
                     .position = trie->position,
                     .segment = trie->row_segment,
                     .segments = trie->segment,
                     .pooled = trie->text_last_row };
    const bool few = trie->rows <= FEW_ROWS && trie->texts <= FEW_ROWS;
    gd_status rc;

    if (trie->texts == 0)
        return GD_OK;
    rc = reserve(engine, trie, err);
    rows.rope_cos = engine->rope_cos;
    rows.rope_sin = engine->rope_sin;
    for (size_t i = 0; !rc && i < plan->stage_count; i++) {
        rc = gd_loader_begin(engine->loader, i, few, err);
        if (rc)
            break;
        if (plan->stages[i].over_texts)
            rc = run_texts(engine, i, &rows, trie->rows, trie->texts, scores, err);
        else
            run_rows(engine, i, &rows, trie->rows);
        gd_loader_end(engine->loader, i);
    }
    if (rc)
        gd_loader_drop(engine->loader);
    return rc;
}
