/* expr.h - the simple arithmetic of graph files: numbers, names, + - * / ( ), sqrt(...), and
 * `a | b`, which is b where a name in a is missing. */
#ifndef GD_GRAPH_EXPR_H
#define GD_GRAPH_EXPR_H

#include "base/yaml.h"

/* The result of looking up a name. */
typedef enum gd_expr_found {
    GD_EXPR_FOUND,
    GD_EXPR_MISSING, /* a fallback may replace it */
    GD_EXPR_UNKNOWN, /* no such size */
    GD_EXPR_FAILED   /* err is filled */
} gd_expr_found;

typedef gd_expr_found gd_expr_lookup(const void *context, const char *name, double *value, gd_error *err);

/* Evaluates a scalar; the result is finite. `what` is its name in error messages. */
gd_status gd_expr_eval(double *out, const gd_yaml *doc, const gd_yaml_node *node, const char *what,
                       gd_expr_lookup *lookup, const void *context, gd_error *err);

/* Whether it is an expression of names that `lookup` knows; their values don't matter. */
gd_status gd_expr_check(const gd_yaml *doc, const gd_yaml_node *node, const char *what, gd_expr_lookup *lookup,
                        const void *context, gd_error *err);

/* Evaluates the text of a scalar that was checked.  *trouble: why the result isn't a number ("a division by zero"), or
 * NULL. */
gd_status gd_expr_again(double *out, const char **trouble, const char *text, gd_expr_lookup *lookup,
                        const void *context, gd_error *err);

#endif
