/* ptx_launch.c - a grid of blocks, shared by some threads; in a block, warps run by turns from barrier to barrier. */
#include "tests/ptx/ptx_warp.h"

#include "base/fpenv.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WARPS = 32, MOST_SHARED = 227 << 10 };

#define BUDGET (1ull << 32)
#define POISON 0x7FC0DEADu /* what a register holds before it is written */

/* What all threads of a launch share. */
struct grid {
    const ptx_entry_point *entry;
    const ptx_memory *memory;
    const ptx_launch *launch;
    uint32_t size[3], block[3];
    uint32_t threads; /* of a block */
    size_t shared_bytes;
    atomic_ullong next, steps; /* the next block */
    atomic_ullong faulty;      /* the first block that has a fault */
    pthread_mutex_t lock;      /* of err */
    ptx_error *err;
};

/* What one thread has: a block, and its warps one after another. */
struct worker {
    struct grid *grid;
    ptx_block block;
    ptx_warp *warp[MOST_WARPS];
    unsigned warps;
    uint64_t shuffle;
};

static uint32_t random_below(uint64_t *state, uint32_t n)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((*state >> 33) % n);
}

/* 0 .. n - 1 in the launch's order. */
static void put_order(unsigned char *out, unsigned n, unsigned order, uint64_t *state)
{
    for (unsigned i = 0; i < n; i++)
        out[i] = (unsigned char)(order == 1 ? n - 1 - i : i);
    for (unsigned i = n; order > 1 && i > 1; i--) {
        const unsigned k = random_below(state, i);
        const unsigned char kept = out[k];

        out[k] = out[i - 1];
        out[i - 1] = kept;
    }
}

static uint64_t value_of(const struct grid *g, const ptx_warp *w, const ptx_filled *f, uint32_t lane)
{
    const uint32_t thread = w->index * PTX_LANES + lane;
    const uint32_t tid[3] = { thread % g->block[0], thread / g->block[0] % g->block[1],
                              thread / g->block[0] / g->block[1] };
    const size_t align = g->entry->shared_align ? g->entry->shared_align : 1;

    switch (f->source) {
    case PTX_CONSTANT: return f->value;
    case PTX_TID: return tid[f->axis];
    case PTX_CTAID: return w->block->id[f->axis];
    case PTX_NTID: return g->block[f->axis];
    case PTX_NCTAID: return g->size[f->axis];
    case PTX_LANEID: return lane;
    case PTX_WARPID: return w->index;
    case PTX_LANEMASK_LT: return (1u << lane) - 1;
    case PTX_LANEMASK_LE: return (2u << lane) - 1;
    case PTX_LANEMASK_EQ: return 1u << lane;
    case PTX_LANEMASK_GE: return ~((1u << lane) - 1);
    case PTX_LANEMASK_GT: return ~((2u << lane) - 1);
    case PTX_DYNAMIC_BASE: return (g->entry->shared_bytes + align - 1) / align * align;
    case PTX_DYNAMIC_SIZE: return g->launch->shared_bytes;
    case PTX_TOTAL_SIZE: return g->shared_bytes;
    }
    return 0;
}

static void fill_row(const struct grid *g, ptx_warp *w, const ptx_filled *f)
{
    for (uint32_t l = 0; l < PTX_LANES; l++) {
        const uint64_t v = value_of(g, w, f, l);
        const uint32_t low = (uint32_t)v;

        if (f->wide)
            memcpy(w->file + f->row + 8 * l, &v, 8);
        else
            memcpy(w->file + f->row + 4 * l, &low, 4);
    }
}

/* A warp that an earlier launch left, whose constants are in place, or a new one. */
static ptx_warp *take_warp(const ptx_entry_point *e)
{
    ptx_warp *w = ptx_pool_take(e->pool);

    if (w)
        return w;
    w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->file = aligned_alloc(128, e->file_bytes + 128);
    w->predicate = calloc(e->predicates, sizeof *w->predicate);
    w->local = malloc(PTX_LANES * e->local_bytes + 1);
    if (!w->file || !w->predicate || !w->local)
        abort();
    for (size_t i = 0; i < e->file_bytes / 4; i++)
        ((uint32_t *)(void *)w->file)[i] = POISON;
    memset(w->local, 0xFF, PTX_LANES * e->local_bytes);
    w->fresh = true;
    return w;
}

static ptx_warp *open_warp(struct worker *k, unsigned index)
{
    const struct grid *g = k->grid;
    const ptx_entry_point *e = g->entry;
    ptx_warp *w = take_warp(e);
    const uint32_t left = g->threads - index * PTX_LANES;

    w->block = &k->block;
    w->index = index;
    w->budget = g->launch->budget ? g->launch->budget : BUDGET;
    w->launched = left >= PTX_LANES ? PTX_ALL : (1u << left) - 1;
    for (size_t i = 0; i < e->filled_count; i++)
        if (w->fresh || e->filled[i].source != PTX_CONSTANT)
            fill_row(g, w, &e->filled[i]);
    w->fresh = false;
    w->predicate[PTX_TRUE] = PTX_ALL;
    return w;
}

static void begin_warp(const struct grid *g, ptx_warp *w)
{
    w->at = 0;
    w->lanes = w->launched;
    w->next = UINT32_MAX;
    w->waiting_count = 0;
    w->copy_count = 0;
    w->range = NULL;
    w->steps = 0;
    w->ended = false;
    memset(w->group, 0, sizeof w->group);
    for (size_t i = 0; i < g->entry->filled_count; i++)
        if (g->entry->filled[i].source == PTX_CTAID)
            fill_row(g, w, &g->entry->filled[i]);
}

/* Each warp up to its next barrier, or its end. */
static bool run_epoch(struct worker *k, ptx_runner *run)
{
    unsigned char turn[MOST_WARPS];
    unsigned ended = 0;
    const ptx_warp *at_barrier = NULL;

    put_order(turn, k->warps, k->grid->launch->order, &k->shuffle);
    for (unsigned i = 0; i < k->warps; i++) {
        ptx_warp *w = k->warp[turn[i]];

        if (!w->ended && run(w) == PTX_FAULT)
            return false;
        ended += w->ended;
        if (w->ended)
            continue;
        if (at_barrier && at_barrier->barrier != w->barrier)
            return ptx_fault(w, &k->block.entry->ops[w->at - 1], -1, "waits at barrier %d, warp %u at barrier %d",
                             (int)w->barrier, at_barrier->index, (int)at_barrier->barrier) != PTX_FAULT;
        at_barrier = w;
    }
    if (ended && at_barrier)
        return ptx_fault(k->warp[at_barrier->index], &k->block.entry->ops[at_barrier->at - 1], -1,
                         "waits at a barrier, but %u other warps have ended", ended) != PTX_FAULT;
    ptx_shared_barrier(&k->block.shared);
    return true;
}

static bool all_ended(const struct worker *k)
{
    for (unsigned i = 0; i < k->warps; i++)
        if (!k->warp[i]->ended)
            return false;
    return true;
}

static bool copies_arrived(struct worker *k)
{
    for (unsigned i = 0; i < k->warps; i++)
        if (k->warp[i]->copy_count) {
            const ptx_copy *c = &k->warp[i]->copies[0];
            const ptx_op at = { .line = c->line };

            return ptx_fault(k->warp[i], &at, (int)c->lane, "a cp.async that nobody waits for") != PTX_FAULT;
        }
    return true;
}

static bool run_block(struct worker *k, uint64_t number)
{
    const struct grid *g = k->grid;
    ptx_runner *run = g->entry->variant->run;

    k->shuffle = number * 977 + g->launch->order;
    k->block.id[0] = (uint32_t)(number % g->size[0]);
    k->block.id[1] = (uint32_t)(number / g->size[0] % g->size[1]);
    k->block.id[2] = (uint32_t)(number / g->size[0] / g->size[1]);
    put_order(k->block.lane_order, PTX_LANES, g->launch->order, &k->shuffle);
    ptx_shared_block(&k->block.shared);
    for (unsigned i = 0; i < k->warps; i++)
        begin_warp(g, k->warp[i]);
    while (!all_ended(k))
        if (!run_epoch(k, run))
            return false;
    return copies_arrived(k);
}

/* The fault of the first block counts, so that it does not depend on the threads. */
static void note_fault(struct grid *g, uint64_t number, const ptx_error *err)
{
    (void)pthread_mutex_lock(&g->lock);
    if (number < atomic_load(&g->faulty)) {
        atomic_store(&g->faulty, number);
        *g->err = *err;
    }
    (void)pthread_mutex_unlock(&g->lock);
}

static void *work(void *arg)
{
    struct grid *g = arg;
    const uint64_t blocks = (uint64_t)g->size[0] * g->size[1] * g->size[2], env = gd_fpenv_enter();
    struct worker *k = calloc(1, sizeof *k);

    if (!k)
        abort();
    k->grid = g;
    k->block = (ptx_block){ .entry = g->entry, .memory = g->memory, .launch = g->launch };
    k->warps = (g->threads + PTX_LANES - 1) / PTX_LANES;
    ptx_shared_begin(&k->block.shared, g->shared_bytes);
    for (unsigned i = 0; i < k->warps; i++)
        k->warp[i] = open_warp(k, i);
    for (uint64_t turn; (turn = atomic_fetch_add(&g->next, 1)) < blocks;) {
        const uint64_t number = g->launch->order == 1 ? blocks - 1 - turn : turn;

        if (number < atomic_load(&g->faulty) && !run_block(k, number))
            note_fault(g, number, &k->block.err);
        for (unsigned i = 0; i < k->warps; i++)
            atomic_fetch_add(&g->steps, k->warp[i]->steps);
        if (atomic_load(&g->faulty) != UINT64_MAX)
            break;
    }
    for (unsigned i = 0; i < k->warps; i++)
        ptx_pool_put(g->entry->pool, k->warp[i]);
    ptx_shared_end(&k->block.shared);
    free(k);
    gd_fpenv_leave(env);
    return NULL;
}

static bool refuse(ptx_error *err, const char *entry, const char *sentence)
{
    (void)snprintf(err->text, sizeof err->text, "%.200s: %s", entry, sentence);
    return false;
}

static bool check_launch(const struct grid *g, ptx_error *err)
{
    const ptx_launch *launch = g->launch;

    if (launch->param_bytes != g->entry->param_bytes)
        return refuse(err, launch->entry, "its parameters have another size than those of the launch");
    if (g->threads > MOST_WARPS * PTX_LANES || (g->entry->maxntid && g->threads > g->entry->maxntid))
        return refuse(err, launch->entry, "a block of more threads than it allows");
    if (g->shared_bytes > MOST_SHARED)
        return refuse(err, launch->entry, "more shared memory than a block can have");
    return true;
}

static bool run_grid(struct grid *g)
{
    enum { MOST = 64 };
    const unsigned threads = g->launch->threads > MOST ? MOST : g->launch->threads;
    pthread_t other[MOST];
    unsigned started = 0;

    while (started + 1 < threads && pthread_create(&other[started], NULL, work, g) == 0)
        started++;
    (void)work(g);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(other[i], NULL);
    return atomic_load(&g->faulty) == UINT64_MAX;
}

bool ptx_run(const ptx_module *module, ptx_memory *memory, const ptx_launch *launch, ptx_error *err)
{
    struct grid g = { .memory = memory, .launch = launch, .err = err, .threads = 1, .faulty = UINT64_MAX };
    size_t align;
    bool ok;

    for (size_t i = 0; i < module->entry_count; i++)
        if (strcmp(module->entries[i].name, launch->entry) == 0)
            g.entry = &module->entries[i];
    if (!g.entry)
        return refuse(err, launch->entry, "there is no such entry");
    for (unsigned i = 0; i < 3; i++) {
        g.size[i] = launch->grid[i] ? launch->grid[i] : 1;
        g.block[i] = launch->block[i] ? launch->block[i] : 1;
        g.threads *= g.block[i];
    }
    align = g.entry->shared_align ? g.entry->shared_align : 1;
    g.shared_bytes = (g.entry->shared_bytes + align - 1) / align * align + launch->shared_bytes;
    if (!check_launch(&g, err))
        return false;
    (void)pthread_mutex_init(&g.lock, NULL);
    ok = run_grid(&g);
    (void)pthread_mutex_destroy(&g.lock);
    if (launch->count)
        *launch->count += atomic_load(&g.steps);
    return ok;
}
