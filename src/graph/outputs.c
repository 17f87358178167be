/* outputs.c - what a head gives: the score, and columns of a value that have names. */
#include "graph/make.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* The value of a name, which nodes no longer take the place of. */
static gd_status find_output(gd_maker *m, const gd_yaml_node *name, const char *what, unsigned *out)
{
    const size_t index = gd_made_find(m, name);

    if (index == m->value_count)
        return gd_yaml_fail(m->graph->doc, name, m->err, GD_EFORMAT, "%s is \"%s\", but no node produces that", what,
                            name->text);
    m->values[index].other = name;
    m->values[index].last = m->graph->node_count;
    *out = (unsigned)index;
    return GD_OK;
}

static gd_status find_score(gd_maker *m)
{
    const gd_graph *graph = m->graph;
    const gd_yaml_node *name = graph->score ? graph->score : graph->nodes[graph->node_count - 1].key[GD_KEY_out];
    const gd_status rc = find_output(m, name, "score", &m->plan->score);
    const size_t cols = rc ? 1 : m->values[m->plan->score].cols;

    if (rc || !graph->head || cols == 1)
        return rc;
    return gd_yaml_fail(graph->doc, name, m->err, GD_EFORMAT,
                        "the score \"%s\" has %zu columns, but 1 is expected: score can name another value, and labels "
                        "the columns of this one",
                        name->text, cols);
}

/* ---- names ---- */

static gd_status check_names(const gd_maker *m, const gd_yaml_node *at)
{
    const char *const *names = m->plan->label_names;

    for (size_t i = 0; i < m->plan->label_count; i++) {
        if (!*names[i] || strlen(names[i]) > GD_PLAN_MAX_LABEL)
            return gd_yaml_fail(m->graph->doc, at, m->err, GD_EFORMAT, "a label of %zu bytes, but 1 to %u are expected",
                                strlen(names[i]), GD_PLAN_MAX_LABEL);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(names[k], names[i]))
                return gd_yaml_fail(m->graph->doc, at, m->err, GD_EFORMAT, "the label \"%s\" is there twice", names[i]);
    }
    return GD_OK;
}

static gd_status add_name(gd_maker *m, size_t at, const char *name)
{
    m->plan->label_names[at] = gd_arena_strndup(&m->plan->arena, name, strlen(name));
    return m->plan->label_names[at] ? GD_OK : gd_fail_memory(m->err, strlen(name) + 1);
}

static gd_status read_list(gd_maker *m, const gd_yaml_node *list)
{
    size_t i = 0;
    gd_status rc = GD_OK;

    if (list->count != m->plan->label_count)
        return gd_yaml_fail(m->graph->doc, list, m->err, GD_EFORMAT, "%zu names for %zu columns: as many are expected",
                            list->count, m->plan->label_count);
    for (const gd_yaml_node *name = list->child; !rc && name; name = name->next, i++) {
        rc = gd_yaml_expect(m->graph->doc, name, GD_YAML_SCALAR, "a name", m->err);
        if (!rc)
            rc = add_name(m, i, name->text);
    }
    return rc;
}

/* {"0": "helpful", ..}, in config.json. */
static gd_status read_config(gd_maker *m, const gd_yaml_node *at)
{
    const json_t *names = json_object_get(gd_config_json(m->config), "id2label");
    gd_status rc = GD_OK;

    if (json_object_size(names) != m->plan->label_count)
        return gd_yaml_fail(m->graph->doc, at, m->err, GD_EFORMAT,
                            "id2label in %s has %zu names, but there are %zu columns", gd_config_path(m->config),
                            json_object_size(names), m->plan->label_count);
    for (size_t i = 0; !rc && i < m->plan->label_count; i++) {
        char id[24];
        const char *name;

        (void)snprintf(id, sizeof id, "%zu", i);
        name = json_string_value(json_object_get(names, id));
        rc = name ? add_name(m, i, name)
                  : gd_fail(m->err, GD_EFORMAT, "%s: id2label has no text for \"%s\"", gd_config_path(m->config), id);
    }
    return rc;
}

static gd_status find_labels(gd_maker *m)
{
    const gd_graph *graph = m->graph;
    const gd_yaml_node *names = graph->label_names;
    gd_plan *plan = m->plan;
    gd_status rc = find_output(m, graph->labels, "labels", &plan->labels_value);

    if (rc)
        return rc;
    plan->label_count = m->values[plan->labels_value].cols;
    if (plan->label_count > GD_PLAN_MAX_LABELS)
        return gd_yaml_fail(graph->doc, graph->labels, m->err, GD_EUNSUPPORTED,
                            "\"%s\" has %zu columns, but at most %u may have labels", graph->labels->text,
                            plan->label_count, GD_PLAN_MAX_LABELS);
    plan->label_names = gd_arena_alloc(&plan->arena, plan->label_count, sizeof *plan->label_names);
    if (!plan->label_names)
        return gd_fail_memory(m->err, plan->label_count * sizeof *plan->label_names);
    rc = names->kind == GD_YAML_LIST ? read_list(m, names) : read_config(m, names);
    return rc ? rc : check_names(m, names);
}

gd_status gd_make_outputs(gd_maker *m)
{
    const gd_status rc = find_score(m);

    return rc || !m->graph->labels ? rc : find_labels(m);
}
