/* eval.h - what gd_eval() gathers while records go by, and the result that is made of it. */
#ifndef GD_JUDGE_EVAL_H
#define GD_JUDGE_EVAL_H

#include "judge/groups.h"
#include "judge/metrics.h"
#include "judge/rewardbench.h"
#include "judge/worst.h"
#include "reward/pipeline.h"

/* A pair, or a row of several answers, of which the lowest chosen one and the highest rejected one are the pair. */
typedef struct gd_judged {
    float margin;
    uint32_t group;
    int32_t longer;  /* tokens of the chosen text less those of the rejected one */
    uint32_t shares; /* gd_best_shares() of a row; of a pair not used */
} gd_judged;

/* The first items that got no scores, to say why. */
enum { GD_FAILURES = 20 };
typedef struct gd_failure {
    uint64_t index;
    char *why;
} gd_failure;

typedef struct gd_eval_run {
    gd_model *model;
    const gd_eval_options *how;
    const char *by;       /* the field of groups, or NULL */
    gd_job job;           /* without a writer when nobody wants the scores */
    gd_sections sections; /* none: no weights were given */
    gd_judged *items;
    size_t count, room;
    size_t rows; /* of the items: those with several answers */
    gd_groups groups;
    gd_ties ties;
    gd_spread scores; /* of all texts */
    gd_worst worst;
    gd_failure failures[GD_FAILURES];
    size_t failure_count;
} gd_eval_run;

/* RewardBench 2's rows are of several answers, all of them; version 1's are pairs. */
bool gd_eval_second(const gd_eval_run *run);

/* The JSON of gd_eval(). */
gd_status gd_eval_result(gd_eval_run *run, char **json, gd_error *err);

#endif
