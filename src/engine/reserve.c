/* reserve.c - the memory of a run: reserved before it, never during it. */
#include "engine/inside.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdint.h>

void gd_engine_release_lines(gd_engine *engine)
{
    for (int e = 0; e < 3; e++) {
        if (engine->arena[e])
            engine->backend->buffer_free(engine->device, engine->arena[e]);
        engine->arena[e] = NULL;
        engine->lines[e] = 0;
    }
}

static gd_status reserve_lines(gd_engine *engine, gd_extent extent, size_t lines, gd_error *err)
{
    size_t bytes;
    gd_status rc;

    lines = gd_engine_round_up(lines, 64); /* keeps every buffer of the arena aligned: plan.h */
    if (lines <= engine->lines[extent])
        return GD_OK;
    if (engine->arena[extent])
        engine->backend->buffer_free(engine->device, engine->arena[extent]);
    engine->arena[extent] = NULL;
    engine->lines[extent] = 0;
    if (!gd_mul(lines, engine->plan->line_bytes[extent], &bytes))
        return gd_fail_memory(err, SIZE_MAX);
    rc = engine->backend->buffer_alloc(engine->device, &engine->arena[extent], bytes, err);
    if (!rc)
        engine->lines[extent] = lines;
    return rc;
}

gd_status gd_engine_reserve_positions(gd_engine *engine, size_t positions, gd_error *err)
{
    const gd_plan *plan = engine->plan;
    gd_limits limits = engine->limits;
    const size_t room = gd_engine_positions_room(positions), table = room * (plan->head_dim / 2);
    gd_status rc;

    if (positions <= limits.max_position)
        return GD_OK;
    gd_free(engine->rope_cos);
    gd_free(engine->rope_sin);
    engine->limits.max_position = 0;
    engine->rope_cos = gd_alloc(plan->rope_count, table * sizeof(float));
    engine->rope_sin = gd_alloc(plan->rope_count, table * sizeof(float));
    if (!engine->rope_cos || !engine->rope_sin)
        return gd_fail_memory(err, 2 * plan->rope_count * table * sizeof(float));
    for (size_t i = 0; i < plan->rope_count; i++)
        gd_rope_table(&plan->ropes[i], plan->head_dim, room, engine->rope_cos + i * table,
                      engine->rope_sin + i * table);
    limits.max_position = room;
    rc = engine->backend->prepare(engine->device, &limits, err);
    if (!rc)
        engine->limits = limits;
    return rc;
}

size_t gd_engine_positions(const gd_trie *trie)
{
    size_t positions = 1;

    for (size_t r = 0; r < trie->rows; r++)
        if (trie->position[r] >= positions)
            positions = (size_t)trie->position[r] + 1;
    return positions;
}

gd_status gd_engine_reserve(gd_engine *engine, const gd_trie *trie, gd_error *err)
{
    const size_t widest = trie->rows < trie->pooled_count ? trie->pooled_count : trie->rows; /* tiles hold either */
    const size_t tile = widest < engine->heights.most ? widest : engine->heights.most;
    gd_status rc = gd_engine_reserve_positions(engine, gd_engine_positions(trie), err);

    if (!rc)
        rc = reserve_lines(engine, GD_EXTENT_BATCH, trie->rows, err);
    if (!rc)
        rc = reserve_lines(engine, GD_EXTENT_TILE, tile, err);
    if (!rc)
        rc = reserve_lines(engine, GD_EXTENT_POOLED, engine->heights.most, err);
    return rc;
}
