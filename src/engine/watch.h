/* watch.h - all that a run computes, call by call: for the cross-check.
 *
 * The watcher is called before and after each call of the backend: an output may overwrite an input.  An engine that is
 * watched has one group of texts. */
#ifndef GD_ENGINE_WATCH_H
#define GD_ENGINE_WATCH_H

#include "engine/bind.h"

/* One call, of `count` steps of the plan from `step` on. */
typedef struct gd_watched {
    size_t step, count;
    bool gated;            /* two linears and the gate; only its output, the last, is in memory */
    const gd_call *calls;  /* [count] */
    const gd_bound *bound; /* [count] */
    const gd_trie *trie;
} gd_watched;

typedef struct gd_watcher {
    void (*call)(void *context, const gd_watched *seen, bool after);
    void *context;
} gd_watcher;

void gd_engine_watch(gd_engine *engine, const gd_watcher *watcher);

/* Copies a call's tensor, with what is between its lines, from the device's memory, once all that was started is done.
 */
gd_status gd_engine_read(gd_engine *engine, const gd_tensor *from, void *host, gd_error *err);

/* Host tasks on the device's threads, as gd_backend.spread(). */
void gd_engine_spread(gd_engine *engine, size_t count, gd_task *task, void *context);

/* One of the rotary tables of the run: cosines, [positions, head_dim / 2]; *sines likewise. */
const float *gd_engine_rope(const gd_engine *engine, size_t table, const float **sines);

#endif
