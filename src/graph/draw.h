/* draw.h - what was understood of a description, as lines for people to read. */
#ifndef GD_GRAPH_DRAW_H
#define GD_GRAPH_DRAW_H

#include "base/buf.h"
#include "graph/plan.h"

/* Node number `at` as a line: "q0[96] = linear(a; self_attn.q_proj.weight [96, 96]; size: heads * head_dim)". The
 * numbers in brackets are those of a plan of this graph; without one, `plan` NULL, they are left out. */
void gd_graph_draw_node(gd_buf *line, const gd_graph *graph, size_t at, const gd_plan *plan);

/* A place where a text is read, as a head's `pool` says it: "last", or "{last_pattern: \"..\", token: first}". */
void gd_graph_draw_place(gd_buf *line, const gd_graph_place *place);

#endif
