/* graph.c - choosing a graph: a file, or one of those built into the library. */
#include "graph/graph.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <string.h>

void gd_graph_free(gd_graph *graph)
{
    gd_yaml_free(graph->doc);
    gd_arena_free(&graph->arena);
    *graph = (gd_graph){ 0 };
}

static bool matches(const gd_graph *graph, const char *architecture)
{
    for (const gd_yaml_node *m = graph->matches->child; m; m = m->next)
        if (!strcmp(m->text, architecture))
            return true;
    return false;
}

static gd_status open_file(gd_graph *graph, const char *file, const char *architecture, gd_error *err)
{
    char *text;
    size_t len;
    gd_status rc = gd_file_read(&text, &len, file, GD_YAML_MAX_BYTES, err);

    if (rc)
        return rc;
    rc = gd_graph_parse(graph, text, len, file, err);
    gd_free(text);
    if (!rc && !matches(graph, architecture))
        rc = gd_yaml_fail(graph->doc, graph->matches, err, GD_EUNSUPPORTED,
                          "the graph does not match config.json's architecture, %s", architecture);
    return rc;
}

/* By the names of Transformers' families: BertForSequenceClassification, XLMRobertaModel, T5EncoderModel. */
static bool is_encoder(const char *architecture)
{
    static const char *const families[] = { "Bert", "BERT",  "bert",  "Electra",    "T5",     "Bart",
                                            "BART", "XLNet", "MPNet", "Longformer", "BigBird" };

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strstr(architecture, families[i]))
            return true;
    return false;
}

gd_status gd_graph_open(gd_graph *graph, const char *file, const char *architecture, const char *config_path,
                        gd_error *err)
{
    *graph = (gd_graph){ 0 };
    if (file)
        return open_file(graph, file, architecture, err);
    for (const gd_graph_builtin *b = gd_graph_builtins; b->text; b++) {
        gd_status rc = gd_graph_parse(graph, b->text, b->len, b->name, err);

        if (rc || matches(graph, architecture))
            return rc;
        gd_graph_free(graph);
    }
    if (is_encoder(architecture))
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: the architecture is %s, an encoder; only decoders, whose tokens see those before them, are "
                       "supported, and a graph file can't describe anything else",
                       config_path, architecture);
    return gd_fail(err, GD_EUNSUPPORTED,
                   "%s: no built-in graph matches the architecture %s; a graph file can describe it (--graph FILE)",
                   config_path, architecture);
}
