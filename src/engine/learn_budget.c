/* learn_budget.c - how a step of training runs in the available memory. */
#include "engine/learn_inside.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sysmem.h"

static size_t lines_bytes(size_t lines, size_t line_bytes)
{
    size_t bytes;

    return gd_mul(lines, line_bytes, &bytes) ? gd_large_bytes(bytes) : SIZE_MAX;
}

/* Everything of a step but weights and layers that are kept. */
static size_t step_bytes(const gd_learner *learner, size_t rows, size_t positions)
{
    const gd_engine *engine = learner->engine;
    const gd_train_plan *plan = learner->plan;
    const size_t lines = gd_learner_lines(rows), tile = gd_engine_round_up(engine->heights.most, 64);
    gd_limits limits = engine->limits;
    size_t bytes = gd_engine_host_bytes(rows);

    limits.max_position = gd_engine_positions_room(positions);
    bytes = gd_sum(bytes, lines_bytes(lines, plan->line_bytes[GD_EXTENT_BATCH]));
    bytes = gd_sum(bytes, lines_bytes(lines, plan->stream_bytes * learner->slots));
    bytes = gd_sum(bytes, lines_bytes(tile, plan->line_bytes[GD_EXTENT_TILE]));
    bytes = gd_sum(bytes, lines_bytes(tile, plan->line_bytes[GD_EXTENT_POOLED]));
    bytes = gd_sum(bytes, engine->plan->rope_count * limits.max_position * engine->plan->head_dim * sizeof(float));
    bytes = gd_sum(bytes, gd_learner_sums_bytes(learner)); /* no run has touched them yet */
    return gd_sum(bytes, engine->backend->scratch_bytes(engine->device, &limits));
}

/* A stage and one of its neighbours are in memory together, forward and backward. */
static size_t window_bytes(const gd_learner *learner)
{
    const gd_loader *loader = learner->engine->loader;
    size_t most = 0;

    for (size_t i = 0; i < plan_of(learner)->stage_count; i++) {
        const size_t next = i + 1 < plan_of(learner)->stage_count ? gd_loader_stage_bytes(loader, i + 1) : 0;
        const size_t both = gd_sum(gd_loader_stage_bytes(loader, i), next);

        most = both > most ? both : most;
    }
    return most;
}

/* What keeping a stage takes; one that has nothing to learn needs no room. */
static size_t kept_bytes(const gd_learner *learner, size_t stage, size_t rows)
{
    return learner->plan->stages[stage].back_count ? lines_bytes(gd_learner_lines(rows), learner->plan->kept_bytes) : 0;
}

/* What the last layers take that are kept in any case. */
static size_t least_bytes(const gd_learner *learner, const gd_learner_need *need)
{
    const gd_plan *plan = plan_of(learner);
    size_t bytes = 0, layers = 0;

    for (size_t i = plan->stage_count; i-- > 0 && layers < need->keep_least;) {
        if (plan->stages[i].layer < 0)
            continue;
        bytes = gd_sum(bytes, kept_bytes(learner, i, need->rows));
        layers++;
    }
    return bytes;
}

/* How many layers can be kept, those included, from the last on. */
static size_t layers_that_fit(const gd_learner *learner, const gd_learner_need *need, size_t *left)
{
    const gd_plan *plan = plan_of(learner);
    size_t layers = 0;

    for (size_t i = plan->stage_count; i-- > 0 && layers < need->keep_most;) {
        const size_t bytes = kept_bytes(learner, i, need->rows);

        if (plan->stages[i].layer < 0)
            continue;
        if (layers >= need->keep_least) {
            if (bytes > *left)
                break;
            *left -= bytes;
        }
        layers++;
    }
    return layers;
}

static size_t stages_that_fit(const gd_learner *learner, size_t *left)
{
    size_t stages = 0;

    for (; stages < plan_of(learner)->stage_count; stages++) {
        const size_t bytes = gd_loader_stage_bytes(learner->engine->loader, stages);

        if (bytes > *left)
            break;
        *left -= bytes;
    }
    return stages;
}

gd_status gd_learner_fit(gd_learner *learner, const gd_learner_need *need, gd_learner_budget *out, gd_error *err)
{
    const size_t process = gd_memory_resident(), memory = need->memory,
                 available = learner->engine->backend->memory_free(learner->engine->device);
    const size_t limit = memory ? memory : gd_sum(process, available - available / 8);
    const bool all = !learner->engine->limits.max_rank;
    size_t left;

    *out = (gd_learner_budget){ .least = gd_sum(gd_sum(process, need->other), window_bytes(learner)) };
    out->least = gd_sum(out->least, step_bytes(learner, need->rows, need->positions));
    out->least = gd_sum(out->least, least_bytes(learner, need));
    if (out->least > limit && memory)
        return gd_fail(
            err, GD_ENOMEM,
            "memory is %.4g MiB, but training needs at least %zu MiB: for the %zu rows of its largest step, for two of "
            "the model's layers, for what learns, and for the program itself; fewer pairs in a step (batch_size, "
            "grad_accum)%s shorter texts (max_length)%s need less%s",
            (double)memory / (1 << 20), gd_budget_enough_mib(out->least), need->rows, all ? " and" : ",",
            all ? "" : " and a lower rank (lora_r)",
            need->keep_least ? "; so do layers that are computed again (checkpoint_layers)" : "");
    left = out->least > limit ? 0 : limit - out->least; /* the user set no limit: try anyway */
    out->keep = layers_that_fit(learner, need, &left);
    out->resident = stages_that_fit(learner, &left);
    out->bytes = out->least > limit ? out->least : limit - left;
    gd_learner_keep(learner, out->keep);
    gd_loader_keep(learner->engine->loader, out->resident);
    return GD_OK;
}
