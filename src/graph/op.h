/* op.h - operations and their plain parameters: all that a backend knows about a model. */
#ifndef GD_GRAPH_OP_H
#define GD_GRAPH_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GD_IN(i) (1u << (i)) /* input i, in a set of inputs */

typedef enum gd_op {
#define GD_OP(name, inputs, operands, whole, role0, role1, parts) GD_OP_##name,
#include "graph/ops.def"
#undef GD_OP
    GD_OP_COUNT
} gd_op;

#define GD_OP_MAX_IN 3
#define GD_OP_MAX_WEIGHTS 2
#define GD_OP_MAX_KEPT 2    /* values that an operation keeps for its backward twin */
#define GD_OP_MAX_LINEARS 3 /* of one input, that a backend may compute in one call */

/* How a weight is used, which decides its form. */
typedef enum gd_weight_role {
    GD_WEIGHT_NONE,   /* no such weight */
    GD_WEIGHT_MATRIX, /* [out, in] of a linear, for products with its inputs */
    GD_WEIGHT_TURNED, /* the same, for products with its outputs' gradients */
    GD_WEIGHT_VECTOR, /* norm weights, biases, the head's [labels, n]: used in fp32 */
    GD_WEIGHT_TABLE   /* the embedding: rows are looked up; may be read from the mapped file */
} gd_weight_role;

/* The token of a text at which the model is read. */
typedef enum gd_pooling {
    GD_POOL_RIGHTMOST_NON_PAD, /* the last that isn't pad: Transformers */
    GD_POOL_BEFORE_FIRST_PAD,  /* the one before the first pad, else the last: older classes */
    GD_POOL_LAST,              /* the last, whatever it is */
    GD_POOL_FIRST,
    GD_POOL_LAST_PATTERN,  /* the last token of the last occurrence of a few tokens */
    GD_POOL_FIRST_PATTERN, /* of the first */
    GD_POOL_EACH_PATTERN,  /* of every one: a text has steps */
    GD_POOL_AT             /* every occurrence of one token: the same */
} gd_pooling;

/* What the score of a text with steps is made of theirs. */
typedef enum gd_step_rule { GD_STEPS_LAST, GD_STEPS_MIN, GD_STEPS_MEAN, GD_STEPS_PRODUCT } gd_step_rule;

/* Whether a text is read at as many tokens as it has steps. */
static inline bool gd_pooling_has_steps(gd_pooling pool) { return pool >= GD_POOL_EACH_PATTERN; }

/* The position of a node: before, inside or after `repeat`. */
typedef enum gd_graph_part { GD_PART_BEFORE, GD_PART_LAYER, GD_PART_AFTER } gd_graph_part;

/* One row of ops.def. */
typedef struct gd_op_traits {
    const char *name; /* "rms_norm" ...: as in YAML */
    unsigned inputs;
    unsigned operands, whole; /* sets of inputs: GD_IN() */
    gd_weight_role roles[GD_OP_MAX_WEIGHTS];
    unsigned parts;       /* a set: 1u << part */
    const char *standing; /* the same as text: "inside the repeat" */
} gd_op_traits;

extern const gd_op_traits gd_op_table[GD_OP_COUNT];

/* How the products of linears and of attention are added up: doc/arithmetic.md, sections 3 and 3T. */
typedef enum gd_arithmetic {
    GD_EXACT,
    GD_TENSOR, /* as the tensor cores of Hopper and Blackwell */
    GD_TENSOR8 /* as those of Ampere and Ada */
} gd_arithmetic;

/* "exact", "tensor" or "tensor8": as --numerics takes it. */
const char *gd_arithmetic_name(gd_arithmetic arithmetic);

typedef enum gd_activation {
    GD_ACT_SILU,      /* g / (1 + exp(-g)) */
    GD_ACT_GELU_TANH, /* 0.5 g (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3))) */
    /* act alone has these: */
    GD_ACT_RELU,       /* g, or 0 where g < 0 */
    GD_ACT_GELU,       /* g times the normal distribution at g: 0.5 g (1 + erf(g / sqrt(2))) */
    GD_ACT_SELU,       /* scale g, or scale alpha (exp(g) - 1) where g <= 0 */
    GD_ACT_LEAKY_RELU, /* g, or slope g where g < 0 */
    GD_ACT_TANH,
    GD_ACT_SIGMOID /* 1 / (1 + exp(-g)) */
} gd_activation;

/* An operation's parameters in the graph, resolved to numbers. Fields that an operation does not use are zero. */
typedef struct gd_op_params {
    float eps;         /* rms_norm: added to the mean square */
    bool unit_offset;  /* rms_norm: multiply by 1 + w (Gemma) */
    float scale;       /* embedding: factor of the rows, 1 for none; attention: of the logits; affine */
    float softcap;     /* attention: logits become c * tanh(s / c); 0 for none */
    uint32_t window;   /* attention: a key is visible when query position - key position < window; 0: all */
    uint32_t heads;    /* attention: query heads; rope, rms_norm: heads in a row (rms_norm: 0 = the whole row) */
    uint32_t kv_heads; /* attention: query head h reads key head h / (heads / kv_heads) */
    uint32_t head_dim; /* attention, rope, rms_norm by head: elements of a head */
    uint32_t rotary;   /* rope: of each head, the first elements, which rotate; 0: all */
    uint32_t table;    /* rope: which of the rotary tables */
    gd_activation act; /* gated, act */
    float slope;       /* act: of leaky_relu below 0 */
    float shift;       /* affine: scale and shift where there are no weights for them */
    float temperature; /* softmax: what x is divided by */
    uint32_t groups;   /* softmax: of columns; sum and mean: of the input's columns */
    uint32_t from;     /* part: the first column; take: the first line */
    uint32_t every;    /* part: from column to column; take: from line to line */
} gd_op_params;

/* How many elements of a head a rope rotates. */
static inline size_t gd_op_rotary(const gd_op_params *rope) { return rope->rotary ? rope->rotary : rope->head_dim; }

#endif
