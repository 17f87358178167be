/* read.h - what the readers of graphs and of heads share: read.c reads nodes and graphs, read_weight.c weights,
 * read_head.c heads. */
#ifndef GD_GRAPH_READ_H
#define GD_GRAPH_READ_H

#include "graph/graph.h"

typedef struct gd_graph_reader {
    gd_graph *graph;
    gd_graph_part part;
    bool head; /* a head's own file */
    gd_error *err;
} gd_graph_reader;

/* A name of letters, digits and _. */
gd_status gd_read_name(const gd_graph_reader *r, const gd_yaml_node *node, const char *what);

/* A line that says what a description is for. */
gd_status gd_read_about(const gd_graph_reader *r, const gd_yaml_node *node);

/* A mapping's keys must all be in names[], and the first `needed` of these are required; values go to out[]. */
gd_status gd_read_map(const gd_graph_reader *r, const gd_yaml_node *map, const char *what, const char *const *names,
                      unsigned needed, unsigned count, const gd_yaml_node **out);

/* Weight i of a node whose operation and keys are known. */
gd_status gd_read_weight(const gd_graph_reader *r, gd_graph_node *node, unsigned i, const gd_yaml_node *at);

/* {value: EXPRESSION, NAME: TENSOR, ...}: numbers made of tensors. */
gd_status gd_read_value(const gd_graph_reader *r, gd_graph_weight *w, const gd_yaml_node *map);

/* Where a head reads a text: the value of `pool`. */
gd_status gd_read_place(const gd_graph_reader *r, const gd_yaml_node *node, const char *what, gd_graph_place *out);

/* A second place of a text; adds the nodes that take them apart. */
gd_status gd_read_also(gd_graph_reader *r, const gd_yaml_node *also);

/* The columns of a value that have names. */
gd_status gd_read_labels(const gd_graph_reader *r, const gd_yaml_node *map);

/* Checks `names`: {beginning: [others]}. */
gd_status gd_read_names(const gd_graph_reader *r, const gd_yaml_node *map);

/* Adds a node to the graph's. */
gd_status gd_read_node(const gd_graph_reader *r, const gd_yaml_node *map);

#endif
