/* sizes.c - a graph's numbers, from config.json. */
#include "graph/make.h"

#include "base/error.h"
#include "graph/expects.h"
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

static bool find_in(const gd_yaml_node *sizes, const double *numbers, const char *name, double *value)
{
    size_t i = 0;

    for (const gd_yaml_node *k = sizes ? sizes->child : NULL; k; k = k->next->next, i++)
        if (!strcmp(k->text, name)) {
            *value = numbers[i];
            return true;
        }
    return false;
}

/* Elsewhere, they are sizes. */
static gd_expr_found find_size(const void *context, const char *name, double *value, gd_error *err)
{
    const gd_maker *m = context;

    (void)err;
    return find_in(m->graph->sizes, m->sizes, name, value) ? GD_EXPR_FOUND : GD_EXPR_UNKNOWN;
}

/* In a head's own file, they are its sizes and the graph's. */
static gd_expr_found find_head_size(const void *context, const char *name, double *value, gd_error *err)
{
    const gd_maker *m = context;

    if (find_in(m->graph->head_sizes, m->head_sizes, name, value))
        return GD_EXPR_FOUND;
    return find_size(context, name, value, err);
}

gd_status gd_make_number(const gd_maker *m, const gd_yaml_node *node, const char *what, double *out)
{
    const gd_yaml_node *head = m->graph->head;
    gd_expr_lookup *lookup = head && head->file == node->file ? find_head_size : find_size;

    return gd_expr_eval(out, m->graph->doc, node, what, lookup, m, m->err);
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

gd_status gd_make_offset(const gd_maker *m, const gd_yaml_node *node, const char *what, size_t *out)
{
    double number;
    gd_status rc = gd_make_number(m, node, what, &number);

    *out = 0;
    if (rc)
        return rc;
    if (number != 0 && !is_count(number, GD_PLAN_MAX_COUNT))
        return gd_yaml_fail(m->graph->doc, node, m->err, GD_EFORMAT,
                            "%s is \"%s\" = %.14g, but a whole number from 0 to %.0f is expected", what, node->text,
                            number, GD_PLAN_MAX_COUNT);
    *out = (size_t)number;
    return GD_OK;
}

/* The sizes that every graph has: read.c. */
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

static gd_status read_sizes(const gd_maker *m, const gd_yaml_node *sizes, double *numbers)
{
    size_t i = 0;
    gd_status rc = GD_OK;

    for (const gd_yaml_node *k = sizes->child; !rc && k; k = k->next->next)
        rc = gd_expr_eval(&numbers[i++], m->graph->doc, k->next, k->text, find_field, m->config, m->err);
    return rc;
}

/* A head has sizes of its own beside the graph's. */
static gd_status read_head_sizes(gd_maker *m)
{
    const gd_yaml_node *sizes = m->graph->head_sizes;

    if (!sizes || !sizes->count)
        return GD_OK;
    for (const gd_yaml_node *k = sizes->child; k; k = k->next->next)
        if (gd_yaml_get(m->graph->sizes, k->text))
            return gd_yaml_fail(m->graph->doc, k, m->err, GD_EFORMAT,
                                "the size %s is one of the graph %s, but a name of the head's own is expected", k->text,
                                m->graph->name);
    m->head_sizes = gd_arena_alloc(&m->arena, sizes->count, sizeof *m->head_sizes);
    return m->head_sizes ? read_sizes(m, sizes, m->head_sizes)
                         : gd_fail_memory(m->err, sizes->count * sizeof *m->head_sizes);
}

gd_status gd_make_sizes(gd_maker *m)
{
    const gd_graph *graph = m->graph;
    gd_status rc = gd_graph_check_expects(graph, m->config, m->err);

    if (rc)
        return rc;
    m->sizes = gd_arena_alloc(&m->arena, graph->sizes->count, sizeof *m->sizes);
    if (!m->sizes)
        return gd_fail_memory(m->err, graph->sizes->count * sizeof *m->sizes);
    rc = read_sizes(m, graph->sizes, m->sizes);
    if (!rc)
        rc = read_plan_sizes(m);
    return rc ? rc : read_head_sizes(m);
}
