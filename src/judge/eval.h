/* eval.h - what gd_eval() collects from records, and the result made from it. */
#ifndef GD_JUDGE_EVAL_H
#define GD_JUDGE_EVAL_H

#include "judge/from_scores.h"
#include "judge/groups.h"
#include "judge/metrics.h"
#include "judge/rewardbench.h"
#include "judge/worst.h"
#include "reward/pipeline.h"

/* A pair, or a row of several answers, whose lowest chosen and highest rejected answer count as the pair. */
typedef struct gd_judged {
    float margin;
    uint32_t group;
    int32_t longer;  /* tokens of the chosen text minus those of the rejected one */
    uint32_t shares; /* gd_best_shares() of a row; unused for a pair */
} gd_judged;

/* One of the first items without scores, and why. */
enum { GD_FAILURES = 20 };
typedef struct gd_failure {
    uint64_t index;
    char *why;
} gd_failure;

typedef struct gd_eval_run {
    gd_model *model; /* NULL: the scores are there */
    const gd_eval_options *how;
    const char *by;      /* the field that names groups, or NULL */
    const char *also[4]; /* the fields besides a record's own that are read */
    gd_job job;          /* without a writer if the scores are not wanted */
    gd_from_scores from;
    const char *turns;    /* the chat format, if prompts and answers that are texts became turns; else NULL */
    gd_sections sections; /* none if no weights were given */
    gd_judged *items;
    size_t count, room;
    size_t rows; /* items with several answers */
    gd_groups groups;
    gd_ties ties;
    gd_spread scores; /* of all texts */
    gd_worst worst;
    gd_failure failures[GD_FAILURES];
    size_t failure_count;
} gd_eval_run;

/* In RewardBench 2 all rows have several answers; version 1 has pairs. */
bool gd_eval_second(const gd_eval_run *run);

/* The JSON of gd_eval(). */
gd_status gd_eval_result(gd_eval_run *run, char **json, gd_error *err);

#endif
