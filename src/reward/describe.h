/* describe.h - what was understood of a description of a graph or a head, in JSON. */
#ifndef GD_REWARD_DESCRIBE_H
#define GD_REWARD_DESCRIBE_H

#include "base/result.h"
#include "graph/plan.h"

/* Puts where a head reads a text: reads_at, and also, or null, as its description says it. */
void gd_put_places(gd_result *out, json_t *into, const gd_graph *graph);

/* What was understood of the graph and the head that the options name, for a class in config.json, in JSON.  Without a
 * graph and a class, `architecture` NULL, of the head alone.  `plan` has the sizes of a model; NULL: there is none. */
gd_status gd_describe_named(char **json, const gd_options *options, const char *architecture, const gd_plan *plan,
                            gd_error *err);

#endif
