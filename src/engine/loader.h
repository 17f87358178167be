/* loader.h - the weights of a plan's stages, put into the backend's form when they are needed.
 *
 * While a stage runs, a helper thread fills the weights of the next; if its turn comes before it is full, all
 * of the device's threads finish it together.  A stage that is not kept frees its memory when it has run, so a model
 * of any size runs in the memory of two stages.  The checkpoint's pages leave the process as soon as they
 * have been read.
 *
 * Filling takes longer than computing a few rows.  So a run of few rows borrows the matrices of a stage that won't
 * stay, or is used for the first time, from the mapped file: `guerdon score` of one text fills none.  (That needs a
 * backend that can read them there: the cpu backend can unless they are fp32 for bf16 products; openblas and onednn
 * can't.) */
#ifndef GD_ENGINE_LOADER_H
#define GD_ENGINE_LOADER_H

#include "engine/bind.h"

typedef struct gd_loader gd_loader;

/* Everything must outlive it. `bound` has entries of [plan->step_count, groups], as gd_bind() makes them, whose weights
 * belong to the loader. At first every stage is kept. */
gd_status gd_loader_open(gd_loader **out, const gd_plan *plan, const gd_backend *backend, gd_device *device,
                         gd_bound *bound, size_t groups, gd_error *err);

/* Frees every weight. NULL is fine. */
void gd_loader_close(gd_loader *loader);

/* Memory of a stage's weights, and of the pages of an embedding that is read in place. */
size_t gd_loader_stage_bytes(const gd_loader *loader, size_t stage);

/* Only the first `count` stages stay from one run to the next. */
void gd_loader_keep(gd_loader *loader, size_t count);

/* The matrices that a visit needs; other weights are always there. */
enum { GD_FORM_FORWARD = 1, GD_FORM_TURNED = 2 };

typedef struct gd_visit {
    size_t stage;
    unsigned forms; /* a set of GD_FORM_ */
} gd_visit;

/* Begins a run that will visit stages in this order: each once going forward; to train, forward and back, or several
 * times.  The schedule must outlive the run.  few: the run has few rows; its weights may be read in place. */
void gd_loader_start(gd_loader *loader, const gd_visit *schedule, size_t visits, bool few);

/* The views of the step's weights number `from` to `end` - 1 have new numbers: what was made of the old ones is freed.
 * Not during a run. */
void gd_loader_renew(gd_loader *loader, size_t step, unsigned from, unsigned end);

/* The same for each stage once, in order. */
void gd_loader_forward(gd_loader *loader, bool few);

/* Makes the weights of the schedule's next stage ready, and starts on those of the one after it.  Fails with GD_ENOMEM,
 * GD_EFORMAT or GD_EDEVICE. */
gd_status gd_loader_next(gd_loader *loader, gd_error *err);

/* How many rows of the stage may be computed together, up to `most`: few when they are read from a large mapped
 * embedding, whose pages count as the process's memory; where the backend's memory is apart, that isn't limited. */
size_t gd_loader_tile_rows(const gd_loader *loader, size_t stage, size_t most);

/* Releases the pages of the embedding that a tile has touched. */
void gd_loader_tile_done(const gd_loader *loader, size_t stage);

/* The stage that gd_loader_next() made ready has run. */
void gd_loader_done(gd_loader *loader);

/* The run was aborted: frees the weights that don't stay, and of a device with memory of its own, all. */
void gd_loader_drop(gd_loader *loader);

#endif
