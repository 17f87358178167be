/* read.c - the syntax of graph files: their keys, their operations and the keys of each. */
#include "graph/read.h"

#include "base/error.h"

#include <string.h>

#define BIT(key) (1u << GD_KEY_##key)

/* The keys that a node of an operation needs, and those that it may have. */
static const struct rule {
    unsigned needs, may;
} rules[GD_OP_COUNT] = {
    [GD_OP_embedding] = { BIT(in) | BIT(w) | BIT(out), BIT(scale) },
    [GD_OP_rms_norm] = { BIT(in) | BIT(w) | BIT(out) | BIT(eps), BIT(unit_offset) | BIT(heads) },
    [GD_OP_linear] = { BIT(in) | BIT(w) | BIT(out) | BIT(size), BIT(lora) | BIT(bias_if) },
    [GD_OP_rope] = { BIT(in) | BIT(out) | BIT(heads), BIT(grows) },
    [GD_OP_attention] = { BIT(in) | BIT(out) | BIT(mask), BIT(scale) | BIT(softcap) | BIT(window) },
    [GD_OP_gated] = { BIT(in) | BIT(out) | BIT(act), 0 },
    [GD_OP_act] = { BIT(in) | BIT(out) | BIT(act), BIT(slope) },
    [GD_OP_softmax] = { BIT(in) | BIT(out), BIT(groups) | BIT(temperature) },
    [GD_OP_mul] = { BIT(in) | BIT(out), 0 },
    [GD_OP_sum] = { BIT(in) | BIT(out), BIT(groups) },
    [GD_OP_mean] = { BIT(in) | BIT(out), BIT(groups) },
    [GD_OP_part] = { BIT(in) | BIT(out) | BIT(size), BIT(from) | BIT(every) },
    [GD_OP_affine] = { BIT(in) | BIT(out), BIT(scale) | BIT(shift) | BIT(if) },
    [GD_OP_add] = { BIT(in) | BIT(out), 0 },
    [GD_OP_round] = { BIT(in) | BIT(out), 0 },
    [GD_OP_last_row] = { BIT(in) | BIT(out), 0 },
    [GD_OP_head] = { BIT(in) | BIT(w) | BIT(out), BIT(size) | BIT(bias_if) },
};

static const char *const key_names[] = {
#define GD_GRAPH_KEY(name) #name,
    GD_GRAPH_KEYS(GD_GRAPH_KEY)
#undef GD_GRAPH_KEY
};

/* How many entries `in` has; embedding takes the word `tokens`. */
static unsigned inputs_of(gd_op op) { return gd_op_table[op].inputs ? gd_op_table[op].inputs : 1; }

static unsigned weights_of(gd_op op)
{
    const gd_weight_role *roles = gd_op_table[op].roles;

    return roles[0] == GD_WEIGHT_NONE ? 0 : roles[1] == GD_WEIGHT_NONE ? 1 : 2;
}

gd_status gd_read_name(const gd_graph_reader *r, const gd_yaml_node *node, const char *what)
{
    gd_status rc = gd_yaml_expect(r->graph->doc, node, GD_YAML_SCALAR, what, r->err);
    size_t len;

    if (rc)
        return rc;
    len = strspn(node->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    if (!len || node->text[len] || (node->text[0] >= '0' && node->text[0] <= '9') || len > GD_GRAPH_MAX_NAME)
        return gd_yaml_fail(r->graph->doc, node, r->err, GD_EFORMAT,
                            "%s is \"%s\", but a name of letters, digits and _ is expected, at most %u", what,
                            node->text, GD_GRAPH_MAX_NAME);
    return GD_OK;
}

gd_status gd_read_about(const gd_graph_reader *r, const gd_yaml_node *node)
{
    gd_status rc = gd_yaml_expect(r->graph->doc, node, GD_YAML_SCALAR, "about", r->err);

    if (!rc && (!*node->text || strlen(node->text) > GD_GRAPH_MAX_ABOUT || strchr(node->text, '\n')))
        rc = gd_yaml_fail(r->graph->doc, node, r->err, GD_EFORMAT,
                          "about has %zu bytes, but one line of 1 to %u is expected", strlen(node->text),
                          GD_GRAPH_MAX_ABOUT);
    if (!rc)
        r->graph->about = node->text;
    return rc;
}

gd_status gd_read_map(const gd_graph_reader *r, const gd_yaml_node *map, const char *what, const char *const *names,
                      unsigned needed, unsigned count, const gd_yaml_node **out)
{
    const gd_yaml *doc = r->graph->doc;
    gd_status rc = gd_yaml_expect(doc, map, GD_YAML_MAP, what, r->err);

    if (rc)
        return rc;
    for (const gd_yaml_node *k = map->child; k; k = k->next->next) {
        unsigned i = 0;

        while (i < count && strcmp(k->text, names[i]) != 0)
            i++;
        if (i == count)
            return gd_yaml_fail(doc, k, r->err, GD_EFORMAT, "%s does not take the key \"%s\"", what, k->text);
        out[i] = k->next;
    }
    for (unsigned i = 0; i < needed; i++)
        if (!out[i])
            return gd_yaml_fail(doc, map, r->err, GD_EFORMAT, "%s lacks the key \"%s\"", what, names[i]);
    return GD_OK;
}

/* A list of 1 to `max` scalars into items[]. */
static gd_status read_items(const gd_graph_reader *r, const gd_yaml_node *list, const char *what, unsigned min,
                            unsigned max, const gd_yaml_node **items, unsigned *count)
{
    const gd_yaml *doc = r->graph->doc;
    gd_status rc = gd_yaml_expect(doc, list, GD_YAML_LIST, what, r->err);

    if (rc)
        return rc;
    if (list->count < min || list->count > max)
        return gd_yaml_fail(doc, list, r->err, GD_EFORMAT, "%s has %zu entries, but %u%s expected", what, list->count,
                            min, min == max ? (min == 1 ? " is" : " are") : " or 2 are");
    *count = 0;
    for (const gd_yaml_node *item = list->child; item; item = item->next)
        items[(*count)++] = item;
    return GD_OK;
}

/* In a head's own file, `linear` is one in fp32, as all of a head is. */
static gd_op op_in_part(const gd_graph_reader *r, gd_op op) { return r->head && op == GD_OP_linear ? GD_OP_head : op; }

/* As the file has it. */
static const char *name_in_part(const gd_graph_reader *r, gd_op op)
{
    return gd_op_table[r->head && op == GD_OP_head ? GD_OP_linear : op].name;
}

static gd_status read_op(const gd_graph_reader *r, const gd_yaml_node *map, gd_op *op)
{
    const gd_yaml_node *name = gd_yaml_get(map, "op");
    gd_status rc;

    if (!name)
        return gd_yaml_fail(r->graph->doc, map, r->err, GD_EFORMAT,
                            r->head ? "a node lacks the key \"op\"" : "a node has neither \"op\" nor \"repeat\"");
    rc = gd_yaml_expect(r->graph->doc, name, GD_YAML_SCALAR, "op", r->err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < GD_OP_COUNT; i++) {
        if (strcmp(name->text, gd_op_table[i].name) != 0 || (r->head && i == GD_OP_head) || i == GD_OP_take)
            continue;
        *op = op_in_part(r, (gd_op)i);
        return GD_OK;
    }
    return gd_yaml_fail(r->graph->doc, name, r->err, GD_EUNSUPPORTED, "unknown operation \"%s\"", name->text);
}

/* Sorts a node's keys into key[], and refuses unknown and missing ones. */
static gd_status read_keys(const gd_graph_reader *r, gd_graph_node *node)
{
    const struct rule *rule = &rules[node->op];
    const gd_yaml *doc = r->graph->doc;

    for (const gd_yaml_node *k = node->at->child; k; k = k->next->next) {
        unsigned i = 0;

        while (i < GD_KEY_COUNT && strcmp(k->text, key_names[i]) != 0)
            i++;
        if (i == GD_KEY_COUNT || !((rule->needs | rule->may | BIT(op)) >> i & 1u))
            return gd_yaml_fail(doc, k, r->err, GD_EFORMAT, "%s does not take the key \"%s\"",
                                name_in_part(r, node->op), k->text);
        node->key[i] = k->next;
    }
    for (unsigned i = 0; i < GD_KEY_COUNT; i++)
        if ((rule->needs >> i & 1u) && !node->key[i])
            return gd_yaml_fail(doc, node->at, r->err, GD_EFORMAT, "%s lacks the key \"%s\"", name_in_part(r, node->op),
                                key_names[i]);
    return GD_OK;
}

/* An affine's numbers are weights where they are made of tensors. */
static gd_status read_affine(const gd_graph_reader *r, gd_graph_node *node)
{
    const gd_yaml_node *numbers[] = { node->key[GD_KEY_scale], node->key[GD_KEY_shift] };
    gd_status rc = GD_OK;

    node->w_count = 2;
    if (!numbers[0] && !numbers[1])
        return gd_yaml_fail(r->graph->doc, node->at, r->err, GD_EFORMAT,
                            "affine has neither scale nor shift: one of them is expected");
    for (unsigned i = 0; !rc && i < 2; i++)
        if (numbers[i] && numbers[i]->kind == GD_YAML_MAP)
            rc = gd_read_value(r, &node->w[i], numbers[i]);
    return rc;
}

static gd_status read_weights(const gd_graph_reader *r, gd_graph_node *node)
{
    const gd_yaml_node *items[GD_OP_MAX_WEIGHTS] = { NULL };
    gd_status rc = GD_OK;

    if (node->op == GD_OP_affine)
        return read_affine(r, node);
    if (weights_of(node->op))
        rc = read_items(r, node->key[GD_KEY_w], "w", 1, weights_of(node->op), items, &node->w_count);
    for (unsigned i = 0; !rc && i < node->w_count; i++)
        rc = gd_read_weight(r, node, i, items[i]);
    return rc;
}

gd_status gd_read_node(const gd_graph_reader *r, const gd_yaml_node *map)
{
    gd_graph *graph = r->graph;
    gd_graph_node *node = &graph->nodes[graph->node_count];
    gd_status rc;

    *node = (gd_graph_node){ .at = map, .part = r->part };
    rc = read_op(r, map, &node->op);
    if (!rc)
        rc = read_keys(r, node);
    if (!rc)
        rc = read_items(r, node->key[GD_KEY_in], "in", inputs_of(node->op), inputs_of(node->op), node->in,
                        &node->in_count);
    if (!rc)
        rc = read_weights(r, node);
    for (unsigned i = 0; !rc && i < node->in_count; i++)
        rc = gd_read_name(r, node->in[i], "an entry of in");
    if (!rc)
        rc = gd_read_name(r, node->key[GD_KEY_out], "out");
    if (!rc)
        graph->node_count++;
    return rc;
}

static gd_status read_prefix(const gd_graph_reader *r, const gd_yaml_node *prefix)
{
    gd_status rc = gd_yaml_expect(r->graph->doc, prefix, GD_YAML_SCALAR, "prefix", r->err);
    const char *hole;

    if (rc)
        return rc;
    hole = strstr(prefix->text, "{i}");
    if (!hole || strpbrk(hole + 3, "{} \n\"\\") || strcspn(prefix->text, "{} \n\"\\") < (size_t)(hole - prefix->text) ||
        strlen(prefix->text) > 255)
        return gd_yaml_fail(r->graph->doc, prefix, r->err, GD_EFORMAT,
                            "prefix is \"%s\", but the beginning of a tensor's name with one {i} is expected",
                            prefix->text);
    return GD_OK;
}

static gd_status read_repeat(gd_graph_reader *r, const gd_yaml_node *map)
{
    static const char *const outer[] = { "repeat", "nodes" }, *const inner[] = { "times", "carry", "prefix" };
    const gd_yaml_node *parts[2] = { NULL, NULL }, *keys[3] = { NULL, NULL, NULL };
    gd_graph *graph = r->graph;
    gd_status rc;

    if (r->part != GD_PART_BEFORE)
        return gd_yaml_fail(graph->doc, map, r->err, GD_EUNSUPPORTED, "a second repeat, but only one is allowed");
    rc = gd_read_map(r, map, "a repeat node", outer, 2, 2, parts);
    if (!rc)
        rc = gd_read_map(r, parts[0], "repeat", inner, 3, 3, keys);
    if (!rc)
        rc = gd_read_name(r, keys[1], "carry");
    if (!rc)
        rc = read_prefix(r, keys[2]);
    if (!rc)
        rc = gd_yaml_expect(graph->doc, parts[1], GD_YAML_LIST, "nodes", r->err);
    if (rc)
        return rc;
    graph->times = keys[0];
    graph->carry = keys[1];
    graph->prefix = keys[2];
    r->part = GD_PART_LAYER;
    if (!parts[1]->count)
        return gd_yaml_fail(graph->doc, parts[1], r->err, GD_EFORMAT, "the repeat has no nodes");
    if (parts[1]->count > GD_GRAPH_MAX_NODES - graph->node_count)
        return gd_yaml_fail(graph->doc, parts[1], r->err, GD_EFORMAT, "more than %u nodes", GD_GRAPH_MAX_NODES);
    for (const gd_yaml_node *item = parts[1]->child; !rc && item; item = item->next) {
        rc = gd_yaml_expect(graph->doc, item, GD_YAML_MAP, "a node", r->err);
        if (!rc)
            rc = gd_read_node(r, item);
    }
    r->part = GD_PART_AFTER;
    return rc;
}

static gd_status read_nodes(gd_graph_reader *r, const gd_yaml_node *list)
{
    gd_graph *graph = r->graph;
    gd_status rc = gd_yaml_expect(graph->doc, list, GD_YAML_LIST, "nodes", r->err);

    if (rc)
        return rc;
    graph->nodes = gd_arena_alloc(&graph->arena, GD_GRAPH_MAX_NODES, sizeof *graph->nodes);
    if (!graph->nodes)
        return gd_fail_memory(r->err, GD_GRAPH_MAX_NODES * sizeof *graph->nodes);
    for (const gd_yaml_node *item = list->child; item; item = item->next) {
        rc = gd_yaml_expect(graph->doc, item, GD_YAML_MAP, "a node", r->err);
        if (rc)
            return rc;
        if (graph->node_count == GD_GRAPH_MAX_NODES)
            return gd_yaml_fail(graph->doc, item, r->err, GD_EFORMAT, "more than %u nodes", GD_GRAPH_MAX_NODES);
        rc = gd_yaml_get(item, "repeat") ? read_repeat(r, item) : gd_read_node(r, item);
        if (rc)
            return rc;
    }
    if (!graph->times)
        return gd_yaml_fail(graph->doc, list, r->err, GD_EFORMAT, "nodes lacks a repeat");
    return GD_OK;
}

/* The engine's only arithmetic, stated explicitly so that a graph cannot mean another. */
static gd_status read_numerics(const gd_graph_reader *r, const gd_yaml_node *map)
{
    static const char *const names[] = { "values", "residual", "accumulate" };
    static const char *const only[] = { "bf16", "f32", "f32" };
    const gd_yaml_node *out[3] = { NULL, NULL, NULL };
    gd_status rc = gd_read_map(r, map, "numerics", names, 3, 3, out);

    for (unsigned i = 0; !rc && i < 3; i++) {
        rc = gd_yaml_expect(r->graph->doc, out[i], GD_YAML_SCALAR, names[i], r->err);
        if (!rc && strcmp(out[i]->text, only[i]) != 0)
            rc = gd_yaml_fail(r->graph->doc, out[i], r->err, GD_EUNSUPPORTED, "%s is \"%s\", but %s is expected",
                              names[i], out[i]->text, only[i]);
    }
    return rc;
}

/* Required of every graph, because the engine needs them or the user may want to know them. */
static gd_status read_sizes(const gd_graph_reader *r, const gd_yaml_node *sizes)
{
    static const char *const needed[] = { "hidden", "ffn",      "layers",   "vocab",
                                          "heads",  "kv_heads", "head_dim", "max_position" };
    gd_status rc = GD_OK;

    for (const gd_yaml_node *k = sizes->child; !rc && k; k = k->next->next)
        rc = gd_read_name(r, k, "a size");
    for (size_t i = 0; !rc && i < sizeof needed / sizeof needed[0]; i++)
        if (!gd_yaml_get(sizes, needed[i]))
            rc = gd_yaml_fail(r->graph->doc, sizes, r->err, GD_EFORMAT, "sizes lacks \"%s\"", needed[i]);
    return rc;
}

static gd_status read_top(gd_graph_reader *r)
{
    static const char *const names[] = { "format", "name",    "matches", "sizes", "numerics",
                                         "nodes",  "expects", "about",   "names" };
    enum { FORMAT, NAME, MATCHES, SIZES, NUMERICS, NODES, EXPECTS, ABOUT, NAMES, COUNT };
    const gd_yaml_node *top[COUNT] = { NULL };
    gd_graph *graph = r->graph;
    const gd_yaml *doc = graph->doc;
    gd_status rc = gd_read_map(r, gd_yaml_root(doc), "a graph", names, EXPECTS, COUNT, top);

    if (!rc)
        rc = gd_yaml_expect(doc, top[FORMAT], GD_YAML_SCALAR, "format", r->err);
    if (!rc && strcmp(top[FORMAT]->text, "guerdon-graph/1") != 0)
        rc = gd_yaml_fail(doc, top[FORMAT], r->err, GD_EUNSUPPORTED,
                          "format is \"%s\", but guerdon-graph/1 is expected", top[FORMAT]->text);
    if (!rc)
        rc = gd_read_name(r, top[NAME], "name");
    if (!rc && top[ABOUT])
        rc = gd_read_about(r, top[ABOUT]);
    if (!rc)
        rc = gd_yaml_expect(doc, top[MATCHES], GD_YAML_LIST, "matches", r->err);
    for (const gd_yaml_node *m = rc ? NULL : top[MATCHES]->child; !rc && m; m = m->next)
        rc = gd_read_name(r, m, "an entry of matches");
    if (!rc)
        rc = gd_yaml_expect(doc, top[SIZES], GD_YAML_MAP, "sizes", r->err);
    if (!rc)
        rc = read_sizes(r, top[SIZES]);
    if (!rc && top[EXPECTS])
        rc = gd_yaml_expect(doc, top[EXPECTS], GD_YAML_MAP, "expects", r->err);
    if (!rc && top[NAMES])
        rc = gd_read_names(r, top[NAMES]);
    if (!rc)
        rc = read_numerics(r, top[NUMERICS]);
    if (rc)
        return rc;
    graph->name = top[NAME]->text;
    graph->matches = top[MATCHES];
    graph->sizes = top[SIZES];
    graph->expects = top[EXPECTS];
    graph->names = top[NAMES];
    return read_nodes(r, top[NODES]);
}

gd_status gd_graph_parse(gd_graph *graph, const char *text, size_t len, const char *name, gd_error *err)
{
    gd_graph_reader r = { .graph = graph, .part = GD_PART_BEFORE, .err = err };
    gd_status rc;

    *graph = (gd_graph){ 0 };
    rc = gd_yaml_parse(&graph->doc, text, len, name, err);
    return rc ? rc : read_top(&r);
}
