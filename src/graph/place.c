/* place.c - the buffers of a plan: their types, and their places in the three arenas. */
#include "graph/make.h"

#include "base/error.h"

#include <string.h>

/* A buffer already placed. */
struct placed {
    size_t index, begin, end; /* of the value; bytes of one line */
};

static size_t line_bytes(const gd_plan_buffer *buffer) { return buffer->cols * gd_dtype_size(buffer->dtype); }

/* Values of one part live from the node that produces them to the last that uses them; those of BATCH always. */
static bool live_together(const gd_made_value *a, const gd_made_value *b)
{
    return a->extent == GD_EXTENT_BATCH || (a->part == b->part && a->first <= b->last && b->first <= a->last);
}

/* First fit: the lowest place that is free while the value lives. `list` holds the buffers placed, in order of
 * `begin`. */
static void place_value(const gd_maker *m, size_t index, struct placed *list, size_t *count)
{
    gd_plan_buffer *buffer = &m->plan->buffers[index];
    const size_t bytes = line_bytes(buffer);
    size_t begin = 0, at = *count;

    for (size_t i = 0; i < *count; i++) {
        if (!live_together(&m->values[list[i].index], &m->values[index]))
            continue;
        if (list[i].begin >= begin + bytes)
            break;
        if (list[i].end > begin)
            begin = list[i].end;
    }
    while (at > 0 && list[at - 1].begin > begin) {
        list[at] = list[at - 1];
        at--;
    }
    list[at] = (struct placed){ index, begin, begin + bytes };
    ++*count;
    buffer->offset = begin;
    if (begin + bytes > m->plan->line_bytes[buffer->extent])
        m->plan->line_bytes[buffer->extent] = begin + bytes;
}

/* A head's own file has names of its own. */
static bool is_carry(const gd_maker *m, size_t value)
{
    const gd_yaml_node *name = m->values[value].name;

    return name->file == m->graph->carry->file && !strcmp(name->text, m->graph->carry->text);
}

gd_status gd_make_buffers(gd_maker *m)
{
    gd_plan *plan = m->plan;
    struct placed *list = gd_arena_alloc(&m->arena, m->value_count, sizeof *list);

    plan->buffers = gd_arena_alloc(&plan->arena, m->value_count, sizeof *plan->buffers);
    if (!list || !plan->buffers)
        return gd_fail_memory(m->err, m->value_count * (sizeof *list + sizeof *plan->buffers));
    plan->buffer_count = m->value_count;
    for (size_t i = 0; i < m->value_count; i++) {
        const gd_made_value *v = &m->values[i];
        const char *name = v->name->text;
        gd_plan_buffer *b = &plan->buffers[i];

        *b = (gd_plan_buffer){ .extent = v->extent,
                               .of_text = v->of_text,
                               .dtype = v->matmul ? plan->operand : GD_F32,
                               .cols = v->cols };
        b->name = gd_arena_strndup(&plan->arena, name, strlen(name));
        if (!b->name)
            return gd_fail_memory(m->err, strlen(name) + 1);
    }
    for (gd_extent extent = GD_EXTENT_BATCH; extent <= GD_EXTENT_POOLED; extent++) {
        size_t count = 0;

        for (size_t i = 0; i < m->value_count; i++)
            if (plan->buffers[i].extent == extent)
                place_value(m, i, list, &count);
    }
    for (size_t i = 0; i < m->value_count; i++)
        if (is_carry(m, i))
            plan->carry = (unsigned)i;
    plan->labels = plan->buffers[plan->score].cols;
    return GD_OK;
}
