/* inside.h - an opened engine, for the files that run it: engine.c forward, learn.c there and back. */
#ifndef GD_ENGINE_INSIDE_H
#define GD_ENGINE_INSIDE_H

#include "engine/bind.h"
#include "engine/engine.h"
#include "engine/loader.h"
#include "engine/watch.h"

struct gd_engine {
    const gd_plan *plan;
    const gd_weights *weights;
    const gd_adapter *adapter; /* or NULL: of group 0 */
    const gd_over *more;       /* [groups - 1] of those after it */
    size_t groups;             /* of texts, each with its adapter; 1 to train */
    const gd_backend *backend;
    gd_device *device;
    gd_bound *bound;    /* [plan->step_count, groups] */
    gd_heights heights; /* of tiles, as the device prefers them */
    gd_limits limits;   /* what the device is prepared for */
    gd_loader *loader;
    gd_budget budget;
    size_t max_positions; /* no text has more tokens; 0: unknown */
    size_t lines[3];      /* by gd_extent: lines for which the arenas have room */
    void *arena[3];
    gd_engine_observer *observer;
    void *observer_context;
    gd_watcher watcher;          /* all zero: none */
    const gd_learning *learning; /* or NULL */
    float *rope_cos, *rope_sin;  /* [plan->rope_count, limits.max_position, head_dim / 2] */
};

static inline size_t gd_engine_round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* Tiles of similar height: 260 rows are 168 + 92, not 252 + 8. */
size_t gd_engine_tile_height(size_t rows, size_t most, size_t step);

/* What a run over the trie needs besides weights. */
gd_status gd_engine_reserve(gd_engine *engine, const gd_trie *trie, gd_error *err);

/* Gives the lines of all buffers back. */
void gd_engine_release_lines(gd_engine *engine);

/* Rotary tables for so many positions, and the device's scratch space. */
gd_status gd_engine_reserve_positions(gd_engine *engine, size_t positions, gd_error *err);

/* Whether the weights that a run has read were those of the model. */
gd_status gd_engine_unchanged(const gd_engine *engine, gd_error *err);

/* The positions for which tables are made: they grow by doubling. */
size_t gd_engine_positions_room(size_t positions);

/* The caller's memory for a batch of so many rows, and what nobody counts. */
size_t gd_engine_host_bytes(size_t rows);

/* The positions of the longest text. */
size_t gd_engine_positions(const gd_trie *trie);

/* The rows of a trie as the device takes them; with the tables of this engine. */
gd_batch_rows gd_engine_rows(const gd_engine *engine, const gd_trie *trie);

#endif
