/* read_head.c - the syntax of a head's own file. */
#include "graph/read.h"

#include "base/error.h"

#include <string.h>

static const char *const words[] = {
    [GD_STEPS_LAST] = "last", [GD_STEPS_MIN] = "min", [GD_STEPS_MEAN] = "mean", [GD_STEPS_PRODUCT] = "product"
};

const char *gd_steps_word(gd_step_rule rule) { return words[rule]; }

/* What the score is made of the steps. */
static gd_status read_steps(const gd_graph_reader *r, const gd_yaml_node *word)
{
    gd_status rc = gd_yaml_expect(r->graph->doc, word, GD_YAML_SCALAR, "steps", r->err);

    if (!rc && !gd_pooling_has_steps(r->graph->place.pool))
        return gd_yaml_fail(r->graph->doc, word, r->err, GD_EFORMAT,
                            "steps is \"%s\", but a text has no steps unless pool is {at: TOKEN} or "
                            "{each_pattern: TEXT}",
                            word->text);
    for (unsigned i = 0; !rc && i < sizeof words / sizeof words[0]; i++) {
        r->graph->steps = (gd_step_rule)i;
        if (!strcmp(word->text, words[i]))
            return GD_OK;
    }
    return rc ? rc
              : gd_yaml_fail(r->graph->doc, word, r->err, GD_EUNSUPPORTED,
                             "steps is \"%s\", but last, min, mean or product is expected", word->text);
}

/* The name of a file beside the model, which stays in its directory. */
static gd_status read_file(const gd_graph_reader *r, const gd_yaml_node *file)
{
    static const char end[] = ".safetensors";
    gd_status rc = gd_yaml_expect(r->graph->doc, file, GD_YAML_SCALAR, "file", r->err);
    const size_t len = rc ? 0 : strlen(file->text);

    if (!rc && (len < sizeof end || len > 255 || file->text[0] == '.' || strchr(file->text, '/') ||
                strcmp(file->text + len - (sizeof end - 1), end) != 0))
        rc = gd_yaml_fail(r->graph->doc, file, r->err, GD_EFORMAT,
                          "file is \"%s\", but a plain *.safetensors file name is expected", file->text);
    if (!rc)
        r->graph->head_file = file->text;
    return rc;
}

/* The head's own sizes, and what it expects of config.json. */
static gd_status read_fields(const gd_graph_reader *r, const gd_yaml_node *sizes, const gd_yaml_node *expects)
{
    gd_status rc = sizes ? gd_yaml_expect(r->graph->doc, sizes, GD_YAML_MAP, "sizes", r->err) : GD_OK;

    for (const gd_yaml_node *k = rc || !sizes ? NULL : sizes->child; !rc && k; k = k->next->next)
        rc = gd_read_name(r, k, "a size");
    if (!rc && expects)
        rc = gd_yaml_expect(r->graph->doc, expects, GD_YAML_MAP, "expects", r->err);
    for (const gd_yaml_node *k = rc || !expects ? NULL : expects->child; !rc && k; k = k->next->next)
        rc = gd_yaml_expect(r->graph->doc, k->next, GD_YAML_SCALAR, "an expected value", r->err);
    r->graph->head_sizes = sizes;
    r->graph->head_expects = expects;
    return rc;
}

/* Where a text is read, and what the head gives: each may be absent. */
static gd_status read_reading(const gd_graph_reader *r, const gd_yaml_node *pool, const gd_yaml_node *steps,
                              const gd_yaml_node *score, const gd_yaml_node *labels)
{
    gd_status rc = pool ? gd_read_place(r, pool, "pool", &r->graph->place) : GD_OK;

    if (!rc && steps)
        rc = read_steps(r, steps);
    if (!rc && score)
        rc = gd_read_name(r, score, "score");
    r->graph->score = score;
    return rc || !labels ? rc : gd_read_labels(r, labels);
}

/* The nodes of the head, after those of the graph. */
static gd_status read_nodes(const gd_graph_reader *r, const gd_yaml_node *nodes)
{
    const gd_graph *graph = r->graph;
    gd_status rc = GD_OK;

    for (const gd_yaml_node *item = nodes->child; !rc && item; item = item->next) {
        rc = gd_yaml_expect(graph->doc, item, GD_YAML_MAP, "a node", r->err);
        if (!rc && graph->node_count == GD_GRAPH_MAX_NODES)
            rc = gd_yaml_fail(graph->doc, item, r->err, GD_EFORMAT, "more than %u nodes", GD_GRAPH_MAX_NODES);
        if (!rc)
            rc = gd_read_node(r, item);
    }
    return rc;
}

static gd_status read_head_top(gd_graph_reader *r, const gd_yaml_node *root)
{
    static const char *const names[] = { "format",  "name",  "nodes", "classes", "file",   "pool",  "sizes",
                                         "expects", "about", "steps", "score",   "labels", "asked", "also" };
    enum {
        FORMAT,
        NAME,
        NODES,
        CLASSES,
        FILE_NAME,
        POOL,
        SIZES,
        EXPECTS,
        ABOUT,
        STEPS,
        SCORE,
        LABELS,
        ASKED,
        ALSO,
        COUNT
    };
    const gd_yaml_node *top[COUNT] = { NULL };
    gd_graph *graph = r->graph;
    const gd_yaml *doc = graph->doc;
    gd_status rc = gd_read_map(r, root, "a head", names, CLASSES, COUNT, top);

    graph->about = NULL; /* not the graph's */
    if (!rc)
        rc = gd_yaml_expect(doc, top[FORMAT], GD_YAML_SCALAR, "format", r->err);
    if (!rc && strcmp(top[FORMAT]->text, "guerdon-head/1") != 0)
        rc = gd_yaml_fail(doc, top[FORMAT], r->err, GD_EUNSUPPORTED, "format is \"%s\", but guerdon-head/1 is expected",
                          top[FORMAT]->text);
    if (!rc)
        rc = gd_read_name(r, top[NAME], "name");
    if (!rc && top[ABOUT])
        rc = gd_read_about(r, top[ABOUT]);
    if (!rc && top[CLASSES])
        rc = gd_yaml_expect(doc, top[CLASSES], GD_YAML_LIST, "classes", r->err);
    for (const gd_yaml_node *c = !rc && top[CLASSES] ? top[CLASSES]->child : NULL; !rc && c; c = c->next)
        rc = gd_read_name(r, c, "an entry of classes");
    if (!rc && top[FILE_NAME])
        rc = read_file(r, top[FILE_NAME]);
    if (!rc)
        rc = read_reading(r, top[POOL], top[STEPS], top[SCORE], top[LABELS]);
    if (!rc)
        rc = read_fields(r, top[SIZES], top[EXPECTS]);
    if (!rc && top[ASKED])
        rc = gd_yaml_bool(&graph->head_asked, doc, top[ASKED], "asked", r->err);
    if (!rc)
        rc = gd_yaml_expect(doc, top[NODES], GD_YAML_LIST, "nodes", r->err);
    if (!rc && top[ALSO])
        rc = gd_read_also(r, top[ALSO]);
    return rc ? rc : read_nodes(r, top[NODES]);
}

static gd_status check_has_nodes(const gd_graph *graph, size_t before, gd_error *err)
{
    return graph->node_count > before ? GD_OK
                                      : gd_yaml_fail(graph->doc, graph->head, err, GD_EFORMAT, "the head has no nodes");
}

gd_status gd_graph_parse_head(gd_graph *graph, const gd_graph_builtin *head, gd_error *err)
{
    gd_graph_reader r = { .graph = graph, .part = GD_PART_AFTER, .head = true, .err = err };
    gd_status rc;

    *graph = (gd_graph){ 0 };
    rc = gd_yaml_parse(&graph->doc, head->text, head->len, head->name, err);
    if (rc)
        return rc;
    graph->head = gd_yaml_root(graph->doc);
    graph->nodes = gd_arena_alloc(&graph->arena, GD_GRAPH_MAX_NODES, sizeof *graph->nodes);
    rc = graph->nodes ? read_head_top(&r, graph->head) : gd_fail_memory(err, GD_GRAPH_MAX_NODES * sizeof *graph->nodes);
    return rc ? rc : check_has_nodes(graph, 0, err);
}

gd_status gd_graph_set_head(gd_graph *graph, const gd_graph_builtin *head, gd_error *err)
{
    gd_graph_reader r = { .graph = graph, .part = GD_PART_AFTER, .head = true, .err = err };
    const gd_graph_node *own = &graph->nodes[graph->node_count - 1];
    const size_t before = graph->node_count - 1;
    gd_status rc;

    if (own->op != GD_OP_head)
        return gd_yaml_fail(graph->doc, own->at, err, GD_EFORMAT,
                            "the last node is %s, but a head is expected, which %s could replace",
                            gd_op_table[own->op].name, head->name);
    graph->pooled = own->in[0];
    graph->node_count = before;
    rc = gd_yaml_add(graph->doc, &graph->head, head->text, head->len, head->name, err);
    if (!rc)
        rc = read_head_top(&r, graph->head);
    return rc ? rc : check_has_nodes(graph, before, err);
}
