/* run.c - a run of a plan over a batch. */
#include "engine/inside.h"

#include "base/error.h"
#include "base/guard.h"

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
    size_t group; /* of the rows that are computed */
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
    const gd_bound *first = &engine->bound[index * engine->groups], *bound = &first[run->group];
    const bool batch = engine->plan->buffers[step->out].extent == GD_EXTENT_BATCH;
    gd_call call = { .params = step->params, .tile = tile };

    for (unsigned i = 0; i < step->in_count; i++)
        call.in[i] = step_tensor(run, step, i, tile);
    call.out = tensor_at(engine, step->out, batch ? tile->first : 0, lines_in(engine, step->out, tile->count));
    for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++)
        call.w[i] = gd_bound_weight(bound, first, i);
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
                              .bound = &engine->bound[index * engine->groups],
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

/* Rows of one group. */
static void run_group(const struct run *run, size_t index, size_t from, size_t rows)
{
    const gd_engine *engine = run->engine;
    const size_t most = gd_loader_tile_rows(engine->loader, index, engine->heights.most);
    const size_t height = gd_engine_tile_height(rows, most, engine->heights.step);

    for (size_t first = 0; first < rows; first += height) {
        const gd_tile tile = { run->rows, false, from + first, rows - first < height ? rows - first : height };

        run_tile(run, &engine->plan->stages[index], &tile);
        gd_loader_tile_done(engine->loader, index);
    }
}

static void run_rows(const struct run *run, size_t index)
{
    const gd_trie *trie = run->trie;
    struct run group = *run;

    for (size_t i = 0, from = 0; i < trie->run_count; from = trie->runs[i++].end) {
        group.group = trie->runs[i].group;
        run_group(&group, index, from, trie->runs[i].end - from);
    }
    observe(run->engine, index, trie->rows);
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

/* How many of the pooled rows from this one on are of its group, up to `most`. */
static size_t pooled_of_group(const gd_trie *trie, size_t first, size_t most, size_t *group)
{
    size_t count = 1;

    *group = gd_trie_group(trie, trie->pooled[first]);
    while (count < most && first + count < trie->pooled_count &&
           gd_trie_group(trie, trie->pooled[first + count]) == *group)
        count++;
    return count;
}

static gd_status run_pooled(const struct run *all, size_t index, gd_error *err)
{
    const gd_engine *engine = all->engine;
    const size_t most = whole_texts(engine, engine->heights.most);
    struct run group = *all, *run = &group;
    gd_status rc = GD_OK;

    for (size_t first = 0, count; !rc && first < run->trie->pooled_count; first += count) {
        gd_tile tile = { run->rows, true, first, 0 };

        tile.count = count = pooled_of_group(run->trie, first, most, &group.group);
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
    gd_status rc = gd_weights_unchanged(engine->weights, err);

    if (!rc && engine->adapter)
        rc = gd_adapter_unchanged(engine->adapter, err);
    for (size_t i = 0; !rc && i + 1 < engine->groups; i++)
        if (engine->more[i].adapter)
            rc = gd_adapter_unchanged(engine->more[i].adapter, err);
    return rc;
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
