/* diagnose.c - all that is wrong with a model that can't be opened, where opening it stops at the first thing. */
#include "reward/diagnose.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/result.h"
#include "engine/settle.h"
#include "reward/choose.h"
#include "reward/choose_head.h"
#include "reward/model.h"

#include <string.h>

/* What is known of the model so far; NULL what is not. */
struct findings {
    const gd_options *options;
    char *dir, *adapter_dir;
    gd_notes problems;
    gd_config *config;
    gd_weights *weights;
    gd_adapter *adapter;
    gd_plan *plan;
    gd_graph graph;
    gd_encoder encoder;
    bool has_graph;
    gd_error *err;
};

static gd_status collect(struct findings *f, gd_status rc) { return gd_notes_collect(&f->problems, rc, f->err); }

static bool names_class(const gd_graph *graph, const char *class_name)
{
    for (const gd_yaml_node *m = graph->matches->child; m; m = m->next)
        if (!strcmp(m->text, class_name))
            return true;
    return false;
}

/* Tries the classes of one built-in graph, and those of checkpoints' own that have it. If one of them is the nearest so
 * far, `found` becomes the class, and `name` the graph's name. */
static void try_classes(gd_nearest *nearest, const gd_graph *graph, char *found, char *name)
{
    const char *before = nearest->found, *own, *trunk;

    for (const gd_yaml_node *m = graph->matches->child; m; m = m->next)
        gd_nearest_try(nearest, m->text);
    for (size_t i = 0; (own = gd_config_own_class(i, &trunk)) != NULL; i++)
        if (names_class(graph, trunk))
            gd_nearest_try(nearest, own);
    if (nearest->found == before)
        return;
    memcpy(found, nearest->found, strlen(nearest->found) + 1);
    memcpy(name, graph->name, strlen(graph->name) + 1);
    nearest->found = found; /* the graph's own text goes */
}

static gd_status name_nearest_class(struct findings *f)
{
    char found[GD_GRAPH_MAX_NAME + 1] = "", name[GD_GRAPH_MAX_NAME + 1] = "";
    gd_nearest nearest = { .word = gd_config_architecture(f->config) };
    gd_status rc = GD_OK;

    for (const gd_graph_builtin *b = gd_graph_builtins; !rc && b->text; b++) {
        gd_graph graph;

        rc = gd_graph_parse(&graph, b->text, b->len, b->name, f->err);
        if (!rc)
            try_classes(&nearest, &graph, found, name);
        gd_graph_free(&graph);
    }
    if (rc || !nearest.found)
        return rc;
    return gd_notes_add(&f->problems, f->err, "%s: of the classes that are known, %s is nearest to %s; its graph is %s",
                        gd_config_path(f->config), found, gd_config_architecture(f->config), name);
}

static gd_status look_at_config(struct findings *f)
{
    gd_status rc = gd_config_open_anyway(&f->config, f->dir, &f->problems, f->err);

    if (rc || !f->config || !*gd_config_architecture(f->config))
        return rc;
    rc = gd_graph_open(&f->graph, f->options->graph, gd_config_trunk(f->config), gd_config_path(f->config), f->err);
    f->has_graph = rc == GD_OK;
    rc = collect(f, rc);
    if (rc || f->has_graph || f->options->graph || gd_graph_is_encoder(gd_config_architecture(f->config)))
        return rc;
    return name_nearest_class(f);
}

/* The plan needs a config.json without problems: with sizes that are missing, it would only say so again. */
static gd_status look_at_weights(struct findings *f, bool config_is_good)
{
    const gd_head_sources from = { f->config, f->weights, f->dir, f->adapter_dir };
    gd_head_choice choice = { 0 };
    gd_status rc;

    if (!config_is_good || !f->weights)
        return GD_OK;
    rc = gd_head_choose(&choice, f->options, &from, f->err);
    if (!rc)
        rc = gd_plan_make_with_head(&f->plan, f->config, f->options->graph, choice.head.text ? &choice.head : NULL,
                                    GD_BF16, f->err);
    gd_head_choice_free(&choice);
    if (!rc && f->adapter_dir)
        rc = gd_adapter_open(&f->adapter, f->adapter_dir, f->plan->head, f->err);
    rc = collect(f, rc);
    if (rc || !f->plan)
        return rc;
    rc = gd_settle_weights(f->weights, f->plan, f->err);
    if (rc)
        return collect(f, rc);
    return gd_diagnose_tensors(&f->problems, f->plan, f->weights,
                               f->adapter && gd_adapter_head(f->adapter) ? f->plan->head : NULL, f->err);
}

static gd_status look_at_tokenizer(struct findings *f, bool config_is_good)
{
    const size_t before = f->problems.count;
    gd_notes notes = { 0 };
    gd_choice choice;
    gd_status rc = gd_choose(&choice, f->dir, f->adapter_dir, 0, &notes, f->err);

    gd_notes_free(&notes);
    if (!rc)
        rc = gd_tokenizer_problems(&f->problems, choice.tokenizer, choice.beside, f->err);
    if (!rc && f->problems.count == before)
        rc = gd_encoder_open(&f->encoder, f->options, f->dir, f->adapter_dir, config_is_good ? f->config : NULL,
                             f->err);
    return collect(f, rc);
}

static gd_status look(struct findings *f)
{
    gd_status rc = look_at_config(f);
    const bool good = !rc && f->problems.count == 0;

    if (!rc)
        rc = collect(f, gd_weights_open(&f->weights, f->dir, f->err));
    if (!rc)
        rc = look_at_weights(f, good);
    return rc ? rc : look_at_tokenizer(f, good);
}

static gd_status describe(const struct findings *f, char **json)
{
    gd_result out = { .root = json_object() };
    const gd_tokenizer *tokenizer = f->encoder.tokenizer;
    json_t *problems;
    gd_status rc;

    gd_put_text(&out, out.root, "model", f->dir);
    gd_put_text(&out, out.root, "architecture", f->config ? gd_config_architecture(f->config) : NULL);
    gd_put_text(&out, out.root, "graph", f->has_graph ? f->graph.name : NULL);
    gd_put_text(&out, out.root, "head", f->plan ? f->plan->head_of ? f->plan->head_of : f->plan->head : NULL);
    gd_put_text(&out, out.root, "tokenizer", tokenizer ? gd_tokenizer_kind(tokenizer) : NULL);
    gd_put_text(&out, out.root, "chat_format", f->encoder.chat ? gd_chat_name(f->encoder.chat) : NULL);
    problems = gd_put_list(&out, out.root, "problems");
    for (size_t i = 0; i < f->problems.count; i++)
        gd_put_text(&out, problems, NULL, f->problems.text[i]);
    rc = gd_result_text(&out, JSON_COMPACT, json, f->err);
    json_decref(out.root);
    return rc;
}

static void free_findings(struct findings *f)
{
    gd_encoder_close(&f->encoder);
    gd_adapter_close(f->adapter);
    gd_plan_free(f->plan);
    gd_graph_free(&f->graph);
    gd_weights_close(f->weights);
    gd_config_close(f->config);
    gd_notes_free(&f->problems);
    gd_free(f->adapter_dir);
    gd_free(f->dir);
}

gd_status gd_diagnose(const gd_options *options, char **json, gd_error *err)
{
    gd_error why = { GD_OK, "" }; /* what is collected must be written somewhere */
    gd_options own;
    struct findings f = { .options = &own, .err = &why };
    gd_status rc = gd_options_read(&own, options, &why);

    *json = NULL;
    if (!rc)
        rc = gd_options_dirs(&own, &f.dir, &f.adapter_dir, &why);
    if (!rc)
        rc = look(&f);
    if (!rc)
        rc = describe(&f, json);
    free_findings(&f);
    return rc ? gd_fail(err, rc, "%s", why.text) : GD_OK;
}
