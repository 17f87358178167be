/* describe.c - what was understood of a description of a graph or a head: its nodes as lines, with the sizes of a model
 * if there is one, and where a text is read. */
#include "reward/describe.h"

#include "base/error.h"
#include "graph/draw.h"
#include "reward/choose_head.h"
#include "reward/options.h"

#include <string.h>

/* Frees the line. */
static void put_line(gd_result *out, json_t *into, const char *key, gd_buf *line)
{
    out->failed |= !gd_buf_cstr(line);
    if (!out->failed)
        gd_put_text(out, into, key, line->data);
    gd_buf_free(line);
}

void gd_put_places(gd_result *out, json_t *into, const gd_graph *graph)
{
    gd_buf line = { 0 };

    gd_graph_draw_place(&line, &graph->place);
    put_line(out, into, "reads_at", &line);
    if (graph->place_count < 2) {
        gd_put_text(out, into, "also", NULL);
        return;
    }
    gd_buf_printf(&line, "{%s: ", graph->also_name->text);
    gd_graph_draw_place(&line, &graph->also);
    gd_buf_str(&line, "}");
    put_line(out, into, "also", &line);
}

static void put_nodes(gd_result *out, json_t *into, const gd_graph *graph, gd_graph_part part, const gd_plan *plan)
{
    static const char *const keys[] = { "before_the_layers", "each_layer", "after_the_layers" };
    json_t *list = gd_put_list(out, into, graph->times ? keys[part] : "nodes");

    for (size_t i = 0; i < graph->node_count; i++) {
        gd_buf line = { 0 };

        if (graph->nodes[i].part != part || graph->nodes[i].op == GD_OP_take) /* take: gd_put_places() says it */
            continue;
        gd_graph_draw_node(&line, graph, i, plan);
        put_line(out, list, NULL, &line);
    }
}

static void put_sizes(gd_result *out, json_t *into, const char *key, const gd_yaml_node *map)
{
    json_t *sizes = gd_put_object(out, into, key);

    for (const gd_yaml_node *k = map->child; k; k = k->next->next)
        gd_put_text(out, sizes, k->text, k->next->text);
}

static void put_layers(gd_result *out, json_t *into, const gd_graph *graph, const gd_plan *plan)
{
    if (plan)
        gd_put_size(out, into, "layers", plan->layers);
    else
        gd_put_text(out, into, "layers", graph->times->text);
    gd_put_text(out, into, "prefix", graph->prefix->text);
}

/* The names of the columns that have some, or the field of config.json that has the names. */
static void put_labels(gd_result *out, json_t *into, const gd_graph *graph)
{
    const gd_yaml_node *names = graph->labels ? graph->label_names : NULL;
    json_t *list = names && names->kind == GD_YAML_LIST ? gd_put_list(out, into, "labels") : NULL;

    if (!list)
        gd_put_text(out, into, "labels", names ? names->text : NULL);
    for (const gd_yaml_node *name = list ? names->child : NULL; name; name = name->next)
        gd_put_text(out, list, NULL, name->text);
}

static void put_graph(gd_result *out, json_t *into, const gd_graph *graph, const gd_plan *plan)
{
    gd_put_text(out, into, "graph", graph->name);
    gd_put_text(out, into, "head", graph->head ? gd_yaml_get(graph->head, "name")->text : NULL);
    gd_put_text(out, into, "about", graph->about);
    if (graph->times) {
        put_sizes(out, into, "sizes", graph->sizes);
        put_layers(out, into, graph, plan);
        put_nodes(out, into, graph, GD_PART_BEFORE, plan);
        put_nodes(out, into, graph, GD_PART_LAYER, plan);
    }
    if (graph->head_sizes)
        put_sizes(out, into, "head_sizes", graph->head_sizes);
    put_nodes(out, into, graph, GD_PART_AFTER, plan);
    gd_put_places(out, into, graph);
    gd_put_text(out, into, "steps", gd_pooling_has_steps(graph->place.pool) ? gd_steps_word(graph->steps) : NULL);
    put_labels(out, into, graph);
    gd_put_text(out, into, "tensors_in", graph->head_file);
}

/* The graph that the options name, or the one of the class, or none: a head alone. */
static gd_status open_graph(gd_graph *graph, const gd_options *options, const char *architecture, bool *alone,
                            gd_error *err)
{
    *alone = !options->graph && !architecture;
    if (options->graph)
        return gd_graph_open_named(graph, options->graph, err);
    return *alone ? GD_OK : gd_graph_open(graph, NULL, architecture, "config.json", err);
}

static bool names_head(const gd_options *options) { return options->head && strcmp(options->head, "auto") != 0; }

static gd_status open_described(gd_graph *graph, const gd_options *options, const char *architecture,
                                gd_head_choice *choice, gd_error *err)
{
    bool alone;
    gd_status rc = open_graph(graph, options, architecture, &alone, err);

    if (rc || !names_head(options))
        return rc;
    rc = gd_head_read(choice, options->head, err);
    if (rc)
        return rc;
    return alone ? gd_graph_parse_head(graph, &choice->head, err) : gd_graph_set_head(graph, &choice->head, err);
}

gd_status gd_describe_named(char **json, const gd_options *options, const char *architecture, const gd_plan *plan,
                            gd_error *err)
{
    gd_result out = { .root = json_object() };
    gd_head_choice choice = { 0 };
    gd_graph graph = { 0 };
    gd_status rc;

    *json = NULL;
    rc = open_described(&graph, options, architecture, &choice, err);
    if (!rc)
        put_graph(&out, out.root, &graph, plan);
    if (!rc)
        rc = gd_result_text(&out, JSON_COMPACT, json, err);
    json_decref(out.root);
    gd_graph_free(&graph);
    gd_head_choice_free(&choice);
    return rc;
}

gd_status gd_describe(const gd_options *options, char **json, gd_error *err)
{
    gd_options own;
    gd_status rc = gd_options_read_any(&own, options, err);

    *json = NULL;
    if (!rc && !own.graph && !names_head(&own))
        rc = gd_fail(err, GD_EUSAGE, "neither a graph nor a head is named, but one of them is expected");
    return rc ? rc : gd_describe_named(json, &own, NULL, NULL, err);
}
