/* learn_run.c - one step of training: a batch through all stages, its loss, and back. */
#include "engine/learn_inside.h"

#include "base/error.h"
#include "base/guard.h"
#include "base/mem.h"

/* ---- a run ---- */

struct run {
    gd_learner *learner;
    const gd_trie *trie;
    gd_device_rows *rows;
    size_t stage;     /* the stage being run */
    bool keeps;       /* operations write what their twins need */
    float *gradients; /* of the scores, [pooled, labels] */
};

/* Where a stage's buffer is kept, or NULL.  The pooled rows' stage reads the keys and values of the last layer. */
static const gd_room *kept_of(const struct run *run, const gd_train_buffer *buffer)
{
    const gd_plan_stage *stage = &plan_of(run->learner)->stages[run->stage];
    const size_t owner = stage->pooled && buffer->extent == GD_EXTENT_BATCH ? run->stage - 1 : run->stage;
    const gd_room *kept = &run->learner->kept[owner];

    return buffer->kept && kept->data ? kept : NULL;
}

/* `count` lines of a buffer from line `first` of the batch or of the pooled rows. */
static gd_tensor tensor_at(const struct run *run, unsigned index, size_t first, size_t count)
{
    const gd_learner *learner = run->learner;
    const gd_train_buffer *b = &learner->plan->buffers[index];
    const gd_room *kept = kept_of(run, b);
    const size_t size = gd_dtype_size(b->dtype);
    char *base;

    if (kept)
        base = (char *)kept->data + b->kept_offset * learner->lines[GD_EXTENT_BATCH] + first * b->cols * size;
    else
        base = (char *)learner->arena[b->extent].data + b->offset * learner->lines[b->extent] +
               (b->extent == GD_EXTENT_BATCH ? first * b->cols * size : 0);
    return (gd_tensor){ base, b->dtype, count, b->cols, b->cols };
}

static gd_tensor stream_at(const struct run *run, size_t slot, size_t first, size_t count)
{
    const gd_plan *plan = plan_of(run->learner);
    float *base = run->learner->stream.data;

    base += (slot * run->learner->lines[GD_EXTENT_BATCH] + first) * plan->hidden;
    return (gd_tensor){ base, GD_F32, count, plan->hidden, plan->hidden };
}

/* Input i of a step: the tile's lines, or all of the batch's. */
static gd_tensor input_of(const struct run *run, size_t step, unsigned i, const gd_tile *tile)
{
    const gd_learner *learner = run->learner;
    const unsigned buffer = learner->plan->steps[step].in[i];
    const bool whole = gd_op_table[plan_of(learner)->steps[step].op].whole & GD_IN(i);
    const size_t first = whole ? 0 : tile->first, count = whole ? run->trie->rows : tile->count;

    return buffer == plan_of(learner)->carry ? stream_at(run, learner->slot[run->stage], first, count)
                                             : tensor_at(run, buffer, first, count);
}

static gd_tensor output_of(const struct run *run, size_t step, const gd_tile *tile)
{
    const unsigned buffer = run->learner->plan->steps[step].out;
    const size_t slot = run->learner->slot[run->stage];

    if (buffer != plan_of(run->learner)->carry)
        return tensor_at(run, buffer, tile->first, tile->count);
    return stream_at(run, plan_of(run->learner)->steps[step].in_count ? slot + 1 : 0, tile->first, tile->count);
}

/* What a step keeps: an adapter's inner values are as wide as its rank. */
static gd_tensor kept_by(const struct run *run, size_t step, unsigned i, const gd_tile *tile)
{
    const unsigned buffer = run->learner->plan->steps[step].kept[i];
    gd_tensor t = { 0 };

    if (buffer == GD_NO_BUFFER)
        return t;
    t = tensor_at(run, buffer, tile->first, tile->count);
    if (plan_of(run->learner)->steps[step].op == GD_OP_linear)
        t.cols = run->learner->engine->bound[step].lora.rank;
    return t;
}

static gd_call call_of(const struct run *run, size_t step, const gd_tile *tile)
{
    const gd_plan_step *s = &plan_of(run->learner)->steps[step];
    const gd_bound *bound = &run->learner->engine->bound[step];
    gd_call call = { .params = s->params, .tile = tile, .out = output_of(run, step, tile) };

    for (unsigned i = 0; i < s->in_count; i++)
        call.in[i] = input_of(run, step, i, tile);
    for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++)
        call.w[i] = bound->w[i].weight;
    for (unsigned i = 0; run->keeps && i < GD_OP_MAX_KEPT; i++)
        call.kept[i] = kept_by(run, step, i, tile);
    if (bound->lora.rank)
        call.lora = (gd_lora_weights){ bound->w[GD_BOUND_LORA_A].weight, bound->w[GD_BOUND_LORA_B].weight,
                                       bound->lora.scale };
    return call;
}

/* Which steps of a stage run. */
enum which { ALL, KEYS, AGAIN, CHEAP };

static bool runs(const struct run *run, size_t step, enum which which)
{
    const gd_train_step *s = &run->learner->plan->steps[step];

    return which == ALL || (which == KEYS ? s->keys : which == AGAIN ? s->again : s->cheap);
}

/* Counts so many products of `lines` rows with the matrix, and `small` ones with a matrix of its adapter. */
static void count_work(const struct run *run, size_t step, size_t lines, unsigned products, unsigned small)
{
    const size_t *shape = plan_of(run->learner)->steps[step].w[0].shape;
    const double rank = (double)run->learner->engine->bound[step].lora.rank;
    const double whole = (double)shape[0] * (double)shape[1], sum = (double)shape[0] + (double)shape[1];

    if (plan_of(run->learner)->steps[step].op == GD_OP_linear)
        run->learner->work += 2 * (double)lines * (products * whole + small / 2.0 * rank * sum);
}

/* Runs a step, and those after it that the backend computes in the same call and that run, too. */
static size_t run_steps(const struct run *run, size_t step, enum which which, const gd_tile *tile)
{
    const gd_engine *engine = run->learner->engine;
    const gd_plan_step *s = &engine->plan->steps[step];
    const bool gated = s->gated && engine->backend->gated_linears, linears = s->linears > 1 && engine->backend->linears;
    size_t count = gated ? 3 : linears ? s->linears : 1;
    gd_call calls[GD_OP_MAX_LINEARS];

    for (size_t i = 1; i < count; i++)
        if (!runs(run, step + i, which))
            count = 1;
    for (size_t i = 0; i < count; i++) {
        calls[i] = call_of(run, step + i, tile);
        count_work(run, step + i, tile->count, 1, 2);
    }
    if (gated && count > 1)
        engine->backend->gated_linears(engine->device, calls, &calls[2]);
    else if (count > 1)
        engine->backend->linears(engine->device, calls, count);
    else
        engine->backend->run[s->op](engine->device, calls);
    return count;
}

static void run_tile(const struct run *run, enum which which, const gd_tile *tile)
{
    const gd_plan_stage *stage = &plan_of(run->learner)->stages[run->stage];
    const size_t end = stage->first_step + stage->step_count;

    for (size_t s = stage->first_step; s < end;)
        s += runs(run, s, which) ? run_steps(run, s, which, tile) : 1;
}

/* ---- backward ---- */

/* A gradient: the tile's lines, or all of the batch's. */
static gd_tensor gradient_at(const struct run *run, unsigned buffer, bool whole, const gd_tile *tile)
{
    if (buffer == GD_NO_BUFFER)
        return (gd_tensor){ 0 };
    return tensor_at(run, buffer, whole ? 0 : tile->first, whole ? run->trie->rows : tile->count);
}

static void fill_weights(const struct run *run, size_t step, gd_back_call *call)
{
    const gd_bound *bound = &run->learner->engine->bound[step];
    const bool linear = plan_of(run->learner)->steps[step].op == GD_OP_linear;
    gd_tensor *const place[GD_LEARNER_SUMS] = { &call->d_w[0], &call->d_w[1], &call->d_a, &call->d_b };

    call->w = bound->w[linear ? GD_BOUND_TURNED : 0].weight;
    for (unsigned i = 0; i < GD_LEARNER_SUMS; i++)
        if (run->learner->sums[step].data[i])
            *place[i] = gd_learner_sums(run->learner, step, i);
    if (!bound->lora.rank)
        return;
    call->a = bound->w[GD_BOUND_TURNED_A].weight;
    call->b = bound->w[GD_BOUND_TURNED_B].weight;
    call->scale = bound->lora.scale;
}

/* The twin of a sum copies its gradient, and so rounds it. */
static void round_gradient(const struct run *run, const gd_back_step *back, const gd_tile *tile)
{
    const gd_engine *engine = run->learner->engine;
    gd_back_call copy = { .tile = tile, .d_out = gradient_at(run, back->rounds, false, tile) };

    copy.d_in[0] = gradient_at(run, back->d_out, false, tile);
    engine->backend->back[GD_OP_add](engine->device, &copy);
}

static void run_back(const struct run *run, const gd_back_step *back, const gd_tile *tile)
{
    const gd_engine *engine = run->learner->engine;
    const gd_plan_step *step = &engine->plan->steps[back->step];
    const gd_op_traits *traits = &gd_op_table[step->op];
    gd_back_call call = { .params = step->params, .tile = tile };

    if (back->rounds != GD_NO_BUFFER)
        round_gradient(run, back, tile);
    for (unsigned i = 0; i < step->in_count; i++) {
        call.in[i] = input_of(run, back->step, i, tile);
        call.d_in[i] = gradient_at(run, back->d_in[i], traits->whole & GD_IN(i), tile);
        call.adds[i] = back->adds[i];
    }
    call.out = output_of(run, back->step, tile);
    for (unsigned i = 0; i < GD_OP_MAX_KEPT; i++)
        call.kept[i] = kept_by(run, back->step, i, tile);
    call.d_out = gradient_at(run, back->d_out, false, tile);
    fill_weights(run, back->step, &call);
    count_work(run, back->step, tile->count, (call.d_in[0].data ? 1u : 0) + (call.d_w[0].data ? 1u : 0),
               call.d_in[0].data ? 4 : 3);
    engine->backend->back[step->op](engine->device, &call);
}

static void run_back_tile(const struct run *run, const gd_tile *tile)
{
    const gd_train_stage *stage = &run->learner->plan->stages[run->stage];

    for (size_t i = 0; i < stage->back_count; i++)
        run_back(run, &run->learner->plan->back[stage->first_back + i], tile);
}

/* ---- stages ---- */

/* How the rows of a stage, or its pooled rows, are cut into tiles. */
struct tiling {
    size_t lines, height, count;
};

static struct tiling tiling_of(const struct run *run)
{
    const gd_engine *engine = run->learner->engine;
    const bool pooled = engine->plan->stages[run->stage].pooled;
    const size_t lines = pooled ? run->trie->pooled_count : run->trie->rows, most = engine->heights.most;
    const size_t height = pooled ? most : gd_engine_tile_height(lines, most, engine->heights.step);

    return (struct tiling){ lines, height, (lines + height - 1) / height };
}

static gd_tile tile_of(const struct run *run, const struct tiling *t, size_t index)
{
    const size_t first = index * t->height, left = t->lines - first;

    return (gd_tile){ run->rows, plan_of(run->learner)->stages[run->stage].pooled, first,
                      left < t->height ? left : t->height };
}

/* The embedding is read from the file: by few rows at a time, as in scoring. */
static gd_status run_forward(struct run *run, float *scores, gd_error *err)
{
    const gd_engine *engine = run->learner->engine;
    const gd_plan *plan = engine->plan;
    const bool pooled = plan->stages[run->stage].pooled;
    struct tiling t = tiling_of(run);
    gd_status rc = GD_OK;
    const size_t most = pooled ? t.height : gd_loader_tile_rows(engine->loader, run->stage, t.height);

    if (most < t.height)
        t = (struct tiling){ t.lines, most, (t.lines + most - 1) / most };
    run->keeps = pooled || run->learner->kept[run->stage].data;
    for (size_t i = 0; !rc && i < t.count; i++) {
        const gd_tile tile = tile_of(run, &t, i);

        run_tile(run, ALL, &tile);
        gd_loader_tile_done(engine->loader, run->stage);
        if (pooled)
            rc = engine->backend->download(
                engine->device, scores + tile.first * plan->labels,
                tensor_at(run, run->learner->plan->steps[plan->step_count - 1].out, 0, tile.count).data,
                tile.count * plan->labels * sizeof(float), err);
    }
    return rc;
}

static void clear(const struct run *run, unsigned buffer)
{
    const gd_tensor all = tensor_at(run, buffer, 0, run->trie->rows);

    run->learner->engine->backend->clear(run->learner->engine->device, &all);
}

static gd_status give_gradients(const struct run *run, const gd_tile *tile, gd_error *err)
{
    const gd_engine *engine = run->learner->engine;
    const size_t labels = engine->plan->labels;
    const gd_tensor to = gradient_at(run, run->learner->plan->d_score, false, tile);

    return engine->backend->upload(engine->device, to.data, run->gradients + tile->first * labels,
                                   tile->count * labels * sizeof(float), err);
}

static void run_keys(struct run *run, const struct tiling *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const gd_tile tile = tile_of(run, t, i);

        run_tile(run, KEYS, &tile);
    }
}

static gd_status run_backward(struct run *run, gd_error *err)
{
    const gd_learner *learner = run->learner;
    const gd_train_stage *stage = &learner->plan->stages[run->stage];
    const bool pooled = plan_of(learner)->stages[run->stage].pooled, kept = learner->kept[run->stage].data;
    const struct tiling t = tiling_of(run);
    gd_status rc = GD_OK;

    run->keeps = true;
    for (unsigned i = 0; i < 2; i++)
        if (stage->clear[i] != GD_NO_BUFFER)
            clear(run, stage->clear[i]);
    if (stage->gathers)
        clear(run, learner->plan->stream);
    if (!kept)
        run_keys(run, &t);
    for (size_t i = t.count; !rc && i-- > 0;) {
        const gd_tile tile = tile_of(run, &t, i);

        if (pooled)
            rc = give_gradients(run, &tile, err);
        if (!pooled || t.count > 1) /* a single tile of pooled rows is still there from the forward pass */
            run_tile(run, kept ? CHEAP : AGAIN, &tile);
        run_back_tile(run, &tile);
    }
    return rc;
}

static void clear_sums(const gd_learner *learner)
{
    const gd_engine *engine = learner->engine;

    for (size_t s = 0; s < engine->plan->step_count; s++)
        for (unsigned i = 0; i < GD_LEARNER_SUMS; i++)
            if (learner->sums[s].data[i]) {
                const gd_tensor t = gd_learner_sums(learner, s, i);

                engine->backend->clear(engine->device, &t);
            }
}

static gd_status run_visits(struct run *run, gd_learner_loss *loss, void *context, gd_error *err)
{
    gd_learner *learner = run->learner;
    gd_engine *engine = learner->engine;
    const size_t stages = engine->plan->stage_count, count = run->trie->pooled_count * engine->plan->labels;
    float *scores = gd_alloc(2 * count, sizeof *scores);
    gd_status rc = scores ? GD_OK : gd_fail_memory(err, 2 * count * sizeof *scores);

    run->gradients = scores + count;
    if (!rc)
        gd_loader_start(engine->loader, learner->schedule, learner->visits, false);
    for (size_t v = 0; !rc && v < learner->visits; v++) {
        run->stage = learner->schedule[v].stage;
        rc = gd_loader_next(engine->loader, err);
        if (!rc)
            rc = v < stages ? run_forward(run, scores, err) : run_backward(run, err);
        if (!rc)
            gd_loader_done(engine->loader);
        if (!rc && v + 1 == stages)
            rc = loss(context, scores, run->gradients, err);
    }
    if (engine->backend->finish) {
        const gd_status finished = engine->backend->finish(engine->device, err);

        rc = rc ? rc : finished;
    }
    if (rc)
        gd_loader_drop(engine->loader);
    gd_free(scores);
    return rc;
}

gd_status gd_learner_run(gd_learner *learner, const gd_trie *trie, gd_learner_loss *loss, void *context, gd_error *err)
{
    gd_engine *engine = learner->engine;
    struct run run = { .learner = learner, .trie = trie };
    gd_batch_rows rows;
    gd_status rc = gd_learner_reserve(learner, trie, err);

    if (rc)
        return rc;
    rows = gd_engine_rows(engine, trie);
    rows.train = true;
    rc = engine->backend->rows_make(engine->device, &run.rows, &rows, err);
    gd_guard_enter();
    if (!rc) {
        clear_sums(learner);
        learner->work = 0;
        rc = run_visits(&run, loss, context, err);
    }
    gd_guard_leave();
    engine->backend->rows_free(engine->device, run.rows);
    return rc ? rc : gd_engine_unchanged(engine, err);
}
