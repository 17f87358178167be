/* head_made.h - the weights of a head that its description takes from a file of their own, or makes of tensors. */
#ifndef GD_REWARD_HEAD_MADE_H
#define GD_REWARD_HEAD_MADE_H

#include "engine/engine.h"
#include "text/tokenizer.h"

/* In fp32, in memory of its own. */
typedef struct gd_head_made {
    gd_made_weight *weights; /* [count] for gd_engine_parts */
    gd_view *views;
    float **numbers;
    size_t count;
    char *file; /* the path of the head's own file, or NULL */
} gd_head_made;

/* Where they come from. */
typedef struct gd_head_parts {
    const gd_plan *plan;
    const gd_weights *weights;
    const gd_tokenizer *tokenizer; /* knows the ids of tokens */
    const char *dir, *adapter_dir;
} gd_head_parts;

/* Fails if a tensor, a file or a token is missing.  Free it even after failure. */
gd_status gd_head_make(gd_head_made *out, const gd_head_parts *parts, gd_error *err);
void gd_head_made_free(gd_head_made *made);

#endif
