/* run.h - what the parts of gd_bench() share: the model, the yardsticks, the clock, and the JSON that grows. */
#ifndef GD_BENCH_RUN_H
#define GD_BENCH_RUN_H

#include "base/result.h"
#include "bench/texts.h"
#include "reward/model.h"

/* How much of a part fits into its time. */
typedef struct gd_bench_size {
    size_t size;     /* points of a curve, or a measure that the part understands */
    unsigned rounds; /* each point is measured so often; rounds go over all points, so that noise meets all of them */
    bool whole;      /* nothing was left out for want of time */
} gd_bench_size;

typedef struct gd_bench_run {
    const gd_options *options;
    const gd_bench_options *how;
    gd_model *model;
    unsigned threads;
    double began;                 /* seconds on the clock */
    double budget, expected;      /* seconds that the run may take, and should take; expected: 0 before the plan */
    double peak, bandwidth;       /* operations and bytes a second of all threads; 0: not known */
    double row_seconds;           /* about, for a row of a text */
    double row_flops, text_flops; /* operations of the linear layers: for each row, and once more for each text */
    size_t cache;                 /* bytes of the last cache */
    double shares;                /* of the parts that are wanted, together */
    gd_bench_words words;
    gd_bench_texts given; /* of the input; empty without one */
    double start_seconds; /* from nothing to a first score */
    gd_bench_size matmul, scoring, batch, length, answers, memory;
    gd_result out;
} gd_bench_run;

/* Says what comes next; GD_EINTERRUPTED when the caller wants to stop. */
gd_status gd_bench_step(gd_bench_run *run, const char *what, gd_error *err);

/* A plan chooses sizes that take about *seconds, and says in it what they should really take; scoring's reads the
 * input. */
typedef gd_status gd_bench_plan(gd_bench_run *run, double *seconds, gd_error *err);
typedef gd_status gd_bench_measure(gd_bench_run *run, gd_error *err);

gd_bench_plan gd_bench_matmul_plan, gd_bench_scoring_plan, gd_bench_batch_plan, gd_bench_length_plan,
    gd_bench_answers_plan, gd_bench_memory_plan;
gd_bench_measure gd_bench_matmul, gd_bench_scoring, gd_bench_batch, gd_bench_length, gd_bench_answers,
    gd_bench_memory; /* memory closes the model: it is the last one */

/* The median, and how far apart the values are in parts of it; sorts. 0 of nothing. */
double gd_bench_median(double *values, size_t count, double *spread);

#endif
