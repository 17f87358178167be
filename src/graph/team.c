/* team.c - steps that a backend may compute in one call: q, k and v, which read the same rows; gate, up and their
 * product, where gate and up need not reach memory; or a linear and the sum that it goes into.  Found once, when the
 * plan is made. */
#include "graph/make.h"

/* How often the stage reads the buffer; buffers of the batch count as read by other stages, too. */
static size_t readers_of(const gd_plan *plan, const gd_plan_stage *stage, unsigned buffer)
{
    size_t count = plan->buffers[buffer].extent == GD_EXTENT_BATCH;

    for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++)
        for (unsigned i = 0; i < plan->steps[s].in_count; i++)
            count += plan->steps[s].in[i] == buffer;
    return count;
}

/* Whether the step and the two after it are two linears of one input and the gated product of their outputs, which no
 * other step reads. */
static bool is_gated_product(const gd_plan *plan, const gd_plan_stage *stage, size_t step)
{
    const gd_plan_step *gate = &plan->steps[step], *up = gate + 1, *gated = gate + 2;

    return step + 2 < stage->first_step + stage->step_count && gate->op == GD_OP_linear && up->op == GD_OP_linear &&
           gated->op == GD_OP_gated && gate->in[0] == up->in[0] && gated->in[0] == gate->out &&
           gated->in[1] == up->out && readers_of(plan, stage, gate->out) == 1 && readers_of(plan, stage, up->out) == 1;
}

/* Whether the next step adds this linear's output, which no other step reads, to a value in its place. */
static bool is_summed(const gd_plan *plan, const gd_plan_stage *stage, size_t step)
{
    const gd_plan_step *linear = &plan->steps[step], *sum = linear + 1;

    return step + 1 < stage->first_step + stage->step_count && linear->op == GD_OP_linear && sum->op == GD_OP_add &&
           sum->in[1] == linear->out && sum->in[0] == sum->out && readers_of(plan, stage, linear->out) == 1;
}

/* The number of steps, from this one on, that are linears of one input. */
static unsigned count_linears(const gd_plan *plan, const gd_plan_stage *stage, size_t step)
{
    const size_t end = stage->first_step + stage->step_count;
    unsigned count = 0;

    while (count < GD_OP_MAX_LINEARS && step + count < end && plan->steps[step + count].op == GD_OP_linear &&
           plan->steps[step + count].in[0] == plan->steps[step].in[0])
        count++;
    return count;
}

void gd_make_teams(gd_plan *plan)
{
    for (size_t i = 0; i < plan->stage_count; i++) {
        const gd_plan_stage *stage = &plan->stages[i];

        for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++) {
            plan->steps[s].linears = count_linears(plan, stage, s);
            plan->steps[s].summed = is_summed(plan, stage, s);
            plan->steps[s].gated = is_gated_product(plan, stage, s);
        }
    }
}
