/* read_weight.c - the syntax of a node's weights: a tensor's name, a part of a tensor, or what is made of tensors. */
#include "graph/read.h"

#include "base/error.h"

#include <string.h>

static gd_status read_name(const gd_graph_reader *r, const gd_yaml_node *node)
{
    gd_status rc = gd_yaml_expect(r->graph->doc, node, GD_YAML_SCALAR, "a weight", r->err);

    if (rc)
        return rc;
    if (!*node->text || strpbrk(node->text, " \n{}\"\\") || strlen(node->text) > 255)
        return gd_yaml_fail(r->graph->doc, node, r->err, GD_EFORMAT,
                            "the weight \"%s\" is not a tensor's name (1 to 255 characters, no spaces or braces)",
                            node->text);
    return GD_OK;
}

/* {tensor: NAME, else: NAME, rows: [..], minus: [..]}: rows of a tensor, each less another. */
static gd_status read_rows(const gd_graph_reader *r, gd_graph_weight *w, const gd_yaml_node *map)
{
    static const char *const names[] = { "tensor", "rows", "else", "minus" };
    const gd_yaml *doc = r->graph->doc;
    const gd_yaml_node *out[4] = { NULL };
    gd_status rc = gd_read_map(r, map, "a weight", names, 2, 4, out);

    for (unsigned k = 1; !rc && k < 4; k += 2)
        if (out[k])
            rc = gd_yaml_expect(doc, out[k], GD_YAML_LIST, names[k], r->err);
    if (!rc && (out[1]->count == 0 || (out[3] && out[3]->count != out[1]->count)))
        rc = gd_yaml_fail(doc, out[3] ? out[3] : out[1], r->err, GD_EFORMAT,
                          "a weight of %zu rows, less %zu: as many are expected, and at least one", out[1]->count,
                          out[3] ? out[3]->count : 0);
    for (unsigned k = 1; !rc && k < 4; k += 2)
        for (const gd_yaml_node *row = out[k] ? out[k]->child : NULL; !rc && row; row = row->next)
            rc = gd_yaml_expect(doc, row, GD_YAML_SCALAR, "a row", r->err);
    if (!rc && out[2])
        rc = read_name(r, out[2]);
    w->name = out[0];
    w->rows = out[1];
    w->other = out[2];
    w->minus = out[3];
    return rc;
}

/* {tensor: NAME, of: rows, from: row, count: rows, every: rows}: rows of a fused projection. */
static gd_status read_cut(const gd_graph_reader *r, gd_graph_weight *w, const gd_yaml_node *map)
{
    static const char *const names[] = { "tensor", "of", "from", "count", "every" };
    const gd_yaml_node *out[5] = { NULL };
    gd_status rc = gd_read_map(r, map, "a weight", names, 3, 5, out);

    if (!rc && !out[3] != !out[4])
        rc = gd_yaml_fail(r->graph->doc, map, r->err, GD_EFORMAT,
                          "count without every, or every without count: both are expected, or none");
    w->cut = map;
    w->name = out[0];
    return rc;
}

/* {tensor: NAME, turned: true}: a matrix whose columns are the outputs. */
static gd_status read_turned(const gd_graph_reader *r, gd_graph_weight *w, const gd_yaml_node *map)
{
    static const char *const names[] = { "tensor", "turned" };
    const gd_yaml_node *out[2] = { NULL };
    gd_status rc = gd_read_map(r, map, "a weight", names, 2, 2, out);

    if (!rc)
        rc = gd_yaml_bool(&w->turned, r->graph->doc, out[1], "turned", r->err);
    w->name = out[0];
    return rc;
}

gd_status gd_read_value(const gd_graph_reader *r, gd_graph_weight *w, const gd_yaml_node *map)
{
    const gd_yaml *doc = r->graph->doc;
    const gd_yaml_node *value = gd_yaml_get(map, "value");
    gd_status rc;

    if (!value)
        return gd_yaml_fail(doc, map, r->err, GD_EFORMAT, "numbers made of tensors lack the key \"value\"");
    rc = gd_yaml_expect(doc, value, GD_YAML_SCALAR, "value", r->err);
    w->value = map;
    for (const gd_yaml_node *k = map->child; !rc && k; k = k->next->next) {
        if (k->next == value)
            continue;
        rc = gd_read_name(r, k, "the name of a tensor in value");
        if (!rc)
            rc = read_name(r, k->next);
        w->name = w->name ? w->name : k->next;
    }
    if (!rc && !w->name)
        rc = gd_yaml_fail(doc, map, r->err, GD_EFORMAT,
                          "value is \"%s\", but no tensor is named, and a number needs none", value->text);
    return rc;
}

/* What a mapping in `w` says, by the keys that it has. */
static gd_status read_map(const gd_graph_reader *r, const gd_graph_node *node, unsigned i, gd_graph_weight *w,
                          const gd_yaml_node *map)
{
    if (node->op != GD_OP_head && (i || node->op != GD_OP_linear))
        return gd_yaml_fail(r->graph->doc, map, r->err, GD_EFORMAT,
                            "a part of a tensor, but only the matrix of a linear, or a weight of a head's, may be "
                            "such");
    if (node->op == GD_OP_linear)
        return read_cut(r, w, map);
    if (gd_yaml_get(map, "value")) {
        if (!i)
            return gd_yaml_fail(r->graph->doc, map, r->err, GD_EUNSUPPORTED,
                                "a matrix made by a value, but only a bias, and an affine's numbers, may be such");
        return gd_read_value(r, w, map);
    }
    if (!gd_yaml_get(map, "turned"))
        return read_rows(r, w, map);
    if (i)
        return gd_yaml_fail(r->graph->doc, map, r->err, GD_EFORMAT, "turned: the bias is no matrix");
    return read_turned(r, w, map);
}

gd_status gd_read_weight(const gd_graph_reader *r, gd_graph_node *node, unsigned i, const gd_yaml_node *at)
{
    gd_graph_weight *w = &node->w[i];
    gd_status rc = GD_OK;

    w->name = at;
    if (at->kind == GD_YAML_MAP) {
        w->name = NULL;
        rc = read_map(r, node, i, w, at);
    }
    return rc ? rc : read_name(r, w->name);
}
