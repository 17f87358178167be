/* learn.c - what training needs besides an engine: opened, and its gradients read. */
#include "engine/learn_inside.h"

#include "base/error.h"
#include "base/mem.h"

/* ---- opening ---- */

static gd_status check_twins(const gd_learner *learner, gd_error *err)
{
    const gd_backend *backend = learner->engine->backend;

    for (size_t i = 0; i < learner->plan->back_count; i++) {
        const size_t step = learner->plan->back[i].step;
        const gd_op op = plan_of(learner)->steps[step].op;

        if (backend->back[op] && backend->clear)
            continue;
        if (backend->clear && step + plan_of(learner)->head_steps >= plan_of(learner)->step_count)
            return gd_fail(err, GD_EUNSUPPORTED,
                           "the head %s cannot be trained through: the backend %s has no gradient of %s",
                           plan_of(learner)->head_of, backend->name, gd_op_table[op].name);
        return gd_fail(err, GD_EUNSUPPORTED, "the backend %s cannot train: it has no gradient of %s", backend->name,
                       gd_op_table[op].name);
    }
    return GD_OK;
}

gd_tensor gd_learner_sums(const gd_learner *learner, size_t step, unsigned which)
{
    const gd_plan_weight *w = &plan_of(learner)->steps[step].w[which < GD_OP_MAX_WEIGHTS ? which : 0];
    const bool lora = which >= GD_OP_MAX_WEIGHTS, vector = w->rank == 1;
    const size_t rows = lora ? learner->engine->bound[step].lora.rank : vector ? 1 : w->shape[0];
    const size_t cols = w->shape[which == GD_BOUND_LORA_B || vector ? 0 : 1];

    return (gd_tensor){ learner->sums[step].data[which], GD_F32, rows, cols, gd_engine_round_up(cols, 16) };
}

static bool is_head(const gd_learner *learner, size_t step) { return step + 1 == plan_of(learner)->step_count; }

/* Whether there is something to learn under a step's number `which`. */
static bool learns(const gd_learner *learner, size_t step, unsigned which)
{
    const gd_engine *engine = learner->engine;

    if (which >= GD_OP_MAX_WEIGHTS)
        return engine->learning->lora[step].rank > 0;
    return engine->bound[step].w[which].learns || (which == 0 && is_head(learner, step) && engine->learning->head);
}

/* The first step that reads the same weight. An adapter's matrix that several linears share has sums of each: one of
 * all would depend on the height of tiles, after each of which the next linear adds. */
static size_t owner_of(const gd_learner *learner, size_t step, unsigned which)
{
    const gd_bound *bound = learner->engine->bound;
    size_t owner = 0;

    if (which >= GD_OP_MAX_WEIGHTS)
        return step;
    while (owner < step && bound[owner].w[which].view != bound[step].w[which].view)
        owner++;
    return owner;
}

static size_t sum_bytes(const gd_learner *learner, size_t step, unsigned which)
{
    const gd_tensor t = gd_learner_sums(learner, step, which);

    return t.rows * t.stride * sizeof(float);
}

size_t gd_learner_sums_bytes(const gd_learner *learner)
{
    size_t bytes = 0;

    for (size_t s = 0; s < plan_of(learner)->step_count; s++)
        for (unsigned i = 0; i < GD_LEARNER_SUMS; i++)
            if (learns(learner, s, i) && owner_of(learner, s, i) == s)
                bytes += gd_large_bytes(sum_bytes(learner, s, i));
    return bytes;
}

static gd_status make_sums(gd_learner *learner, size_t step, gd_error *err)
{
    gd_status rc = GD_OK;

    for (unsigned i = 0; !rc && i < GD_LEARNER_SUMS; i++) {
        const size_t owner = owner_of(learner, step, i);

        if (!learns(learner, step, i))
            continue;
        if (owner < step)
            learner->sums[step].data[i] = learner->sums[owner].data[i];
        else
            rc = learner->engine->backend->buffer_alloc(learner->engine->device, &learner->sums[step].data[i],
                                                        sum_bytes(learner, step, i), err);
    }
    return rc;
}

static gd_status make_all_sums(gd_learner *learner, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t s = 0; !rc && s < plan_of(learner)->step_count; s++)
        rc = make_sums(learner, s, err);
    return rc;
}

static bool writes_stream(const gd_learner *learner, const gd_plan_stage *stage)
{
    bool writes = false;

    for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++)
        writes |= learner->plan->steps[s].out == plan_of(learner)->carry;
    return writes;
}

bool gd_learner_keeps(const gd_learner *learner, size_t stage)
{
    const gd_plan *plan = plan_of(learner);

    return plan->stages[stage].layer >= 0 && (size_t)plan->stages[stage].layer + learner->keep >= plan->layers;
}

/* Where each stage finds the residual stream. */
static void find_slots(gd_learner *learner)
{
    const gd_plan *plan = plan_of(learner);

    for (size_t i = 0; i < plan->stage_count; i++) {
        learner->slot[i] = learner->slots ? learner->slots - 1 : 0;
        learner->slots += writes_stream(learner, &plan->stages[i]);
    }
}

/* Forward through all stages, and back through those that have something to learn. */
static void make_schedule(gd_learner *learner)
{
    const gd_plan *plan = plan_of(learner);

    learner->visits = 0;
    for (size_t i = 0; i < plan->stage_count; i++)
        learner->schedule[learner->visits++] = (gd_visit){ i, GD_FORM_FORWARD };
    for (size_t i = plan->stage_count; i-- > 0;)
        if (learner->plan->stages[i].back_count)
            learner->schedule[learner->visits++] = (gd_visit){ i, gd_learner_keeps(learner, i)
                                                                      ? GD_FORM_TURNED
                                                                      : GD_FORM_TURNED | GD_FORM_FORWARD };
}

static gd_status make_plan(gd_learner *learner, gd_error *err)
{
    const size_t steps = plan_of(learner)->step_count;
    size_t *rank = gd_alloc(steps, sizeof *rank);
    bool *weights = gd_alloc(steps, sizeof *weights);
    gd_status rc = rank && weights ? GD_OK : gd_fail_memory(err, steps * sizeof *rank);

    for (size_t s = 0; !rc && s < steps; s++) {
        rank[s] = learner->engine->learning->lora[s].rank;
        weights[s] = learns(learner, s, 0) || learns(learner, s, 1);
    }
    if (!rc)
        rc = gd_train_plan_make(&learner->plan, plan_of(learner), &(gd_learns){ rank, weights }, err);
    gd_free(rank);
    gd_free(weights);
    return rc;
}

static gd_status fill(gd_learner *learner, gd_error *err)
{
    const gd_plan *plan = plan_of(learner);
    gd_status rc = GD_OK;

    learner->slot = gd_alloc(plan->stage_count, sizeof *learner->slot);
    learner->sums = gd_alloc_zero(plan->step_count, sizeof *learner->sums);
    learner->kept = gd_alloc_zero(plan->stage_count, sizeof *learner->kept);
    learner->schedule = gd_alloc(2 * plan->stage_count, sizeof *learner->schedule);
    if (!learner->slot || !learner->sums || !learner->kept || !learner->schedule)
        rc = gd_fail_memory(err, plan->step_count * sizeof *learner->sums);
    if (!rc)
        rc = make_plan(learner, err);
    if (!rc)
        rc = check_twins(learner, err);
    if (!rc)
        rc = make_all_sums(learner, err);
    if (!rc) {
        find_slots(learner);
        make_schedule(learner);
    }
    return rc;
}

gd_status gd_learner_open(gd_learner **out, gd_engine *engine, gd_error *err)
{
    gd_learner *learner = gd_alloc_zero(1, sizeof *learner);
    gd_status rc;

    *out = NULL;
    if (!learner)
        return gd_fail_memory(err, sizeof *learner);
    learner->engine = engine;
    rc = fill(learner, err);
    if (rc) {
        gd_learner_close(learner);
        return rc;
    }
    *out = learner;
    return GD_OK;
}

static void release(const gd_learner *learner, void *buffer)
{
    if (buffer)
        learner->engine->backend->buffer_free(learner->engine->device, buffer);
}

void gd_learner_close(gd_learner *learner)
{
    if (!learner)
        return;
    for (size_t s = 0; learner->sums && s < plan_of(learner)->step_count; s++)
        for (unsigned i = 0; i < GD_LEARNER_SUMS; i++)
            if (owner_of(learner, s, i) == s)
                release(learner, learner->sums[s].data[i]);
    for (unsigned e = 0; e < 3; e++)
        release(learner, learner->arena[e].data);
    release(learner, learner->stream.data);
    for (size_t i = 0; learner->kept && i < plan_of(learner)->stage_count; i++)
        release(learner, learner->kept[i].data);
    gd_train_plan_free(learner->plan);
    gd_free(learner->slot);
    gd_free(learner->sums);
    gd_free(learner->kept);
    gd_free(learner->schedule);
    gd_free(learner);
}

/* ---- memory ---- */

void gd_learner_keep(gd_learner *learner, size_t layers)
{
    learner->keep = layers;
    for (size_t i = 0; i < plan_of(learner)->stage_count; i++)
        if (!gd_learner_keeps(learner, i)) {
            release(learner, learner->kept[i].data);
            learner->kept[i] = (gd_room){ 0 };
        }
    make_schedule(learner);
}

static gd_status grow(gd_learner *learner, gd_room *room, size_t lines, size_t line_bytes, gd_error *err)
{
    const gd_engine *engine = learner->engine;
    size_t bytes;
    gd_status rc;

    if (!gd_mul(lines, line_bytes, &bytes))
        return gd_fail_memory(err, SIZE_MAX);
    if (bytes <= room->bytes)
        return GD_OK;
    release(learner, room->data);
    *room = (gd_room){ 0 };
    rc = engine->backend->buffer_alloc(engine->device, &room->data, bytes, err);
    if (!rc)
        room->bytes = bytes;
    return rc;
}

size_t gd_learner_lines(size_t rows) { return gd_engine_round_up(rows + rows / 8, 64); }

gd_status gd_learner_reserve(gd_learner *learner, const gd_trie *trie, gd_error *err)
{
    const gd_train_plan *plan = learner->plan;
    const size_t rows = gd_learner_lines(trie->rows), tile = gd_engine_round_up(learner->engine->heights.most, 64);
    const size_t lines[3] = { [GD_EXTENT_BATCH] = rows, [GD_EXTENT_TILE] = tile, [GD_EXTENT_POOLED] = tile };
    gd_status rc = gd_engine_reserve_positions(learner->engine, gd_engine_positions(trie), err);

    for (unsigned e = 0; !rc && e < 3; e++) {
        if (learner->lines[e] < (e == GD_EXTENT_BATCH ? trie->rows : lines[e]))
            learner->lines[e] = lines[e];
        rc = grow(learner, &learner->arena[e], learner->lines[e], plan->line_bytes[e], err);
    }
    if (!rc)
        rc = grow(learner, &learner->stream, learner->lines[GD_EXTENT_BATCH] * learner->slots, plan->stream_bytes, err);
    for (size_t i = 0; !rc && i < plan_of(learner)->stage_count; i++)
        if (gd_learner_keeps(learner, i) && plan->stages[i].back_count)
            rc = grow(learner, &learner->kept[i], learner->lines[GD_EXTENT_BATCH], plan->kept_bytes, err);
    return rc;
}

double gd_learner_work(const gd_learner *learner) { return learner->work; }

/* ---- gradients ---- */

/* Downloads sums without what is between columns and stride. */
static gd_status fetch(const gd_learner *learner, size_t step, unsigned which, float *to, gd_error *err)
{
    const gd_engine *engine = learner->engine;
    const gd_tensor t = gd_learner_sums(learner, step, which);
    gd_status rc = GD_OK;

    for (size_t r = 0; !rc && r < t.rows; r++)
        rc = engine->backend->download(engine->device, to + r * t.cols, (const float *)t.data + r * t.stride,
                                       t.cols * sizeof(float), err);
    return rc;
}

gd_status gd_learner_lora(gd_learner *learner, size_t step, float *a, float *b, gd_error *err)
{
    const gd_lora *lora = &learner->engine->bound[step].lora;
    const size_t rank = lora->rank, out = plan_of(learner)->steps[step].w[0].shape[0];
    float *turned = gd_alloc(rank * out, sizeof *turned);
    gd_status rc = turned ? GD_OK : gd_fail_memory(err, rank * out * sizeof *turned);

    if (!rc)
        rc = fetch(learner, step, GD_BOUND_LORA_A, a, err);
    if (!rc)
        rc = fetch(learner, step, GD_BOUND_LORA_B, turned, err);
    for (size_t o = 0; !rc && o < out; o++)
        for (size_t r = 0; r < rank; r++)
            b[o * rank + r] = turned[r * out + o] * lora->scale;
    gd_free(turned);
    return rc;
}

gd_status gd_learner_head(gd_learner *learner, float *head, gd_error *err)
{
    return fetch(learner, plan_of(learner)->step_count - 1, 0, head, err);
}

gd_status gd_learner_weight(gd_learner *learner, size_t index, float *to, gd_error *err)
{
    const gd_engine *engine = learner->engine;
    const gd_view *view = &engine->learning->weights[index];
    size_t step = 0;

    while (engine->bound[step].w[0].view != view && engine->bound[step].w[1].view != view)
        step++;
    return fetch(learner, step, engine->bound[step].w[1].view == view, to, err);
}

void gd_learner_renew(gd_learner *learner)
{
    gd_engine *engine = learner->engine;

    for (size_t s = 0; s < engine->plan->step_count; s++) {
        if (engine->bound[s].lora.rank)
            gd_loader_renew(engine->loader, s, GD_BOUND_LORA_A, GD_BOUND_TURNED);
        for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++)
            if (learns(learner, s, i))
                gd_loader_renew(engine->loader, s, i, i + 1);
        if (learns(learner, s, 0))
            gd_loader_renew(engine->loader, s, GD_BOUND_TURNED, GD_BOUND_WEIGHTS);
    }
}
