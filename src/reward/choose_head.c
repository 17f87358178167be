/* choose_head.c - which head reads a model. */
#include "reward/choose_head.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "graph/expects.h"
#include "quant-free/safetensors.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCORE "score.weight"

gd_status gd_head_file(char **path, const char *dir, const char *adapter_dir, const char *name, gd_error *err)
{
    bool there = false;
    gd_status rc = GD_OK;

    *path = NULL;
    if (adapter_dir)
        rc = gd_file_find(path, &there, adapter_dir, name, err);
    if (!rc && !there) {
        gd_free(*path);
        rc = gd_file_find(path, &there, dir, name, err);
    }
    if (rc || !there) {
        gd_free(*path);
        *path = NULL;
    }
    return rc;
}

/* Whether a safetensors file has the tensor: of the adapter's directory, or of another one, too. */
static gd_status file_has(bool *has, const char *adapter_dir, const char *dir, const char *name, const char *tensor,
                          gd_error *err)
{
    char *path;
    gd_st *st = NULL;
    gd_status rc = gd_head_file(&path, dir, adapter_dir, name, err);

    *has = false;
    if (!rc && path)
        rc = gd_st_open(&st, path, err);
    if (!rc && st)
        *has = gd_st_holds(st, tensor);
    gd_st_close(st);
    gd_free(path);
    return rc;
}

/* The adapter's own tensors, or NULL: those of a pickle, which adapter.c refuses. */
static gd_status open_adapter(gd_st **st, const gd_head_sources *from, gd_error *err)
{
    char *path = NULL;
    gd_status rc = GD_OK;

    *st = NULL;
    if (from->adapter_dir)
        rc = gd_head_file(&path, from->adapter_dir, NULL, "adapter_model.safetensors", err);
    if (!rc && path)
        rc = gd_st_open(st, path, err);
    gd_free(path);
    return rc;
}

/* A tensor of the head of a LoRA run, as PEFT saves it. */
static bool adapter_has(const gd_st *st, const char *tensor)
{
    char name[256];
    const int len = snprintf(name, sizeof name, "base_model.model.%s", tensor);

    return len > 0 && (size_t)len < sizeof name && gd_st_holds(st, name);
}

/* What makes a built-in head the model's: its class, its tensors, the adapter's, or a file of its own beside that. */
enum search { BY_CLASS, BY_TENSORS, IN_ADAPTER, BESIDE_ADAPTER };

/* One of the built-in heads, beside the model that it might be read with. */
struct trial {
    const gd_head_sources *from;
    const gd_st *adapter; /* its tensors */
    gd_graph graph;       /* of this head alone */
    gd_error *err;
};

/* Several heads may be of one class, and expect other fields. */
static bool names_class(const struct trial *t)
{
    const gd_yaml_node *classes = gd_yaml_get(t->graph.head, "classes");
    bool named = false;

    for (const gd_yaml_node *c = classes ? classes->child : NULL; c; c = c->next)
        named |= !strcmp(c->text, gd_config_architecture(t->from->config));
    return named && gd_graph_check_expects(&t->graph, t->from->config, NULL) == GD_OK;
}

static gd_status has_tensor(bool *has, const struct trial *t, enum search how, const char *tensor)
{
    const char *dir = how == BESIDE_ADAPTER ? t->from->adapter_dir : t->from->dir;

    *has = how == IN_ADAPTER && adapter_has(t->adapter, tensor);
    if (how == IN_ADAPTER)
        return GD_OK;
    if (t->graph.head_file)
        return file_has(has, t->from->adapter_dir, dir, t->graph.head_file, tensor, t->err);
    *has = gd_weights_find(t->from->weights, tensor) != NULL;
    return GD_OK;
}

/* Leaves *has as it is where a weight needs no tensor. */
static gd_status has_weight(bool *has, const struct trial *t, enum search how, const gd_graph_weight *w)
{
    gd_status rc = GD_OK;
    const char *tensor;

    for (size_t i = 0; !rc && *has && (tensor = gd_graph_tensor(w, i)) != NULL; i++)
        rc = has_tensor(has, t, how, tensor);
    return rc;
}

/* Rows of a tensor of the language model are there in any of them: they say nothing.  Nor do tensors say that a text is
 * read at tokens that it must have. */
static gd_status has_tensors(bool *has, const struct trial *t, enum search how)
{
    gd_status rc = GD_OK;

    *has = !t->graph.head_asked && !t->graph.place.what && !t->graph.also.what &&
           (how == BY_TENSORS || !t->graph.head_file == (how == IN_ADAPTER));
    for (size_t n = 0; n < t->graph.node_count; n++)
        for (unsigned i = 0; !rc && *has && i < t->graph.nodes[n].w_count; i++) {
            const gd_graph_weight *w = &t->graph.nodes[n].w[i];

            if (w->rows)
                *has = false;
            else
                rc = has_weight(has, t, how, w);
        }
    return rc;
}

/* The first built-in head that is found so. */
static gd_status search(gd_head_choice *out, const gd_head_sources *from, const gd_st *adapter, enum search how,
                        gd_error *err)
{
    gd_status rc = GD_OK;

    for (const gd_graph_builtin *head = gd_graph_heads; !rc && head->text && !out->head.text; head++) {
        struct trial t = { .from = from, .adapter = adapter, .err = err };
        bool fits = false;

        rc = gd_graph_parse_head(&t.graph, head, err);
        if (!rc && how == BY_CLASS)
            fits = names_class(&t);
        else if (!rc)
            rc = has_tensors(&fits, &t, how);
        if (!rc && fits)
            out->head = *head;
        gd_graph_free(&t.graph);
    }
    return rc;
}

/* No head is that of a class of Transformers: most models need not be searched for. */
static bool has_own_class(const gd_config *config)
{
    return strcmp(gd_config_architecture(config), gd_config_trunk(config)) != 0;
}

/* The head that the adapter has: *graphs says that it is the graph's own. */
static gd_status choose_adapters(gd_head_choice *out, bool *graphs, const gd_head_sources *from, gd_error *err)
{
    gd_st *adapter;
    gd_status rc = open_adapter(&adapter, from, err);

    *graphs = adapter && adapter_has(adapter, SCORE);
    if (!rc && adapter && !*graphs)
        rc = search(out, from, adapter, IN_ADAPTER, err);
    gd_st_close(adapter);
    if (!rc && from->adapter_dir && !*graphs && !out->head.text)
        rc = search(out, from, NULL, BESIDE_ADAPTER, err);
    return rc;
}

static gd_status choose_by_itself(gd_head_choice *out, const gd_head_sources *from, gd_error *err)
{
    bool graphs;
    gd_status rc = choose_adapters(out, &graphs, from, err);

    if (rc || graphs)
        return rc;
    if (!out->head.text && has_own_class(from->config))
        rc = search(out, from, NULL, BY_CLASS, err);
    if (rc || out->head.text || gd_weights_find(from->weights, SCORE))
        return rc;
    return search(out, from, NULL, BY_TENSORS, err);
}

static gd_status refuse_name(const char *name, gd_error *err)
{
    gd_buf names = { 0 };
    gd_status rc;

    gd_graph_builtin_names(gd_graph_heads, &names);
    rc = gd_buf_cstr(&names)
             ? gd_fail(err, GD_EUSAGE, "head is \"%.200s\": neither a file nor one of the built-in heads, %s", name,
                       names.data)
             : gd_fail_memory(err, 256);
    gd_buf_free(&names);
    return rc;
}

gd_status gd_head_read(gd_head_choice *out, const char *name, gd_error *err)
{
    const gd_graph_builtin *builtin = gd_graph_builtin_find(gd_graph_heads, name);
    gd_status rc;

    *out = (gd_head_choice){ 0 };
    if (builtin) {
        out->head = *builtin;
        return GD_OK;
    }
    if (access(name, F_OK) != 0)
        return refuse_name(name, err);
    rc = gd_file_read(&out->text, &out->head.len, name, GD_YAML_MAX_BYTES, err);
    out->head.name = name;
    out->head.text = out->text;
    return rc;
}

gd_status gd_head_choose(gd_head_choice *out, const gd_options *options, const gd_head_sources *from, gd_error *err)
{
    *out = (gd_head_choice){ 0 };
    if (options->head && strcmp(options->head, "auto") != 0)
        return gd_head_read(out, options->head, err);
    return options->graph && !gd_graph_builtin_find(gd_graph_builtins, options->graph)
               ? GD_OK
               : choose_by_itself(out, from, err);
}

/* ---- two heads in one model ---- */

static size_t number_of(const gd_head_choice *choice)
{
    size_t i = 0;

    while (gd_graph_heads[i].text && gd_graph_heads[i].text != choice->head.text)
        i++;
    return i;
}

gd_status gd_head_check_merged(const gd_head_choice *choice, const gd_head_sources *from, gd_error *err)
{
    /* A file beside the model is left behind; one beside the adapter goes with it. */
    const gd_head_sources model = { from->config, from->weights, from->adapter_dir, NULL };
    gd_head_choice other = { 0 };
    gd_status rc = GD_OK;
    bool first = true;
    const char *name;
    size_t len;

    if (!choice->head.text)
        return GD_OK;
    if (has_own_class(from->config))
        rc = search(&other, &model, NULL, BY_CLASS, err);
    if (other.head.text)
        first = number_of(&other) != number_of(choice);
    else if (!rc && !gd_weights_find(from->weights, SCORE)) {
        rc = search(&other, &model, NULL, BY_TENSORS, err);
        first = other.head.text && number_of(&other) < number_of(choice);
    }
    if (rc || !first)
        return rc;
    name = gd_graph_builtin_name(&choice->head, &len);
    return gd_fail(err, GD_EUNSUPPORTED,
                   "%s: the adapter has the head %.*s, but the merged model would be read by one that the model has by "
                   "itself: --head %.*s names it, here and wherever the merged model is read",
                   from->adapter_dir, (int)len, name, (int)len, name);
}

void gd_head_choice_free(gd_head_choice *choice)
{
    gd_free(choice->text);
    *choice = (gd_head_choice){ 0 };
}
