/* outcome.h - what a training run has come to so far, from its logs: how far it is, and its evaluations.
 *
 * run is the object in the first line of log.jsonl; log has the other lines, times those of times.jsonl.  Any part may
 * be missing or have another form: that leaves gaps. */
#ifndef GD_TRAIN_OUTCOME_H
#define GD_TRAIN_OUTCOME_H

#include "base/json.h"

typedef enum gd_outcome_state {
    GD_OUTCOME_BEGUN,      /* no step is done */
    GD_OUTCOME_RUNNING,    /* some are */
    GD_OUTCOME_EVALUATING, /* all are, but the last evaluation is not there */
    GD_OUTCOME_DONE,
    GD_OUTCOME_STOPPED /* before the last step: run, or a line of the log, has "stopped", true or the reason */
} gd_outcome_state;

typedef struct gd_outcome {
    const json_t *run, *log, *times; /* the caller's */
    const json_t *settings, *data;   /* parts of run */
    gd_outcome_state state;
    const char *reason;  /* for which it stopped, or NULL */
    double step, steps;  /* the last one done, 0 at first; of the whole run, NaN if unknown */
    double seconds;      /* of all steps */
    double seconds_left; /* going by the last steps; NaN if unknown */
    json_t *sets; /* of evaluations, by name, those of run first: the index of the last line with one, -1 for none */
} gd_outcome;

/* False for lack of memory. */
bool gd_outcome_read(gd_outcome *out, const json_t *run, const json_t *log, const json_t *times);
void gd_outcome_free(gd_outcome *outcome); /* all zero is fine */

/* The last evaluation of a set, NaN where something is unknown. */
typedef struct gd_outcome_set {
    double step, pairs, accuracy, margin, loss;
    double low, high;       /* the 95 % interval of the accuracy; none where all pairs are right, or all wrong */
    double shorter, longer; /* the fraction of pairs whose chosen text is the shorter, the longer one */
} gd_outcome_set;

/* False for lack of memory. `line` is the value of the name in outcome->sets. */
bool gd_outcome_set_of(gd_outcome_set *out, const gd_outcome *outcome, const char *name, const json_t *line);

/* The evaluation with the best value of the metric in the run's "best"; the step is NaN if there is none. */
typedef struct gd_outcome_best {
    const char *metric;
    double step, value;
} gd_outcome_best;

gd_outcome_best gd_outcome_find_best(const gd_outcome *outcome);

/* The name that a metric of a set has in the log: "eval_NAME_accuracy", or "eval_accuracy" of the set without a name.
 * NULL for lack of memory; `key` is freed by the caller. */
const char *gd_outcome_key(gd_buf *key, const char *name, const char *metric);

/* Whether a set is a part of another one: those with one value of a field are called "FIELD=VALUE". */
bool gd_outcome_is_part(const char *name);

/* How often a rule ("shorter", "longer") picks the chosen text of a set, or of the training data, "train". */
double gd_outcome_baseline(const gd_outcome *outcome, const char *name, const char *rule);

/* The name of the base: of a path, what follows the last slash; NULL if unknown. */
const char *gd_outcome_base(const gd_outcome *outcome);

/* A number, true or false as short as it can be: 8.0 as 8. */
void gd_outcome_scalar(gd_buf *b, const json_t *value);

/* 75 as "1 min 15 s". */
void gd_outcome_duration(gd_buf *b, double seconds);

#endif
