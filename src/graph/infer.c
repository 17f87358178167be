/* infer.c - which nodes produce and use each value of a graph, and whether they may. */
#include "graph/make.h"

#include "base/error.h"

#include <string.h>

static bool in_same_file(const gd_yaml_node *a, const gd_yaml_node *b) { return a->file == b->file; }

static bool is_of_head(const gd_graph *graph, const gd_yaml_node *name)
{
    return graph->head && in_same_file(name, graph->head);
}

/* A head's own file has names of its own, and `pooled`, which is a value of the graph. */
size_t gd_made_find(const gd_maker *m, const gd_yaml_node *name)
{
    const gd_graph *graph = m->graph;

    if (is_of_head(graph, name) && !strcmp(name->text, "pooled"))
        name = graph->pooled_of_text ? graph->pooled_of_text : graph->pooled;
    for (size_t i = 0; i < m->value_count; i++)
        if (in_same_file(m->values[i].name, name) && !strcmp(m->values[i].name->text, name->text))
            return i;
    return m->value_count;
}

static bool is_carry(const gd_maker *m, const gd_yaml_node *name)
{
    return in_same_file(name, m->graph->carry) && !strcmp(name->text, m->graph->carry->text);
}

/* The value does not exist yet: does a later node produce it? */
static gd_status fail_unknown(const gd_maker *m, size_t at, const gd_yaml_node *name)
{
    const gd_graph *graph = m->graph;

    for (size_t i = at; i < graph->node_count; i++) {
        const gd_yaml_node *out = graph->nodes[i].key[GD_KEY_out];

        if (in_same_file(out, name) && !strcmp(out->text, name->text))
            return gd_yaml_fail(graph->doc, name, m->err, GD_EFORMAT,
                                "\"%s\" is used before line %u produces it: nodes run in order, without cycles",
                                name->text, out->line);
    }
    return gd_yaml_fail(graph->doc, name, m->err, GD_EFORMAT, "no node produces \"%s\"", name->text);
}

/* Values stay in their part; the carried one passes through all, and ends in last_row. */
static gd_status check_reach(const gd_maker *m, const gd_graph_node *node, const gd_yaml_node *name,
                             const gd_made_value *value)
{
    static const char *const words[] = { "before", "inside", "after" };

    if (is_carry(m, name)) {
        if (node->part != GD_PART_AFTER || node->op == GD_OP_last_row)
            return GD_OK;
        return gd_yaml_fail(m->graph->doc, name, m->err, GD_EFORMAT,
                            "\"%s\" has a line for each token, but after the repeat a line for each text is expected: "
                            "use last_row first",
                            name->text);
    }
    if (node->op == GD_OP_last_row)
        return gd_yaml_fail(m->graph->doc, name, m->err, GD_EFORMAT,
                            "last_row reads \"%s\", but %s, the carried value, is expected", name->text,
                            m->graph->carry->text);
    if (value->part == node->part)
        return GD_OK;
    return gd_yaml_fail(m->graph->doc, name, m->err, GD_EFORMAT,
                        "\"%s\" is produced %s the repeat, but used %s it: only the carried value can pass", name->text,
                        words[value->part], words[node->part]);
}

static gd_status use_input(gd_maker *m, size_t at, unsigned i)
{
    const gd_graph_node *node = &m->graph->nodes[at];
    const gd_yaml_node *name = node->in[i];
    const gd_op_traits *traits = &gd_op_table[node->op];
    const size_t index = gd_made_find(m, name);
    gd_made_value *value;
    gd_status rc;

    if (index == m->value_count)
        return fail_unknown(m, at, name);
    value = &m->values[index];
    rc = check_reach(m, node, name, value);
    if (rc)
        return rc;
    value->last = at;
    if (traits->operands & GD_IN(i))
        value->matmul = name;
    else
        value->other = name;
    if (traits->whole & GD_IN(i)) /* rows of earlier tiles are read as well */
        value->extent = GD_EXTENT_BATCH;
    m->pattern[at].in[i] = (unsigned)index;
    return GD_OK;
}

static gd_status use_inputs(gd_maker *m, size_t at)
{
    const gd_graph_node *node = &m->graph->nodes[at];

    if (node->op == GD_OP_embedding) { /* its input is not a value */
        if (strcmp(node->in[0]->text, "tokens") != 0)
            return gd_yaml_fail(m->graph->doc, node->in[0], m->err, GD_EFORMAT,
                                "embedding reads \"%s\", but tokens is expected", node->in[0]->text);
        return GD_OK;
    }
    m->pattern[at].in_count = node->in_count;
    for (unsigned i = 0; i < node->in_count; i++) {
        gd_status rc = use_input(m, at, i);

        if (rc)
            return rc;
    }
    return GD_OK;
}

/* A value is produced once, except the carried one, to which an `add` in the repeat may add. */
static gd_status give_again(gd_maker *m, size_t at, size_t index)
{
    const gd_graph_node *node = &m->graph->nodes[at];
    const gd_yaml_node *out = node->key[GD_KEY_out];

    if (is_carry(m, out) && node->part == GD_PART_LAYER && node->op == GD_OP_add && m->pattern[at].in[0] == index) {
        m->pattern[at].out = (unsigned)index;
        return GD_OK;
    }
    return gd_yaml_fail(m->graph->doc, out, m->err, GD_EFORMAT,
                        is_carry(m, out)
                            ? "\"%s\" is produced again (first in line %u): only an add may, as its first input"
                            : "two nodes produce \"%s\", the other in line %u",
                        out->text, m->values[index].name->line);
}

static gd_status give_output(gd_maker *m, size_t at, size_t cols)
{
    const gd_graph_node *node = &m->graph->nodes[at];
    const gd_yaml_node *out = node->key[GD_KEY_out];
    const size_t index = gd_made_find(m, out);
    gd_made_value *value = &m->values[m->value_count];

    if (!strcmp(out->text, "tokens") || (is_of_head(m->graph, out) && !strcmp(out->text, "pooled")))
        return gd_yaml_fail(m->graph->doc, out, m->err, GD_EFORMAT, "\"%s\" is reserved for the input", out->text);
    if (index < m->value_count)
        return give_again(m, at, index);
    *value = (gd_made_value){ .name = out, .part = node->part, .cols = cols, .first = at, .last = at };
    value->extent = node->part == GD_PART_AFTER ? GD_EXTENT_POOLED : GD_EXTENT_TILE;
    value->of_text = node->op == GD_OP_take;
    for (unsigned i = 0; i < m->pattern[at].in_count; i++)
        value->of_text |= m->values[m->pattern[at].in[i]].of_text;
    if (is_carry(m, out)) {
        value->extent = GD_EXTENT_BATCH;
        if (cols != m->plan->hidden)
            return gd_yaml_fail(m->graph->doc, out, m->err, GD_EFORMAT,
                                "the carried value \"%s\" has %zu columns, but hidden (%zu) is expected", out->text,
                                cols, m->plan->hidden);
    }
    m->pattern[at].out = (unsigned)m->value_count++;
    return GD_OK;
}

static gd_status take_node(gd_maker *m, size_t at)
{
    const gd_graph_node *node = &m->graph->nodes[at];
    const gd_op_traits *traits = &gd_op_table[node->op];
    gd_plan_step *step = &m->pattern[at];
    size_t cols = 0;
    gd_status rc;

    if (!(traits->parts >> node->part & 1u))
        return gd_yaml_fail(m->graph->doc, node->at, m->err, GD_EFORMAT, "%s belongs %s", gd_op_table[node->op].name,
                            traits->standing);
    if (node->part == GD_PART_LAYER && gd_made_find(m, m->graph->carry) == m->value_count)
        return gd_yaml_fail(m->graph->doc, m->graph->carry, m->err, GD_EFORMAT,
                            "no node before the repeat produces the carried value \"%s\"", m->graph->carry->text);
    step->op = node->op;
    rc = use_inputs(m, at);
    if (!rc)
        rc = gd_make_step(m, node, step, &cols);
    return rc ? rc : give_output(m, at, cols);
}

/* A head's own file has a matrix somewhere. */
static gd_status check_head(const gd_maker *m)
{
    const gd_graph *graph = m->graph;
    bool linear = false;

    for (size_t i = 0; i < graph->node_count; i++)
        linear |= graph->nodes[i].op == GD_OP_head;
    if (!linear)
        return gd_yaml_fail(graph->doc, graph->head, m->err, GD_EFORMAT,
                            "the head has no linear, but one is expected at least");
    return GD_OK;
}

/* Faults that only the whole graph shows. */
static gd_status check_whole(const gd_maker *m)
{
    const gd_graph *graph = m->graph;
    const gd_graph_node *last = &graph->nodes[graph->node_count - 1];
    bool carried = false;
    gd_status rc = GD_OK;

    for (size_t i = 0; i < graph->node_count; i++)
        carried |= graph->nodes[i].part == GD_PART_LAYER && is_carry(m, graph->nodes[i].key[GD_KEY_out]);
    if (!carried)
        return gd_yaml_fail(graph->doc, graph->carry, m->err, GD_EFORMAT,
                            "no node of the repeat adds to the carried value \"%s\"", graph->carry->text);
    if (last->op != GD_OP_head && !graph->head)
        return gd_yaml_fail(graph->doc, last->at, m->err, GD_EFORMAT, "the last node is %s, but head is expected",
                            gd_op_table[last->op].name);
    if (graph->head)
        rc = check_head(m);
    if (rc)
        return rc;
    for (size_t i = 0; !graph->head && i + 1 < graph->node_count; i++)
        if (graph->nodes[i].op == GD_OP_head)
            return gd_yaml_fail(graph->doc, graph->nodes[i].at, m->err, GD_EFORMAT,
                                "a head before the last node, but only the last node may be one");
    for (size_t i = 0; i < m->value_count; i++) {
        const gd_made_value *v = &m->values[i];

        if (!v->matmul && !v->other)
            return gd_yaml_fail(graph->doc, v->name, m->err, GD_EFORMAT, "no node uses \"%s\"", v->name->text);
        if (v->matmul && v->other)
            return gd_yaml_fail(
                graph->doc, v->name, m->err, GD_EUNSUPPORTED,
                "\"%s\" feeds a matmul (line %u) and another operation (line %u), which differ in type: the "
                "matmul needs a round of it",
                v->name->text, v->matmul->line, v->other->line);
        if (!v->matmul && graph->nodes[v->first].op == GD_OP_round)
            return gd_yaml_fail(graph->doc, v->name, m->err, GD_EFORMAT,
                                "\"%s\" is the output of a round, but no matmul reads it", v->name->text);
    }
    return GD_OK;
}

gd_status gd_make_pattern(gd_maker *m)
{
    const size_t count = m->graph->node_count;
    gd_status rc = GD_OK;

    m->pattern = gd_arena_alloc(&m->arena, count, sizeof *m->pattern);
    m->values = gd_arena_alloc(&m->arena, count, sizeof *m->values);
    if (!m->pattern || !m->values)
        return gd_fail_memory(m->err, count * (sizeof *m->pattern + sizeof *m->values));
    for (size_t i = 0; !rc && i < count; i++)
        rc = take_node(m, i);
    if (rc)
        return rc;
    rc = gd_make_outputs(m);
    return rc ? rc : check_whole(m);
}
