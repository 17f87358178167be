/* expects.h - what a graph, or a head, assumes of config.json. */
#ifndef GD_GRAPH_EXPECTS_H
#define GD_GRAPH_EXPECTS_H

#include "graph/graph.h"
#include "quant-free/config.h"

/* Fails unless the fields that the graph and its head name have the values that they name. */
gd_status gd_graph_check_expects(const gd_graph *graph, const gd_config *config, gd_error *err);

#endif
