/* step.h - what the files that resolve nodes share: step.c has the operations of models, step_head.c those of heads. */
#ifndef GD_GRAPH_STEP_H
#define GD_GRAPH_STEP_H

#include "graph/make.h"

/* Of each operation: fills the step's parameters and the shapes of its weights; *cols becomes the output's width. */
typedef gd_status gd_step_maker(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols);
#define GD_OP(name, ...) gd_step_maker gd_step_##name;
#include "graph/ops.def"
#undef GD_OP

static inline size_t gd_step_in_cols(const gd_maker *m, const gd_plan_step *step, unsigned i)
{
    return m->values[step->in[i]].cols;
}

/* Fails unless input i is `want` wide; `sense` describes that width. */
gd_status gd_step_check_cols(const gd_maker *m, const gd_graph_node *node, const gd_plan_step *step, unsigned i,
                             size_t want, const char *sense);

/* A number that fits a float: its magnitude is 0 or that of a normal float; or one above 0. */
gd_status gd_step_float(const gd_maker *m, const gd_graph_node *node, gd_graph_key key, const char *what, float *out);
gd_status gd_step_positive(const gd_maker *m, const gd_graph_node *node, gd_graph_key key, const char *what,
                           float *out);

/* A field of config.json that is true or false; false if it isn't there. */
gd_status gd_step_field(const gd_maker *m, const gd_yaml_node *field, const char *what, bool *out);

#endif
