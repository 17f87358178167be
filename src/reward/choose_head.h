/* choose_head.h - which head reads a model: the one in its graph, or one that is described by itself. */
#ifndef GD_REWARD_CHOOSE_HEAD_H
#define GD_REWARD_CHOOSE_HEAD_H

#include "graph/graph.h"
#include "quant-free/config.h"
#include "quant-free/weights.h"

/* `head.text` NULL: the graph's own. */
typedef struct gd_head_choice {
    gd_graph_builtin head;
    char *text; /* that of a file, its own */
} gd_head_choice;

/* Where heads are looked for. */
typedef struct gd_head_sources {
    const gd_config *config;
    const gd_weights *weights;
    const char *dir, *adapter_dir; /* adapter_dir: NULL for none */
} gd_head_sources;

/* The head that the options name: one of the built-in ones, or a YAML file.  With NULL or "auto", and no graph of the
 * user's own: the graph's, if the adapter has score.weight; else the one whose tensors it has, or whose file is beside
 * it; else that of config.json's class; else the graph's, if the checkpoint has score.weight; else the first whose
 * tensors are all there; else the graph's.  Free it even after failure. */
gd_status gd_head_choose(gd_head_choice *out, const gd_options *options, const gd_head_sources *from, gd_error *err);

/* Refuses a head that was found in or beside the adapter, if another would be found where both are the model's. */
gd_status gd_head_check_merged(const gd_head_choice *choice, const gd_head_sources *from, gd_error *err);

/* That of a name, or of a file. */
gd_status gd_head_read(gd_head_choice *out, const char *name, gd_error *err);
void gd_head_choice_free(gd_head_choice *choice);

/* The path of a head's own file, in the adapter's directory or the model's; NULL if it is in neither.  The caller
 * frees it with gd_free(). */
gd_status gd_head_file(char **path, const char *dir, const char *adapter_dir, const char *name, gd_error *err);

#endif
