/* trace.h - what one side of a cross-check computed: digests of everything, and some of its values.
 *
 * A line is a row, or in the last stage a text.  Nothing depends on the order of the batches or on their sizes, so that
 * the traces of two machines can be compared. */
#ifndef GD_CROSS_TRACE_H
#define GD_CROSS_TRACE_H

#include "cross/texts.h"
#include "cross/truth.h"

enum {
    GD_TRACE_BINS = 512,   /* groups of adjacent columns that have a digest */
    GD_TRACE_SAMPLE = 16,  /* lines whose values are kept ... */
    GD_TRACE_CHECKED = 8,  /* ... of which every other one is compared with float64 */
    GD_TRACE_COLUMNS = 64, /* values kept of a line, evenly spaced */
    GD_TRACE_NAME = 96
};

/* A value that is further from float64 than its bound, or the one that is relatively furthest. */
typedef struct gd_trace_worst {
    uint32_t line, column;
    double ratio; /* of the bound; above 1: beyond it; infinite for a value that is not a number */
    double value, truth, bound;
} gd_trace_worst;

typedef struct gd_trace_step {
    bool seen;       /* false: its output never reached memory */
    uint64_t digest; /* of all lines */
    /* Against float64: sums over the checked lines of squares of errors and of the true values. */
    double error, size;
    gd_trace_worst worst;
} gd_trace_step;

typedef struct gd_trace_sample {
    uint32_t line[GD_TRACE_SAMPLE]; /* ascending */
    size_t count;
} gd_trace_sample;

/* How a side was run: text for people and for its identity. */
typedef struct gd_trace_side {
    char *name; /* "cpu:exact:avx2:bf16" */
    char *backend, *numerics, *isa, *precision, *model, *adapter;
    char *contract; /* sides with the same one must have the same bits, if they have the same weights, too */
    char *weights;  /* a digest of the weights and of the adapter */
} gd_trace_side;

typedef struct gd_trace {
    gd_trace_side side;
    bool saved; /* read from a file */
    size_t steps, rows, texts;
    uint64_t texts_digest, plan_digest;
    gd_trace_step *step;       /* [steps] */
    uint16_t *lines;           /* digests of lines: those of step s begin at lines_at[s] */
    size_t *lines_at;          /* [steps + 1] */
    uint32_t *bins;            /* [steps][GD_TRACE_BINS] */
    float *values;             /* [steps][GD_TRACE_SAMPLE][GD_TRACE_COLUMNS] */
    float *inputs;             /* [texts][GD_TRACE_COLUMNS] of the head */
    float *scores;             /* [texts] as the model gives them, before normalisation */
    float *reach;              /* [texts] norm of the head's weights times root mean square of its input: how much the
                                score changes, typically, if the input changes by its own size in any direction */
    gd_trace_sample sample[2]; /* of rows, of texts */
} gd_trace;

/* All zero but for the sizes and the samples. */
gd_status gd_trace_open(gd_trace *trace, const gd_plan *plan, const gd_cross_texts *texts, gd_error *err);
void gd_trace_free(gd_trace *trace);

/* The bytes of its arrays. */
size_t gd_trace_bytes(const gd_plan *plan, const gd_cross_texts *texts);

/* Which sample line it is, or GD_TRACE_SAMPLE. */
size_t gd_trace_sampled(const gd_trace_sample *sample, uint32_t line);

/* Column c of those that are kept, for a step with so many. */
static inline size_t gd_trace_column(size_t c, size_t cols)
{
    return cols <= GD_TRACE_COLUMNS ? c : c * (cols - 1) / (GD_TRACE_COLUMNS - 1);
}

static inline size_t gd_trace_columns(size_t cols) { return cols < GD_TRACE_COLUMNS ? cols : GD_TRACE_COLUMNS; }

/* The bin of a column. */
static inline size_t gd_trace_bin(size_t column, size_t cols)
{
    return cols <= GD_TRACE_BINS ? column : column * GD_TRACE_BINS / cols;
}

/* Whether the step's lines are texts. */
bool gd_trace_pooled(const gd_plan *plan, size_t step);

/* The stage of a step. */
const gd_plan_stage *gd_trace_stage(const gd_plan *plan, size_t step);

/* "layer 3: linear model.layers.3.mlp.down_proj". */
void gd_trace_step_name(const gd_plan *plan, size_t step, char name[GD_TRACE_NAME]);

#endif
