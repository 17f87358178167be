/* graph.h - a graph file, read and checked on its own; plan.h applies it to a model. */
#ifndef GD_GRAPH_GRAPH_H
#define GD_GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/yaml.h"
#include "graph/op.h"

#define GD_GRAPH_MAX_NODES 1024u
#define GD_GRAPH_MAX_ABOUT 200u
#define GD_GRAPH_MAX_NAME 63u /* characters of the name of a value or size */

/* The keys that a node may have; read.c lists those of each operation. */
#define GD_GRAPH_KEYS(X) \
    X(op)                \
    X(in)                \
    X(w)                 \
    X(out)               \
    X(size)              \
    X(heads)             \
    X(eps)               \
    X(unit_offset)       \
    X(lora)              \
    X(bias_if)           \
    X(mask)              \
    X(scale) X(softcap) X(window) X(act) X(slope) X(groups) X(temperature) X(from) X(every) X(shift) X(if) X(grows)

typedef enum gd_graph_key {
#define GD_GRAPH_KEY(name) GD_KEY_##name,
    GD_GRAPH_KEYS(GD_GRAPH_KEY)
#undef GD_GRAPH_KEY
        GD_KEY_COUNT
} gd_graph_key;

/* A weight of a node: a tensor by its name, or one of these, NULL where it isn't: */
typedef struct gd_graph_weight {
    const gd_yaml_node *name; /* the tensor's; of a value, that of its first tensor; NULL: no weight */
    const gd_yaml_node *cut;  /* of a linear: the mapping that says which rows of a tensor it is */
    /* Of a head: */
    const gd_yaml_node *rows, *minus; /* rows of the tensor, ids or texts of tokens; what is subtracted from each */
    const gd_yaml_node *other;        /* the tensor, if there is none of the first name */
    bool turned;                      /* the matrix, transposed */
    const gd_yaml_node *value;        /* the mapping of an expression over tensors */
} gd_graph_weight;

typedef struct gd_graph_node {
    gd_op op;
    gd_graph_part part;
    const gd_yaml_node *at;                /* the mapping */
    const gd_yaml_node *key[GD_KEY_COUNT]; /* values, NULL where a key is absent */
    const gd_yaml_node *in[GD_OP_MAX_IN];
    gd_graph_weight w[GD_OP_MAX_WEIGHTS];
    unsigned in_count, w_count;
    unsigned take; /* of take: which place of the text, from 0 */
} gd_graph_node;

/* Where a text is read, as a head says it. */
typedef struct gd_graph_place {
    gd_pooling pool;
    const gd_yaml_node *what; /* the token or the pattern, or NULL */
    bool first_token;         /* of a pattern: at its first token, not its last */
} gd_graph_place;

typedef struct gd_graph {
    gd_yaml *doc; /* owns all strings */
    gd_arena arena;
    const char *name, *about;                              /* about: for which checkpoints it is, or NULL */
    const gd_yaml_node *matches, *expects, *sizes, *names; /* expects and names may be NULL */
    const gd_yaml_node *times, *carry, *prefix;            /* of the one repeat */
    gd_graph_node *nodes;                                  /* in order */
    size_t node_count;
    const gd_yaml_node *head_sizes, *head_expects; /* those of a head's own file, or NULL */
    const gd_yaml_node *head;           /* the root of a head's own file, which has replaced the graph's, or NULL */
    const gd_yaml_node *pooled;         /* then: the value that it reads as `pooled` */
    bool head_asked;                    /* it is taken by its name only, even if its tensors are there */
    const char *head_file;              /* where its tensors are, or NULL: among the model's */
    gd_graph_place place, also;         /* where it reads a text; also: if place_count is 2 */
    unsigned place_count;               /* 0 or 1: one */
    const gd_yaml_node *also_name;      /* of two: the name of the second one's value */
    const gd_yaml_node *pooled_of_text; /* of two: the name of the first one's value */
    gd_step_rule steps;
    const gd_yaml_node *score;                /* the name of the value that is the score, or NULL: the last node's */
    const gd_yaml_node *labels, *label_names; /* a value whose columns have names, or NULL; a list, or a word */
} gd_graph;

/* Reads and checks text; `name` (a path) begins every message. Call gd_graph_free() even on failure. */
gd_status gd_graph_parse(gd_graph *graph, const char *text, size_t len, const char *name, gd_error *err);
void gd_graph_free(gd_graph *graph);

/* Reads the built-in graph of this name, or the file. Call gd_graph_free() even on failure. */
gd_status gd_graph_open_named(gd_graph *graph, const char *name, gd_error *err);

/* Does so, or with NULL takes the built-in graph for this architecture; one that is named must match it as well.
 * config_path is for the error message if none matches. Call gd_graph_free() even on failure. */
gd_status gd_graph_open(gd_graph *graph, const char *file, const char *architecture, const char *config_path,
                        gd_error *err);

/* Whether the graph describes this class of config.json. */
bool gd_graph_matches(const gd_graph *graph, const char *architecture);

/* The name of tensor number i of a weight, and NULL after the last: a value has as many as it names, an affine's own
 * number none. */
const char *gd_graph_tensor(const gd_graph_weight *w, size_t i);

/* Whether a class is that of an encoder, by its name: no graph can describe one. */
bool gd_graph_is_encoder(const char *architecture);

/* The graphs and the heads built into the library; text NULL ends each list. */
typedef struct gd_graph_builtin {
    const char *name, *text; /* "built-in qwen2.yaml" */
    size_t len;
} gd_graph_builtin;
extern const gd_graph_builtin gd_graph_builtins[], gd_graph_heads[];

/* The name of a built-in graph or head: "qwen2" of "built-in qwen2.yaml". *len is its length. */
const char *gd_graph_builtin_name(const gd_graph_builtin *builtin, size_t *len);

/* The built-in of a list that has this name, or NULL. */
const gd_graph_builtin *gd_graph_builtin_find(const gd_graph_builtin *list, const char *name);

/* "qwen2, qwen3, ..": for messages. */
void gd_graph_builtin_names(const gd_graph_builtin *list, gd_buf *out);

/* The word of `pool` in a head's description. */
const char *gd_pooling_word(gd_pooling pool);

/* The word of `steps` in a head's description. */
const char *gd_steps_word(gd_step_rule rule);

/* Puts a head that is described in a text of its own in the place of the graph's. */
gd_status gd_graph_set_head(gd_graph *graph, const gd_graph_builtin *head, gd_error *err);

/* Reads and checks a head alone: what it needs, without a graph to read. Call gd_graph_free() even on failure. */
gd_status gd_graph_parse_head(gd_graph *graph, const gd_graph_builtin *head, gd_error *err);

#endif
