/* made.c - what a step's weight is made of, where it isn't a tensor as it stands. */
#include "graph/make.h"

#include "base/error.h"
#include "graph/expr.h"

#include <stdlib.h>
#include <string.h>

gd_status gd_make_text(const gd_maker *m, const char **out, const char *text)
{
    *out = gd_arena_strndup(&m->plan->arena, text, strlen(text));
    return *out ? GD_OK : gd_fail_memory(m->err, strlen(text) + 1);
}

/* The rows of a list: a number without quotes is an id, anything else the text of a token. */
static gd_status make_rows(const gd_maker *m, const gd_yaml_node *list, const gd_plan_row **out)
{
    gd_plan_row *rows = gd_arena_alloc(&m->plan->arena, list->count, sizeof *rows);
    gd_status rc = rows ? GD_OK : gd_fail_memory(m->err, list->count * sizeof *rows);
    size_t i = 0;

    *out = rows;
    for (const gd_yaml_node *row = list->child; !rc && row; row = row->next, i++) {
        const bool number = row->plain && *row->text && !row->text[strspn(row->text, "0123456789")];
        const unsigned long id = number ? strtoul(row->text, NULL, 10) : 0;

        if (id > INT32_MAX)
            return gd_yaml_fail(m->graph->doc, row, m->err, GD_EFORMAT, "the row %s is none of a vocabulary",
                                row->text);
        rows[i].id = (uint32_t)id;
        if (!number)
            rc = gd_make_text(m, &rows[i].token, row->text);
    }
    return rc;
}

/* Which rows of a tensor the matrix of a linear is. */
static gd_status make_cut(const gd_maker *m, const gd_yaml_node *map, gd_plan_weight *w)
{
    const gd_yaml_node *count = gd_yaml_get(map, "count"), *every = gd_yaml_get(map, "every");
    gd_plan_cut *cut = gd_arena_alloc(&m->plan->arena, 1, sizeof *cut);
    gd_status rc;

    if (!cut)
        return gd_fail_memory(m->err, sizeof *cut);
    w->cut = cut;
    *cut = (gd_plan_cut){ .block = w->shape[0], .blocks = 1 };
    rc = gd_make_count(m, gd_yaml_get(map, "of"), "of", &cut->rows);
    if (!rc)
        rc = gd_make_offset(m, gd_yaml_get(map, "from"), "from", &cut->first);
    if (!rc && count)
        rc = gd_make_count(m, count, "count", &cut->block);
    cut->apart = cut->rows;
    if (!rc && every)
        rc = gd_make_count(m, every, "every", &cut->apart);
    if (rc)
        return rc;
    cut->blocks = cut->rows / cut->apart;
    if (cut->rows % cut->apart || cut->first + cut->block > cut->apart || cut->block * cut->blocks != w->shape[0])
        return gd_yaml_fail(m->graph->doc, map, m->err, GD_EFORMAT,
                            "%zu rows from row %zu on of each %zu, of %zu rows in all, are not the %zu of this linear",
                            cut->block, cut->first, cut->apart, cut->rows, w->shape[0]);
    return GD_OK;
}

/* Rows of a head's tensor. */
static gd_status make_head_rows(const gd_maker *m, const gd_graph_weight *from, gd_plan_weight *w)
{
    gd_plan_rows *rows = gd_arena_alloc(&m->plan->arena, 1, sizeof *rows);
    gd_status rc;

    if (!rows)
        return gd_fail_memory(m->err, sizeof *rows);
    w->rows = rows;
    *rows = (gd_plan_rows){ .count = from->rows->count };
    if (rows->count != w->shape[0])
        return gd_yaml_fail(m->graph->doc, from->rows, m->err, GD_EFORMAT,
                            "%zu rows for %zu outputs: as many are expected", rows->count, w->shape[0]);
    rc = make_rows(m, from->rows, &rows->plus);
    if (!rc && from->minus)
        rc = make_rows(m, from->minus, &rows->minus);
    return rc || !from->other ? rc : gd_make_text(m, &rows->other, from->other->text);
}

/* A value while its expression is checked. */
struct checked {
    const gd_maker *m;
    const gd_yaml_node *at;
    const gd_plan_value *value;
    bool *used; /* [value->count] */
};

static gd_expr_found find_tensor(const void *context, const char *name, double *number, gd_error *err)
{
    const struct checked *c = context;

    *number = 1;
    for (size_t i = 0; i < c->value->count; i++)
        if (!strcmp(c->value->names[i], name)) {
            c->used[i] = true;
            return GD_EXPR_FOUND;
        }
    (void)gd_yaml_fail(c->m->graph->doc, c->at, err, GD_EFORMAT, "value is \"%s\", but no tensor is named %s",
                       c->at->text, name);
    return GD_EXPR_FAILED;
}

static gd_status check_value(const gd_maker *m, const gd_yaml_node *map, const gd_plan_value *value)
{
    const gd_yaml_node *at = gd_yaml_get(map, "value");
    bool *used = gd_arena_alloc(&m->plan->arena, value->count, sizeof *used);
    const struct checked checked = { m, at, value, used };
    gd_status rc;

    if (!used)
        return gd_fail_memory(m->err, value->count * sizeof *used);
    memset(used, 0, value->count * sizeof *used);
    rc = gd_expr_check(m->graph->doc, at, "value", find_tensor, &checked, m->err);
    for (size_t i = 0; !rc && i < value->count; i++)
        if (!used[i])
            rc = gd_yaml_fail(m->graph->doc, map, m->err, GD_EFORMAT, "value is \"%s\", which does not use %s",
                              at->text, value->names[i]);
    return rc;
}

/* An expression over tensors. */
static gd_status make_value(const gd_maker *m, const gd_yaml_node *map, gd_plan_weight *w)
{
    const size_t most = map->count;
    gd_plan_value *value = gd_arena_alloc(&m->plan->arena, 1, sizeof *value);
    const char **names = gd_arena_alloc(&m->plan->arena, most, sizeof *names);
    const char **tensors = gd_arena_alloc(&m->plan->arena, most, sizeof *tensors);
    gd_status rc;

    if (!value || !names || !tensors)
        return gd_fail_memory(m->err, sizeof *value + 2 * most * sizeof *names);
    *value = (gd_plan_value){ .names = names, .tensors = tensors };
    w->value = value;
    rc = gd_make_text(m, &value->text, gd_yaml_get(map, "value")->text);
    for (const gd_yaml_node *k = map->child; !rc && k; k = k->next->next) {
        if (!strcmp(k->text, "value"))
            continue;
        rc = gd_make_text(m, &names[value->count], k->text);
        if (!rc)
            rc = gd_make_text(m, &tensors[value->count++], k->next->text);
    }
    return rc ? rc : check_value(m, map, value);
}

gd_status gd_make_source(const gd_maker *m, const gd_graph_node *node, unsigned i, gd_plan_weight *w)
{
    const gd_graph_weight *from = &node->w[i];
    gd_status rc = GD_OK;

    if (m->graph->head && node->at->file == m->graph->head->file && m->graph->head_file)
        rc = gd_make_text(m, &w->file, m->graph->head_file);
    w->turned = from->turned;
    if (!rc && from->cut)
        rc = make_cut(m, from->cut, w);
    else if (!rc && from->rows)
        rc = make_head_rows(m, from, w);
    else if (!rc && from->value)
        rc = make_value(m, from->value, w);
    return rc;
}
