/* read_also.c - the syntax of a second place at which a head reads a text.
 *
 * The graph's last norm then has a line for each place of each text; operations named `take`, which no file can have,
 * give the head a value for each place, with a line for each text. */
#include "graph/read.h"

#include "base/error.h"

#include <string.h>

/* A node that takes one of the places, and the name of its output. */
static void add_take(gd_graph *graph, const gd_yaml_node *at, unsigned place, const gd_yaml_node *name)
{
    gd_graph_node *node = &graph->nodes[graph->node_count++];

    *node = (gd_graph_node){ .op = GD_OP_take, .part = GD_PART_AFTER, .at = at, .in_count = 1, .take = place };
    node->in[0] = graph->pooled;
    node->key[GD_KEY_out] = name;
}

/* What a head calls `pooled` is then the first place, whose value has a name that no file can give. */
static gd_status name_pooled(gd_graph *graph, const gd_yaml_node *at, gd_error *err)
{
    gd_yaml_node *name = gd_arena_alloc(&graph->arena, 1, sizeof *name);

    if (!name)
        return gd_fail_memory(err, sizeof *name);
    *name = *at;
    name->kind = GD_YAML_SCALAR;
    name->text = "pooled of a text";
    graph->pooled_of_text = name;
    return GD_OK;
}

static gd_status check_name(const gd_graph_reader *r, const gd_yaml_node *name)
{
    const gd_status rc = gd_read_name(r, name, "a key of also");

    return rc || strcmp(name->text, "pooled") != 0
               ? rc
               : gd_yaml_fail(r->graph->doc, name, r->err, GD_EFORMAT, "\"pooled\" is what pool says, not also");
}

/* {gate: POOL}: the value `gate` beside `pooled`. */
gd_status gd_read_also(gd_graph_reader *r, const gd_yaml_node *also)
{
    gd_graph *graph = r->graph;
    gd_status rc = gd_yaml_expect(graph->doc, also, GD_YAML_MAP, "also", r->err);

    if (!rc && also->count != 1)
        rc = gd_yaml_fail(graph->doc, also, r->err, GD_EUNSUPPORTED, "also has %zu keys, but one is expected",
                          also->count);
    if (!rc)
        rc = check_name(r, also->child);
    if (!rc)
        rc = gd_read_place(r, also->child->next, also->child->text, &graph->also);
    if (!rc && (gd_pooling_has_steps(graph->place.pool) || gd_pooling_has_steps(graph->also.pool)))
        rc = gd_yaml_fail(graph->doc, also, r->err, GD_EUNSUPPORTED,
                          "also is a second place of a text, but a place here makes a text of steps");
    if (!rc && graph->node_count + 2 > GD_GRAPH_MAX_NODES)
        rc = gd_yaml_fail(graph->doc, also, r->err, GD_EFORMAT, "more than %u nodes", GD_GRAPH_MAX_NODES);
    if (!rc)
        rc = name_pooled(graph, also, r->err);
    if (rc)
        return rc;
    graph->place_count = 2;
    graph->also_name = also->child;
    add_take(graph, also, 0, graph->pooled_of_text);
    add_take(graph, also, 1, also->child);
    return GD_OK;
}
