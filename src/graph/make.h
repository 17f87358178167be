/* make.h - shared by the files that make a plan: plan.c unrolls, sizes.c evaluates, infer.c finds shapes, made.c says
 * of what weights are made, place.c places the buffers. */
#ifndef GD_GRAPH_MAKE_H
#define GD_GRAPH_MAKE_H

#include "graph/graph.h"
#include "graph/plan.h"

/* 2^28 rows, columns or heads: a product of two, in bytes, is below 2^63. */
#define GD_PLAN_MAX_COUNT 268435456.0

/* A named value of the graph; it becomes the buffer of the same index. */
typedef struct gd_made_value {
    const gd_yaml_node *name; /* in the first node that produces it */
    gd_graph_part part;
    gd_extent extent;
    bool of_text;
    size_t cols;
    size_t first, last;                 /* the nodes that produce it and that use it last */
    const gd_yaml_node *matmul, *other; /* its use as an input of a matmul, and of another operation */
} gd_made_value;

typedef struct gd_maker {
    gd_plan *plan;
    const gd_graph *graph;
    const gd_config *config;
    double *sizes, *head_sizes; /* in the order of graph->sizes and graph->head_sizes */
    gd_made_value *values;
    size_t value_count;
    gd_plan_step *pattern; /* [graph->node_count]: the steps of layer 0, weight names without prefix */
    gd_arena arena;        /* owns the arrays above */
    gd_error *err;
} gd_maker;

/* Evaluates the graph's sizes, including those of plan.h, and checks its `expects` against config.json. */
gd_status gd_make_sizes(gd_maker *m);

/* An expression over sizes: any finite number, or a whole number from 1 to GD_PLAN_MAX_COUNT. */
gd_status gd_make_number(const gd_maker *m, const gd_yaml_node *node, const char *what, double *out);
gd_status gd_make_count(const gd_maker *m, const gd_yaml_node *node, const char *what, size_t *out);

/* The same, or 0. */
gd_status gd_make_offset(const gd_maker *m, const gd_yaml_node *node, const char *what, size_t *out);

/* A copy of a text that the plan owns. */
gd_status gd_make_text(const gd_maker *m, const char **out, const char *text);

/* Of what weight i of a step is made: `w` has its name and its shape. */
gd_status gd_make_source(const gd_maker *m, const gd_graph_node *node, unsigned i, gd_plan_weight *w);

/* Fills pattern and values: uses, shapes, parameters. */
gd_status gd_make_pattern(gd_maker *m);

/* The shape and parameters of one node whose inputs are known; *cols becomes the width of its output. */
gd_status gd_make_step(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols);

/* Finds a value by its name; value_count if there is none. */
size_t gd_made_find(const gd_maker *m, const gd_yaml_node *name);

/* Finds the values that leave the plan: the score, and those with labels. */
gd_status gd_make_outputs(gd_maker *m);

/* Fills plan->aliases: those of the graph, and those that any graph has. */
gd_status gd_make_aliases(gd_maker *m);

/* Fills plan->buffers and plan->line_bytes. */
gd_status gd_make_buffers(gd_maker *m);

/* Moves as much of the last layer as possible from all rows to the pooled rows. */
gd_status gd_make_narrow(gd_maker *m);

/* Fills the steps' teams, once their order is final. */
void gd_make_teams(gd_plan *plan);

#endif
