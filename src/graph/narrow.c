/* narrow.c - the last layer's work for the pooled rows alone.
 *
 * A score reads the residual stream at one row of each text.  Of the last layer, the other rows need only
 * their keys and values, which the pooled rows' attention reads.  So the gather (last_row) moves up, before every step
 * on which keys and values do not depend, and those steps run over texts instead of rows: with 24 layers, that saves a
 * 30th of all the work.  A step that both sides need, such as the norm before q, k and v, is done on both.
 *
 * Within the layer a tile's buffers then hold one line per text; the residual stream of the pooled rows is in
 * last_row's output. */
#include "graph/make.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

/* Which steps of the layer are needed for all rows, and which for the pooled rows. */
struct needs {
    bool *wide, *narrow;             /* by step of the layer */
    bool *wants_wide, *wants_narrow; /* by buffer: whether later steps read it */
    bool movable;
};

/* Keys and values are read for all rows, however few rows attend to them. */
static bool reads_all_rows(const gd_plan_step *step, unsigned input)
{
    return (gd_op_table[step->op].whole & GD_IN(input)) != 0;
}

/* Walks the layer from its end.  A graph that changes the residual stream before it takes keys and values from it,
 * or reads them other than by attention, is left as it is. */
static void find_needs(const gd_plan *plan, const gd_plan_stage *layer, unsigned carry, struct needs *needs)
{
    needs->movable = true;
    needs->wants_narrow[carry] = true;
    for (size_t i = layer->step_count; i-- > 0;) {
        const gd_plan_step *step = &plan->steps[layer->first_step + i];
        const bool wide = needs->wants_wide[step->out], narrow = needs->wants_narrow[step->out];
        const bool outlives_tile = plan->buffers[step->out].extent == GD_EXTENT_BATCH;

        for (unsigned k = 0; k < step->in_count; k++) {
            const bool all = reads_all_rows(step, k);

            needs->wants_wide[step->in[k]] |= wide || all;
            needs->wants_narrow[step->in[k]] |= narrow && !all;
        }
        needs->wide[i] = wide;
        needs->narrow[i] = narrow;
        needs->movable &= step->out == carry ? !wide : !(narrow && outlives_tile);
    }
}

/* The step with the pooled rows' residual stream in place of all rows'. */
static gd_plan_step over_pooled(gd_plan_step step, unsigned carry, unsigned pooled)
{
    for (unsigned k = 0; k < step.in_count; k++)
        if (step.in[k] == carry)
            step.in[k] = pooled;
    if (step.out == carry)
        step.out = pooled;
    return step;
}

/* The steps in their new order: before the layer, wide, last_row, narrow, after it. */
static gd_status move_gather(gd_plan *plan, const struct needs *needs, gd_error *err)
{
    gd_plan_stage *layer = &plan->stages[plan->stage_count - 2], *after = layer + 1;
    const gd_plan_step *old = plan->steps, *gather = &old[after->first_step];
    const size_t most = plan->step_count + layer->step_count;
    gd_plan_step *steps = gd_arena_alloc(&plan->arena, most, sizeof *steps);
    const size_t layer_steps = layer->step_count, after_steps = after->step_count;
    size_t count = layer->first_step;

    if (!steps)
        return gd_fail_memory(err, most * sizeof *steps);
    memcpy(steps, old, count * sizeof *steps);
    for (size_t i = 0; i < layer_steps; i++)
        if (needs->wide[i])
            steps[count++] = old[layer->first_step + i];
    layer->step_count = count - layer->first_step;
    after->first_step = count;
    steps[count++] = *gather;
    for (size_t i = 0; i < layer_steps; i++)
        if (needs->narrow[i])
            steps[count++] = over_pooled(old[layer->first_step + i], gather->in[0], gather->out);
    memcpy(steps + count, gather + 1, (after_steps - 1) * sizeof *steps);
    count += after_steps - 1;
    after->step_count = count - after->first_step;
    plan->steps = steps;
    plan->step_count = count;
    return GD_OK;
}

/* The pooled rows would be gathered twice: once before the layer's end, and once from rows of which not all have
 * reached it. */
static bool gathers_again(const gd_plan *plan, const gd_plan_stage *after)
{
    for (size_t i = 1; i < after->step_count; i++)
        if (plan->steps[after->first_step + i].op == GD_OP_last_row)
            return true;
    return false;
}

gd_status gd_make_narrow(gd_maker *m)
{
    gd_plan *plan = m->plan;
    const gd_plan_stage *layer = &plan->stages[plan->stage_count - 2], *after = layer + 1;
    const gd_plan_step *gather = &plan->steps[after->first_step];
    const size_t count = 2 * (layer->step_count + plan->buffer_count);
    bool *flags = gd_arena_alloc(&m->arena, count, sizeof *flags), any = false;
    struct needs needs = { .wide = flags };

    if (!flags)
        return gd_fail_memory(m->err, count);
    needs.narrow = needs.wide + layer->step_count;
    needs.wants_wide = needs.narrow + layer->step_count;
    needs.wants_narrow = needs.wants_wide + plan->buffer_count;
    if (gather->op != GD_OP_last_row || gathers_again(plan, after) ||
        plan->buffers[gather->out].dtype != plan->buffers[gather->in[0]].dtype)
        return GD_OK;
    find_needs(plan, layer, gather->in[0], &needs);
    for (size_t i = 0; i < layer->step_count; i++)
        any |= needs.wide[i];
    return any && needs.movable ? move_gather(plan, &needs, m->err) : GD_OK;
}
