/* loader.c - the weights of a plan's stages, put into the backend's form when they are needed. */
#include "engine/loader.h"

#include "base/error.h"
#include "base/file.h"
#include "base/fpenv.h"
#include "base/guard.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* A weight being filled: pieces first .. first + count - 1 of the job. */
struct part {
    gd_weight *weight;
    const gd_view *view;
    size_t first, count;
};

struct stage {
    enum { ABSENT, BORROWED, LOADED } weights; /* BORROWED: its matrices are read in place */
    bool used;                                 /* in an earlier run */
};

struct gd_loader {
    const gd_plan *plan;
    const gd_backend *backend;
    gd_device *device;
    gd_bound *bound;          /* [step_count, groups] */
    size_t groups;            /* with an adapter each */
    size_t kept;              /* stages that stay */
    const gd_visit *schedule; /* [visits] the stages in the order in which the run visits them; NULL: each once */
    size_t visits, visit;     /* visit: the next one */
    bool few;                 /* the run has few rows */
    struct stage *stages;     /* of the plan */

    struct part *parts; /* the job: the stage being filled */
    size_t part_count, part_room;
    size_t pieces;
    bool reads_file;    /* a piece comes from a mapped file */
    atomic_size_t next; /* the first piece that no thread has taken */

    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* protects work and stop */
    pthread_cond_t wake, idle;
    bool work, stop;
};

/* Where the stage's entries of `bound` begin, and those of the next. */
static size_t first_of(const gd_loader *loader, size_t stage)
{
    return loader->plan->stages[stage].first_step * loader->groups;
}

static size_t end_of(const gd_loader *loader, size_t stage)
{
    return first_of(loader, stage) + loader->plan->stages[stage].step_count * loader->groups;
}

/* ---- filling ---- */

/* The checkpoint's bytes that a piece was made from are no longer needed. (If the backend divides a matrix in another
 * way, a page is read once more.) */
static void release(const struct part *part, size_t piece)
{
    const size_t each = part->view->bytes / part->count, from = each * piece;
    const size_t to = piece + 1 == part->count ? part->view->bytes : from + each;

    gd_view_release(part->view, from, to - from);
}

/* Takes pieces until there are none. Any number of threads may do this concurrently. */
static void fill(gd_loader *loader)
{
    const uint64_t env = gd_fpenv_enter();
    size_t piece;

    while ((piece = atomic_fetch_add(&loader->next, 1)) < loader->pieces) {
        const struct part *part = loader->parts;

        while (piece >= part->first + part->count)
            part++;
        loader->backend->weight_fill(part->weight, piece - part->first);
        release(part, piece - part->first);
    }
    gd_fpenv_leave(env);
}

static void fill_task(void *context, size_t index, unsigned worker)
{
    (void)index;
    (void)worker;
    fill(context);
}

static void *helper(void *context)
{
    gd_loader *loader = context;

    gd_guard_thread();
    pthread_mutex_lock(&loader->lock);
    for (;;) {
        while (!loader->work && !loader->stop)
            pthread_cond_wait(&loader->wake, &loader->lock);
        if (loader->stop)
            break;
        pthread_mutex_unlock(&loader->lock);
        fill(loader);
        pthread_mutex_lock(&loader->lock);
        loader->work = false;
        pthread_cond_signal(&loader->idle);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

static void give_to_helper(gd_loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    loader->work = true;
    pthread_cond_signal(&loader->wake);
    pthread_mutex_unlock(&loader->lock);
}

/* Fills what is left of the job, and waits for the helper's last piece. */
static void finish(gd_loader *loader)
{
    if (atomic_load(&loader->next) < loader->pieces)
        loader->backend->spread(loader->device, loader->pieces, fill_task, loader);
    pthread_mutex_lock(&loader->lock);
    while (loader->work)
        pthread_cond_wait(&loader->idle, &loader->lock);
    pthread_mutex_unlock(&loader->lock);
}

/* ---- a stage's weights ---- */

static gd_status add_part(gd_loader *loader, gd_weight *weight, const gd_view *view, gd_error *err)
{
    const size_t count = loader->backend->weight_pieces(weight);

    if (count == 0)
        return GD_OK;
    if (!gd_grow((void **)&loader->parts, &loader->part_room, loader->part_count + 1, sizeof *loader->parts))
        return gd_fail_memory(err, (loader->part_count + 1) * sizeof *loader->parts);
    loader->parts[loader->part_count++] = (struct part){ weight, view, loader->pieces, count };
    loader->pieces += count;
    loader->reads_file |= view->mapped;
    return GD_OK;
}

static void unload(gd_loader *loader, size_t stage)
{
    for (size_t s = first_of(loader, stage); s < end_of(loader, stage); s++)
        for (unsigned i = 0; i < GD_BOUND_WEIGHTS; i++) {
            loader->backend->weight_free(loader->device, loader->bound[s].w[i].weight);
            loader->bound[s].w[i].weight = NULL;
        }
    loader->stages[stage].weights = ABSENT;
}

/* borrow: a matrix is read in place if the backend can do that, and *borrowed becomes true. */
static gd_status make_weight(gd_loader *loader, gd_weight **out, gd_weight_role role, const gd_view *view, bool borrow,
                             bool *borrowed, gd_error *err)
{
    gd_status rc = GD_OK;

    if (borrow && role == GD_WEIGHT_MATRIX)
        rc = loader->backend->weight_borrow(loader->device, out, view, err);
    if (rc)
        return rc;
    *borrowed |= *out != NULL;
    return *out ? GD_OK : loader->backend->weight_make(loader->device, out, role, view, err);
}

static bool has_form(gd_weight_role role, unsigned forms)
{
    return role == GD_WEIGHT_MATRIX   ? forms & GD_FORM_FORWARD
           : role == GD_WEIGHT_TURNED ? forms & GD_FORM_TURNED
                                      : true;
}

static gd_status make_weights(gd_loader *loader, gd_bound *bound, unsigned forms, bool borrow, bool *borrowed,
                              gd_error *err)
{
    gd_status rc = GD_OK;

    for (unsigned i = 0; !rc && i < GD_BOUND_WEIGHTS; i++) {
        const gd_view *view = bound->w[i].view;

        if (!view || bound->w[i].weight || !has_form(bound->w[i].role, forms))
            continue;
        rc = make_weight(loader, &bound->w[i].weight, bound->w[i].role, view, borrow, borrowed, err);
        if (!rc && view->mapped && (bound->w[i].role == GD_WEIGHT_MATRIX || bound->w[i].role == GD_WEIGHT_TURNED))
            gd_pages_expect(view->data, gd_view_span(view));
        if (!rc)
            rc = add_part(loader, bound->w[i].weight, view, err);
    }
    return rc;
}

static size_t stage_of(const gd_loader *loader, size_t visit)
{
    return loader->schedule ? loader->schedule[visit].stage : visit;
}

/* Makes the stage's missing weights, and lists their pieces. The previous job must be finished.
 * Filling memory takes longer than computing a few rows: so for them, a stage that won't stay is borrowed, and so is
 * one that stays, the first time, for that may be the only time.  A stage of which nothing can be borrowed is loaded,
 * and stays. */
static gd_status start(gd_loader *loader, size_t visit, gd_error *err)
{
    const size_t stage = stage_of(loader, visit);
    const unsigned forms = loader->schedule ? loader->schedule[visit].forms : GD_FORM_FORWARD;
    struct stage *state = &loader->stages[stage];
    const bool borrow = loader->few && loader->backend->weight_borrow && (stage >= loader->kept || !state->used);
    bool borrowed = false;
    gd_status rc = GD_OK;

    loader->part_count = loader->pieces = 0;
    loader->reads_file = false;
    for (size_t s = first_of(loader, stage); !rc && s < end_of(loader, stage); s++)
        rc = make_weights(loader, &loader->bound[s], forms, borrow, &borrowed, err);
    if (state->weights == ABSENT)
        state->weights = borrowed ? BORROWED : LOADED;
    if (rc) {
        loader->pieces = 0;
        unload(loader, stage); /* a half-made stage would be taken for a complete one */
    }
    atomic_store(&loader->next, 0);
    return rc;
}

/* Releases the pages that were read, and their neighbours in the file, which were read along with them. */
static void release_all(const gd_loader *loader)
{
    for (size_t s = 0; s < loader->plan->step_count * loader->groups; s++)
        for (unsigned i = 0; i < GD_BOUND_WEIGHTS; i++) {
            const gd_view *view = loader->bound[s].w[i].view;

            if (view)
                gd_view_release(view, 0, view->bytes);
        }
}

/* Waits until the stage's weights are where the device computes: their copies may still be in progress. */
static gd_status await(gd_loader *loader, size_t stage, gd_error *err)
{
    const size_t end = loader->backend->weight_wait ? end_of(loader, stage) : 0;
    gd_status rc = GD_OK;

    for (size_t s = first_of(loader, stage); !rc && s < end; s++)
        for (unsigned i = 0; !rc && i < GD_BOUND_WEIGHTS; i++)
            if (loader->bound[s].w[i].weight)
                rc = loader->backend->weight_wait(loader->device, loader->bound[s].w[i].weight, err);
    return rc;
}

void gd_loader_start(gd_loader *loader, const gd_visit *schedule, size_t visits, bool few)
{
    loader->schedule = schedule;
    loader->visits = visits;
    loader->visit = 0;
    loader->few = few;
}

void gd_loader_forward(gd_loader *loader, bool few) { gd_loader_start(loader, NULL, loader->plan->stage_count, few); }

/* Whether the run visits the same stage again, right after this visit. */
static bool comes_again(const gd_loader *loader, size_t visit)
{
    return visit + 1 < loader->visits && stage_of(loader, visit + 1) == stage_of(loader, visit);
}

gd_status gd_loader_next(gd_loader *loader, gd_error *err)
{
    const size_t visit = loader->visit, stage = stage_of(loader, visit);
    gd_status rc;

    finish(loader);
    if (loader->pieces && loader->reads_file)
        release_all(loader);
    rc = start(loader, visit, err);
    if (rc)
        return rc;
    finish(loader);
    rc = await(loader, stage, err);
    if (rc || visit + 1 == loader->visits || comes_again(loader, visit))
        return rc;
    rc = start(loader, visit + 1, err);
    if (!rc && loader->pieces)
        give_to_helper(loader);
    return rc;
}

/* The table that is read in place from the file, or NULL; one that learns is the caller's memory. */
static const gd_view *table_of(const gd_bound *bound)
{
    return bound->w[0].role == GD_WEIGHT_TABLE && !bound->w[0].learns ? bound->w[0].view : NULL;
}

/* Each row of a table may bring in GD_PAGES_AT_ONCE: 256 rows of a 200 MB table took 180 MB. */
enum { TABLE_ROWS = 8, TABLE_BYTES = TABLE_ROWS * GD_PAGES_AT_ONCE };

size_t gd_loader_tile_rows(const gd_loader *loader, size_t stage, size_t most)
{
    for (size_t s = first_of(loader, stage); s < end_of(loader, stage); s++) {
        const gd_view *table = table_of(&loader->bound[s]);

        if (table && !loader->backend->apart && table->bytes > TABLE_BYTES && most > TABLE_ROWS)
            most = TABLE_ROWS;
    }
    return most;
}

void gd_loader_tile_done(const gd_loader *loader, size_t stage)
{
    for (size_t s = first_of(loader, stage); s < end_of(loader, stage); s++) {
        const gd_view *table = table_of(&loader->bound[s]);

        if (table)
            gd_view_release(table, 0, table->bytes);
    }
}

static bool goes(const gd_loader *loader, size_t stage)
{
    return stage >= loader->kept || loader->stages[stage].weights == BORROWED;
}

void gd_loader_done(gd_loader *loader)
{
    const size_t visit = loader->visit++, stage = stage_of(loader, visit);

    loader->stages[stage].used = true;
    if (loader->stages[stage].weights == BORROWED)
        release_all(loader);
    if (goes(loader, stage) && !comes_again(loader, visit))
        unload(loader, stage);
}

/* Of what was sent to a device, nothing is known after a failure: some may never have arrived. */
void gd_loader_drop(gd_loader *loader)
{
    finish(loader);
    for (size_t s = 0; s < loader->plan->stage_count; s++)
        if (goes(loader, s) || loader->backend->apart)
            unload(loader, s);
}

void gd_loader_renew(gd_loader *loader, size_t step, unsigned from, unsigned end)
{
    gd_bound *bound = &loader->bound[step * loader->groups];

    for (unsigned i = from; i < end; i++) {
        loader->backend->weight_free(loader->device, bound->w[i].weight);
        bound->w[i].weight = NULL;
    }
}

void gd_loader_keep(gd_loader *loader, size_t count) { loader->kept = count; }

size_t gd_loader_stage_bytes(const gd_loader *loader, size_t stage)
{
    size_t bytes = 0;

    for (size_t s = first_of(loader, stage); s < end_of(loader, stage); s++) {
        const gd_view *table = table_of(&loader->bound[s]);

        if (table && !loader->backend->apart)
            bytes += table->bytes < TABLE_BYTES ? table->bytes : TABLE_BYTES;
        for (unsigned i = 0; i < GD_BOUND_WEIGHTS; i++)
            if (loader->bound[s].w[i].view)
                bytes += loader->backend->weight_bytes(loader->device, loader->bound[s].w[i].role,
                                                       loader->bound[s].w[i].view);
    }
    return bytes;
}

/* ---- opening and closing ---- */

gd_status gd_loader_open(gd_loader **out, const gd_plan *plan, const gd_backend *backend, gd_device *device,
                         gd_bound *bound, size_t groups, gd_error *err)
{
    gd_loader *loader = gd_alloc_zero(1, sizeof *loader);
    int failed;

    *out = NULL;
    if (!loader)
        return gd_fail_memory(err, sizeof *loader);
    *loader = (gd_loader){ .plan = plan,
                           .backend = backend,
                           .device = device,
                           .bound = bound,
                           .groups = groups,
                           .kept = plan->stage_count,
                           .stages = gd_alloc_zero(plan->stage_count, sizeof *loader->stages) };
    if (!loader->stages) {
        gd_free(loader);
        return gd_fail_memory(err, plan->stage_count * sizeof *loader->stages);
    }
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->wake, NULL);
    pthread_cond_init(&loader->idle, NULL);
    failed = pthread_create(&loader->thread, NULL, helper, loader);
    if (failed) {
        gd_loader_close(loader);
        return gd_fail(err, GD_ENOMEM, "cannot start the thread that loads weights: %s", strerror(failed));
    }
    loader->has_thread = true;
    *out = loader;
    return GD_OK;
}

void gd_loader_close(gd_loader *loader)
{
    if (!loader)
        return;
    if (loader->has_thread) {
        atomic_store(&loader->next, loader->pieces); /* the rest is not needed */
        pthread_mutex_lock(&loader->lock);
        loader->stop = true;
        pthread_cond_signal(&loader->wake);
        pthread_mutex_unlock(&loader->lock);
        pthread_join(loader->thread, NULL);
    }
    for (size_t s = 0; s < loader->plan->stage_count; s++)
        unload(loader, s);
    pthread_cond_destroy(&loader->idle);
    pthread_cond_destroy(&loader->wake);
    pthread_mutex_destroy(&loader->lock);
    gd_free(loader->parts);
    gd_free(loader->stages);
    gd_free(loader);
}
