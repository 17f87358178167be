/* verdict.h - two traces compared: whether they agree, and if not, where they part. */
#ifndef GD_CROSS_VERDICT_H
#define GD_CROSS_VERDICT_H

#include "cross/trace.h"

typedef enum gd_verdict {
    GD_VERDICT_EQUAL,     /* every bit */
    GD_VERDICT_WITHIN,    /* other bits, within the bounds */
    GD_VERDICT_DIFFERENT, /* bits that should be equal are not */
    GD_VERDICT_BEYOND     /* a bound is exceeded */
} gd_verdict;

/* What went wrong first.  Values that nobody knows are NaN. */
typedef struct gd_first {
    bool found;
    bool scores; /* only a score is wrong: `line` is the text, and there is no step */
    size_t step;
    uint32_t line;                /* of the step; UINT32_MAX if it is not known */
    uint32_t column, last_column; /* the first is between these */
    size_t lines;                 /* how many differ */
    double left, right, truth, bound;
    double drift;      /* without a line: that of the stage, and `bound` is its limit */
    const char *side;  /* "left" or "right": beyond its bound; or NULL */
    const char *alone; /* "yes", "no": whether the text differs by itself, too; NULL: nobody tried */
} gd_first;

typedef struct gd_sides {
    const gd_plan *plan;
    const gd_cross_texts *texts;
    const gd_trace *left, *right;
    gd_verdict verdict;
    bool same_contract, same_weights;
    gd_first first;
    double *drift, *limit; /* [plan->stage_count] NaN for a stage without */
    double *score_limit;   /* [texts->count] */
    size_t identical, beyond;
    size_t pairs, flips, flips_beyond;
} gd_sides;

gd_status gd_sides_compare(gd_sides *sides, const gd_plan *plan, const gd_cross_texts *texts, const gd_trace *left,
                           const gd_trace *right, gd_error *err);
void gd_sides_free(gd_sides *sides);

/* The text that a line of a step belongs to, and the token in it. */
size_t gd_sides_text(const gd_sides *sides, size_t step, uint32_t line);
size_t gd_sides_token(const gd_sides *sides, size_t step, uint32_t line);

/* The JSON of gd_crosscheck(); right NULL: the left side was saved. */
gd_status gd_sides_result(const gd_sides *sides, const char *input, char **json, gd_error *err);

#endif
