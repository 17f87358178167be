/* sizes.c - a graph's numbers, from config.json. */
#include "graph/make.h"

#include "base/error.h"
#include "graph/expr.h"

#include <math.h>
#include <string.h>

/* In `sizes`, names are fields of config.json. */
static gd_expr_found find_field(const void *context, const char *name, double *value, gd_error *err)
{
    const gd_config *config = context;

    if (!gd_config_has(config, name))
        return GD_EXPR_MISSING;
    return gd_config_number(config, name, value, err) ? GD_EXPR_FAILED : GD_EXPR_FOUND;
}

/* Elsewhere, they are sizes. */
static gd_expr_found find_size(const void *context, const char *name, double *value, gd_error *err)
{
    const gd_maker *m = context;
    size_t i = 0;

    (void)err;
    for (const gd_yaml_node *k = m->graph->sizes->child; k; k = k->next->next, i++) {
        if (!strcmp(k->text, name)) {
            *value = m->sizes[i];
            return GD_EXPR_FOUND;
        }
    }
    return GD_EXPR_UNKNOWN;
}

gd_status gd_make_number(const gd_maker *m, const gd_yaml_node *node, const char *what, double *out)
{
    return gd_expr_eval(out, m->graph->doc, node, what, find_size, m, m->err);
}

static bool is_count(double number, double max) { return number >= 1 && number <= max && number == floor(number); }

gd_status gd_make_count(const gd_maker *m, const gd_yaml_node *node, const char *what, size_t *out)
{
    double number;
    gd_status rc = gd_make_number(m, node, what, &number);

    if (rc)
        return rc;
    if (!is_count(number, GD_PLAN_MAX_COUNT))
        return gd_yaml_fail(m->graph->doc, node, m->err, GD_EFORMAT,
                            "%s is \"%s\" = %.15g, but a whole number from 1 to %.0f is expected", what, node->text,
                            number, GD_PLAN_MAX_COUNT);
    *out = (size_t)number;
    return GD_OK;
}

/* The sizes required of every graph, because the engine needs them or the user may want to know them. */
static gd_status read_plan_sizes(const gd_maker *m)
{
    gd_plan *plan = m->plan;
    const struct {
        const char *name;
        size_t *out;
        double max;
    } known[] = {
        { "hidden", &plan->hidden, GD_PLAN_MAX_COUNT },     { "ffn", &plan->ffn, GD_PLAN_MAX_COUNT },
        { "layers", &plan->layers, GD_PLAN_MAX_COUNT },     { "vocab", &plan->vocab, GD_PLAN_MAX_COUNT },
        { "heads", &plan->heads, GD_PLAN_MAX_COUNT },       { "kv_heads", &plan->kv_heads, GD_PLAN_MAX_COUNT },
        { "head_dim", &plan->head_dim, GD_PLAN_MAX_COUNT }, { "max_position", &plan->max_position, 0x1p31 },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const gd_yaml_node *node = gd_yaml_get(m->graph->sizes, known[i].name);
        double number = 0;

        if (!node)
            return gd_yaml_fail(m->graph->doc, m->graph->sizes, m->err, GD_EFORMAT, "sizes lacks \"%s\"",
                                known[i].name);
        (void)find_size(m, known[i].name, &number, m->err);
        if (!is_count(number, known[i].max))
            return gd_yaml_fail(m->graph->doc, node, m->err, GD_EFORMAT,
                                "the size %s is \"%s\" = %.15g, but a whole number from 1 to %.0f is expected",
                                known[i].name, node->text, number, known[i].max);
        *known[i].out = (size_t)number;
    }
    if (plan->heads % plan->kv_heads)
        return gd_yaml_fail(m->graph->doc, m->graph->sizes, m->err, GD_EFORMAT,
                            "heads is %zu, but a multiple of kv_heads, %zu, is expected", plan->heads, plan->kv_heads);
    if (plan->head_dim % 2)
        return gd_yaml_fail(m->graph->doc, m->graph->sizes, m->err, GD_EFORMAT,
                            "head_dim is %zu, but an even number is expected", plan->head_dim);
    return GD_OK;
}

/* expects: {field: false}: assumptions of the graph. An absent field is false. */
static gd_status check_expects(const gd_maker *m)
{
    const gd_graph *graph = m->graph;

    for (const gd_yaml_node *k = graph->expects ? graph->expects->child : NULL; k; k = k->next->next) {
        bool want, have = false;
        gd_status rc = gd_yaml_bool(&want, graph->doc, k->next, "an expected value", m->err);

        if (!rc && gd_config_has(m->config, k->text))
            rc = gd_config_bool(m->config, k->text, &have, m->err);
        if (rc)
            return rc;
        if (have != want)
            return gd_fail(m->err, GD_EUNSUPPORTED, "%s: the field \"%s\" is %s, but the graph %s requires %s",
                           gd_config_path(m->config), k->text, have ? "true" : "false", graph->name,
                           want ? "true" : "false");
    }
    return GD_OK;
}

gd_status gd_make_sizes(gd_maker *m)
{
    const gd_graph *graph = m->graph;
    gd_status rc = check_expects(m);
    size_t i = 0;

    if (rc)
        return rc;
    m->sizes = gd_arena_alloc(&m->arena, graph->sizes->count, sizeof *m->sizes);
    if (!m->sizes)
        return gd_fail_memory(m->err, graph->sizes->count * sizeof *m->sizes);
    for (const gd_yaml_node *k = graph->sizes->child; k; k = k->next->next) {
        rc = gd_expr_eval(&m->sizes[i++], graph->doc, k->next, k->text, find_field, m->config, m->err);
        if (rc)
            return rc;
    }
    return read_plan_sizes(m);
}
