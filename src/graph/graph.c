/* graph.c - choosing a graph: a file, or one of those built into the library. */
#include "graph/graph.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <string.h>
#include <unistd.h>

void gd_graph_free(gd_graph *graph)
{
    gd_yaml_free(graph->doc);
    gd_arena_free(&graph->arena);
    *graph = (gd_graph){ 0 };
}

const char *gd_graph_builtin_name(const gd_graph_builtin *builtin, size_t *len)
{
    const char *name = strrchr(builtin->name, ' ') + 1;

    *len = strlen(name) - strlen(".yaml");
    return name;
}

const gd_graph_builtin *gd_graph_builtin_find(const gd_graph_builtin *list, const char *name)
{
    for (const gd_graph_builtin *b = list; b->text; b++) {
        size_t len;
        const char *own = gd_graph_builtin_name(b, &len);

        if (strlen(name) == len && !strncmp(own, name, len))
            return b;
    }
    return NULL;
}

void gd_graph_builtin_names(const gd_graph_builtin *list, gd_buf *out)
{
    for (const gd_graph_builtin *b = list; b->text; b++) {
        size_t len;
        const char *own = gd_graph_builtin_name(b, &len);

        gd_buf_printf(out, "%s%.*s", b == list ? "" : ", ", (int)len, own);
    }
}

const char *gd_graph_tensor(const gd_graph_weight *w, size_t i)
{
    if (!w->value)
        return w->name && i == 0 ? w->name->text : NULL;
    for (const gd_yaml_node *k = w->value->child; k; k = k->next->next)
        if (strcmp(k->text, "value") != 0 && i-- == 0)
            return k->next->text;
    return NULL;
}

bool gd_graph_matches(const gd_graph *graph, const char *architecture)
{
    for (const gd_yaml_node *m = graph->matches->child; m; m = m->next)
        if (!strcmp(m->text, architecture))
            return true;
    return false;
}

static gd_status parse_file(gd_graph *graph, const char *file, gd_error *err)
{
    char *text;
    size_t len;
    gd_status rc = gd_file_read(&text, &len, file, GD_YAML_MAX_BYTES, err);

    if (!rc)
        rc = gd_graph_parse(graph, text, len, file, err);
    gd_free(text);
    return rc;
}

/* A word that is neither a path nor a name. */
static gd_status refuse_name(const char *name, gd_error *err)
{
    gd_buf names = { 0 };
    gd_status rc;

    gd_graph_builtin_names(gd_graph_builtins, &names);
    rc = gd_buf_cstr(&names)
             ? gd_fail(err, GD_EUSAGE, "graph is \"%.200s\": neither a file nor one of the built-in graphs, %s", name,
                       names.data)
             : gd_fail_memory(err, 256);
    gd_buf_free(&names);
    return rc;
}

static bool is_word(const char *name) { return !strpbrk(name, "/."); }

gd_status gd_graph_open_named(gd_graph *graph, const char *name, gd_error *err)
{
    const gd_graph_builtin *builtin = gd_graph_builtin_find(gd_graph_builtins, name);

    *graph = (gd_graph){ 0 };
    if (builtin)
        return gd_graph_parse(graph, builtin->text, builtin->len, builtin->name, err);
    return is_word(name) && access(name, F_OK) != 0 ? refuse_name(name, err) : parse_file(graph, name, err);
}

static gd_status open_chosen(gd_graph *graph, const char *name, const char *architecture, gd_error *err)
{
    gd_status rc = gd_graph_open_named(graph, name, err);

    if (!rc && !gd_graph_matches(graph, architecture))
        rc = gd_yaml_fail(graph->doc, graph->matches, err, GD_EUNSUPPORTED,
                          "the graph does not match config.json's architecture, %s", architecture);
    return rc;
}

/* By the names of Transformers' families: BertForSequenceClassification, XLMRobertaModel, T5EncoderModel. */
bool gd_graph_is_encoder(const char *architecture)
{
    static const char *const families[] = { "Bert", "BERT",  "bert",  "Electra",    "T5",     "Bart",
                                            "BART", "XLNet", "MPNet", "Longformer", "BigBird" };

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strstr(architecture, families[i]))
            return true;
    return false;
}

/* The supported models are those of the graphs. */
static gd_status refuse(const char *architecture, const char *config_path, gd_error *err)
{
    gd_buf names = { 0 };
    gd_status rc;

    gd_graph_builtin_names(gd_graph_builtins, &names);
    if (!gd_buf_cstr(&names))
        rc = gd_fail_memory(err, names.len);
    else if (gd_graph_is_encoder(architecture))
        rc = gd_fail(
            err, GD_EUNSUPPORTED,
            "%s: the architecture is %.60s, an encoder; only decoders, whose tokens see those before them, are "
            "supported (%s), and a graph file can't describe anything else",
            config_path, architecture, names.data);
    else
        rc = gd_fail(err, GD_EUNSUPPORTED,
                     "%s: the architecture %.60s is not supported, but %s are; another decoder of this kind may be "
                     "described in a graph file (--graph FILE)",
                     config_path, architecture, names.data);
    gd_buf_free(&names);
    return rc;
}

gd_status gd_graph_open(gd_graph *graph, const char *file, const char *architecture, const char *config_path,
                        gd_error *err)
{
    *graph = (gd_graph){ 0 };
    if (file)
        return open_chosen(graph, file, architecture, err);
    for (const gd_graph_builtin *b = gd_graph_builtins; b->text; b++) {
        gd_status rc = gd_graph_parse(graph, b->text, b->len, b->name, err);

        if (rc || gd_graph_matches(graph, architecture))
            return rc;
        gd_graph_free(graph);
    }
    return refuse(architecture, config_path, err);
}
