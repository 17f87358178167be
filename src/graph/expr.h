/* expr.h - the little arithmetic of a graph file: numbers, names, + - * / ( ), sqrt(...), and
 * `a | b`, which is b where a name in a is missing. */
#ifndef GD_GRAPH_EXPR_H
#define GD_GRAPH_EXPR_H

#include "base/yaml.h"

/* What a name is worth. */
typedef enum gd_expr_found {
    GD_EXPR_FOUND,
    GD_EXPR_MISSING, /* a fallback may stand in */
    GD_EXPR_UNKNOWN, /* there is no such size */
    GD_EXPR_FAILED   /* err is filled */
} gd_expr_found;

typedef gd_expr_found gd_expr_lookup(const void *context, const char *name, double *value, gd_error *err);

/* Evaluates a scalar; the result is finite. `what` is its name in the sentence of an error. */
gd_status gd_expr_eval(double *out, const gd_yaml *doc, const gd_yaml_node *node, const char *what,
                       gd_expr_lookup *lookup, const void *context, gd_error *err);

#endif
