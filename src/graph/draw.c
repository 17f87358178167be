/* draw.c - a node of a description as a line. */
#include "graph/draw.h"

#include "base/mem.h"

#include <string.h>

static const char *const key_names[] = {
#define GD_GRAPH_KEY(name) #name,
    GD_GRAPH_KEYS(GD_GRAPH_KEY)
#undef GD_GRAPH_KEY
};

static bool is_carry(const gd_graph *graph, const gd_yaml_node *name)
{
    return graph->carry && name->file == graph->carry->file && !strcmp(name->text, graph->carry->text);
}

/* Every node gives a value of its own, in the order of the plan's buffers; but those that add to the carried one. */
static size_t buffer_of(const gd_graph *graph, size_t at)
{
    size_t count = 0, carry = 0;
    bool carried = false;

    for (size_t i = 0;; i++) {
        const bool again = carried && is_carry(graph, graph->nodes[i].key[GD_KEY_out]);

        if (i == at)
            return again ? carry : count;
        if (!carried && is_carry(graph, graph->nodes[i].key[GD_KEY_out])) {
            carried = true;
            carry = count;
        }
        count += !again;
    }
}

/* The name of a tensor in layer 0, or outside the layers. */
static void put_full_name(gd_buf *name, const gd_graph *graph, const gd_graph_node *node, unsigned weight)
{
    const char *prefix = node->part == GD_PART_LAYER ? graph->prefix->text : "", *hole = strstr(prefix, "{i}");

    gd_buf_clear(name);
    if (hole) {
        gd_buf_bytes(name, prefix, (size_t)(hole - prefix));
        gd_buf_printf(name, "0%s", hole + 3);
    }
    gd_buf_str(name, node->w[weight].name->text);
}

/* " [96, 96]": what the plan requires of the tensor, or of its rows. */
static void draw_shape(gd_buf *line, const gd_graph *graph, const gd_graph_node *node, unsigned weight,
                       const gd_plan *plan)
{
    gd_buf name = { 0 };

    put_full_name(&name, graph, node, weight);
    if (gd_buf_cstr(&name))
        for (size_t s = 0; s < plan->step_count; s++)
            for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++) {
                const gd_plan_weight *w = &plan->steps[s].w[i];

                if (!w->name || strcmp(w->name, name.data) != 0 ||
                    strcmp(plan->buffers[plan->steps[s].out].name, node->key[GD_KEY_out]->text) != 0)
                    continue;
                gd_buf_printf(line, " [%zu", w->shape[0]);
                gd_buf_printf(line, w->rank == 2 ? ", %zu]" : "]", w->shape[1]);
                gd_buf_free(&name);
                return;
            }
    line->failed |= name.failed;
    gd_buf_free(&name);
}

static void draw_list(gd_buf *line, const char *before, const gd_yaml_node *list)
{
    gd_buf_str(line, before);
    for (const gd_yaml_node *row = list->child; row; row = row->next)
        gd_buf_printf(line, row->plain ? "%s%s" : "%s\"%s\"", row == list->child ? "" : ", ", row->text);
}

/* Numbers made of tensors, as the description has them. */
static void draw_value(gd_buf *line, const gd_yaml_node *map)
{
    gd_buf_str(line, "{");
    for (const gd_yaml_node *k = map->child; k; k = k->next->next)
        gd_buf_printf(line, "%s%s: %s", k == map->child ? "" : ", ", k->text, k->next->text);
    gd_buf_str(line, "}");
}

/* A tensor, and which part of it a weight is. */
static void draw_weight(gd_buf *line, const gd_graph_node *node, unsigned weight)
{
    const gd_graph_weight *w = &node->w[weight];

    if (node->op == GD_OP_affine)
        gd_buf_str(line, weight ? "shift: " : "scale: ");
    if (w->value) {
        draw_value(line, w->value);
        return;
    }
    gd_buf_str(line, w->name->text);
    for (const gd_yaml_node *k = w->cut ? w->cut->child : NULL; k; k = k->next->next)
        if (strcmp(k->text, "tensor") != 0 && k->next->kind == GD_YAML_SCALAR)
            gd_buf_printf(line, " %s (%s)", k->text, k->next->text);
    if (w->turned)
        gd_buf_str(line, " transposed");
    if (!w->rows)
        return;
    draw_list(line, " rows ", w->rows);
    if (w->minus)
        draw_list(line, " minus ", w->minus);
    if (w->other)
        gd_buf_printf(line, " else %s", w->other->text);
}

static const char *name_of(const gd_graph_node *node)
{
    return gd_op_table[node->op == GD_OP_head && node->key[GD_KEY_size] ? GD_OP_linear : node->op].name;
}

static void draw_width(gd_buf *line, const gd_graph *graph, size_t at, const gd_plan *plan)
{
    const size_t buffer = buffer_of(graph, at);

    if (buffer < plan->buffer_count && !strcmp(plan->buffers[buffer].name, graph->nodes[at].key[GD_KEY_out]->text))
        gd_buf_printf(line, "[%zu]", plan->buffers[buffer].cols);
}

void gd_graph_draw_node(gd_buf *line, const gd_graph *graph, size_t at, const gd_plan *plan)
{
    const gd_graph_node *node = &graph->nodes[at];
    const char *sep = "; ";

    gd_buf_str(line, node->key[GD_KEY_out]->text);
    if (plan)
        draw_width(line, graph, at, plan);
    gd_buf_printf(line, " = %s(", name_of(node));
    for (unsigned i = 0; i < node->in_count; i++)
        gd_buf_printf(line, "%s%s", i ? ", " : "", node->in[i]->text);
    for (unsigned i = 0; i < node->w_count; i++) {
        if (!node->w[i].name)
            continue;
        gd_buf_str(line, sep);
        sep = ", ";
        draw_weight(line, node, i);
        if (plan)
            draw_shape(line, graph, node, i, plan);
    }
    sep = "; ";
    for (unsigned k = 0; k < GD_KEY_COUNT; k++) {
        if (!node->key[k] || node->key[k]->kind != GD_YAML_SCALAR || k == GD_KEY_op || k == GD_KEY_in ||
            k == GD_KEY_w || k == GD_KEY_out)
            continue;
        gd_buf_printf(line, "%s%s: %s", sep, key_names[k], node->key[k]->text);
        sep = ", ";
    }
    gd_buf_str(line, ")");
}

void gd_graph_draw_place(gd_buf *line, const gd_graph_place *place)
{
    const gd_yaml_node *what = place->what;

    gd_buf_printf(line, what ? "{%s: " : "%s", gd_pooling_word(place->pool));
    if (!what)
        return;
    if (what->plain)
        gd_buf_str(line, what->text);
    else
        gd_buf_json_string(line, what->text, strlen(what->text));
    gd_buf_str(line, place->first_token ? ", token: first}" : "}");
}
