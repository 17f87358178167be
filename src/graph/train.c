/* train.c - a plan made to run backward. */
#include "graph/train_make.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

#define NONE GD_NO_BUFFER

static unsigned add_buffer(gd_train_maker *m, gd_extent extent, gd_dtype dtype, size_t cols)
{
    gd_train_plan *made = m->made;

    made->buffers[made->buffer_count] = (gd_train_buffer){ .extent = extent, .dtype = dtype, .cols = cols };
    return (unsigned)made->buffer_count++;
}

static bool is_last_of(const gd_plan *plan, const gd_plan_stage *stage, size_t step)
{
    for (size_t s = step + 1; s < stage->first_step + stage->step_count; s++)
        if (plan->steps[s].out == plan->steps[step].out)
            return false;
    return true;
}

/* ---- values: no step overwrites one ---- */

/* The buffer of an in-place add's result: the stream itself at the end of a layer. */
static unsigned version_of(gd_train_maker *m, const gd_plan_stage *stage, size_t step, size_t place)
{
    const gd_plan_step *s = &m->plan->steps[step];
    unsigned *known = &m->version[place * 2 + stage->pooled];

    if (!stage->pooled && s->out == m->plan->carry && is_last_of(m->plan, stage, step))
        return s->out;
    if (*known == NONE)
        *known = add_buffer(m, stage->pooled ? m->plan->buffers[s->out].extent : GD_EXTENT_TILE, GD_F32,
                            m->plan->buffers[s->out].cols);
    return *known;
}

static void rename_stage(gd_train_maker *m, const gd_plan_stage *stage, unsigned *now)
{
    size_t place = 0;

    for (unsigned b = 0; b < m->plan->buffer_count; b++)
        now[b] = b;
    for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++) {
        const gd_plan_step *step = &m->plan->steps[s];
        gd_train_step *made = &m->made->steps[s];
        bool in_place = false;

        for (unsigned i = 0; i < step->in_count; i++) {
            made->in[i] = now[step->in[i]];
            in_place |= step->in[i] == step->out;
        }
        made->out = in_place ? version_of(m, stage, s, place++) : step->out;
        now[step->out] = made->out;
        m->producer[made->out] = step->op;
    }
}

/* ---- what operations keep ---- */

static void add_kept(gd_train_maker *m, size_t s, gd_extent extent)
{
    const gd_plan_step *step = &m->plan->steps[s];
    const gd_dtype operand = m->plan->operand;
    unsigned *kept = m->kept[step->out];

    if (kept[0] == NONE && step->op == GD_OP_attention) {
        kept[0] = add_buffer(m, extent, GD_F32, step->params.heads);
        kept[1] = add_buffer(m, extent, GD_F32, step->params.heads);
    } else if (kept[0] == NONE && step->op == GD_OP_gated) {
        kept[0] = add_buffer(m, extent, operand, m->plan->buffers[step->out].cols);
        kept[1] = add_buffer(m, extent, operand, m->plan->buffers[step->out].cols);
    } else if (step->op == GD_OP_linear && m->learns->rank[s]) {
        if (kept[0] == NONE)
            kept[0] = add_buffer(m, extent, operand, 0);
        if (m->made->buffers[kept[0]].cols < m->learns->rank[s])
            m->made->buffers[kept[0]].cols = m->learns->rank[s];
    }
    if (step->op != GD_OP_linear || m->learns->rank[s])
        memcpy(m->made->steps[s].kept, kept, sizeof m->made->steps[s].kept);
}

static void name_values(gd_train_maker *m, unsigned *now)
{
    for (size_t i = 0; i < m->plan->stage_count; i++) {
        const gd_plan_stage *stage = &m->plan->stages[i];

        rename_stage(m, stage, now);
        for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++) {
            m->made->steps[s].kept[0] = m->made->steps[s].kept[1] = NONE;
            add_kept(m, s,
                     m->plan->buffers[m->plan->steps[s].out].extent == GD_EXTENT_POOLED ? GD_EXTENT_POOLED
                                                                                        : GD_EXTENT_TILE);
        }
    }
}

/* ---- what depends on something that learns ---- */

static void find_active(gd_train_maker *m)
{
    const gd_plan *plan = m->plan;
    bool *depends = m->needed; /* not needed yet */

    for (size_t s = 0; s < plan->step_count; s++) {
        const gd_train_step *step = &m->made->steps[s];
        bool any = m->learns->rank[s] > 0 || m->learns->weights[s];

        for (unsigned i = 0; i < plan->steps[s].in_count; i++) {
            m->wants[s][i] = depends[step->in[i]];
            any |= m->wants[s][i];
        }
        m->active[s] = any;
        depends[step->out] = any;
    }
}

static void count_reads(gd_train_maker *m, unsigned *reads)
{
    for (size_t i = 0; i < m->plan->stage_count; i++) {
        const gd_plan_stage *stage = &m->plan->stages[i];

        memset(reads, 0, m->room * sizeof *reads);
        for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++)
            for (unsigned k = 0; k < m->plan->steps[s].in_count; k++) {
                const unsigned b = m->made->steps[s].in[k];

                if (!m->wants[s][k])
                    continue;
                m->by_attention[b] |= m->plan->steps[s].op == GD_OP_attention;
                if (++reads[b] > m->reads[b])
                    m->reads[b] = reads[b];
            }
    }
}

/* ---- gradients ---- */

/* A linear's and an attention's outputs have gradients that feed products. */
static bool feeds_product(const gd_train_maker *m, unsigned b)
{
    return m->producer[b] == GD_OP_linear || m->producer[b] == GD_OP_attention;
}

/* The buffer of a value's gradient. It is of the operand type if it feeds a product and is written once, by a step that
 * can round it; else it is F32, and rounded later. */
static unsigned gradient_of(gd_train_maker *m, unsigned b)
{
    const gd_train_buffer value = m->made->buffers[b];
    const bool once = m->reads[b] < 2 && !m->by_attention[b] && value.extent != GD_EXTENT_BATCH;

    if (b == m->plan->carry)
        return m->made->stream;
    if (m->gradient[b] == NONE)
        m->gradient[b] = add_buffer(m, value.extent, once && feeds_product(m, b) ? m->plan->operand : GD_F32,
                                    value.cols);
    return m->gradient[b];
}

/* The same, rounded if it has to be. */
static unsigned rounded_of(gd_train_maker *m, unsigned b)
{
    const gd_train_buffer value = m->made->buffers[b];

    if (m->rounded[b] == NONE)
        m->rounded[b] = add_buffer(m, value.extent == GD_EXTENT_POOLED ? GD_EXTENT_POOLED : GD_EXTENT_TILE,
                                   m->plan->operand, value.cols);
    return m->rounded[b];
}

static unsigned where_is(gd_train_maker *m, unsigned b)
{
    return m->alias[b] == NONE ? gradient_of(m, b) : m->alias[b];
}

static void contribute(gd_train_maker *m, gd_back_step *back, unsigned i, unsigned b)
{
    back->d_in[i] = where_is(m, b);
    back->adds[i] = m->count[b]++ > 0;
}

/* A sum's gradient is that of its first input, too, if nothing else has contributed to that. */
static void pass_through(gd_train_maker *m, gd_back_step *back, unsigned d_out, const gd_train_step *step)
{
    const unsigned first = step->in[0];

    if (m->count[first] == 0 && m->made->buffers[d_out].dtype == GD_F32) {
        m->alias[first] = d_out;
        m->count[first] = 1;
        back->d_in[0] = NONE;
    } else {
        contribute(m, back, 0, first);
    }
}

/* Whose description has the step. */
static bool is_of_head(const gd_plan *plan, size_t s)
{
    return plan->head_of && s + plan->head_steps >= plan->step_count;
}

static const char *kind_of(const gd_plan *plan, size_t s) { return is_of_head(plan, s) ? "head" : "graph"; }

static const char *name_of(const gd_plan *plan, size_t s)
{
    return is_of_head(plan, s) ? plan->head_of : plan->graph_name;
}

static gd_status check_back(const gd_train_maker *m, size_t s, const gd_back_step *back)
{
    const gd_plan_step *step = &m->plan->steps[s];
    bool good = true;

    for (unsigned i = 0; i < step->in_count; i++)
        if (back->d_in[i] != NONE) {
            const gd_dtype type = m->made->buffers[back->d_in[i]].dtype;

            good &= type == GD_F32 || !back->adds[i];
            good &= step->op != GD_OP_gated || (type == m->plan->operand && !back->adds[i]);
        }
    return good ? GD_OK
                : gd_fail(m->err, GD_EUNSUPPORTED,
                          "the %s %s reads the inputs of a %s in a way whose gradient is not supported",
                          kind_of(m->plan, s), name_of(m->plan, s), gd_op_table[step->op].name);
}

/* Operations that compute the gradients of all their inputs in one go. */
static bool together(gd_op op) { return op == GD_OP_attention || op == GD_OP_gated; }

static gd_status add_back(gd_train_maker *m, size_t s, gd_train_stage *stage)
{
    const gd_plan_step *step = &m->plan->steps[s];
    const gd_train_step *made = &m->made->steps[s];
    gd_back_step *back = &m->made->back[m->made->back_count];
    const bool scores = step->out == m->plan->score; /* whose gradient is the loss's */
    unsigned d_out;

    if (!m->active[s] || (!scores && m->count[made->out] == 0))
        return GD_OK;
    d_out = where_is(m, made->out);
    m->made->back_count++;
    stage->back_count++;
    *back = (gd_back_step){ .step = s, .d_out = d_out, .rounds = NONE, .d_in = { NONE, NONE, NONE } };
    if (feeds_product(m, made->out) && m->made->buffers[d_out].dtype != m->plan->operand) {
        back->rounds = d_out;
        back->d_out = rounded_of(m, made->out);
    }
    if (made->out == m->plan->carry)
        m->count[made->out] = 0; /* from here on it is the layer's input */
    for (unsigned i = 0; i < step->in_count; i++) {
        if (!m->wants[s][i] && !together(step->op))
            continue;
        if (step->op == GD_OP_add && i == 0)
            pass_through(m, back, d_out, made);
        else
            contribute(m, back, i, made->in[i]);
    }
    if (step->op == GD_OP_attention)
        for (unsigned i = 1; i < 3; i++) {
            stage->clear[i - 1] = back->d_in[i];
            back->adds[i] = true;
        }
    stage->gathers |= step->op == GD_OP_last_row;
    return check_back(m, s, back);
}

/* The back steps of a stage. The stream's gradient has come from the stage after it; in the stage of the pooled rows it
 * begins. */
static gd_status reverse_stage(gd_train_maker *m, size_t index)
{
    const gd_plan_stage *stage = &m->plan->stages[index];
    gd_train_stage *made = &m->made->stages[index];
    gd_status rc = GD_OK;

    *made = (gd_train_stage){ .first_back = m->made->back_count, .clear = { NONE, NONE } };
    for (unsigned b = 0; b < m->made->buffer_count; b++) {
        m->alias[b] = NONE;
        if (m->made->buffers[b].extent != GD_EXTENT_BATCH)
            m->count[b] = 0;
    }
    m->count[m->plan->carry] = !stage->pooled;
    for (size_t s = stage->first_step + stage->step_count; !rc && s-- > stage->first_step;)
        rc = add_back(m, s, made);
    /* Those of keys and values are complete for the stage that computes these. */
    if (stage->layer >= 0)
        for (unsigned b = 0; b < m->made->buffer_count; b++)
            m->count[b] = 0;
    return rc;
}

static void place_all(gd_train_maker *m)
{
    gd_train_plan *made = m->made;

    for (unsigned b = 0; b < made->buffer_count; b++) {
        gd_train_buffer *buffer = &made->buffers[b];
        const size_t bytes = buffer->cols * gd_dtype_size(buffer->dtype);

        if (b == m->plan->carry) {
            made->stream_bytes = bytes;
            continue;
        }
        buffer->offset = made->line_bytes[buffer->extent];
        made->line_bytes[buffer->extent] += bytes;
        if (buffer->kept) {
            buffer->kept_offset = made->kept_bytes;
            made->kept_bytes += bytes;
        }
    }
}

/* ---- all of it ---- */

static void *array(gd_train_maker *m, size_t count, size_t size, int fill)
{
    void *a = gd_arena_alloc(&m->arena, count, size);

    if (a)
        memset(a, fill, count * size);
    return a;
}

static gd_status reserve(gd_train_maker *m, unsigned **now)
{
    const gd_plan *plan = m->plan;
    gd_train_plan *made = m->made;

    m->room = 8 * (plan->buffer_count + 64);
    made->buffers = gd_arena_alloc(&made->arena, m->room, sizeof *made->buffers);
    made->steps = gd_arena_alloc(&made->arena, plan->step_count, sizeof *made->steps);
    made->back = gd_arena_alloc(&made->arena, plan->step_count, sizeof *made->back);
    made->stages = gd_arena_alloc(&made->arena, plan->stage_count, sizeof *made->stages);
    m->version = array(m, 2 * (plan->step_count + 1), sizeof *m->version, 0xFF);
    m->kept = array(m, plan->buffer_count, sizeof *m->kept, 0xFF);
    m->gradient = array(m, m->room, sizeof *m->gradient, 0xFF);
    m->rounded = array(m, m->room, sizeof *m->rounded, 0xFF);
    m->alias = array(m, m->room, sizeof *m->alias, 0xFF);
    m->reads = array(m, m->room, sizeof *m->reads, 0);
    m->count = array(m, m->room, sizeof *m->count, 0);
    m->producer = array(m, m->room, sizeof *m->producer, 0);
    m->by_attention = array(m, m->room, 1, 0);
    m->needed = array(m, m->room, 1, 0);
    m->wants = array(m, plan->step_count, sizeof *m->wants, 0);
    m->active = array(m, plan->step_count, 1, 0);
    *now = array(m, m->room, sizeof **now, 0);
    if (!made->buffers || !made->steps || !made->back || !made->stages || !m->version || !m->kept || !m->gradient ||
        !m->rounded || !m->alias || !m->reads || !m->count || !m->producer || !m->by_attention || !m->needed ||
        !m->wants || !m->active || !*now)
        return gd_fail_memory(m->err, SIZE_MAX);
    memset(made->steps, 0, plan->step_count * sizeof *made->steps);
    return GD_OK;
}

static gd_status fill(gd_train_maker *m)
{
    const gd_plan *plan = m->plan;
    unsigned *work;
    gd_status rc = reserve(m, &work);

    if (rc)
        return rc;
    for (size_t b = 0; b < plan->buffer_count; b++)
        add_buffer(m, plan->buffers[b].extent, plan->buffers[b].dtype, plan->buffers[b].cols);
    name_values(m, work);
    m->made->stream = add_buffer(m, GD_EXTENT_BATCH, GD_F32, plan->hidden);
    find_active(m);
    count_reads(m, work);
    m->made->d_score = gradient_of(m, plan->score);
    for (size_t i = plan->stage_count; !rc && i-- > 0;)
        rc = reverse_stage(m, i);
    for (size_t i = 0; !rc && i < plan->stage_count; i++)
        rc = gd_train_find_needs(m, i);
    if (!rc)
        place_all(m);
    return rc;
}

gd_status gd_train_plan_make(gd_train_plan **out, const gd_plan *plan, const gd_learns *learns, gd_error *err)
{
    gd_train_maker m = { .plan = plan, .learns = learns, .err = err };
    gd_status rc;

    *out = NULL;
    m.made = gd_alloc_zero(1, sizeof *m.made);
    if (!m.made)
        return gd_fail_memory(err, sizeof *m.made);
    m.made->plan = plan;
    rc = fill(&m);
    gd_arena_free(&m.arena);
    if (rc) {
        gd_train_plan_free(m.made);
        return rc;
    }
    *out = m.made;
    return GD_OK;
}

void gd_train_plan_free(gd_train_plan *plan)
{
    if (plan)
        gd_arena_free(&plan->arena);
    gd_free(plan);
}
