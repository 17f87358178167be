/* run.h - shared by the parts of gd_bench(): the model, the yardsticks, the clock, and the JSON result. */
#ifndef GD_BENCH_RUN_H
#define GD_BENCH_RUN_H

#include "base/result.h"
#include "bench/texts.h"
#include "reward/model.h"

/* How much of a part fits into its time. */
typedef struct gd_bench_size {
    size_t size;     /* points of a curve, or a size whose meaning depends on the part */
    unsigned rounds; /* measurements of each point; a round covers all points, so that noise affects all alike */
    bool whole;      /* nothing was omitted for lack of time */
} gd_bench_size;

typedef struct gd_bench_run {
    const gd_options *options;
    const gd_bench_options *how;
    gd_model *model;
    unsigned threads;
    double began;                 /* seconds on the clock */
    double budget, expected;      /* seconds that the run may take, and is expected to take (0 before the plan) */
    double peak, bandwidth;       /* operations and bytes per second of all threads; 0: unknown */
    double row_seconds;           /* approximate, per row of a text */
    double row_flops, text_flops; /* operations of the linear layers: per row, and in addition per text */
    size_t cache;                 /* bytes of the last-level cache */
    double shares;                /* sum over the selected parts */
    gd_bench_words words;
    gd_bench_texts given; /* from the input; empty without one */
    double start_seconds; /* from opening the model to the first score */
    gd_bench_size matmul, scoring, batch, length, answers, memory;
    gd_result out;
} gd_bench_run;

/* Reports the next step; GD_EINTERRUPTED if the caller wants to stop. */
gd_status gd_bench_step(gd_bench_run *run, const char *what, gd_error *err);

/* A plan chooses sizes that take about *seconds, and sets it to the expected time; scoring's plan also reads the
 * input. */
typedef gd_status gd_bench_plan(gd_bench_run *run, double *seconds, gd_error *err);
typedef gd_status gd_bench_measure(gd_bench_run *run, gd_error *err);

gd_bench_plan gd_bench_matmul_plan, gd_bench_scoring_plan, gd_bench_batch_plan, gd_bench_length_plan,
    gd_bench_answers_plan, gd_bench_memory_plan;
gd_bench_measure gd_bench_matmul, gd_bench_scoring, gd_bench_batch, gd_bench_length, gd_bench_answers,
    gd_bench_memory; /* memory closes the model, so it comes last */

/* The median, and the range of the values as a fraction of it; sorts them. 0 if there are none. */
double gd_bench_median(double *values, size_t count, double *spread);

#endif
