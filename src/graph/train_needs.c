/* train_needs.c - what backward twins read: values that are kept, or computed again from what is kept. */
#include "graph/train_make.h"

#include "base/error.h"

#include <string.h>

static void need_inputs(gd_train_maker *m, const gd_back_step *back)
{
    const gd_train_step *made = &m->made->steps[back->step];
    const gd_plan_step *step = &m->plan->steps[back->step];
    const bool learns = m->learns->rank[back->step] > 0 || m->learns->weights[back->step];
    const bool reads = step->op == GD_OP_rms_norm || step->op == GD_OP_attention || step->op == GD_OP_act ||
                       step->op == GD_OP_mul || ((step->op == GD_OP_linear || step->op == GD_OP_head) && learns);

    for (unsigned i = 0; reads && i < step->in_count; i++)
        m->needed[made->in[i]] = true;
    for (unsigned i = 0; i < GD_OP_MAX_KEPT; i++)
        if (made->kept[i] != GD_NO_BUFFER)
            m->needed[made->kept[i]] = true;
    if (step->op == GD_OP_attention || step->op == GD_OP_softmax)
        m->needed[made->out] = true;
}

static bool is_wide(const gd_train_maker *m, unsigned b)
{
    return m->made->buffers[b].extent == GD_EXTENT_BATCH && b != m->plan->carry;
}

/* Steps on which keys and values depend, for all rows. What these keep is kept for all rows, too. */
static void find_keys(gd_train_maker *m, const gd_plan_stage *stage)
{
    memset(m->needed, 0, m->room);
    for (size_t s = stage->first_step + stage->step_count; s-- > stage->first_step;) {
        gd_train_step *step = &m->made->steps[s];

        step->keys = m->needed[step->out] || is_wide(m, step->out);
        for (unsigned i = 0; step->keys && i < m->plan->steps[s].in_count; i++)
            m->needed[step->in[i]] = true;
        if (step->keys && step->kept[0] != GD_NO_BUFFER)
            m->made->buffers[step->kept[0]].extent = GD_EXTENT_BATCH;
    }
}

/* The other steps that must be computed again for a tile. */
static void find_again(gd_train_maker *m, const gd_plan_stage *stage)
{
    for (size_t s = stage->first_step + stage->step_count; s-- > stage->first_step;) {
        gd_train_step *step = &m->made->steps[s];
        const bool there = is_wide(m, step->out) || step->out == m->plan->carry;
        const bool keeps = !step->keys && step->kept[0] != GD_NO_BUFFER && m->needed[step->kept[0]];

        step->again = !there && (m->needed[step->out] || keeps);
        for (unsigned i = 0; step->again && i < m->plan->steps[s].in_count; i++)
            m->needed[step->in[i]] = true;
    }
}

/* A norm that is computed again even where its layer is kept: its input must be kept then. */
static gd_status find_cheap(gd_train_maker *m, const gd_plan_stage *stage)
{
    for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++) {
        gd_train_step *step = &m->made->steps[s];

        step->cheap = m->plan->steps[s].op == GD_OP_rms_norm && m->needed[step->out];
        if (!step->cheap)
            continue;
        if (step->in[0] != m->plan->carry && m->producer[step->in[0]] == GD_OP_rms_norm)
            return gd_fail(m->err, GD_EUNSUPPORTED, "the graph %s has a norm of a norm, which cannot be trained",
                           m->plan->graph_name);
        m->needed[step->in[0]] = true;
    }
    return GD_OK;
}

gd_status gd_train_find_needs(gd_train_maker *m, size_t index)
{
    const gd_plan_stage *stage = &m->plan->stages[index];
    const gd_train_stage *made = &m->made->stages[index];
    gd_status rc = GD_OK;

    if (made->back_count == 0)
        return GD_OK;
    find_keys(m, stage);
    memset(m->needed, 0, m->room);
    for (size_t i = made->first_back; i < made->first_back + made->back_count; i++)
        need_inputs(m, &m->made->back[i]);
    if (stage->layer >= 0)
        rc = find_cheap(m, stage);
    for (unsigned b = 0; b < m->made->buffer_count && stage->layer >= 0; b++)
        m->made->buffers[b].kept |= m->needed[b] && b != m->plan->carry && m->producer[b] != GD_OP_rms_norm;
    find_again(m, stage);
    return rc;
}
