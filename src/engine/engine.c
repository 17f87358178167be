/* engine.c - an engine is opened: its weights are found, its device opened, its memory divided. */
#include "engine/inside.h"

#include "base/error.h"
#include "base/guard.h"
#include "base/mem.h"
#include "base/sysmem.h"

#include <string.h>

static void fill_limits(gd_limits *limits, const gd_engine *engine, bool train)
{
    const gd_plan *plan = engine->plan;
    const gd_bound *bound = engine->bound;
    const size_t groups = engine->groups;

    *limits = (gd_limits){ .tile_rows = engine->heights.most,
                           .head_dim = plan->head_dim,
                           .heads = plan->heads,
                           .kv_heads = plan->kv_heads,
                           .labels = plan->labels,
                           .train = train };
    for (size_t s = 0; s < plan->step_count; s++) {
        const gd_plan_step *step = &plan->steps[s];

        if (bound[s * groups].w[0].learns && step->w[0].rank == 2 && step->op != GD_OP_embedding &&
            step->w[0].shape[0] > limits->max_learned)
            limits->max_learned = step->w[0].shape[0];
        if (step->op != GD_OP_linear)
            continue;
        if (step->w[0].shape[0] > limits->max_out)
            limits->max_out = step->w[0].shape[0];
        if (step->w[0].shape[1] > limits->max_in)
            limits->max_in = step->w[0].shape[1];
        for (size_t g = 0; g < groups; g++)
            if (bound[s * groups + g].lora.rank > limits->max_rank)
                limits->max_rank = bound[s * groups + g].lora.rank;
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
        rc = gd_loader_open(&engine->loader, parts->plan, parts->backend, engine->device, engine->bound, engine->groups,
                            err);
    if (rc)
        return rc;
    engine->heights = parts->backend->heights(engine->device);
    fill_limits(&engine->limits, engine, parts->learning);
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
    engine->adapter = parts->over.adapter;
    engine->more = parts->more;
    engine->groups = 1 + parts->more_count;
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
