/* plan.h - a graph applied to one model: a flat list of steps over named buffers, resolved before the run.
 *
 * A plan has stages.  A stage over rows (the embedding, then each layer) runs all its steps on one tile of rows, then
 * on the next tile: rows are in depth-first order, so the keys and values that a tile's attention reads are complete.
 * Only three kinds of buffers exist: those that live across tiles (the residual stream, keys, values), those of one
 * tile, and those of the pooled rows.
 *
 * The last stage runs over pooled rows, by tiles of them: it gathers them, does the last layer's remaining work
 * (narrow.c; a tile's buffers then have a line for each pooled row), then the final norm and the head. */
#ifndef GD_GRAPH_PLAN_H
#define GD_GRAPH_PLAN_H

#include "base/arena.h"
#include "base/buf.h"
#include "graph/graph.h"
#include "guerdon.h"
#include "quant-free/config.h"
#include "quant-free/names.h"
#include "quant-free/view.h"

typedef enum gd_extent {
    GD_EXTENT_BATCH, /* a line for each row of the batch */
    GD_EXTENT_TILE,  /* a line for each row of a tile */
    GD_EXTENT_POOLED /* a line for each pooled row */
} gd_extent;

typedef struct gd_plan_buffer {
    const char *name; /* as in the YAML */
    gd_extent extent;
    bool of_text;   /* POOLED, with fewer lines: one for each text, which has place_count pooled rows */
    gd_dtype dtype; /* GD_F32, or the operand type where the values feed a matmul */
    size_t cols;
    size_t offset; /* bytes for one line before this buffer in its extent's arena: the buffer starts at
                         offset * (lines of the arena), and its lines are packed (stride = cols); so every buffer
                         is 64-byte aligned when the number of lines is a multiple of 64 */
} gd_plan_buffer;

/* A row of a tensor: that of a token. */
typedef struct gd_plan_row {
    const char *token; /* its text, or NULL: */
    uint32_t id;
} gd_plan_row;

/* A head's weight that is made of rows of a tensor. */
typedef struct gd_plan_rows {
    const char *other;        /* the tensor, if there is none of the weight's name; NULL */
    size_t count;             /* of rows */
    const gd_plan_row *plus;  /* [count] */
    const gd_plan_row *minus; /* [count] what is subtracted from each, or NULL */
} gd_plan_rows;

/* Numbers of a head that are an expression over tensors, element by element in double, rounded once to fp32. */
typedef struct gd_plan_value {
    const char *text;                          /* "1 / sqrt(v)" */
    size_t count;                              /* of tensors */
    const char *const *names, *const *tensors; /* v, and its name in the checkpoint: of as many numbers, or of one */
} gd_plan_value;

/* A linear's weight that is rows of a tensor: blocks of `block` rows, from row `first` on, that begin `apart` rows from
 * one another. */
typedef struct gd_plan_cut {
    size_t rows; /* of the tensor */
    size_t first, block, apart, blocks;
} gd_plan_cut;

/* Where a row of such a linear is in the tensor. */
static inline size_t gd_plan_cut_row(const gd_plan_cut *cut, size_t row)
{
    return cut->first + row / cut->block * cut->apart + row % cut->block;
}

/* Where a text is read. */
typedef struct gd_plan_place {
    gd_pooling pool;
    const char *text; /* of the token or pattern that is looked for, or NULL */
    bool is_id;       /* at: the text is the number of the token */
    bool first_token; /* of a pattern: at its first token, not its last */
} gd_plan_place;

typedef struct gd_plan_weight {
    char *name;                 /* full name in the checkpoint, NULL for none */
    unsigned rank;              /* 1 or 2 */
    size_t shape[2];            /* required in the checkpoint: [out, in], [n] or [vocab, hidden] */
    const gd_plan_rows *rows;   /* or NULL: the tensor as it is */
    const gd_plan_cut *cut;     /* or NULL */
    const gd_plan_value *value; /* or NULL; then `name` is its first tensor */
    bool turned;                /* the checkpoint has [in, out] */
    const char *file;           /* a file of its own that has it, beside the adapter or the model, or NULL */
} gd_plan_weight;

typedef struct gd_plan_step {
    gd_op op;
    unsigned in[GD_OP_MAX_IN]; /* buffer indices; in_count of them */
    unsigned in_count, out;
    gd_plan_weight w[GD_OP_MAX_WEIGHTS];
    char *lora; /* linear: the module's full name ("model.layers.0.self_attn.q_proj"), NULL: no adapter allowed */
    gd_op_params params;
    /* Steps that a backend may compute in one call, from this one on: */
    unsigned linears; /* the number of linears of one input, at most GD_OP_MAX_LINEARS; 0 if not a linear */
    bool summed;      /* this linear, and the next, which adds its output in place, if no other step reads that */
    bool gated;       /* this linear, the next, and their gated product, if no other step reads their outputs */
} gd_plan_step;

typedef struct gd_plan_stage {
    size_t first_step, step_count;
    bool pooled; /* over pooled rows; else over rows */
    int layer;   /* -1 outside the layers */
} gd_plan_stage;

enum { GD_PLAN_ROPES = 4 };

#define GD_PLAN_MAX_LABELS 1024u
#define GD_PLAN_MAX_LABEL 100u /* bytes of the name of one */

typedef struct gd_plan {
    char *graph_name;                                                           /* "qwen2" */
    gd_dtype operand;                                                           /* GD_BF16 or GD_F32 */
    size_t hidden, layers, vocab, heads, kv_heads, head_dim, ffn, max_position; /* for information and limits */
    gd_plan_buffer *buffers;
    size_t buffer_count;
    gd_plan_step *steps;
    size_t step_count;
    gd_plan_stage *stages;
    size_t stage_count;
    size_t line_bytes[3];  /* by gd_extent: arena bytes for each line, memory reused */
    unsigned carry;        /* buffer of the residual stream: GD_EXTENT_BATCH */
    unsigned score;        /* buffer of the scores: GD_EXTENT_POOLED, `labels` columns, F32 */
    size_t labels;         /* scores of a pooled row */
    unsigned labels_value; /* if label_count > 0: buffer of the columns that have names, like `score` */
    size_t label_count;
    const char **label_names; /* [label_count] */
    const char *head;         /* the name of the matrix of the last head: "score.weight" */
    const char *head_of;      /* the description that has replaced the graph's own head: "v_head"; NULL: none has */
    size_t head_steps;        /* how many of the last steps are the head's */
    gd_plan_place place;      /* where a text is read */
    gd_plan_place also;       /* if place_count is 2: and where else */
    unsigned place_count;     /* 1 or 2: the pooled rows of a text are in this order, unless it has steps */
    gd_step_rule steps_rule;  /* if it has steps: what its score is made of theirs */
    gd_alias aliases[GD_ALIASES_MAX]; /* other forms of the weights' names */
    size_t alias_count;
    const char *inner;            /* PEFT's name for "model.", in an adapter that is trained for this model */
    gd_rope ropes[GD_PLAN_ROPES]; /* what the rotary tables are made from: a step's params.table is one of them */
    size_t rope_count;            /* at least 1 */
    gd_arena arena;               /* owns all of the above */
} gd_plan;

/*
 * Makes the plan of a model.
 *
 * @param graph_file  a YAML file, or NULL for the built-in graph that matches config.json's architecture
 * @param operand     GD_BF16 or GD_F32
 */
gd_status gd_plan_make(gd_plan **out, const gd_config *config, const char *graph_file, gd_dtype operand, gd_error *err);

/* The same with the head that `head` describes in the place of the graph's; NULL: the graph's own. */
gd_status gd_plan_make_with_head(gd_plan **out, const gd_config *config, const char *graph_file,
                                 const gd_graph_builtin *head, gd_dtype operand, gd_error *err);
void gd_plan_free(gd_plan *plan);

/* The modules that may have an adapter, each once, in the order of the steps: several linears may be rows of one. `out`
 * has room for plan->step_count; returns their number. */
size_t gd_plan_modules(const gd_plan *plan, const char **out);

/* Every weight once, however many steps read it, in the order of the steps. `out` has room for GD_OP_MAX_WEIGHTS times
 * plan->step_count; returns their number. */
size_t gd_plan_weights(const gd_plan *plan, const gd_plan_weight **out);

/* Whether the head ends with a linear, and all of its weights are tensors as they are: not rows of one, or values. */
bool gd_plan_head_plain(const gd_plan *plan);

/* Whether such a head has no other linear: it can learn, or be replaced by an adapter's, alone. */
bool gd_plan_head_alone(const gd_plan *plan);

/* The head's bias, or NULL. */
const gd_plan_weight *gd_plan_head_bias(const gd_plan *plan);

/* The plan as text, for tests and debugging. */
void gd_plan_dump(const gd_plan *plan, gd_buf *out);

/* Rotary tables in fp32 from double precision, by our own functions: cos and sin are [positions, head_dim / 2], of
 * which the pairs beyond rope->rotary / 2, if that is less, have no angle. */
void gd_rope_table(const gd_rope *rope, size_t head_dim, size_t positions, float *cos_table, float *sin_table);

#endif
